"""Loading what stays: code, models, word lists."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_is_for_one_command = False


def for_one_command() -> None:
    """This process ends with its command, so whatever it has in memory now may stay."""
    global _is_for_one_command  # noqa: PLW0603
    _is_for_one_command = True


@contextmanager
def what_stays() -> Iterator[None]:
    """Load without looking for garbage; in a process for one command, never look through what was loaded.

    To go through a hundred thousand objects time and again, of which none can go, takes longer than to make them. What
    was loaded is also not written to by the garbage collector of processes forked later, so that they share it. In a
    process that goes on, garbage of that moment would stay, too.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if _is_for_one_command:
            gc.freeze()
        if was_on:
            gc.enable()
