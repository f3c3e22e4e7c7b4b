"""Articles in the project exactly once, each with its predictions, whatever fails on the way.

First the plan: what is to be done with each article, from the ledger or from the server. Then the work, in batches.
What was sent and not answered is in doubt until it was looked for; nothing is sent again before that.
"""

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import stamina

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.errors import BusyError, StudioError
from labeling.studio.client import Project, Stored, Studio
from labeling.workflow.ledger import Entry, Ledger

Json = dict[str, Any]
Todo = Literal["create", "replace", "renew"]
ATTEMPTS, LONGEST_SECONDS = 6, 60.0
BEGUN = "begun:"  # before the version, in the ledger: it has predictions of another one, and keeps them
SHOWN = 3  # lines of a difference

# What becomes of an article, and what the plan calls it.
OUTCOMES = {
    "create": "new",
    "unchanged": "there already",
    "renew": "new predictions",
    "replace": "replaced text",
    "begun": "begun, kept as it is",
    "changed": "text differs, refused",
}


@dataclass
class Plan:
    """What is to be done: by article where there is something, and counted for all of them."""

    todo: dict[str, Todo] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    surplus: list[int] = field(default_factory=list)  # tasks of articles that have another one, to be taken away


class Pusher:
    """Brings a project into step with articles; the ledger follows.

    Attributes:
        repaired: Predictions that the server had lost.
        removed: Tasks that were there twice.
        replaced: Tasks whose article has another text now.
        waited: How often the server could not answer.
    """

    def __init__(self, studio: Studio, project: Project | None, ledger: Ledger, version: str, *, replace: bool) -> None:
        self.studio, self.project, self.ledger, self.version, self.replace = studio, project, ledger, version, replace
        self.repaired = self.removed = self.replaced = self.waited = 0
        self.is_known = False
        self.sent: list[str] = []  # the articles that were created in this run
        self.before = 0
        if project:
            extent = self._patiently(studio.extent, project)
            self.before = extent.tasks
            self.is_known = ledger.extent() == (extent.tasks, extent.newest)

    @property
    def there(self) -> Project:
        """The project, where there is one; nothing is pushed without."""
        if not self.project:
            raise StudioError("There is no project to push to.")
        return self.project

    # the plan

    def plan(self, batches: Iterable[Sequence[Article]]) -> Plan:
        """What is to be done with the articles. Nothing is changed."""
        plan = Plan()
        seen: set[str] = set()
        for batch in batches:
            fresh = [a for a in {a.doc_id: a for a in batch}.values() if a.doc_id not in seen]
            seen.update(article.doc_id for article in fresh)
            known = self._known(fresh)
            for article in fresh:
                outcome = self._outcome(article, known.get(article.doc_id), plan)
                plan.counts[outcome] += 1
                if outcome in ("create", "replace", "renew"):
                    plan.todo[article.doc_id] = outcome  # type: ignore[assignment]
        return plan

    def _known(self, articles: Sequence[Article]) -> Mapping[str, Entry | Stored]:
        """What is known of the articles; of those with which something is to be done, what the server says."""
        if not self.project:
            return {}
        if not self.is_known:
            return self._looked_up([article.doc_id for article in articles])
        known: dict[str, Entry | Stored] = dict(self.ledger.entries([article.doc_id for article in articles]))
        unsure = [
            article.doc_id
            for article in articles
            if (entry := known.get(article.doc_id))
            and (
                entry.digest != article.digest
                or (isinstance(entry, Entry) and entry.version.removeprefix(BEGUN) != self.version)
            )
        ]
        return known | self._looked_up(unsure)

    def _looked_up(self, doc_ids: Sequence[str]) -> dict[str, Stored]:
        if not (self.project and doc_ids):
            return {}
        found: dict[str, Stored] = self._patiently(self.studio.stored, self.project, doc_ids)
        self.ledger.forget([doc_id for doc_id in doc_ids if doc_id not in found])
        self.ledger.keep((doc_id, self._entry(stored)) for doc_id, stored in found.items())
        return found

    def _entry(self, stored: Stored) -> Entry:
        version = self.version if self.version in stored.versions else f"{BEGUN}{self.version}" if stored.begun else ""
        return Entry(task_id=stored.task_id, digest=stored.digest, version=version)

    def _outcome(self, article: Article, known: Entry | Stored | None, plan: Plan) -> str:
        if known is None:
            return "create"
        if isinstance(known, Entry):
            return "begun" if known.version.startswith(BEGUN) else "unchanged"
        plan.surplus += _surplus(known, article.digest if self.replace else None)
        known = next((copy for copy in (known, *known.twins) if copy.digest == article.digest), known)
        if known.digest == article.digest:
            if self.version in known.versions:
                return "unchanged"
            return "begun" if known.begun else "renew"
        if self.replace and not known.begun:
            return "replace"
        plan.problems.append(self._difference(article, known))
        return "changed"

    def _difference(self, article: Article, stored: Stored) -> Problem:
        why = "someone has begun to label it" if stored.begun else "--replace takes the new one"
        lines = difflib.unified_diff(stored.text.splitlines(), article.text.splitlines(), lineterm="", n=0)
        changed = [line[:120] for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        more = f" … and {len(changed) - SHOWN} lines more" if len(changed) > SHOWN else ""
        detail = (
            f"the project has this article with another text, which stays ({why}): {' '.join(changed[:SHOWN])}{more}"
        )
        where = f"{self.project.url}?task={stored.task_id}" if self.project else ""
        return Problem(reason="text-differs", action="refused", detail=detail, doc_id=article.doc_id, where=where)

    # the work

    def push(self, todo: Mapping[str, Todo], tasks: Sequence[Json]) -> None:
        """Bring a batch of tasks into the project, each as the plan says."""
        new = [task for task in tasks if todo[_doc_id(task)] != "renew"]
        old = [task for task in tasks if todo[_doc_id(task)] == "renew"]
        if new:
            self._create(new)
        if old:
            self._renew({_doc_id(task): task for task in old})

    def _create(self, tasks: Sequence[Json]) -> None:
        """Send the tasks; of those that may have arrived although there was no answer, only what is missing."""
        is_sure = True
        left = {_doc_id(task): task for task in tasks}
        self.ledger.doubt(left)
        for attempt in _attempts():
            with attempt:
                if attempt.num > 1:
                    self.waited += 1
                    is_sure = False
                    self._arrived(left)
                if left:
                    batch = list(left.values())
                    ids, predictions = self.studio.create(self.there, batch)
                    if predictions != sum(len(task["predictions"]) for task in batch):
                        self.repaired += self.studio.complete(self.there, dict(zip(ids, batch, strict=True)))
                    self._keep(left, ids)
                    left = {}
        self.sent += map(_doc_id, tasks)
        # A first request may still have been at work when the second was sent.
        if not is_sure:
            self.settle([_doc_id(task) for task in tasks])

    def _arrived(self, left: dict[str, Json]) -> None:
        """Take out what the server has by now, with the same text, and complete it."""
        for doc_id, stored in self.studio.stored(self.there, list(left)).items():
            digest = left[doc_id]["data"]["digest"]
            copy = next((copy for copy in (stored, *stored.twins) if copy.digest == digest), None)
            if copy:
                task = left[doc_id]
                if not copy.versions:
                    self.repaired += self.studio.complete(self.there, {copy.task_id: task})
                del left[doc_id]
                self.ledger.keep([(doc_id, self._entry_of(task, copy.task_id))])

    def _keep(self, tasks: Mapping[str, Json], ids: Sequence[int]) -> None:
        self.ledger.keep(
            (doc_id, self._entry_of(task, number)) for (doc_id, task), number in zip(tasks.items(), ids, strict=True)
        )

    def _entry_of(self, task: Json, number: int) -> Entry:
        return Entry(task_id=number, digest=task["data"]["digest"], version=self.version)

    def _renew(self, tasks: Mapping[str, Json]) -> None:
        """Give tasks that nobody has begun new predictions in the place of the old ones."""

        def work() -> None:
            found = self.studio.stored(self.there, list(tasks))
            mine = {doc_id: s for doc_id, s in found.items() if not s.begun and s.versions != (self.version,)}
            self.studio.unpredict(self.there, [stored.task_id for stored in mine.values()])
            predictions = [
                {"task": stored.task_id} | prediction
                for doc_id, stored in mine.items()
                for prediction in tasks[doc_id]["predictions"]
            ]
            self.studio.predict(self.there, predictions)
            self.ledger.keep((doc_id, self._entry_of(tasks[doc_id], s.task_id)) for doc_id, s in found.items())

        self._patiently(work)

    # what is in doubt

    def settle(self, doc_ids: Sequence[str]) -> None:
        """Make sure that each of the articles is in the project once: what is there twice goes, the begun one stays."""
        if not (self.project and doc_ids):
            return
        found: dict[str, Stored] = self._patiently(self.studio.stored, self.project, doc_ids)
        self.remove([number for stored in found.values() for number in _surplus(stored)])
        self.ledger.forget([doc_id for doc_id in doc_ids if doc_id not in found])
        self.ledger.keep((doc_id, self._entry(stored)) for doc_id, stored in found.items())

    def remove(self, task_ids: Sequence[int]) -> None:
        """Take tasks away that are there twice, but for those that someone has begun since they were looked at."""
        free = self._patiently(self.studio.unbegun, self.there, task_ids) if task_ids else []
        self._patiently(self.studio.delete, self.there, free)
        self.removed += len(free)

    def drop_replaced(self, todo: Mapping[str, Todo], digests: Mapping[str, str]) -> None:
        """Take away the tasks with the old text of articles whose new text is in the project now."""
        replaced = [doc_id for doc_id, what in todo.items() if what == "replace" and doc_id in digests]
        found = self._looked_up(replaced)
        old = [number for doc_id, stored in found.items() for number in _surplus(stored, digests[doc_id])]
        self._patiently(self.studio.delete, self.there, old)
        self.replaced += len(old)
        self._looked_up(replaced)

    def finish(self) -> None:
        """Count the project's tasks; then remember its extent, so that the next import need not ask about each article.

        Where there are more or fewer than there should be, because something between doubled or lost a request, or
        because someone else was at work, all that was sent is looked for.
        """
        if not self.project:
            return
        extent = self._patiently(self.studio.extent, self.project)
        if self.sent and extent.tasks != self.before + len(self.sent) - self.removed - self.replaced:
            self.settle(self.sent)
            extent = self._patiently(self.studio.extent, self.project)
        self.ledger.see((extent.tasks, extent.newest))

    def _patiently(self, call: Any, *args: Any) -> Any:
        """What a call returns that may be made again: it only asks, or does the same once more."""
        for attempt in _attempts():
            with attempt:
                self.waited += attempt.num > 1
                return call(*args)
        raise AssertionError


def _attempts() -> Iterator[Any]:
    """Attempts with growing pauses and jitter, as long as the server only cannot answer now."""
    yield from stamina.retry_context(
        on=BusyError, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=LONGEST_SECONDS / 4
    )


def _surplus(stored: Stored, digest: str | None = None) -> list[int]:
    """Which of an article's tasks can go: nobody has begun them, and another has the same text.

    With the digest of a text, all others can go too, where a task with that text is there.
    """
    copies = sorted((stored, *stored.twins), key=lambda copy: (copy.digest != digest, not copy.begun, copy.task_id))
    if copies[0].digest == digest:
        return [copy.task_id for copy in copies[1:] if not copy.begun]
    texts: set[str] = set()
    again = []
    for copy in copies:
        if copy.digest in texts and not copy.begun:
            again.append(copy.task_id)
        texts.add(copy.digest)
    return again


def _doc_id(task: Json) -> str:
    return str(task["data"]["doc_id"])
