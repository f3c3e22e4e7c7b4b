"""Articles → a file of tasks with predictions, for Label Studio's Import button."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field

from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import atomic_file
from labeling.ingest import FieldNames
from labeling.settings import Workspace
from labeling.studio.tasks import to_task
from labeling.workflow.importing.annotate import Annotator, version_of
from labeling.workflow.importing.read import ArticleReader
from labeling.workflow.progress import ItemProgress, Track, no_track

PIECES = 10_000  # pieces of JSON, a few characters each, that are written at once


class Annotated(Value):
    """The report of an annotation: the number of articles, spans by label, and problems.

    `notes` name what the schema asks for and this model does not provide.
    """

    model_version: str
    articles: int
    spans: dict[str, int] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def annotate_files(
    workspace: Workspace,
    paths: Iterable[str],
    output: Path,
    *,
    keep_all: bool = False,
    names: FieldNames | None = None,
    jobs: int | None = None,
    track: Track = no_track,
) -> Annotated:
    """Write the articles' tasks with their predictions: a JSON list, or JSON lines for `.jsonl`.

    Tasks are written as they come, to a temporary file that replaces an older file at the end.

    Args:
        workspace: The workspace, whose model and schema are used.
        paths: Files and folders of articles, or `-`.
        output: A name that ends in .json or .jsonl.
        keep_all: Whether to leave boilerplate of web pages in the texts.
        names: The names of fields in records, where they are not the usual ones.
        jobs: Processes that annotate; one per core by default.
        track: Shows the progress.

    Raises:
        InputError: There is no article, and an older file stays as it is; or the file cannot be written.
    """
    if output.suffix not in {".json", ".jsonl"}:
        raise InputError(f"Cannot tell what to write to {output}.", "Name a file that ends in .json or .jsonl.")
    reader = ArticleReader(workspace, list(paths), keep_all=keep_all, names=names)
    annotator = Annotator(workspace, jobs)
    articles = reader.at_least_one()
    version = version_of(workspace)
    spans: Counter[str] = Counter()
    within = ItemProgress()

    def tasks() -> Iterator[dict[str, Any]]:
        for doc in track(annotator.documents(articles, within), "Annotating", None, within):
            spans.update(span.label for span in doc.spans)
            yield to_task(doc, version, workspace.label_schema)

    with atomic_file(output) as file:
        for text in _lines(tasks()) if output.suffix == ".jsonl" else _list(tasks()):
            file.write(text.encode())
    return Annotated(
        model_version=version,
        articles=reader.articles - len(annotator.lost),
        spans=dict(spans),
        problems=(*reader.problems, *annotator.problems),
        notes=annotator.notes,
    )


def _lines(tasks: Iterable[Any]) -> Iterator[str]:
    for task in tasks:
        yield json.dumps(task, ensure_ascii=False) + "\n"


def _list(tasks: Iterable[Any]) -> Iterator[str]:
    """The tasks as an indented JSON list, in pieces: the task of a long article takes a hundred megabytes."""
    encoder = json.JSONEncoder(ensure_ascii=False, indent=2)
    before = "[\n  "
    for task in tasks:
        yield before
        pieces = encoder.iterencode(task)
        while piece := "".join(islice(pieces, PIECES)):
            yield piece.replace("\n", "\n  ")  # strings have no line ends: JSON escapes them
        before = ",\n  "
    yield "\n]\n"
