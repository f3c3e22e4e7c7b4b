"""Reviewed tasks, from the project or from files → training files."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import read_text
from labeling.settings import Workspace
from labeling.studio.annotations import STATES, Review, Rules, read_task
from labeling.studio.exports import ExportFiles
from labeling.studio.regions import Legend
from labeling.workflow.progress import Meter, Track, unmetered, unseen
from labeling.workflow.training_files import Exported, Options, write

if TYPE_CHECKING:
    from labeling.studio.client import Project, Studio


class Status(Value):
    """How many articles are in each state, and how many each annotator has submitted or skipped."""

    project_url: str
    states: dict[str, int]
    annotators: dict[str, dict[str, int]]
    problems: tuple[Problem, ...] = ()


def status(workspace: Workspace, *, track: Track = unseen) -> Status:
    """The state of each article in the project."""
    from labeling.workflow.connecting import connect, existing_project

    with connect(workspace) as studio:
        project = existing_project(studio, workspace)
        reviews = pull(studio, project, workspace.label_schema, track)
    annotators: dict[str, Counter[str]] = {}
    for review in reviews:
        for name in review.annotators[:1]:
            annotators.setdefault(name, Counter())[review.state] += 1
    states = Counter(review.state for review in reviews)
    return Status(
        project_url=project.url,
        states={state: states[state] for state in STATES if state != "unreadable" or states[state]},
        annotators={name: dict(counts) for name, counts in sorted(annotators.items())},
        problems=tuple(problem for review in reviews for problem in review.problems),
    )


def pull(studio: "Studio", project: "Project", schema: LabelSchema, track: Track = unseen) -> list[Review]:
    """The reviews of the project's tasks."""
    users, rules = studio.users(), Rules(legend=Legend(label_schema=schema))
    tasks = track(studio.tasks(project), "Pulling", project.tasks)
    return [read_task(task, rules, f"{project.url}?task={task.get('id')}", users) for task in tasks]


def export(
    workspace: Workspace,
    folder: Path,
    options: Options | None = None,
    *,
    track: Track = unseen,
    meter: Meter = unmetered,
) -> Exported:
    """Pull the project's reviewed labels and write the training files."""
    from labeling.workflow.connecting import connect, existing_project

    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "tasks.jsonl"
        with connect(workspace) as studio:
            project = existing_project(studio, workspace)
            users = studio.users()
            with file.open("wb") as out:
                for task in track(studio.tasks(project), "Pulling", project.tasks):
                    out.write(orjson.dumps(task, option=orjson.OPT_APPEND_NEWLINE))
        with ExportFiles([file]) as records:
            return write(
                records,
                folder,
                workspace,
                workspace.label_schema,
                options or Options(),
                source=project.url,
                url=f"{project.url}?task={{task}}",
                users=users,
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

    Raises:
        InputError: No file holds a task, or (`options.strict`) something in one cannot be read.
    """
    server = workspace.settings.studio.url
    with ExportFiles(files) as records:
        return write(
            records,
            folder,
            workspace,
            schema,
            options or Options(),
            source=", ".join(map(str, files)),
            url=f"{server}/projects/{{project}}/data?task={{task}}",
            meter=meter,
        )


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
