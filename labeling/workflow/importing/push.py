"""Pushing articles with their predictions exactly once, whatever fails on the way.

A request without an answer leaves its articles in doubt; they are looked up before anything is sent again. Outcomes are
what the server confirmed, never what was planned. No task is ever deleted: redundant ones are set aside.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.core.sections import SectionLimits, section_starts
from labeling.errors import BusyError
from labeling.studio.client import State, Stored, split_versions
from labeling.studio.tasks import section_of, to_tasks, without_prefill
from labeling.workflow.importing.compare import Outcome, Todo
from labeling.workflow.importing.ledger import Entry
from labeling.workflow.importing.project_state import ProjectState, attempts, surplus
from labeling.workflow.importing.set_aside import SetAside

Json = dict[str, Any]
Outcomes = dict[str, Outcome]  # doc_id → what became of the article

# One request: with a thousand tasks the server is hardly faster, and takes twice the memory; above 250 MB it fails.
BATCH, BATCH_BYTES, BATCH_SECONDS = 500, 2_000_000, 10.0
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


class Predicted(NamedTuple):
    """What tasks are like that were to have certain predictions, by id, and how many predictions were sent for that."""

    states: Mapping[int, State]
    sent: int


def push(docs: Iterable[LabeledDoc], pusher: "Pusher", todo: Mapping[str, Todo]) -> Iterator[Pushed]:
    """The outcomes of the documents, batch by batch; the next ones are annotated while one is sent."""
    underway: deque[tuple[list[LabeledDoc], Future[Outcomes]]] = deque()
    with ThreadPoolExecutor(1) as background:
        for batch in _by_size(pusher.storable(docs)):
            underway.append((batch, background.submit(pusher.push, todo, batch)))
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

    Args:
        state: The project's state.
        schema: The schema of the labels.
        limits: How large the sections of new articles may be.

    Attributes:
        aside: The tasks that were set aside.
        repaired: The number of predictions that the server had lost.
        removed: The number of duplicate tasks that were set aside.
        sectioned: The number of tasks of each new article that is in sections, by doc_id.
        problems: What could not be done as planned.
        refused: The articles that Label Studio could not store.
    """

    def __init__(self, state: ProjectState, schema: LabelSchema, limits: SectionLimits) -> None:
        self.state, self.studio, self.ledger = state, state.studio, state.ledger
        self.schema, self.limits = schema, limits
        self.aside = SetAside(state)
        self.repaired = self.removed = 0
        self.sent: list[str] = []  # the articles of which tasks were created in this run
        self.created = 0  # the tasks
        self.sectioned: dict[str, int] = {}
        self.problems: list[Problem] = []
        self.refused: set[str] = set()

    def storable(self, docs: Iterable[LabeledDoc]) -> Iterator[LabeledDoc]:
        """The documents that Label Studio can store; others would end the import, and are refused."""
        for doc in docs:
            within = min(len(doc.spans), self.limits.spans or len(doc.spans))
            if within * (within + len(doc.relations)) <= MOST_PAIRS:
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

    def push(self, todo: Mapping[str, Todo], docs: Sequence[LabeledDoc]) -> Outcomes:
        """Push documents, each as `todo` says; the outcomes of their articles, without unconfirmed ones."""
        outcomes: Outcomes = {}
        kinds: dict[Todo, list[LabeledDoc]] = {"create": [], "complete": [], "renew": [], "replace": []}
        for doc in docs:
            kinds[todo[doc.doc_id]].append(doc)
        if new := kinds["create"] + kinds["replace"]:
            outcomes |= self._create({doc.doc_id: self._tasks(doc) for doc in new})
        if kinds["complete"]:
            outcomes |= self._complete(kinds["complete"])
        if replaced := [doc for doc in kinds["replace"] if doc.doc_id in outcomes]:
            outcomes |= self._replace(replaced)
        if kinds["renew"]:
            outcomes |= self._renew(kinds["renew"])
        return outcomes

    def _tasks(self, doc: LabeledDoc, starts: Sequence[int] = ()) -> list[Json]:
        """The document's tasks, by sections that start where it says, else as the limits say."""
        starts = starts or section_starts(doc.text, doc.spans, self.limits)
        tasks = to_tasks(doc, self.state.version, self.schema, starts)
        return [without_prefill(task) for task in tasks] if self.state.without_prefill.has(doc.doc_id) else tasks

    def _complete(self, docs: Sequence[LabeledDoc]) -> Outcomes:
        """Create the tasks of sections that the project does not have, of articles that it has in sections."""
        found = self.state.look_up([doc.doc_id for doc in docs])
        tasks: dict[str, list[Json]] = {}
        for doc in docs:
            if (stored := found.get(doc.doc_id)) and stored.digest == doc.digest:
                by_number = dict(enumerate(self._tasks(doc, stored.starts), start=1))
                tasks[doc.doc_id] = [by_number[number] for number in stored.missing]
        return dict.fromkeys(self._create({doc_id: new for doc_id, new in tasks.items() if new}), "complete")

    def _create(self, tasks: Mapping[str, list[Json]]) -> Outcomes:
        """Create the tasks; after a request without an answer, only those that did not arrive are sent again.

        All tasks of an article are in one request, so that none or all of them arrive.
        """
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
                    batch = [task for its_tasks in left.values() for task in its_tasks]
                    ids, predictions = self.studio.create(self.state.there, batch)
                    if predictions != sum(len(task["predictions"]) for task in batch):
                        self.repaired += self._predict(dict(zip(ids, batch, strict=True))).sent
                    numbers = iter(ids)
                    made = {doc_id: tuple(next(numbers) for _ in new) for doc_id, new in left.items()}
                    entries = [(doc_id, self._entry(doc_id, new, made[doc_id])) for doc_id, new in left.items()]
                    self.ledger.keep(entries)
                    left = {}
        self.sent += tasks
        self.created += sum(map(len, tasks.values()))
        self.sectioned |= {doc_id: len(new) for doc_id, new in tasks.items() if len(new) > 1}
        there = set(tasks)
        # A first request may still have been at work when the second was sent.
        if not is_sure:
            there &= self.settle(self.state.look_up(list(tasks))).keys()
        return {doc_id: "create" for doc_id in tasks if doc_id in there}

    def _arrived(self, left: dict[str, list[Json]]) -> None:
        """Remove the tasks that the server has by now, with the same text, and complete their predictions."""
        found = self.studio.stored(self.state.there, list(left))
        arrived: dict[str, dict[int, Json]] = {}
        for doc_id, stored in found.items():
            for copy in (stored, *stored.twins):
                if matched := _matched(left[doc_id], copy):
                    arrived[doc_id] = matched
        there = {number: task for tasks in arrived.values() for number, task in tasks.items()}
        self.repaired += self._predict(there).sent
        self.ledger.keep(
            [(doc_id, self._entry(doc_id, left.pop(doc_id), tuple(sorted(tasks)))) for doc_id, tasks in arrived.items()]
        )

    def _entry(self, doc_id: str, tasks: Sequence[Json], numbers: tuple[int, ...]) -> Entry:
        return Entry(task_ids=numbers, digest=_digest(tasks[0]), version=self.state.version_of(doc_id))

    def _replace(self, docs: Sequence[LabeledDoc]) -> Outcomes:
        """Set aside the old texts of articles whose new text is in the project now.

        If someone has begun to label the old text meanwhile, it stays, and the new one is set aside.
        """
        texts = {doc.doc_id: doc.digest for doc in docs}
        found = self.state.look_up(list(texts))
        self.aside.take([number for doc_id, s in found.items() for number in surplus(s, texts[doc_id])])
        stays = self.aside.give_way(self.state.look_up(list(texts)), texts)
        self.problems += stays.values()
        return {doc_id: "changed" if doc_id in stays else "replace" for doc_id in texts}

    def _renew(self, docs: Sequence[LabeledDoc]) -> Outcomes:
        """Replace the predictions of tasks that nobody has begun, each for its own text."""
        texts = {(doc.doc_id, doc.digest): doc for doc in docs}
        found = self.state.current(list(dict.fromkeys(doc.doc_id for doc in docs)))
        matched: list[tuple[str, dict[int, Json]]] = []
        for doc_id, stored in found.items():
            for copy in (stored, *stored.twins):
                if doc := texts.get((doc_id, copy.digest)):
                    matched.append((doc_id, _matched(self._tasks(doc, copy.starts), copy, partly=True)))
        every = {number: task for _, tasks in matched for number, task in tasks.items()}
        now = self.state.ask(self._predict, every).states
        outcomes: Outcomes = {}
        for doc_id, tasks in matched:
            states: list[State] = [now[number] for number in tasks if number in now]
            if len(states) == len(tasks) and any(self.state.version in state.versions for state in states):
                outcomes[doc_id] = "renew"
            elif any(state.begun for state in states):
                outcomes.setdefault(doc_id, "begun")
        renewed = {doc_id: found[doc_id] for doc_id, outcome in outcomes.items() if outcome == "renew"}
        self.ledger.keep(
            (doc_id, Entry(task_ids=(*stored.task_ids,), digest=stored.digest, version=self.state.version_of(doc_id)))
            for doc_id, stored in renewed.items()
            if not stored.twins
        )
        return outcomes

    def _predict(self, tasks: Mapping[int, Json]) -> Predicted:
        """Make sure that tasks which nobody has begun have exactly these predictions."""
        sent = 0
        for _ in range(TRIES):
            states = self.studio.states(self.state.there, list(tasks)) if tasks else {}
            wrong = {
                number: state
                for number, state in states.items()
                if not state.begun
                and (state.predictions, state.versions) != (len(tasks[number]["predictions"]), _versions(tasks[number]))
            }
            if not wrong:
                return Predicted(states, sent)
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
        self.settle(self.state.look_up(self.ledger.doubted()))

    def settle(self, found: Mapping[str, Stored]) -> Mapping[str, Stored]:
        """The articles that were found, after setting aside duplicate tasks that nobody has begun."""
        self.remove([number for stored in found.values() for number in surplus(stored)])
        return found

    def remove(self, task_ids: Sequence[int]) -> None:
        """Set aside duplicate tasks, except those that someone has begun meanwhile."""
        self.removed += self.aside.take(task_ids)


def _matched(tasks: Sequence[Json], copy: Stored, *, partly: bool = False) -> dict[int, Json]:
    """The tasks by their numbers in a copy of the article; empty if it does not have all of them, unless `partly`."""
    if _digest(tasks[0]) != copy.digest:
        return {}
    found: dict[int, Json] = {}
    for task in tasks:
        section = section_of(task["data"])
        there = copy.sections.get(section.number) if section else None if copy.sections else copy
        if there:
            found[there.task_id] = task
    return found if partly or len(found) == len(tasks) else {}


def _versions(task: Json) -> tuple[str, ...]:
    return split_versions(",".join(prediction["model_version"] for prediction in task["predictions"]))


def _digest(task: Json) -> str:
    """The digest of the text of the task's article."""
    section = section_of(task["data"])
    return section.digest if section else str(task["data"]["digest"])
