"""`labeling watch`: pull, export if anything changed, and report, again and again until stopped."""

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
from labeling.workflow.progress import Advance, ItemProgress

T = TypeVar("T")
FIRST_WAIT = 5.0  # seconds after the first failure; twice as long after each further one, up to the usual pause


class Turn(Value):
    """One turn of a watch.

    Attributes:
        at: When it ended; ISO 8601, UTC.
        tasks: Tasks in the project.
        reviewed: Those of them with a submitted annotation.
        new: Tasks added since the last turn.
        changed: Tasks changed since then.
        gone: Tasks removed since then.
        documents: Documents exported; None if nothing was exported because nothing changed.
        problems: Things refused in the export.
        to_check: Tasks in the tab "To check", as something in them is refused; None if nothing was checked.
        notes: Further notes, a sentence each.
        error: Why it failed, for instance because the server was down; "" if it did not.
        failures: How many turns in a row have failed.
        next_in: Seconds until the next one; 0 if there is none.
    """

    at: str
    tasks: int = 0
    reviewed: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    documents: int | None = None
    problems: int = 0
    to_check: int | None = None
    notes: tuple[str, ...] = ()
    error: str = ""
    failures: int = 0
    next_in: float = 0.0


class StoppedError(Exception):
    """The current turn was stopped."""


def watch(
    workspace: Workspace,
    folder: Path | str,
    options: Options,
    *,
    every: float,
    drafts: bool = False,
    stop: Event,
    tell: Callable[[Turn], None],
    turns: int | None = None,
) -> None:
    """Pull and export until `stop` is set, and report each turn as it ends.

    A turn is stopped at its next page or chunk: a pull keeps what it has, an export leaves the old files in place.

    Args:
        workspace: The workspace.
        folder: Where the training files go.
        options: How they are made.
        every: Seconds from the end of one turn to the beginning of the next.
        drafts: Whether to pull drafts, too.
        stop: Stops the watch.
        tell: Is called with each turn.
        turns: The number of turns; None is endless.

    Raises:
        AccessError: The token is refused, which waiting does not change.
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
            is_due = True  # the next pull does not report again what this one pulled before it failed
            turn = Turn(at=_now(), error=f"{error.message} {error.hint}".strip(), failures=failures)
        done += 1
        is_last = turns is not None and done >= turns
        wait = 0.0 if is_last else _pause(every, failures)
        tell(turn.model_copy(update={"next_in": round(wait, 1)}))
        if is_last:
            return
        stop.wait(wait)


def _turn(
    workspace: Workspace, folder: Path | str, options: Options, *, drafts: bool, stop: Event, is_due: bool
) -> Turn:
    from labeling.workflow.checking import check, with_tab
    from labeling.workflow.export.commands import export_project
    from labeling.workflow.pulling import pull

    def track(
        items: Iterable[T], what: str, total: int | None = None, within: ItemProgress | None = None
    ) -> Iterator[T]:
        for item in items:
            _check_stop(stop)
            yield item

    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        def advance(size: int = 0, items: int = 0) -> None:
            _check_stop(stop)

        yield advance

    _check_stop(stop)
    pulled = pull(workspace, drafts=drafts, track=track, attempts=3)
    counts = {name: getattr(pulled, name) for name in ("tasks", "reviewed", "new", "changed", "gone", "notes")}
    if not (pulled.is_news or is_due):
        return Turn(at=_now(), **counts)
    try:
        exported = export_project(workspace, folder, options, offline=True, meter=meter)
    except LabelingError as error:
        _check_stop(stop)  # a signal to the whole process group ends our workers, too
        # the project is empty, or more was refused than the options allow
        return Turn(at=_now(), **counts, documents=0, error=f"Nothing was exported: {error.message}")
    documents = exported.manifest["documents"]["out"]
    checked = with_tab(workspace, check(workspace, offline=True, track=track))
    if checked.tab_error:
        counts["notes"] = (*counts["notes"], f"the tab To check was not filled: {checked.tab_error}")
    return Turn(at=_now(), **counts, documents=documents, problems=exported.refused, to_check=len(checked.to_check))


def _check_stop(stop: Event) -> None:
    if stop.is_set():
        raise StoppedError


def _pause(every: float, failures: int) -> float:
    if not failures:
        return every
    return min(every, FIRST_WAIT * 2.0 ** min(failures - 1, 20)) * random.uniform(0.8, 1.2)  # noqa: S311 - a spread


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
