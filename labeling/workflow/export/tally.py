"""Counts of an export's input and outcomes, which add up over tasks, chunks and processes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NamedTuple

from labeling.core.problem import Action, Problem
from labeling.core.reasons import Reason
from labeling.core.split import Part
from labeling.studio.annotations import UNSUBMITTED, Review

if TYPE_CHECKING:
    from labeling.nlp.gold import Gold


class ProblemKind(NamedTuple):
    """What was done, and the reason."""

    action: Action
    reason: Reason


class PlacedLabel(NamedTuple):
    """A label of aligned spans, in a part."""

    label: str
    part: Part


@dataclass(slots=True)
class Tally:
    """The counts of an export.

    Input and outcomes are counted separately, so that a loss shows.

    Attributes:
        tasks: Tasks by state.
        submitted: Submitted annotations in the input.
        annotations: Annotations by use (see USES and UNSUBMITTED of `labeling.studio.annotations`).
        unused: Spans and relations of annotations that are not used.
        predictions: Predictions of the tasks.
        predicted_by: Used annotations by the model version that they started from.
        spans_in, relations_in, attributes_in: Spans, relations and attributes in the input.
        spans, relations, attributes: The same by outcome.
        repairs: Spans by the way in which their offsets were counted.
        renamed, dropped: Spans and relations by label.
        documents: Documents by part.
        tokens: Tokens of all documents.
        lengths: Aligned spans by length in tokens.
        labels: Aligned spans by label and part.
        problems: Problems by action and reason.
        adjudicated_spans, adjudicated_relations: What became of the different spans and relations that several people
            marked, as in `labeling.core.adjudication.Counts`.
    """

    tasks: Counter[str] = field(default_factory=Counter)
    submitted: int = 0
    annotations: Counter[str] = field(default_factory=Counter)
    unused: Counter[str] = field(default_factory=Counter)
    predictions: int = 0
    predicted_by: Counter[str] = field(default_factory=Counter)
    spans_in: int = 0
    spans: Counter[str] = field(default_factory=Counter)
    relations_in: int = 0
    relations: Counter[str] = field(default_factory=Counter)
    attributes_in: int = 0
    attributes: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    renamed: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    documents: Counter[Part] = field(default_factory=Counter)
    tokens: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    labels: Counter[PlacedLabel] = field(default_factory=Counter)
    problems: Counter[ProblemKind] = field(default_factory=Counter)
    adjudicated_spans: Counter[str] = field(default_factory=Counter)
    adjudicated_relations: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Add another tally."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, each.name, mine + theirs)

    def count_review(self, review: Review) -> None:
        """Count a task and its annotations, except for kept spans, which `count_spans` counts."""
        self.tasks[review.state] += 1
        self.submitted += sum(number for use, number in review.annotations.items() if use not in UNSUBMITTED)
        self.annotations.update(review.annotations)
        self.unused.update(review.unused)
        self.predictions += review.predictions
        self.predicted_by.update(review.predicted_by)
        self.spans_in += sum(review.spans.values())
        for outcome in ("dropped", "refused"):
            self.spans[outcome] += review.spans.get(outcome, 0)
        self.relations_in += sum(review.relations.values())
        self.relations.update(review.relations)
        self.attributes_in += sum(review.attributes.values())
        self.attributes.update(review.attributes)
        self.repairs.update(review.repairs)
        self.renamed.update(review.renamed)
        self.dropped.update(review.dropped)

    def count_adjudication(self, spans: Mapping[str, int], relations: Mapping[str, int]) -> None:
        """Count what became of the spans and relations of texts that several people annotated."""
        self.adjudicated_spans.update(spans)
        self.adjudicated_relations.update(relations)

    def count_spans(self, gold: "Gold", outcomes: Mapping[str, str]) -> None:
        """Count each span of a document once, under its most serious outcome.

        `outcomes` are those of spans before alignment, if they are not exact.
        """
        exact = len(gold.outcomes)
        if gold.problems or outcomes:
            for span_id, on_tokens in gold.outcomes.items():
                outcome = outcomes.get(span_id, "exact") if on_tokens == "exact" else on_tokens
                if outcome != "exact":
                    exact -= 1
                    self.spans["refused" if outcome == "misaligned" else outcome] += 1
        self.spans["exact"] += exact

    def count_documents(self, part: Part, golds: "Sequence[Gold]") -> None:
        """Count the documents of a part, their tokens, and their aligned spans."""
        self.documents[part] += len(golds)
        self.tokens += sum(len(gold.iobs) for gold in golds)
        self.lengths.update(end - start for gold in golds for _, start, end in gold.placed)
        for label, number in Counter([span.label for gold in golds for span, _, _ in gold.placed]).items():
            self.labels[PlacedLabel(label, part)] += number

    def count_problems(self, problems: Iterable[Problem]) -> None:
        """Count problems."""
        self.problems.update(ProblemKind(problem.action, problem.reason) for problem in problems)

    @property
    def problems_by_reason(self) -> Counter[Reason]:
        """The number of problems by reason."""
        reasons: Counter[Reason] = Counter()
        for kind, number in self.problems.items():
            reasons[kind.reason] += number
        return reasons
