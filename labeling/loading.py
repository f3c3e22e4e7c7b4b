"""Loading what stays: code, models, word lists."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def what_stays() -> Iterator[None]:
    """Load without looking for garbage, and never look through what was loaded.

    To go through a hundred thousand objects time and again, of which none can go, takes longer than to make them. What
    was loaded is also not written to by the garbage collector of processes forked later, so that they share it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
