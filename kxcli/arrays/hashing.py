"""Constants of multiplicative hashing."""

import numpy as np

MULTIPLIERS = tuple(np.uint64(m) for m in (0x9E37_79B9_7F4A_7C15, 0x5E2D_58D8_B3BC_DF1B, 0x517C_C1B7_2722_0A95))
