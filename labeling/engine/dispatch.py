"""Chunks → results in order, from workers that may be killed at any time.

Each worker is given a chunk to work on and a next one. If it is killed, both are done again, by whoever is free; the
first of them, which it seems to have been killed over, alone.
"""

import logging
import pickle
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from labeling.ending import FULL
from labeling.engine.chunks import (
    AHEAD,
    FALSE_STARTS,
    KILLS,
    Rescue,
    dies_at_the_beginning,
    has_full_disk,
    kills_workers,
)

IN_HAND = 2  # chunks that a worker has, so that it need not wait for the next one

Answer = tuple[bool, Any]  # whether it went well, and the result, or the exception


class KilledError(Exception):
    """A worker is gone, with what it had in hand; the text is the address of its machine, if that is another one."""


def tried(function: Callable[[Any], Any], chunk: Any) -> Answer:
    """What a worker answers; an exception, which loses its traceback on the way, has it as a note."""
    try:
        return True, function(chunk)
    except OSError as error:
        is_full = error.errno in FULL or "No usable temporary directory" in str(error)
        return False, has_full_disk(error) if is_full else _noted(error)
    except Exception as error:  # it is raised where the results are asked for
        return False, _noted(error)


def _noted(error: Exception) -> Exception:
    error.add_note(traceback.format_exc())
    return error


def call(function: Callable[[Any], Any], chunk: Any) -> bytes:
    """The message to a worker that it should apply the function to the chunk.

    Pickled here rather than by an engine's own serializer, which is slower for small objects.
    """
    return pickle.dumps((function, chunk), pickle.HIGHEST_PROTOCOL)


def answered(message: bytes) -> bytes:
    """What a worker answers to the message of `call`: the pickled `Answer`."""
    function, chunk = pickle.loads(message)  # noqa: S301 - of the command that started this process
    return packed(tried(function, chunk))


def packed(answer: Answer) -> bytes:
    """The answer, pickled; if it cannot be, one that says so."""
    try:
        return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return pickle.dumps((False, RuntimeError(f"A result cannot be pickled: {error}")))


class Worker(Protocol):
    """Does one thing after the other, in a process of its own; the first one is to begin."""

    def start(self, function: Callable[[Any], Any] | None = None) -> None:
        """Start the process, which begins at once; its first answer says whether that went well.

        With the function that it will be given, what that needs is imported then, rather than with the first chunk.
        """
        ...

    def give(self, function: Callable[[Any], Any], chunk: Any) -> None:
        """Let it apply the function to a chunk, after what it has in hand.

        Raises:
            KilledError: It is gone.
        """
        ...

    def answer(self) -> Answer:
        """The next answer, as soon as it is there.

        Raises:
            KilledError: It is gone.
        """
        ...

    def end(self) -> None:
        """End the process, if it is still there."""
        ...


@dataclass(eq=False)
class _Task:
    """A chunk on its way, and the pieces that stand in its place."""

    chunk: Any
    kills: int = 0
    results: "list[Any] | None" = None
    pieces: "list[_Task] | None" = None

    def ready(self) -> "list[Any] | None":
        """Its results; None as long as they are not there."""
        if self.pieces is None:
            return self.results
        parts = [piece.ready() for piece in self.pieces]
        return None if None in parts else [result for part in parts for result in part or []]


class _Desk:
    """A worker and what it has in hand; None is to begin."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.in_hand: deque[_Task | None] = deque()
        self.is_started = False

    def start(self, function: Callable[[Any], Any] | None = None) -> None:
        self.worker.start(function)
        self.in_hand = deque([None])
        self.is_started = True

    @property
    def is_beginning(self) -> bool:
        """Whether it may take any time until it works: a cluster may have no room for it any more."""
        return None in self.in_hand

    def has_room_for(self, task: _Task) -> bool:
        """Whether it may be given the task; one that a worker was killed over is alone, so that none is blamed for it.

        A worker may be killed over its second chunk before the answer to the first has left it.
        """
        if not self.is_started or self.is_beginning:
            return False
        alone = task.kills or any(other.kills for other in self.in_hand if other)
        return len(self.in_hand) < (1 if alone else IN_HAND)


class Team:
    """Workers that share chunks.

    Args:
        workers: The workers.
        wait: Waits until at least one of these workers has an answer or is gone; those that have or are.
        hint: What to do where workers are gone before they begin to work.
    """

    def __init__(
        self, workers: Sequence[Worker], wait: Callable[[Sequence[Any]], Iterable[Any]], hint: str = ""
    ) -> None:
        self._hint = (hint,) if hint else ()
        self._desks = [_Desk(worker) for worker in workers]
        self._wait = wait
        self._false_starts = 0
        self._is_told = False

    def start(self) -> None:
        """Start all workers now, rather than with their first chunk."""
        for desk in self._desks:
            if not desk.is_started:
                desk.start()

    def end(self) -> None:
        """End all workers."""
        for desk in self._desks:
            if desk.is_started:
                desk.worker.end()
                desk.is_started = False

    def rest(self) -> None:
        """End the workers that still have chunks in hand; the others wait for more."""
        for desk in self._desks:
            self._forget(desk)

    def results(
        self, function: Callable[[Any], Any], chunks: Iterable[Any], rescue: Rescue | None = None
    ) -> Iterator[Any]:
        """As `Map` says."""
        waiting = iter(chunks)
        held: deque[_Task] = deque()
        to_do: deque[_Task] = deque()
        window = len(self._desks) * AHEAD
        self.rest()  # of chunks that nobody wants any more
        while True:
            new = [_Task(chunk) for chunk in islice(waiting, window - len(held))]
            held += new
            to_do += new
            if not held:
                return
            if (made := held[0].ready()) is not None:
                held.popleft()
                yield from made
                continue
            self._hand_out(function, to_do)
            busy = {id(desk.worker): desk for desk in self._desks if desk.in_hand}
            for worker in self._wait([desk.worker for desk in busy.values()]):
                self._collect(busy[id(worker)], to_do, rescue)

    def _forget(self, desk: _Desk) -> None:
        """End a worker that still has chunks in hand; it starts again with the next one."""
        if any(desk.in_hand):
            desk.worker.end()
            desk.in_hand.clear()
            desk.is_started = False

    def _hand_out(self, function: Callable[[Any], Any], to_do: deque[_Task]) -> None:
        for _ in range(IN_HAND):
            for desk in self._desks:
                if to_do and desk.has_room_for(to_do[0]):
                    desk.in_hand.append(to_do[0])
                    try:
                        desk.worker.give(function, to_do[0].chunk)
                    except KilledError:
                        desk.in_hand.pop()  # it was not begun; what became of the rest, the answer tells
                        if not desk.in_hand:
                            desk.worker.end()
                            desk.is_started = False
                        continue
                    to_do.popleft()
        beginning = sum(desk.is_beginning for desk in self._desks)
        idle = [desk for desk in self._desks if not desk.is_started]
        if self._false_starts >= FALSE_STARTS and len(idle) < len(self._desks):
            return
        for desk in idle[: max(0, len(to_do) - beginning)]:
            desk.start(function)

    def _collect(self, desk: _Desk, to_do: deque[_Task], rescue: Rescue | None) -> None:
        """Take a worker's answer; if it is gone, what it had in hand is to do again."""
        try:
            went_well, made = desk.worker.answer()
        except KilledError as gone:
            desk.worker.end()
            first, *others = desk.in_hand
            desk.in_hand.clear()
            desk.is_started = False
            to_do.extendleft(task for task in reversed(others) if task)
            if first is None:
                self._has_not_begun(str(gone))
            else:
                to_do.extendleft(reversed(_again(first, rescue)))
            return
        task = desk.in_hand.popleft()
        if not went_well:
            raise made
        if task:
            task.results = [made]
        else:
            self._false_starts = 0

    def _has_not_begun(self, machine: str) -> None:
        """Count a worker that was killed before it began; the end, unless others are at work.

        These go on alone: where the disk of one machine of a cluster is full, no worker begins there.
        """
        self._false_starts += 1
        if self._false_starts < FALSE_STARTS:
            return
        if not any(desk.is_started for desk in self._desks):
            raise dies_at_the_beginning(*self._hint) from None
        if not self._is_told and any(desk.is_started and not desk.is_beginning for desk in self._desks):
            self._is_told = True
            where = f" on {machine}" if machine else ""
            logging.getLogger(__name__).warning(
                "Processes of this command end while they start%s: memory or the disk may be full there. "
                "The others go on without them.",
                where,
            )


def _again(task: _Task, rescue: Rescue | None) -> list[_Task]:
    """What is to do of a chunk whose worker was killed: the chunk, or its pieces, or nothing, once it is set aside."""
    task.kills += 1
    if task.kills < KILLS:
        return [task]
    if rescue is None:
        raise kills_workers()
    pieces = rescue.pieces(task.chunk)
    if len(pieces) > 1:
        task.pieces = [_Task(piece) for piece in pieces]
        return list(task.pieces)
    task.results = [rescue.instead(task.chunk)]
    return []
