"""Output for people: progress and messages on stderr, tables and data on stdout."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from labeling.core.moment import local_time
from labeling.core.wording import first_lines
from labeling.errors import InputError
from labeling.terminal import for_rich, guarded, one_line, put, put_json, put_json_with, put_source, rewrite, say, sees

if TYPE_CHECKING:  # pydantic takes longer than the whole help
    from pydantic import BaseModel

    from labeling.core.problem import Problem
    from labeling.workflow.importing.report import Imported
    from labeling.workflow.task_files import Annotated

__all__ = ("put", "put_json", "put_source", "say", "sees")  # so that commands find all printing functions here

T = TypeVar("T")
KINDS = ("spans", "relations")
WAITING = "  waiting for Label Studio … {:.0f} s "
NONE = "–"  # shown for a missing number
SHOWN = 10  # problems of each action in the terminal; the files have them all
OUTCOMES = ("in", "exact", "trimmed", "repaired", "snapped", "changed", "shadowed", "dropped", "refused")
ALWAYS = {"in", "exact", "refused"}  # outcomes that are shown also where there are none


def track(items: Iterable[T], what: str, total: int | None = None, within: Any = None) -> Iterator[T]:
    """The items, with a progress bar on a terminal; with `within`, the bar also moves during a long item."""
    from rich.progress import MofNCompleteColumn, TextColumn, TimeElapsedColumn

    columns = (MofNCompleteColumn(), TimeElapsedColumn())
    if within is None:
        with _progress("{task.description}", *columns) as progress:
            yield from progress.track(items, total=total, description=one_line(what))
        return
    with _progress("{task.description}", TextColumn("{task.fields[characters]:,} characters"), *columns) as progress:
        bar = progress.add_task(one_line(what), total=total, characters=0)
        done = characters = 0

        def advance(size: int, share: float) -> None:
            nonlocal characters
            characters += size
            progress.update(bar, completed=done + share * (share < 1), characters=characters)

        within.listener = advance
        for item in items:
            yield item
            done += 1
            progress.update(bar, completed=done)


@contextmanager
def meter(what: str, total: int) -> Iterator[Callable[..., None]]:
    """A progress bar over `total` bytes, with the number of tasks read and the rate per second."""
    from rich.progress import TaskProgressColumn, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[items]:,} tasks, {task.fields[rate]:,.0f}/s")
    started = monotonic()
    done = 0
    with _progress("{task.description:20}", TaskProgressColumn(), rate, TimeRemainingColumn()) as progress:
        bar = progress.add_task(one_line(what), total=total, items=0, rate=0.0)

        def advance(size: int = 0, items: int = 0) -> None:
            nonlocal done
            done += items
            progress.update(bar, advance=size, items=done, rate=done / max(0.001, monotonic() - started))

        yield advance


@contextmanager
def trainings(what: str, total: int) -> Iterator[Callable[[int, float | None], None]]:
    """A progress bar over models trained one after the other, with an estimate of the time left."""
    from rich.progress import MofNCompleteColumn, TextColumn

    left = TextColumn("{task.fields[left]}", markup=False)
    with _progress("{task.description}", MofNCompleteColumn(), left) as progress:
        bar = progress.add_task(one_line(what), total=total, left="")

        def tell(done: int, seconds: float | None) -> None:
            progress.update(bar, completed=done, left="" if seconds is None else f"~{rough_duration(seconds)} left")

        yield tell


def rough_duration(seconds: float) -> str:
    """An estimated duration in words: `40 s`, `7 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{max(5, round(seconds / 5) * 5)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60 // 10 * 10} min"


@contextmanager
def working(what: str) -> Iterator[Callable[[float, str], None]]:
    """A progress bar over one piece of work; call it with the share newly done, and the next step."""
    from rich.progress import TaskProgressColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn(elapsed_when_finished=True))
    with _progress("{task.description:12}", *columns) as progress:
        bar = progress.add_task(one_line(what), total=1.0)
        yield lambda share, step: progress.update(bar, advance=share, description=one_line(step))


@contextmanager
def _progress(description: str, *columns: Any) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    console = Console(file=for_rich(sys.stderr))
    with Progress(
        SpinnerColumn(),
        TextColumn(description, markup=False),
        BarColumn(),
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        disable=not sees(sys.stderr),
    ) as progress:
        # Rich replaces stderr with its own stream meanwhile, so that messages appear above the bar.
        if sees(sys.stderr):
            sys.stderr = guarded(sys.stderr)
        yield progress


def waiting(seconds: float) -> None:
    """Show on a terminal how long the server has been starting."""
    rewrite(WAITING.format(seconds))


@contextmanager
def wait() -> Iterator[Callable[[float], None]]:
    """Like `waiting`, which it gives; at the end its line is blank again, for what is printed next."""
    try:
        yield waiting
    finally:
        rewrite(" " * len(WAITING.format(0)) + "  ")  # as many digits as anybody waits
        rewrite("")


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table on stdout, with numbers right-aligned."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if title:
        put(title, "bold")
    grid = Table(show_edge=False, pad_edge=False)
    rows = [list(row) for row in rows]
    for i, name in enumerate(header):
        numbers = all(isinstance(row[i], int | float) or row[i] == NONE for row in rows)
        grid.add_column(
            Text(one_line(name), overflow="fold"), justify="right" if numbers and rows else "left", overflow="fold"
        )
    for row in rows:  # as Text, in which Rich interprets neither markup nor emoji names
        grid.add_row(*(Text(f"{cell:.3f}" if isinstance(cell, float) else one_line(cell)) for cell in row))
    Console(file=for_rich(sys.stdout)).print(grid)


def as_pulled(workspace: Any) -> None:
    """Say from when the data of an offline command are."""
    from labeling.workflow.pulled import stored

    with stored(workspace) as store:
        say(f"As pulled on {local_time(store.state.pulled_at)}: {len(store):,} tasks.")


def counts(title: str, numbers: Mapping[str, int]) -> None:
    """Print a table with one row of counts."""
    table(title, list(numbers), [list(numbers.values())] if numbers else [])


def page_update(update: Any, *, planned: bool = False, tell: Callable[[str], None] = say, most: int = SHOWN) -> None:
    """Say what the schema changes on the project's page, and why it does not; `tell` prints the changes."""
    if not update.changes:
        return
    if update.outcome == "edited":
        say(f"Somebody has edited the project's page by hand: its {' and '.join(update.edited)}.")
    elif update.outcome == "unknown":
        say("The project's page was made by hand or by an earlier version: whether it was edited, nobody can tell.")
    if update.is_left:
        say("It stays as it is; only labels and relations that it lacks are added. With --force it shows the schema:")
    else:
        say(f"The project's page {'would show' if planned else 'shows'} the schema as it is now:")
    for change in update.changes[:most]:
        tell(f"  {change}")
    if len(update.changes) > most:
        say(f"  … and {len(update.changes) - most} more; `labeling schema push --dry-run` shows them.")


def agrees(question: str) -> bool:
    """Whether the person at the terminal says yes.

    Raises:
        InputError: Nobody is at the terminal.
    """
    if not sees(sys.stdin):
        raise InputError(f"{question} There is nobody to ask.", "--yes says yes.")
    return typer.confirm(question, err=True)


def problems(
    found: "Iterable[Problem]", counted: Mapping[tuple[str, str], int] | None = None, where_all: str = ""
) -> None:
    """Print how many problems there are of each reason, and the first refused and skipped ones, on stderr.

    Args:
        found: The problems; perhaps only the first ones if `counted` is given.
        counted: Action and reason → number.
        where_all: A line about where all of them are listed.
    """
    groups = Counter(counted) if counted is not None else Counter((p.action, p.reason) for p in found)
    if not groups:
        return
    say()
    say("Problems:")
    for (action, reason), number in sorted(groups.most_common(), key=lambda group: group[0][0]):
        say(f"  {number:8,}  {action:8}  {reason}")
    for action in ("refused", "skipped"):
        told = (f"{action}: {p.where or p.doc_id}: {p.detail}" for p in found if p.action == action)
        total = sum(n for group, n in groups.items() if group[0] == action)
        for line in first_lines(islice(told, min(SHOWN, total)), SHOWN, total):
            say(f"  {line}")
    if where_all:
        say(f"  {where_all}")


def json(report: "BaseModel") -> None:
    """Print the report as JSON on stdout."""
    put_json(report.model_dump(mode="json"))


def json_with_problems(report: "Annotated | Imported") -> None:
    """Print the report as JSON on stdout; its problems may be more than fit in memory."""
    bare = report.model_copy(update={"problems": type(report.problems)()})
    put_json_with(bare.model_dump(mode="json"), "problems", (each.model_dump(mode="json") for each in report.problems))


def exit_if_refused(found: "Iterable[Problem]") -> None:
    """Exit with code 1 if anything was refused."""
    if any(problem.action == "refused" for problem in found):
        raise typer.Exit(1)


def _adjudicated(manifest: Any) -> None:
    """Print what became of the spans and relations that several people marked."""
    done = manifest["adjudication"]
    names = [name for name in done["spans"] if name != "into"]
    rows = [(kind, *(f"{done[kind][name]:,}" for name in ("into", *names))) for kind in KINDS]
    table(f"adjudication of {done['documents']:,} documents", ["", "in", *names], rows)
    if alone := manifest["annotations"]["alone"]:
        say(f"Left out: {alone:,} annotations of texts that only one person annotated.")
    if done["spans"]["open"] or done["relations"]["open"]:
        say("Stretches of open conflicts are unknown in training; `labeling adjudicate` asks about them.")


def exported(done: Any, *, as_json: bool) -> None:
    """Print the report of an export; exit with code 1 if more was refused than the options tolerate."""
    manifest = done.manifest
    if as_json:
        json(done)
    else:
        documents, annotations = manifest["documents"], manifest["annotations"]
        counts(
            f"{done.folder}: {documents['out']} documents", {part: n for part, n in documents.items() if part != "out"}
        )
        counts("annotations", {name: n for name, n in annotations.items() if n or name in {"in", "used"}})
        if unsubmitted := {name: n for name, n in manifest["unsubmitted"].items() if n}:
            say(f"Not submitted, so not counted: {', '.join(f'{n:,} {name}' for name, n in unsubmitted.items())}.")
        if planned := annotations["overlap"]:
            say(f"Planned by the overlap: {planned:,} further annotations by other people; --choose all takes them.")
        names = [name for name in OUTCOMES if name in ALWAYS or any(manifest[kind].get(name) for kind in KINDS)]
        table("", ["", *names], [(kind, *(str(manifest[kind].get(name, NONE)) for name in names)) for kind in KINDS])
        if "adjudication" in manifest:
            _adjudicated(manifest)
        language = manifest["language"]
        say(f"Tokenized as {language['code']}: {language['why']}.")
        training = manifest["training"]
        vectors = f" It uses the word vectors of {training['vectors']}." if training["vectors"] else ""
        say(f"config.cfg trains {training['train']}: {training['why']}.{vectors}")
        for warning in manifest["warnings"]:
            say(f"Note: {warning}")
        counted = {(action, reason): n for action, reasons in done.listed.items() for reason, n in reasons.items()}
        problems(done.problems, counted, f"Full list: {done.folder}/problems.jsonl")
        if not documents["out"] and annotations["in"]:
            say(f"None of {annotations['in']:,} submitted annotations was used: see the reasons above, and --choose.")
        elif not documents["out"]:
            say("Nothing has been reviewed yet: submit some articles in Label Studio.")
    if done.refused and not done.is_tolerated:
        raise typer.Exit(1)
