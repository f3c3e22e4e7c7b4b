"""The report of an import: what the server confirmed, never what was planned."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from pydantic import Field

from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.studio.client import Project
from labeling.workflow.importing.annotate import Annotator
from labeling.workflow.importing.compare import Outcome, Plan
from labeling.workflow.importing.confirm import Confirmation
from labeling.workflow.importing.push import Pushed, Pusher
from labeling.workflow.importing.read import ArticleReader
from labeling.workflow.page import PageUpdate
from labeling.workflow.problems import Problems

# The names of outcomes in the report.
OUTCOMES: dict[Outcome, str] = {
    "create": "new",
    "complete": "missing parts added",
    "unchanged": "there already",
    "renew": "new predictions",
    "replace": "replaced text",
    "begun": "begun, kept as it is",
    "changed": "text differs, refused",
}
UNCONFIRMED = "not confirmed"


class Sectioned(Value):
    """Articles that are in several tasks each, and the number of those tasks."""

    articles: int = 0
    tasks: int = 0


class Imported(Value):
    """What an import did and the server confirmed, or (`dry_run`) what it would do.

    Attributes:
        articles: Articles that were read.
        created, present: New articles, and unchanged ones that the project already had.
        outcomes: The number of articles by outcome.
        sectioned: Among the new articles, those in several tasks, and how many tasks those are.
        renewed: Tasks with new predictions that keep their text although another one was read.
        repaired: Predictions that the server had lost and that were sent again.
        removed: Duplicate tasks that nobody had begun.
        set_aside, returned: Tasks that were moved to the project at `aside_url` in this run (duplicates, and those with
            a replaced text), and those that were moved back, since someone had begun them.
        waited: How often a request failed and was repeated.
        replaced_version: The version that annotators started from before, if tasks that are begun still have it.
        overlapping: Number of people → tasks that go to so many, as confirmed; empty without `[studio] overlap`.
        without_prefill: Tasks of the project that annotators start from an empty page (`[studio] without_prefill`).
        spans: Spans in the predictions that were pushed, by label.
        page: What the schema changed on the project's page, or would change.
        problems: What was refused or noticed.
        notes: What the schema asks for and this model does not provide.
    """

    project_url: str = ""
    model_version: str = ""
    dry_run: bool = False
    articles: int = 0
    created: int = 0
    present: int = 0
    outcomes: dict[str, int] = Field(default_factory=dict)
    sectioned: Sectioned = Sectioned()
    renewed: int = 0
    repaired: int = 0
    removed: int = 0
    set_aside: int = 0
    returned: int = 0
    aside_url: str = ""
    waited: int = 0
    replaced_version: str = ""
    overlapping: dict[int, int] = Field(default_factory=dict)
    without_prefill: int = 0
    spans: dict[str, int] = Field(default_factory=dict)
    page: PageUpdate = PageUpdate()
    problems: Problems = Field(default_factory=Problems)
    notes: tuple[str, ...] = ()


class Report:
    """Counts what the server confirms during an import."""

    def __init__(
        self, reader: ArticleReader, annotator: Annotator, plan: Plan, pusher: Pusher, confirmation: Confirmation
    ) -> None:
        self.reader, self.annotator, self.plan = reader, annotator, plan
        self.pusher, self.confirmation = pusher, confirmation
        self.confirmed: dict[str, Outcome] = {}  # of what was planned, by doc_id
        self.renewed = 0
        self.spans: Counter[str] = Counter()

    @property
    def outcomes(self) -> Counter[Outcome]:
        """The number of articles by known outcome."""
        return self.plan.settled + Counter(self.confirmed.values())

    @property
    def has_predictions(self) -> bool:
        """Whether the project has predictions of this version."""
        outcomes = self.outcomes
        there = outcomes["unchanged"] - len(self.confirmation.begun_bare)  # which the ledger may hold for unchanged
        pushed = sum(outcomes[outcome] for outcome in ("create", "complete", "renew", "replace"))
        return there > 0 or pushed + self.renewed + self.pusher.repaired > 0

    def confirm(self, pushed: Pushed) -> None:
        """Count what the server confirmed of a batch."""
        for doc in pushed.docs:
            if outcome := pushed.outcomes.get(doc.doc_id):
                self.confirmed[doc.doc_id] = outcome
                if outcome != "begun":
                    self._count(doc)

    def renew(self, pushed: Pushed) -> None:
        """Count what the server confirmed of a batch of texts that stay although their articles changed."""
        for doc in pushed.docs:
            if pushed.outcomes.get(doc.doc_id) == "renew":
                self.renewed += 1
                self._count(doc)

    def _count(self, doc: LabeledDoc) -> None:
        if not self.pusher.state.without_prefill.has(doc.doc_id):
            self.spans.update(span.label for span in doc.spans)

    def repair(self, pushed: Pushed) -> None:
        """Count what the server confirmed of a batch whose predictions it had lost."""
        self.pusher.repaired += sum(outcome == "renew" for outcome in pushed.outcomes.values())

    def take_back(self, gave_way: Iterable[str], missing: Iterable[str]) -> None:
        """Correct what was confirmed by what was found at the end.

        Args:
            gave_way: Articles whose old task was moved back, since someone had begun it: the new text gave way to it.
            missing: Articles that are not in the project after all.
        """
        for doc_id in gave_way:
            if self.confirmed.get(doc_id) == "replace":
                self.confirmed[doc_id] = "changed"
        for doc_id in missing:
            self.confirmed.pop(doc_id, None)

    def planned(self, project_url: str, page: PageUpdate) -> Imported:
        """The report of a dry run."""
        bare = self.confirmation.bare()
        repaired = len(bare.keys() - self.plan.todo.keys())
        outcomes = self.plan.settled + Counter[Outcome](self.plan.todo.values())
        return self._report(
            outcomes,
            project_url=project_url,
            page=page,
            dry_run=True,
            renewed=len(self.plan.outdated),
            repaired=repaired,
        )

    def done(
        self,
        project: Project,
        replaced: str,
        overlapping: Mapping[int, int],
        page: PageUpdate,
        notes: Sequence[str] = (),
    ) -> Imported:
        """The report of an import."""
        pusher, state = self.pusher, self.pusher.state
        sizes = [size for doc_id, size in pusher.sectioned.items() if doc_id in self.confirmed]
        lost = [doc_id for doc_id in self.plan.todo if doc_id not in self.confirmed and doc_id not in pusher.refused]
        return self._report(
            self.outcomes,
            lost,
            project_url=project.url,
            sectioned=Sectioned(articles=len(sizes), tasks=sum(sizes)),
            page=page,
            notes=(*self.annotator.notes, *notes),
            renewed=self.renewed,
            repaired=pusher.repaired,
            removed=pusher.removed,
            set_aside=pusher.aside.taken,
            returned=pusher.aside.returned,
            aside_url=pusher.aside.url,
            waited=pusher.state.waited + pusher.studio.connection.waited,
            replaced_version=replaced if self.outcomes["begun"] else "",
            overlapping=overlapping,
            without_prefill=state.ask(state.studio.without_prefill, state.there) if state.without_prefill.share else 0,
        )

    def _report(self, outcomes: Mapping[Outcome, int], lost: Sequence[str] = (), **what: object) -> Imported:
        state = self.pusher.state
        detail = "the project does not have it as planned, for an unknown reason; run the same command again"
        unconfirmed = (
            Problem(reason="not-confirmed", action="refused", detail=detail, doc_id=doc_id) for doc_id in lost
        )
        named = {name: outcomes[outcome] for outcome, name in OUTCOMES.items() if outcomes.get(outcome)}
        return Imported.model_validate(
            {
                "model_version": state.version,
                "articles": self.reader.articles,
                "created": outcomes.get("create", 0),
                "present": outcomes.get("unchanged", 0),
                "outcomes": named | ({UNCONFIRMED: len(lost)} if lost else {}),
                "spans": dict(self.spans),
                "problems": Problems(
                    chain(
                        self.reader.problems,
                        self.annotator.problems,
                        self.plan.problems,
                        self.pusher.problems,
                        (each for each in self.confirmation.begun_bare if not state.without_prefill.has(each.doc_id)),
                        unconfirmed,
                    )
                ),
                "notes": self.annotator.notes,
                **what,
            }
        )
