"""Articles in the project exactly once, each with its predictions, whatever fails on the way.

What was sent and not answered is in doubt until it was looked for; nothing is sent again before that. What became of an
article is what the server confirmed, never what was planned. No task is ever deleted: what is to go is set aside.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.errors import BusyError
from labeling.studio.client import Stored, split_versions
from labeling.studio.tasks import to_article
from labeling.workflow.comparing import Outcome, Todo
from labeling.workflow.ledger import Entry
from labeling.workflow.setting_aside import SetAside
from labeling.workflow.stock import Stock, attempts, surplus

Json = dict[str, Any]
Became = dict[str, Outcome]

TRIES = 3  # to give a task its prediction, which the server may lose while others write


class Pusher:
    """Brings a project into step with articles; the ledger follows.

    Attributes:
        aside: What was set aside.
        repaired: Predictions that the server had lost.
        removed: Tasks that were there twice.
        problems: What could not be done as planned.
    """

    def __init__(self, stock: Stock) -> None:
        self.stock, self.studio, self.ledger = stock, stock.studio, stock.ledger
        self.aside = SetAside(stock)
        self.repaired = self.removed = 0
        self.sent: list[str] = []  # the articles that were created in this run
        self.problems: list[Problem] = []

    def push(self, todo: Mapping[str, Todo], tasks: Sequence[Json]) -> Became:
        """What became of the articles of these tasks, each done as `todo` says; what is missing was not confirmed."""
        became: Became = {}
        kinds: dict[Todo, dict[str, Json]] = {"create": {}, "replace": {}}
        renewed: list[Json] = []
        for task in tasks:
            doc_id = str(task["data"]["doc_id"])
            if todo[doc_id] == "renew":
                renewed.append(task)
            else:
                kinds[todo[doc_id]][doc_id] = task
        if new := kinds["create"] | kinds["replace"]:
            became |= self._create(new)
        if replaced := {doc_id: task for doc_id, task in kinds["replace"].items() if doc_id in became}:
            became |= self._replace(replaced)
        if renewed:
            became |= self._renew(renewed)
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
                        self.repaired += self._predict(dict(zip(ids, batch, strict=True)))
                    self.ledger.keep(
                        (doc_id, self._entry(task, number))
                        for (doc_id, task), number in zip(left.items(), ids, strict=True)
                    )
                    left = {}
        self.sent += tasks
        there = set(tasks)
        # A first request may still have been at work when the second was sent.
        if not is_sure:
            there &= self.settle(list(tasks)).keys()
        return {doc_id: "create" for doc_id in tasks if doc_id in there}

    def _arrived(self, left: dict[str, Json]) -> None:
        """Take out what the server has by now, with the same text, and complete it."""
        found = self.studio.stored(self.stock.there, list(left))
        arrived = {
            doc_id: copy.task_id
            for doc_id, stored in found.items()
            for copy in (stored, *stored.twins)
            if copy.digest == left[doc_id]["data"]["digest"]
        }
        self.repaired += self._predict({number: left[doc_id] for doc_id, number in arrived.items()})
        self.ledger.keep([(doc_id, self._entry(left.pop(doc_id), number)) for doc_id, number in arrived.items()])

    def _entry(self, task: Json, number: int) -> Entry:
        return Entry(task_id=number, digest=task["data"]["digest"], version=self.stock.version)

    def _replace(self, tasks: Mapping[str, Json]) -> Became:
        """Set the tasks with the old text aside of articles whose new text is in the project now.

        Where someone has begun the old text meanwhile, it stays, and the new one goes.
        """
        found = self.stock.look_up(list(tasks))
        texts = {doc_id: task["data"]["digest"] for doc_id, task in tasks.items()}
        self.aside.take([number for doc_id, s in found.items() for number in surplus(s, texts[doc_id])])
        stays = self.aside.give_way(self.stock.look_up(list(tasks)), texts)
        self.problems += stays.values()
        return {doc_id: "changed" if doc_id in stays else "replace" for doc_id in tasks}

    def _renew(self, tasks: Sequence[Json]) -> Became:
        """Give tasks that nobody has begun new predictions in the place of the old ones, each for the text it has."""
        texts = {(str(task["data"]["doc_id"]), task["data"]["digest"]): task for task in tasks}
        self.stock.ask(self._predict, {copy.task_id: texts[key] for key, copy in self._copies(texts)})
        became: Became = {}
        for (doc_id, _), copy in self._copies(texts):
            if self.stock.version in copy.versions:
                became[doc_id] = "renew"
            elif copy.begun:
                became.setdefault(doc_id, "begun")
        return became

    def _copies(self, texts: Collection[tuple[str, str]]) -> list[tuple[tuple[str, str], Stored]]:
        """The tasks that the project has now of these texts, each named by doc_id and digest."""
        found = self.stock.look_up(list(dict.fromkeys(doc_id for doc_id, _ in texts)))
        copies = ((doc_id, copy) for doc_id, stored in found.items() for copy in (stored, *stored.twins))
        return [((doc_id, copy.digest), copy) for doc_id, copy in copies if (doc_id, copy.digest) in texts]

    def _predict(self, tasks: Mapping[int, Json]) -> int:
        """How many predictions were sent; those of the tasks that nobody has begun have exactly their own now."""
        sent = 0
        versions = split_versions(self.stock.version)
        for _ in range(TRIES):
            states = self.studio.states(self.stock.there, list(tasks)) if tasks else {}
            wrong = {
                number: state
                for number, state in states.items()
                if not state.begun
                and (state.predictions, state.versions) != (len(tasks[number]["predictions"]), versions)
            }
            if not wrong:
                return sent
            self.studio.delete_predictions(
                self.stock.there, [number for number, state in wrong.items() if state.versions]
            )
            new = [{"task": number} | prediction for number in wrong for prediction in tasks[number]["predictions"]]
            self.studio.predict(self.stock.there, new)
            sent += len(new)
        raise BusyError(f"{self.studio.url} keeps other predictions than it was sent.", "Run the same command again.")

    # what is in doubt

    def settle(self, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """Those of the articles that are in the project, each once: what is there twice goes, the begun one stays."""
        found = self.stock.look_up(doc_ids)
        self.remove([number for stored in found.values() for number in surplus(stored)])
        return found

    def remove(self, task_ids: Sequence[int]) -> None:
        """Set tasks aside that are there twice, but for those that someone has begun since they were looked at."""
        self.removed += self.aside.take(task_ids)

    def came_back(self) -> set[str]:
        """Articles of which something came back that was set aside in this run, since someone had begun it."""
        found = self.aside.bring_back() if self.aside.taken else {}
        self.problems += found.values()
        return set(found)

    def bare(self) -> dict[str, Article]:
        """The articles, by doc_id, whose tasks have no prediction and that nobody has begun: they are to get theirs."""
        found = self.stock.ask(self.studio.bare, self.stock.project) if self.stock.project else []
        articles = [(task, article) for task in found if (article := to_article(task.data))]
        detail = "someone has begun to label it and had no prediction to start from, since the server had lost it"
        self.begun_bare = [
            Problem(
                reason="no-prediction", action="kept", detail=detail, doc_id=a.doc_id, url=self.stock.url(task.task_id)
            )
            for task, a in articles
            if task.begun
        ]
        return {article.doc_id: article for task, article in articles if not task.begun}

    begun_bare: Sequence[Problem] = ()  # as of the last time that `bare` looked

    def finish(self) -> set[str]:
        """The articles that were sent and are not there all the same.

        The project's tasks are counted, and its extent is remembered, so that the next import need not ask about each
        article. Where there are more or fewer than there should be, because something between doubled or lost a
        request, or because someone else was at work, all that was sent is looked for.
        """
        missing: set[str] = set()
        extent = self.stock.ask(self.studio.size, self.stock.there)
        if self.sent and extent.tasks != self.stock.before + len(self.sent) - self.aside.moved:
            missing = set(self.sent) - self.settle(self.sent).keys()
            extent = self.stock.ask(self.studio.size, self.stock.there)
        self.ledger.see((extent.tasks, extent.newest))
        return missing
