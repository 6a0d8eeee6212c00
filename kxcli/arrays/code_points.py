"""Text as arrays of code points; lone surrogates are kept."""

import numpy as np

from kxcli.arrays import AnyArray, UInt32Array


def to_code_points(text: str) -> UInt32Array:
    """Return the code points of a text; the array is read-only."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def from_code_points(codes: AnyArray) -> str:
    """Return the text of an array of code points."""
    return codes.astype("<u4", copy=False).tobytes().decode("utf-32-le", "surrogatepass")
