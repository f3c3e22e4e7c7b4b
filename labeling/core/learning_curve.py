"""A learning curve: the scores of models trained on shares of the reviewed documents, and the gain from more."""

from pathlib import Path

from labeling.core.bootstrap import Interval
from labeling.core.growth import Gain, Growth
from labeling.core.value import Value


class Point(Value):
    """The scores of models trained on a share of the documents.

    Attributes:
        share: The share, in per cent.
        documents: The mean number of documents that they were trained on.
        f: F of exact spans, over all labels.
        effort: The share of an annotator's gestures that their spans save (`labeling.core.effort`).
        models: The number of models.
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
        documents: The mean number of documents in the largest share.
        judged: The number of documents that the models are evaluated on.
        folds: The number of folds; 0 if they are evaluated on the test part.
        points: The points by share, smallest first.
        f, effort: How each figure grows.
        notes: Caveats, a sentence each.
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
        """The gain from the next documents in a sentence; "" if no curve could be fitted."""
        if self.f.gain and self.effort.gain:
            gains = f"{_gain(self.f.gain, 'F')} and {_gain(self.effort.gain, 'effort saved')}"
            return f"The next {self.f.gain.more} documents bring about {gains}."
        return ""


def _gain(found: Gain, what: str) -> str:
    return f"{signed(found.point)} {what} ({signed(found.low)} to {signed(found.high)})"


def signed(number: float) -> str:
    """A difference of figures with three decimals: `+.012`.

    >>> signed(0.0121), signed(-0.5), signed(0)
    ('+.012', '−.500', '+.000')
    """
    return f"{number:+.3f}".replace("0.", ".", 1).replace("-", "−") if abs(number) < 1 else f"{number:+.3f}"
