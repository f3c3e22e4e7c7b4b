"""How much came in and what became of it, in numbers that add up over tasks, chunks and processes."""

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
    """What was done, and the reason's code."""

    action: Action
    reason: Reason


class PlacedLabel(NamedTuple):
    """A label of spans that are on tokens, in a part."""

    label: str
    part: Part


@dataclass(slots=True)
class Tally:
    """What was counted.

    What came in and what became of it are counted apart, so that it shows where something is lost.

    Attributes:
        tasks: By state.
        submitted: Annotations that came in, without those that nobody submitted.
        annotations: By use (see USES and UNSUBMITTED of `labeling.studio.annotations`).
        unused: Spans and relations of annotations that do not count.
        predictions: Predictions of the tasks.
        predicted_by: Annotations that count by the model version that they began with.
        spans_in, relations_in, attributes_in: Those that came in.
        spans, relations, attributes: By outcome.
        repairs: Spans by the way in which their offsets were read.
        renamed, dropped: By label or relation.
        documents: By part.
        tokens: Tokens of all documents.
        lengths: Spans on tokens by their length in tokens.
        labels: Spans on tokens by label and part.
        problems: By what was done and the reason's code.
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

    def add(self, other: "Tally") -> None:
        """Add the numbers of another tally."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, each.name, mine + theirs)

    def count_review(self, review: Review) -> None:
        """Count a task, and what its annotators said; spans that were kept are counted by `count_spans`."""
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

    def count_spans(self, gold: "Gold", outcomes: Mapping[str, str]) -> None:
        """Count each span of a document once, under the strongest thing that happened to it.

        `outcomes` says what became of spans before they were put on tokens, where they are not exact.
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
        """Count the documents of a part, their tokens, and the spans on them."""
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
        """How often each reason was given."""
        reasons: Counter[Reason] = Counter()
        for kind, number in self.problems.items():
            reasons[kind.reason] += number
        return reasons
