"""What ways of marking found in documents, held against what is right there: the figures of `loop.py`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from programs import Ran

from labeling.core.effort import Mark, Marks, core, effort

BINS = 10
Gold = dict[str, Any]


@dataclass
class Judged:
    """What one way of marking found in documents, next to what is right there; and what it took.

    `scored` are a score and whether its span is right. `made` and `used` are the programs that made a model, and that
    used it.
    """

    gold: list[Marks] = field(default_factory=list)
    found: list[Marks] = field(default_factory=list)
    scored: list[tuple[float, bool]] = field(default_factory=list)
    made: list[Ran] = field(default_factory=list)
    used: list[Ran] = field(default_factory=list)

    def add(self, gold: Sequence[Gold], found: dict[str, Marks], scores: dict[str, dict[str, float]]) -> None:
        """Judge the documents of a fold; `scores` are by text and by the span's id."""
        labels = {span["label"] for one in gold for span in one["spans"]}
        for one in gold:
            right, ours = Marks.model_validate(one), found.get(one["text"], Marks(text=one["text"]))
            self.gold.append(right)
            self.found.append(ours)
            known = cores(right)
            for span in ours.spans:
                score = scores.get(one["text"], {}).get(span.id)
                if score is not None and span.label in labels:
                    self.scored.append((score, core_of(one["text"], span) in known))

    def figures(self) -> dict[str, float | None]:
        """The numbers of its row."""
        labels = {span.label for doc in self.gold for span in doc.spans}
        measured = effort(self.gold, {doc.text: doc for doc in self.found})
        return {
            "effort": measured.effort_saved,
            "cores": f_of([cores(doc) for doc in self.gold], [cores(doc, labels) for doc in self.found]),
            "exact": f_of([exact(doc) for doc in self.gold], [exact(doc, labels) for doc in self.found]),
            "relations": measured.relations.f if measured.relations and self.used else None,
            "ECE": calibration(self.scored),
            "train s": round(fmean(ran.seconds for ran in self.made), 1) if self.made else None,
            "train MB": round(max(ran.rss for ran in self.made)) if self.made else None,
            "annotate s": round(fmean(ran.seconds for ran in self.used), 1) if self.used else None,
            "annotate MB": round(max(ran.rss for ran in self.used)) if self.used else None,
        }


def core_of(text: str, span: Mark) -> tuple[int, int, str]:
    """A span's core and label."""
    return (*core(text, span.start, span.end), span.label)


def cores(doc: Marks, labels: Iterable[str] | None = None) -> set[tuple[int, int, str]]:
    """The cores of the spans with these labels."""
    return {core_of(doc.text, span) for span in doc.spans if labels is None or span.label in labels}


def exact(doc: Marks, labels: Iterable[str] | None = None) -> set[tuple[int, int, str]]:
    """The very spans with these labels."""
    return {(span.start, span.end, span.label) for span in doc.spans if labels is None or span.label in labels}


def f_of(right: Sequence[set[Any]], found: Sequence[set[Any]]) -> float:
    """F over all documents."""
    hits = sum(len(a & b) for a, b in zip(right, found, strict=True))
    return 2 * hits / max(1, sum(map(len, right)) + sum(map(len, found)))


def calibration(scored: Sequence[tuple[float, bool]]) -> float | None:
    """The mean distance of what was said from what came true, weighted by how often it was said."""
    bins: list[list[float]] = [[] for _ in range(BINS)]
    for said, true in scored:
        bins[min(BINS - 1, int(said * BINS))].append(said - true)
    return sum(abs(sum(some)) for some in bins) / len(scored) if scored else None
