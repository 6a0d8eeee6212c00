"""The program: `python -m kxcli` and the console script.

The first imports are few, so that Ctrl-C soon ends the program silently. None is from the current folder.
"""

import os
import sys


def _drop_current_folder() -> None:
    """Remove the current folder from the import path, unless kxcli is only there."""
    try:
        current = os.getcwd()
    except FileNotFoundError:  # the folder was removed, and is not in the path
        return
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not sys.flags.safe_path and sys.path[0] == current and (current != home or home in sys.path[1:]):
        del sys.path[0]


if __name__ == "__main__":
    _drop_current_folder()

import signal  # noqa: E402 -- the current folder may have a file of that name
from types import FrameType  # noqa: E402


def run() -> int:
    """Run the command line and return its exit code."""
    _exit_on_signals()
    from kxcli.cli import main

    try:
        return main()
    finally:
        _exit_on_signals()


def _exit_on_signals() -> None:
    """Let signals end the program silently, except those ignored by the caller."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(run())
