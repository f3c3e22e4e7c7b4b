"""`labeling watch`."""

import re
import signal
from threading import Event
from typing import Annotated, Any

import typer

from labeling.cli import console
from labeling.cli.export import ExportOptions, OutputOption
from labeling.cli.options import HERE, ProjectOption, WorkspaceOption, with_options_of
from labeling.core.moment import local_time
from labeling.errors import InputError

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


@with_options_of(ExportOptions, without=("resplit", "overwrite"))
def command(
    given: ExportOptions,
    output: OutputOption = None,
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    every: Annotated[str, typer.Option(metavar="TIME", help="The pause between two pulls: `30s`, `5m`, `1h`.")] = "5m",
    json: Annotated[bool, typer.Option("--json", help="Print each turn as a line of JSON.")] = False,
) -> None:
    """Pull again and again, and export whenever something changed, until it is stopped (Ctrl-C, SIGTERM).

    It waits for a server that is down. The exit code after a stop is 0.

    Example: `labeling watch --every 5m -o exports`
    """
    from labeling.workflow.watching import watch

    opened = given.open(workspace, project)
    options = given.parse(opened.settings.split)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch(
        opened,
        output or opened.exports,
        options,
        every=seconds(every),
        drafts=given.drafts,
        stop=stop,
        tell=_Printer(as_json=json),
    )
    if not json:
        console.say("Stopped.")


def seconds(text: str) -> float:
    """The seconds of `30s`, `5m`, `1h` or `90`.

    Raises:
        InputError: It is not a duration, or is zero.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not found or not float(found[1]):
        raise InputError(f"--every {text!r} is not a duration.", "Write it like 30s, 5m or 1h.")
    return float(found[1]) * UNITS[found[2]]


class _Printer:
    """Prints a line for each turn; that the server is down, only once."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.error = ""

    def __call__(self, turn: Any) -> None:
        if self.as_json:
            console.put_json(turn.model_dump(mode="json"), indent=None)
            return
        if turn.failures:
            if turn.error != self.error:
                console.say(f"{local_time(turn.at)}  {turn.error} Trying again.")
            self.error = turn.error
            return
        self.error = ""
        changes = [f"{getattr(turn, name)} {name}" for name in ("new", "changed", "gone") if getattr(turn, name)]
        parts = [", ".join(changes) or "no change", f"{turn.reviewed} of {turn.tasks} reviewed"]
        if turn.documents is not None and not turn.error:
            parts.append(f"{turn.documents} documents exported, {turn.problems} problems")
        if turn.to_check:
            parts.append(f"{turn.to_check} tasks to check")
        console.put(f"{local_time(turn.at)}  {'; '.join([*parts, *filter(None, [turn.error]), *turn.notes])}")
