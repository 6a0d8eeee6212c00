"""Settings of the interpreter, the same in the parent and its workers."""

import gc


def no_cycles_to_look_for() -> None:
    """Make the cycle collector rare: tokens and rows are many and short-lived, and none of them is in a cycle."""
    gc.set_threshold(200_000, 20, 100)
