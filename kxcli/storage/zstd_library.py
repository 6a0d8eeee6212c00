"""The library for zstd: the one of Python from 3.14 on, else the extra."""

from typing import Any

from kxcli.errors import MissingExtraError


def load_zstd(purpose: str) -> Any:
    """Return the module zstd; raise `MissingExtraError` with the purpose without it."""
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            raise MissingExtraError(purpose, "zstd") from None
    return zstd
