"""`labeling watch`: pull, export where something changed, report; again and again until it is told to stop."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import TypeVar

from labeling.core.value import Value
from labeling.errors import AccessError, LabelingError
from labeling.settings import Workspace
from labeling.workflow.export.options import Options
from labeling.workflow.progress import Advance, Within

T = TypeVar("T")
FIRST_WAIT = 5.0  # seconds after the first failure; twice as long after each further one, up to the usual pause


class Turn(Value):
    """One turn of a watch.

    Attributes:
        at: When it ended; ISO 8601, UTC.
        tasks: How many tasks the project has.
        reviewed: How many of them have a submitted annotation.
        new: How many tasks came since the turn before.
        changed: How many changed.
        gone: How many went.
        documents: How many documents were exported; None where nothing was, because nothing changed.
        problems: How many things were refused in that.
        notes: What else there is to say.
        error: Why it failed, as it may at a server that is away; "" where it did not.
        failures: How many turns in a row have failed.
        next_in: Seconds to the next one; 0 where there is none.
    """

    at: str
    tasks: int = 0
    reviewed: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    documents: int | None = None
    problems: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    failures: int = 0
    next_in: float = 0.0


class StoppedError(Exception):
    """Somebody asked to stop, and what was at work gave way."""


def watch(
    workspace: Workspace,
    folder: Path,
    options: Options,
    *,
    every: float,
    drafts: bool = False,
    stop: Event,
    tell: Callable[[Turn], None],
    turns: int | None = None,
) -> None:
    """Nothing, when it was told to stop; each turn is told as it ends.

    What is at work when the stop comes is ended at its next page or chunk: a pull keeps what it has, an export leaves
    the files that were there.

    Args:
        workspace: Whose project.
        folder: Where the training files go.
        options: How they are made.
        every: Seconds from the end of one turn to the begin of the next.
        drafts: Whether to pull drafts too.
        stop: Set from outside.
        tell: Is told each turn.
        turns: How many; None goes on.

    Raises:
        AccessError: The token is refused: that does not pass by itself.
    """
    done = failures = 0
    is_due = True  # the first turn exports whatever there is
    while not stop.is_set():
        try:
            turn = _turn(workspace, folder, options, drafts=drafts, stop=stop, is_due=is_due)
            failures, is_due = 0, bool(turn.error)
        except StoppedError:
            return
        except AccessError:
            raise
        except LabelingError as error:
            failures += 1
            is_due = True  # what was pulled before it broke off is no news to the next pull
            turn = Turn(at=_now(), error=f"{error.message} {error.hint}".strip(), failures=failures)
        done += 1
        is_last = turns is not None and done >= turns
        wait = 0.0 if is_last else _pause(every, failures)
        tell(turn.model_copy(update={"next_in": round(wait, 1)}))
        if is_last:
            return
        stop.wait(wait)


def _turn(workspace: Workspace, folder: Path, options: Options, *, drafts: bool, stop: Event, is_due: bool) -> Turn:
    from labeling.workflow.export.commands import export_project
    from labeling.workflow.pulling import pull

    def track(items: Iterable[T], what: str, total: int | None = None, within: Within | None = None) -> Iterator[T]:
        for item in items:
            _heed(stop)
            yield item

    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        def advance(size: int = 0, items: int = 0) -> None:
            _heed(stop)

        yield advance

    _heed(stop)
    pulled = pull(workspace, drafts=drafts, track=track, attempts=3)
    counts = {name: getattr(pulled, name) for name in ("tasks", "reviewed", "new", "changed", "gone", "notes")}
    if not (pulled.is_news or is_due):
        return Turn(at=_now(), **counts)
    try:
        exported = export_project(workspace, folder, options, offline=True, meter=meter)
    except LabelingError as error:
        _heed(stop)  # whoever stops all processes of a group ends our workers too
        # an empty project, or too much that was refused by the measure of the options
        return Turn(at=_now(), **counts, documents=0, error=f"Nothing was exported: {error.message}")
    documents = exported.manifest["documents"]["out"]
    return Turn(at=_now(), **counts, documents=documents, problems=exported.refused)


def _heed(stop: Event) -> None:
    if stop.is_set():
        raise StoppedError


def _pause(every: float, failures: int) -> float:
    if not failures:
        return every
    return min(every, FIRST_WAIT * 2.0 ** min(failures - 1, 20)) * random.uniform(0.8, 1.2)  # noqa: S311 - a spread


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
