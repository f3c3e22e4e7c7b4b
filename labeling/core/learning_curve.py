"""A learning curve: what models do that learned from shares of the reviewed documents, and what more would bring."""

from pathlib import Path

from labeling.core.bootstrap import Interval
from labeling.core.growth import Gain, Growth
from labeling.core.value import Value


class Point(Value):
    """What models do that learned from a share of the documents.

    Attributes:
        share: In per cent.
        documents: How many documents they learned from, in the mean.
        f: F of exact spans, over all labels.
        effort: The share of an annotator's gestures that their spans save (`labeling.core.effort`).
        models: How many models there were.
    """

    share: int
    documents: int
    f: Interval
    effort: Interval
    models: int


class Curve(Value):
    """A learning curve.

    Attributes:
        folder: The exported folder.
        documents: How many documents the largest share has, in the mean over folds.
        judged: How many documents the models are judged by.
        folds: How many folds they are in; 0 where it is the test part.
        points: By share, the smallest first.
        f, effort: How each figure grows.
        notes: What the figures do not say.
    """

    folder: Path
    documents: int
    judged: int
    folds: int
    points: tuple[Point, ...]
    f: Growth
    effort: Growth
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What the next documents bring; "" where no curve could be fitted."""
        if self.f.gain and self.effort.gain:
            gains = f"{_gain(self.f.gain, 'F')} and {_gain(self.effort.gain, 'effort saved')}"
            return f"The next {self.f.gain.more} documents bring about {gains}."
        return ""


def _gain(found: Gain, what: str) -> str:
    return f"{signed(found.point)} {what} ({signed(found.low)} to {signed(found.high)})"


def signed(number: float) -> str:
    """A difference of figures, three places: `+.012`.

    >>> signed(0.0121), signed(-0.5), signed(0)
    ('+.012', '−.500', '+.000')
    """
    return f"{number:+.3f}".replace("0.", ".", 1).replace("-", "−") if abs(number) < 1 else f"{number:+.3f}"
