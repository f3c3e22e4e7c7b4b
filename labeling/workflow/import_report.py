"""What an import did: counted as the server confirms it, never as it was planned."""

from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import Field

from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.studio.client import Project
from labeling.workflow.comparing import Outcome, Plan
from labeling.workflow.intake import Intake
from labeling.workflow.pushing import Became, Pusher

# Label Studio compares each span of a prediction with all that is in it, at 130 ns a pair: some two minutes, of the
# ten that a request may take on a busy machine. It is nearly half a megabyte of news.
MOST_PAIRS = 1_000_000_000

# What became of an article, as it is reported.
OUTCOMES: dict[Outcome, str] = {
    "create": "new",
    "unchanged": "there already",
    "renew": "new predictions",
    "replace": "replaced text",
    "begun": "begun, kept as it is",
    "changed": "text differs, refused",
}
UNCONFIRMED = "not confirmed"


class Imported(Value):
    """What an import did and the server confirmed, or (`dry_run`) what it would do.

    Attributes:
        articles: Articles that were read.
        created, present: Those that are new, and those that the project had already, as they are.
        outcomes: What became of the articles, by name, each counted once.
        renewed: Tasks with another text than the article that was read, which keep it, and got new predictions.
        repaired: Predictions that the server had lost and that were sent again.
        removed: Tasks that were there twice, and that nobody had begun.
        set_aside, returned: Tasks that went into the project at `aside_url` in this run (those that were there twice,
            and those with a replaced text), and those that came back from it, since someone had begun them.
        waited: How often the server could not answer and was asked again.
        replaced_version: The version that annotators started from before, where tasks that are begun still have it.
        spans: Spans in the predictions that were pushed, by label.
        problems: What was refused or noticed.
        notes: What the schema asks for and does not get from this model.
    """

    project_url: str = ""
    model_version: str = ""
    dry_run: bool = False
    articles: int = 0
    created: int = 0
    present: int = 0
    outcomes: dict[str, int] = Field(default_factory=dict)
    renewed: int = 0
    repaired: int = 0
    removed: int = 0
    set_aside: int = 0
    returned: int = 0
    aside_url: str = ""
    waited: int = 0
    replaced_version: str = ""
    spans: dict[str, int] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


class Report:
    """What was done and confirmed, as it is done."""

    def __init__(self, intake: Intake, pusher: Pusher, plan: Plan) -> None:
        self.intake, self.pusher, self.plan = intake, pusher, plan
        self.version = pusher.stock.version
        self.outcomes: Counter[Outcome] = Counter(plan.settled)
        self.left = dict.fromkeys(plan.todo)  # what was planned and is not confirmed
        self.renewed = 0
        self.spans: Counter[str] = Counter()

    @property
    def has_predictions(self) -> bool:
        """Whether the project has predictions of this version."""
        there = self.outcomes["unchanged"] - len(self.pusher.begun_bare)  # which the ledger may hold for unchanged
        pushed = sum(self.outcomes[outcome] for outcome in ("create", "renew", "replace"))
        return there > 0 or pushed + self.renewed + self.pusher.repaired > 0

    def pushable(self, docs: Iterable[LabeledDoc]) -> Iterator[LabeledDoc]:
        """Those that Label Studio can take; one that would end the import for the others is refused."""
        for doc in docs:
            if len(doc.spans) * (len(doc.spans) + len(doc.relations)) <= MOST_PAIRS:
                yield doc
                continue
            self.left.pop(doc.doc_id, None)
            detail = (
                f"{len(doc.spans):,} spans were found in its {len(doc.text):,} characters, and Label Studio would take "
                "many minutes over them; cut the article into several, by chapters for instance"
            )
            self.intake.problems.append(
                Problem(reason="too-many-spans", action="refused", detail=detail, doc_id=doc.doc_id)
            )

    def confirm(self, became: Became, batch: Iterable[LabeledDoc]) -> None:
        """Count what the server confirmed of a batch."""
        for doc in batch:
            if outcome := became.get(doc.doc_id):
                self.left.pop(doc.doc_id, None)
                self.outcomes[outcome] += 1
                if outcome != "begun":
                    self.spans.update(span.label for span in doc.spans)

    def renew(self, became: Became, batch: Iterable[LabeledDoc]) -> None:
        """Count what the server confirmed of a batch of texts that stay although their articles have others."""
        for doc in batch:
            if became.get(doc.doc_id) == "renew":
                self.renewed += 1
                self.spans.update(span.label for span in doc.spans)

    def reversed(self, doc_ids: Iterable[str]) -> None:
        """Articles whose new text gave way to the old one, since someone began that."""
        for doc_id in doc_ids:
            if self.plan.todo.get(doc_id) == "replace" and doc_id not in self.left:
                self.outcomes["replace"] -= 1
                self.outcomes["changed"] += 1

    def missing(self, doc_ids: Iterable[str]) -> None:
        """Articles that were confirmed, and are not there all the same."""
        for doc_id in doc_ids:
            if doc_id in self.plan.todo and doc_id not in self.left:
                self.outcomes["replace" if self.plan.todo[doc_id] == "replace" else "create"] -= 1
                self.left[doc_id] = None

    def planned(self, project_url: str) -> Imported:
        """The report of a dry run."""
        self.outcomes.update(self.plan.todo.values())
        bare = self.pusher.bare()
        repaired = len(bare.keys() - self.plan.todo.keys())
        return self._report(project_url=project_url, dry_run=True, renewed=self.plan.outdated, repaired=repaired)

    def done(self, project: Project, replaced: str) -> Imported:
        """The report of what was done."""
        pusher = self.pusher
        return self._report(
            project_url=project.url,
            renewed=self.renewed,
            repaired=pusher.repaired,
            removed=pusher.removed,
            set_aside=pusher.aside.taken,
            returned=pusher.aside.returned,
            aside_url=pusher.aside.url,
            waited=pusher.stock.waited + pusher.studio.connection.waited,
            replaced_version=replaced,
            unconfirmed=len(self.left),
        )

    def _report(self, *, unconfirmed: int = 0, **what: object) -> Imported:
        detail = "the project does not have it as planned, and nobody knows why; the same command tries it again"
        lost = (
            Problem(reason="not-confirmed", action="refused", detail=detail, doc_id=doc_id)
            for doc_id in self.left
            if unconfirmed
        )
        outcomes = {name: self.outcomes[outcome] for outcome, name in OUTCOMES.items() if self.outcomes[outcome]}
        return Imported.model_validate(
            {
                "model_version": self.version,
                "articles": self.intake.articles,
                "created": self.outcomes["create"],
                "present": self.outcomes["unchanged"],
                "outcomes": outcomes | ({UNCONFIRMED: unconfirmed} if unconfirmed else {}),
                "spans": dict(self.spans),
                "problems": (
                    *self.intake.problems,
                    *self.plan.problems,
                    *self.pusher.problems,
                    *self.pusher.begun_bare,
                    *lost,
                ),
                "notes": self.intake.notes,
                **what,
            }
        )
