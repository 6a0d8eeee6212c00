"""`python -m kxcli`, the same as the console script."""

import sys

from kxcli.cli import main

sys.exit(main())
