"""How much of an annotator's work a pre-annotation saves, measured against gold labels.

    effort saved = 1 − (2·missing + 1·spurious + 1·relabelled) / (2·gold)

Labelling a span by hand takes two gestures: mark it, name it. Deleting a wrong span takes one, renaming one takes one.
So an article without pre-annotation costs two gestures per gold span, and the work that remains with it is compared
with that. The figure is 1 if nothing is left to do, 0 if it is as much work as without, below 0 if it is more.

Distinct labelled cores are counted: `missing` are only in the gold and `spurious` only in the prediction; `relabelled`
are gold cores that the prediction gives another label, which count neither as missing nor as spurious. Source: the
measure that the project agreed on for its comparisons on ECB+ (Cybulska and Vossen, 2014), whose spans include articles
and prepositions where others do not; hence the cores.

Where the gold has relations, a second figure counts them too:

    1 − (spans + 3·missing + 2·spurious + 1·renamed relations) / (2·gold spans + 3·gold relations)

To draw a relation takes three gestures (click, Alt+R, click; its direction names it), to delete one two (point at it,
delete), to rename one one. A relation is its label and the cores of its two ends.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from labeling.core.value import Value
from labeling.errors import InputError

# Words at the start of a span that some guidelines include and others do not.
ARTICLES = "the a an this that"
PREPOSITIONS = (
    "in on at to from of near off into inside outside by since until till during for within over under around about"
    " before after between across through throughout toward towards"
)
PARTS = "early late last next"
LEAD = re.compile(rf"(?:{'|'.join(f'{ARTICLES} {PREPOSITIONS} {PARTS}'.split())})\s+", re.IGNORECASE)
EDGE = frozenset(" \t\n\"'“”‘’.,;:()[]-–—")
POSSESSIVES = ("'s", "’s")

Bounds = tuple[int, int]
Marked = tuple[int, int, str]  # a core and its label
Arrow = tuple[Bounds, Bounds, str]  # the cores of head and tail, and the relation's label


class Mark(Value):
    """A labelled span `text[start:end]` (code points); relations refer to its `id`. Other fields are ignored."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str = ""
    start: Annotated[int, Field(ge=0, strict=True)]
    end: Annotated[int, Field(strict=True)]
    label: str


class Link(Value):
    """A labelled relation from the mark `head` to the mark `tail`. Other fields are ignored."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    head: str
    tail: str
    label: str


class Marks(Value):
    """A text with its spans and relations: gold, or a prediction.

    Looser than `LabeledDoc`, because gold comes from elsewhere, too: spans may begin with white space or be repeated,
    and fields of other programs are ignored. `unknown` are unreviewed stretches, as in `LabeledDoc`.
    """

    model_config = ConfigDict(extra="ignore")

    text: str
    spans: tuple[Mark, ...] = ()
    relations: tuple[Link, ...] = ()
    unknown: tuple[Bounds, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        size, ids = len(self.text), {span.id for span in self.spans if span.id}
        faults = [
            f"the span [{span.start}, {span.end}) does not lie in the text, which has {size:,} characters"
            for span in self.spans
            if not span.start < span.end <= size
        ]
        faults += [
            f"the relation {link.label!r} refers to {end!r}, which is not a span"
            for link in self.relations
            for end in (link.head, link.tail)
            if end not in ids
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self


class Rates(Value):
    """Precision, recall and their harmonic mean, each 0 to 1 with three decimals; 0 if there is nothing to count."""

    p: float
    r: float
    f: float


class LabelEffort(Value):
    """A label's number of gold spans, and how well they were found: by equal core, and by any overlap."""

    gold: int
    core: Rates
    overlap: Rates


class LinkEffort(Rates):
    """The number of gold relations, and how well they were found: by label and the cores of both ends."""

    gold: int


class Relations(LinkEffort):
    """All relations together, and by label."""

    labels: dict[str, LinkEffort]


class Effort(Value):
    """The effort that a pre-annotation saves (at most 1; four decimals), with precision, recall and F.

    Documents without a task count as not pre-annotated. `effort_saved` counts spans; `effort_saved_with_relations`
    counts both, and is None like `relations` if the gold has no relations.
    """

    effort_saved: float
    effort_saved_with_relations: float | None = None
    documents: int
    documents_without_task: int
    labels: dict[str, LabelEffort]
    relations: Relations | None = None


def core(text: str, start: int, end: int) -> Bounds:
    """The bounds without edge punctuation, leading articles and prepositions, and a trailing 's; can be empty.

    >>> core("on the army's (late) side", 3, 14)
    (7, 11)
    """
    while True:
        before = start, end
        while start < end and text[start] in EDGE:
            start += 1
        while start < end and text[end - 1] in EDGE:
            end -= 1
        # the last word stays, whatever it is
        if (lead := LEAD.match(text, start, end)) and lead.end() < end:
            start = lead.end()
        if end - start > 2 and text[end - 2 : end].lower() in POSSESSIVES:
            end -= 2
        if (start, end) == before:
            return before


def effort(gold: Sequence[Marks], predicted: Mapping[str, Marks]) -> Effort:
    """How much work the predictions save, and precision, recall and F per label.

    Predictions of labels that the gold does not have are ignored.

    Args:
        gold: The gold documents.
        predicted: The prediction for each text.

    Raises:
        InputError: The gold has no spans.
    """
    labels = {span.label for doc in gold for span in doc.spans}
    if not labels:
        raise InputError("The gold documents have no spans.", "Each line needs `spans` with `start`, `end`, `label`.")
    links = {link.label for doc in gold for link in doc.relations}
    left = by_hand = without = left_of_links = links_by_hand = 0
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for doc in gold:
        prediction = predicted.get(doc.text)
        without += prediction is None
        wanted, found = _compared(doc, prediction, labels)
        left += _gestures(wanted, found)
        by_hand += 2 * len(wanted)
        arrows, found_arrows = _arrows(doc), _known_arrows(doc, prediction, links)
        left_of_links += _link_gestures(arrows, found_arrows)
        links_by_hand += 3 * len(arrows)
        for mark in wanted:
            counts[mark[2]].update(gold=1, hit=mark in found, covered=_is_met(mark, found))
        for mark in found:
            counts[mark[2]].update(found=1, covering=_is_met(mark, wanted))
    return Effort(
        effort_saved=round(1 - left / by_hand, 4),
        effort_saved_with_relations=round(1 - (left + left_of_links) / (by_hand + links_by_hand), 4) if links else None,
        documents=len(gold),
        documents_without_task=without,
        labels={label: _label_effort(count) for label, count in sorted(counts.items())},
        relations=_relations(gold, predicted, links) if links else None,
    )


def gestures(gold: Marks, predicted: Marks | None, labels: Set[str]) -> tuple[int, int]:
    """The gestures it takes to correct a document's prediction, and to label the document by hand.

    Only predicted spans with these labels count.
    """
    wanted, found = _compared(gold, predicted, labels)
    return _gestures(wanted, found), 2 * len(wanted)


def _compared(gold: Marks, predicted: Marks | None, labels: Set[str]) -> tuple[set[Marked], set[Marked]]:
    """The marks of the gold, and those of the prediction about which the gold says something."""
    wanted = _marked(gold)
    found = {mark for mark in _marked(predicted) if mark[2] in labels} if predicted else set()
    return wanted, {m for m in found if m in wanted or not any(_overlap(m, stretch) for stretch in gold.unknown)}


def _gestures(wanted: set[Marked], found: set[Marked]) -> int:
    """The gestures left to do: two to add a span, one to delete and one to rename one."""
    missing, spurious = wanted - found, found - wanted
    wrong = {mark[:2] for mark in spurious}
    relabelled = sum(mark[:2] in wrong for mark in missing)
    return 2 * (len(missing) - relabelled) + (len(spurious) - relabelled) + relabelled


def _link_gestures(wanted: set[Arrow], found: set[Arrow]) -> int:
    """The gestures left to do: three to draw a relation, two to delete and one to rename one."""
    missing, spurious = wanted - found, found - wanted
    wrong = Counter(arrow[:2] for arrow in spurious)
    renamed = sum(min(count, wrong[ends]) for ends, count in Counter(arrow[:2] for arrow in missing).items())
    return 3 * (len(missing) - renamed) + 2 * (len(spurious) - renamed) + renamed


def _known_arrows(gold: Marks, predicted: Marks | None, labels: Set[str]) -> set[Arrow]:
    """The predicted relations about which the gold says something."""
    wanted = _arrows(gold)
    return {
        arrow
        for arrow in _arrows(predicted)
        if arrow[2] in labels
        and (arrow in wanted or not any(_overlap(end, one) for end in arrow[:2] for one in gold.unknown))
    }


def _relations(gold: Iterable[Marks], predicted: Mapping[str, Marks], labels: Set[str]) -> Relations:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for doc in gold:
        wanted, found = _arrows(doc), _known_arrows(doc, predicted.get(doc.text), labels)
        for arrow in wanted:
            counts[arrow[2]].update(gold=1, hit=arrow in found)
        for arrow in found:
            counts[arrow[2]].update(found=1)
    total = sum(counts.values(), Counter[str]())
    each = {label: _link_effort(count) for label, count in sorted(counts.items())}
    return Relations(**_link_effort(total).model_dump(), labels=each)


def _marked(doc: Marks) -> set[Marked]:
    return {(*core(doc.text, span.start, span.end), span.label) for span in doc.spans}


def _arrows(doc: Marks | None) -> set[Arrow]:
    if doc is None:
        return set()
    cores = {span.id: core(doc.text, span.start, span.end) for span in doc.spans}
    return {(cores[link.head], cores[link.tail], link.label) for link in doc.relations}


def _is_met(mark: Marked, others: Set[Marked]) -> bool:
    """Whether one of the others is equal to it, or overlaps it and has its label."""
    # the core of a span that is all punctuation is empty, and does not overlap even itself
    return mark in others or any(mark[2] == other[2] and _overlap(mark, other) for other in others)


def _overlap(a: Marked | Bounds, b: Marked | Bounds) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _label_effort(count: Counter[str]) -> LabelEffort:
    exact = _rates(count["hit"], count["hit"], found=count["found"], gold=count["gold"])
    overlap = _rates(count["covering"], count["covered"], found=count["found"], gold=count["gold"])
    return LabelEffort(gold=count["gold"], core=exact, overlap=overlap)


def _link_effort(count: Counter[str]) -> LinkEffort:
    rates = _rates(count["hit"], count["hit"], found=count["found"], gold=count["gold"])
    return LinkEffort(gold=count["gold"], **rates.model_dump())


def _rates(right: int, recalled: int, *, found: int, gold: int) -> Rates:
    """The rates if `right` of `found` predictions are right, and `recalled` of `gold` ones were found."""
    p, r = right / found if found else 0.0, recalled / gold if gold else 0.0
    f = 2 * p * r / (p + r) if p + r else 0.0
    return Rates(p=round(p, 3), r=round(r, 3), f=round(f, 3))
