"""When Python looks for garbage in cycles."""

import gc

# What is made of articles and tasks hardly ever holds a cycle; to look for one every 700 objects, which is Python's
# default, costs a tenth of the time.
OBJECTS = 100_000


def seldom() -> None:
    """Look for cycles after so many new objects."""
    gc.set_threshold(OBJECTS)
