"""Reviewed tasks, from the project or from files → training files."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from labeling.core.labels import LabeledDoc
from labeling.core.moment import told
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.errors import AccessError, InputError, StudioError
from labeling.files import read_text
from labeling.inputs.broken import shown
from labeling.settings import Workspace
from labeling.studio.annotations import STATES, Rules, read_task
from labeling.studio.exports import parse
from labeling.studio.regions import Legend
from labeling.workflow.progress import Meter, Track, unmetered, unseen
from labeling.workflow.pulled import stored
from labeling.workflow.sources import PulledTasks, opened
from labeling.workflow.training_files import Exported, Options, write


class Status(Value):
    """How many articles are in each state, and how many each annotator has submitted or skipped.

    `pulled_at` is when that was pulled from the server: ISO 8601, UTC.
    """

    project_url: str
    states: dict[str, int]
    annotators: dict[str, dict[str, int]]
    problems: tuple[Problem, ...] = ()
    pulled_at: str = ""


def status(workspace: Workspace, *, offline: bool = False, track: Track = unseen) -> Status:
    """The state of each article in the project; offline, as it was pulled last.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet.
    """
    if not offline:
        _refresh(workspace, track)
    states: Counter[str] = Counter()
    annotators: dict[str, Counter[str]] = {}
    problems: list[Problem] = []
    with stored(workspace) as store:
        state, rules = store.state, Rules(legend=Legend(label_schema=workspace.label_schema))
        for line in track(store.lines(), "Reading", len(store)):
            review = read_task(parse(line), rules, "", state.users, url=f"{state.url}?task={{task}}")
            states[review.state] += 1
            problems += review.problems
            for name in review.annotators[:1]:
                annotators.setdefault(name, Counter())[review.state] += 1
    return Status(
        project_url=state.url,
        states={state: states[state] for state in STATES if state != "unreadable" or states[state]},
        annotators={name: dict(counts) for name, counts in sorted(annotators.items())},
        problems=tuple(problems),
        pulled_at=state.pulled_at,
    )


def _refresh(workspace: Workspace, track: Track) -> None:
    """Pull what changed.

    Raises:
        StudioError: It cannot be; the hint names --offline where that would work.
    """
    from labeling.workflow.pulling import pull as pull_into_store

    try:
        pull_into_store(workspace, drafts=True, track=track)
    except AccessError:
        raise
    except StudioError as error:
        with contextlib.suppress(InputError), stored(workspace) as store:
            hint = f"Or take --offline, for what was pulled on {told(store.state.pulled_at)}."
            error.hint = f"{error.hint} {hint}".strip()
        raise


def export(
    workspace: Workspace,
    folder: Path,
    options: Options | None = None,
    *,
    offline: bool = False,
    track: Track = unseen,
    meter: Meter = unmetered,
) -> Exported:
    """Pull what changed, and write the training files of the reviewed labels; offline, of what was pulled before.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet; or as for `training_files.write`.
    """
    options = options or Options()
    if not offline:
        _refresh(workspace, track)
    with stored(workspace) as store:
        state = store.state
        return write(
            PulledTasks(store),
            folder,
            workspace,
            None if options.any_label else workspace.label_schema,
            options,
            source=f"{state.url} as pulled {state.pulled_at}" if offline else state.url,
            url=f"{state.url}?task={{task}}",
            users=state.users,
            meter=meter,
        )


def convert(
    workspace: Workspace,
    files: Sequence[Path | str],
    folder: Path,
    options: Options | None = None,
    *,
    schema: LabelSchema | None,
    meter: Meter = unmetered,
) -> Exported:
    """Write the training files of exports from the Label Studio UI. Without a schema, labels are legal as they are.

    A folder of what `labeling pull` pulled is one too; its tasks are taken as they were last.

    Raises:
        InputError: No file holds a task, or (`options.strict`) something in one cannot be read.
    """
    with opened(files) as records:
        return write(
            records,
            folder,
            workspace,
            schema,
            options or Options(),
            source=", ".join(map(shown, files)),  # a name may not be UTF-8
            url=records.url if isinstance(records, PulledTasks) else _address(workspace),
            meter=meter,
        )


def _address(workspace: Workspace) -> str:
    """The address of a task on the server that the workspace names; "" where it names none."""
    studio = workspace.settings.studio
    scheme, _, rest = (studio.url or studio.public_url).rstrip("/").partition("://")
    # who has a password in the address has it for himself
    return f"{scheme}://{rest.rpartition('@')[2]}/projects/{{project}}/data?task={{task}}" if rest else ""


def read_documents(file: Path) -> list[LabeledDoc]:
    """The documents of a `docs.jsonl`, or of gold labels in the same form.

    Raises:
        InputError: A line is no document; the message names it.
    """
    docs = []
    for number, line in enumerate(read_text(file, "The documents").split("\n"), start=1):
        if line.strip():
            try:
                docs.append(LabeledDoc.model_validate_json(line))
            except ValueError as error:
                raise InputError(f"{file}:{number} is no labelled document: {error}") from error
    return docs
