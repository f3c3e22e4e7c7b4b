"""Values that tests of several modules build."""

from labeling.core.split import Part, Split, position
from labeling.core.words import words


def part_of(split: Split, text: str) -> Part:
    """The part of an article that has no copies."""
    return split.at(position(words(text)))
