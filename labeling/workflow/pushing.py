"""Articles in the project exactly once, each with its predictions, whatever fails on the way.

What was sent and not answered is in doubt until it was looked for; nothing is sent again before that. What became of an
article is what the server confirmed, never what was planned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from labeling.core.problem import Problem
from labeling.studio.client import Stored
from labeling.workflow.comparing import Outcome, Todo
from labeling.workflow.ledger import Entry
from labeling.workflow.stock import Stock, attempts, surplus

Json = dict[str, Any]
Became = dict[str, Outcome]


class Pusher:
    """Brings a project into step with articles; the ledger follows.

    Attributes:
        repaired: Predictions that the server had lost.
        removed: Tasks that were there twice.
        problems: What could not be done as planned.
    """

    def __init__(self, stock: Stock) -> None:
        self.stock, self.studio, self.ledger = stock, stock.studio, stock.ledger
        self.repaired = self.removed = self.replaced = 0
        self.sent: list[str] = []  # the articles that were created in this run
        self.problems: list[Problem] = []

    def push(self, todo: Mapping[str, Todo], tasks: Sequence[Json]) -> Became:
        """What became of the articles of these tasks, each done as `todo` says; what is missing was not confirmed."""
        became: Became = {}
        kinds: dict[Todo, dict[str, Json]] = {"create": {}, "replace": {}, "renew": {}}
        for task in tasks:
            doc_id = str(task["data"]["doc_id"])
            kinds[todo[doc_id]][doc_id] = task
        if new := kinds["create"] | kinds["replace"]:
            became |= self._create(new)
        if replaced := {doc_id: task for doc_id, task in kinds["replace"].items() if doc_id in became}:
            became |= self._replace(replaced)
        if kinds["renew"]:
            became |= self._renew(kinds["renew"])
        return became

    def _create(self, tasks: Mapping[str, Json]) -> Became:
        """Send the tasks; of those that may have arrived although there was no answer, only what is missing."""
        is_sure = True
        left = dict(tasks)
        self.ledger.doubt(left)
        for attempt in attempts():
            with attempt:
                if attempt.num > 1:
                    self.stock.waited += 1
                    is_sure = False
                    self._arrived(left)
                if left:
                    batch = list(left.values())
                    ids, predictions = self.studio.create(self.stock.there, batch)
                    if predictions != sum(len(task["predictions"]) for task in batch):
                        self.repaired += self.studio.complete(self.stock.there, dict(zip(ids, batch, strict=True)))
                    self._keep(left, ids)
                    left = {}
        self.sent += tasks
        there = set(tasks)
        # A first request may still have been at work when the second was sent.
        if not is_sure:
            there &= self.settle(list(tasks)).keys()
        return {doc_id: "create" for doc_id in tasks if doc_id in there}

    def _arrived(self, left: dict[str, Json]) -> None:
        """Take out what the server has by now, with the same text, and complete it."""
        for doc_id, stored in self.studio.stored(self.stock.there, list(left)).items():
            digest = left[doc_id]["data"]["digest"]
            copy = next((copy for copy in (stored, *stored.twins) if copy.digest == digest), None)
            if copy:
                task = left[doc_id]
                if not copy.versions:
                    self.repaired += self.studio.complete(self.stock.there, {copy.task_id: task})
                del left[doc_id]
                self.ledger.keep([(doc_id, self._entry(task, copy.task_id))])

    def _keep(self, tasks: Mapping[str, Json], ids: Sequence[int]) -> None:
        self.ledger.keep(
            (doc_id, self._entry(task, number)) for (doc_id, task), number in zip(tasks.items(), ids, strict=True)
        )

    def _entry(self, task: Json, number: int) -> Entry:
        return Entry(task_id=number, digest=task["data"]["digest"], version=self.stock.version)

    def _replace(self, tasks: Mapping[str, Json]) -> Became:
        """Take away the tasks with the old text of articles whose new text is in the project now."""
        found = self.stock.look_up(list(tasks))
        old = [number for doc_id, s in found.items() for number in surplus(s, tasks[doc_id]["data"]["digest"])]
        self.stock.ask(self.studio.delete, self.stock.there, old)
        self.replaced += len(old)
        self.stock.look_up(list(tasks))
        return dict.fromkeys(tasks, "replace")

    def _renew(self, tasks: Mapping[str, Json]) -> Became:
        """Give tasks that nobody has begun new predictions in the place of the old ones."""

        def work() -> None:
            found = self.studio.stored(self.stock.there, list(tasks))
            mine = {doc_id: s for doc_id, s in found.items() if not s.begun and s.versions != (self.stock.version,)}
            self.studio.unpredict(self.stock.there, [stored.task_id for stored in mine.values()])
            predictions = [
                {"task": stored.task_id} | prediction
                for doc_id, stored in mine.items()
                for prediction in tasks[doc_id]["predictions"]
            ]
            self.studio.predict(self.stock.there, predictions)

        self.stock.ask(work)
        became: Became = {}
        for doc_id, stored in self.stock.look_up(list(tasks)).items():
            if self.stock.version in stored.versions:
                became[doc_id] = "renew"
            elif stored.begun:
                became[doc_id] = "begun"
        return became

    # what is in doubt

    def settle(self, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """Those of the articles that are in the project, each once: what is there twice goes, the begun one stays."""
        found = self.stock.look_up(doc_ids)
        self.remove([number for stored in found.values() for number in surplus(stored)])
        return found

    def remove(self, task_ids: Sequence[int]) -> None:
        """Take tasks away that are there twice, but for those that someone has begun since they were looked at."""
        free = self.stock.ask(self.studio.unbegun, self.stock.there, task_ids) if task_ids else []
        self.stock.ask(self.studio.delete, self.stock.there, free)
        self.removed += len(free)

    def finish(self) -> set[str]:
        """The articles that were sent and are not there all the same.

        The project's tasks are counted, and its extent is remembered, so that the next import need not ask about each
        article. Where there are more or fewer than there should be, because something between doubled or lost a
        request, or because someone else was at work, all that was sent is looked for.
        """
        if not self.stock.project:
            return set()
        missing: set[str] = set()
        extent = self.stock.ask(self.studio.extent, self.stock.project)
        if self.sent and extent.tasks != self.stock.before + len(self.sent) - self.removed - self.replaced:
            missing = set(self.sent) - self.settle(self.sent).keys()
            extent = self.stock.ask(self.studio.extent, self.stock.project)
        self.ledger.see((extent.tasks, extent.newest))
        return missing
