"""Where temporary files go."""

import os
import tempfile


def temporary_folder() -> str:
    """Return TMPDIR if it is set, whether or not it can be used, else a folder of the system.

    `tempfile` by itself silently replaces a TMPDIR that does not exist.
    """
    return os.path.abspath(os.environ.get("TMPDIR") or tempfile.gettempdir())
