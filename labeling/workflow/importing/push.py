"""Pushing articles with their predictions exactly once, whatever fails on the way.

A request without an answer leaves its articles in doubt; they are looked up before anything is sent again. Outcomes are
what the server confirmed, never what was planned. No task is ever deleted: redundant ones are set aside.
"""

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.errors import BusyError
from labeling.studio.client import Stored, split_versions
from labeling.studio.tasks import to_task
from labeling.workflow.importing.compare import Outcome, Todo
from labeling.workflow.importing.ledger import Entry
from labeling.workflow.importing.project_state import ProjectState, attempts, surplus
from labeling.workflow.importing.set_aside import SetAside

Json = dict[str, Any]
Outcomes = dict[str, Outcome]  # doc_id → what became of the article

# One request: with a thousand tasks the server is hardly faster, and takes twice the memory; above 250 MB it fails.
BATCH, BATCH_BYTES, BATCH_SECONDS = 500, 4_000_000, 10.0
REGION_BYTES = 200  # of a span in JSON
# Label Studio compares each span of a prediction with all others, at 130 ns a pair: some two minutes, of the ten that a
# request may take on a busy machine. That is nearly half a megabyte of news.
MOST_PAIRS = 1_000_000_000
WAITING = 1  # batches that wait for the one being sent
TRIES = 3  # to give a task its prediction, which the server may lose during other writes


class Pushed(NamedTuple):
    """A batch that was pushed: its documents, and the outcomes of their articles, without unconfirmed ones."""

    docs: list[LabeledDoc]
    outcomes: Outcomes


def push(
    docs: Iterable[LabeledDoc], pusher: "Pusher", todo: Mapping[str, Todo], schema: LabelSchema
) -> Iterator[Pushed]:
    """The outcomes of the documents, batch by batch; the next ones are annotated while one is sent."""
    underway: deque[tuple[list[LabeledDoc], Future[Outcomes]]] = deque()
    with ThreadPoolExecutor(1) as background:
        for batch in _by_size(pusher.storable(docs)):
            tasks = [to_task(doc, pusher.state.version, schema) for doc in batch]
            underway.append((batch, background.submit(pusher.push, todo, tasks)))
            while len(underway) > WAITING:
                sent, outcomes = underway.popleft()
                yield Pushed(sent, outcomes.result())
        for sent, outcomes in underway:
            yield Pushed(sent, outcomes.result())


def _by_size(docs: Iterable[LabeledDoc]) -> Iterator[list[LabeledDoc]]:
    """Batches for one request each, limited in documents, bytes and the time to fill them."""
    batch: list[LabeledDoc] = []
    size, began = 0, time.monotonic()
    for doc in docs:
        batch.append(doc)
        size += len(doc.text) + REGION_BYTES * len(doc.spans)
        if len(batch) >= BATCH or size >= BATCH_BYTES or time.monotonic() - began > BATCH_SECONDS:
            yield batch
            batch, size, began = [], 0, time.monotonic()
    if batch:
        yield batch


class Pusher:
    """Creates, replaces and renews a project's tasks; the ledger is kept up to date.

    Attributes:
        aside: The tasks that were set aside.
        repaired: The number of predictions that the server had lost.
        removed: The number of duplicate tasks that were set aside.
        problems: What could not be done as planned.
        refused: The articles that Label Studio could not store.
    """

    def __init__(self, state: ProjectState) -> None:
        self.state, self.studio, self.ledger = state, state.studio, state.ledger
        self.aside = SetAside(state)
        self.repaired = self.removed = 0
        self.sent: list[str] = []  # the articles that were created in this run
        self.problems: list[Problem] = []
        self.refused: set[str] = set()

    def storable(self, docs: Iterable[LabeledDoc]) -> Iterator[LabeledDoc]:
        """The documents that Label Studio can store; others would end the import, and are refused."""
        for doc in docs:
            if len(doc.spans) * (len(doc.spans) + len(doc.relations)) <= MOST_PAIRS:
                yield doc
            elif doc.doc_id not in self.refused:
                self.refused.add(doc.doc_id)
                detail = (
                    f"{len(doc.spans):,} spans were found in its {len(doc.text):,} characters, and Label Studio would "
                    "take many minutes over them; cut the article into several, by chapters for instance"
                )
                self.problems.append(
                    Problem(reason="too-many-spans", action="refused", detail=detail, doc_id=doc.doc_id)
                )

    def push(self, todo: Mapping[str, Todo], tasks: Sequence[Json]) -> Outcomes:
        """Push tasks, each as `todo` says; the outcomes of their articles, without unconfirmed ones."""
        outcomes: Outcomes = {}
        kinds: dict[Todo, dict[str, Json]] = {"create": {}, "replace": {}}
        renewed: list[Json] = []
        for task in tasks:
            doc_id = str(task["data"]["doc_id"])
            if todo[doc_id] == "renew":
                renewed.append(task)
            else:
                kinds[todo[doc_id]][doc_id] = task
        if new := kinds["create"] | kinds["replace"]:
            outcomes |= self._create(new)
        if replaced := {doc_id: task for doc_id, task in kinds["replace"].items() if doc_id in outcomes}:
            outcomes |= self._replace(replaced)
        if renewed:
            outcomes |= self._renew(renewed)
        return outcomes

    def _create(self, tasks: Mapping[str, Json]) -> Outcomes:
        """Create the tasks; after a request without an answer, only those that did not arrive are sent again."""
        is_sure = True
        left = dict(tasks)
        self.ledger.doubt(left)
        for attempt in attempts():
            with attempt:
                if attempt.num > 1:
                    self.state.waited += 1
                    is_sure = False
                    self._arrived(left)
                if left:
                    batch = list(left.values())
                    ids, predictions = self.studio.create(self.state.there, batch)
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
        """Remove the tasks that the server has by now, with the same text, and complete their predictions."""
        found = self.studio.stored(self.state.there, list(left))
        arrived = {
            doc_id: copy.task_id
            for doc_id, stored in found.items()
            for copy in (stored, *stored.twins)
            if copy.digest == left[doc_id]["data"]["digest"]
        }
        self.repaired += self._predict({number: left[doc_id] for doc_id, number in arrived.items()})
        self.ledger.keep([(doc_id, self._entry(left.pop(doc_id), number)) for doc_id, number in arrived.items()])

    def _entry(self, task: Json, number: int) -> Entry:
        return Entry(task_id=number, digest=task["data"]["digest"], version=self.state.version)

    def _replace(self, tasks: Mapping[str, Json]) -> Outcomes:
        """Set aside the old texts of articles whose new text is in the project now.

        If someone has begun to label the old text meanwhile, it stays, and the new one is set aside.
        """
        found = self.state.look_up(list(tasks))
        texts = {doc_id: task["data"]["digest"] for doc_id, task in tasks.items()}
        self.aside.take([number for doc_id, s in found.items() for number in surplus(s, texts[doc_id])])
        stays = self.aside.give_way(self.state.look_up(list(tasks)), texts)
        self.problems += stays.values()
        return {doc_id: "changed" if doc_id in stays else "replace" for doc_id in tasks}

    def _renew(self, tasks: Sequence[Json]) -> Outcomes:
        """Replace the predictions of tasks that nobody has begun, each for its own text."""
        texts = {(str(task["data"]["doc_id"]), task["data"]["digest"]): task for task in tasks}
        self.state.ask(self._predict, {copy.task_id: texts[key] for key, copy in self._copies(texts)})
        outcomes: Outcomes = {}
        for (doc_id, _), copy in self._copies(texts):
            if self.state.version in copy.versions:
                outcomes[doc_id] = "renew"
            elif copy.begun:
                outcomes.setdefault(doc_id, "begun")
        return outcomes

    def _copies(self, texts: Collection[tuple[str, str]]) -> list[tuple[tuple[str, str], Stored]]:
        """The project's current tasks for these texts, each with doc_id and digest."""
        found = self.state.look_up(list(dict.fromkeys(doc_id for doc_id, _ in texts)))
        copies = ((doc_id, copy) for doc_id, stored in found.items() for copy in (stored, *stored.twins))
        return [((doc_id, copy.digest), copy) for doc_id, copy in copies if (doc_id, copy.digest) in texts]

    def _predict(self, tasks: Mapping[int, Json]) -> int:
        """Make sure that tasks which nobody has begun have exactly these predictions; how many were sent."""
        sent = 0
        versions = split_versions(self.state.version)
        for _ in range(TRIES):
            states = self.studio.states(self.state.there, list(tasks)) if tasks else {}
            wrong = {
                number: state
                for number, state in states.items()
                if not state.begun
                and (state.predictions, state.versions) != (len(tasks[number]["predictions"]), versions)
            }
            if not wrong:
                return sent
            self.studio.delete_predictions(
                self.state.there, [number for number, state in wrong.items() if state.versions]
            )
            new = [{"task": number} | prediction for number in wrong for prediction in tasks[number]["predictions"]]
            self.studio.predict(self.state.there, new)
            sent += len(new)
        raise BusyError(f"{self.studio.url} keeps other predictions than it was sent.", "Run the same command again.")

    def settle_doubts(self) -> None:
        """Move back set-aside tasks that someone began, and look up the articles that earlier imports left in doubt."""
        self.problems += self.aside.bring_back().values()
        self.settle(self.ledger.doubted())

    def settle(self, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """The articles that are in the project, after setting aside duplicate tasks that nobody has begun."""
        found = self.state.look_up(doc_ids)
        self.remove([number for stored in found.values() for number in surplus(stored)])
        return found

    def remove(self, task_ids: Sequence[int]) -> None:
        """Set aside duplicate tasks, except those that someone has begun meanwhile."""
        self.removed += self.aside.take(task_ids)
