"""Articles → files of tasks with predictions, for Label Studio's Import button."""

import gzip
import json
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain, count, islice
from pathlib import Path
from typing import IO, Any

from pydantic import Field

from labeling import __version__
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.core.wording import listed
from labeling.errors import InputError
from labeling.folders import Folder, folder_at, hashed, written
from labeling.ingest import FieldNames, files
from labeling.inputs.broken import shown
from labeling.inputs.files import BLOCK
from labeling.inputs.records import lines as split
from labeling.settings import Workspace
from labeling.studio.tasks import to_task
from labeling.workflow import shards
from labeling.workflow.importing.annotate import Annotator, version_of
from labeling.workflow.importing.read import ArticleReader
from labeling.workflow.problems import Problems
from labeling.workflow.progress import ItemProgress, Track, no_track
from labeling.workflow.trail import Trail

PACKED = (".jsonl.gz", ".jsonl.zst")
ENDINGS = (".json", ".jsonl", *PACKED)
PIECES = 10_000  # pieces of JSON, a few characters each, that are written at once


class Annotated(Value):
    """The report of an annotation: the number of articles, spans by label, and problems.

    `before` is the number of articles that an earlier run had annotated already. `notes` name what the schema asks for
    and this model does not provide.
    """

    model_version: str
    articles: int
    before: int = 0
    spans: dict[str, int] = Field(default_factory=dict)
    problems: Problems = Field(default_factory=Problems)
    notes: tuple[str, ...] = ()


def annotate_files(
    workspace: Workspace,
    paths: Iterable[str],
    output: str | Path,
    *,
    keep_all: bool = False,
    names: FieldNames | None = None,
    jobs: int | None = None,
    track: Track = no_track,
    shard: int = shards.ARTICLES,
) -> Annotated:
    """Write the articles' tasks with their predictions: a JSON list, JSON lines, or a folder of shards.

    Tasks are written as they come, to a temporary file that replaces an older file at the end. A folder's run that was
    interrupted goes on after its last whole shard.

    Args:
        workspace: The workspace, whose model and schema are used.
        paths: Files and folders of articles, or `-`.
        output: A path or an address that ends in .json, .jsonl, .jsonl.gz or .jsonl.zst; or a folder, which is there or
            ends in `/`.
        keep_all: Whether to leave boilerplate of web pages in the texts.
        names: The names of fields in records, where they are not the usual ones.
        jobs: Processes that annotate; one per core by default.
        track: Shows the progress.
        shard: Articles of a shard.

    Raises:
        InputError: There is no article, and an older file stays as it is; the file cannot be written; or the folder
            holds something else.
    """
    output = str(output)
    folder = folder_at(output)
    if not folder and not output.endswith(ENDINGS):
        raise InputError(
            f"Cannot tell what to write to {shown(output)}.",
            f"Name a file that ends in {listed(ENDINGS, len(ENDINGS))}, or a folder with a / at its end.",
        )
    annotator = Annotator(workspace, jobs)
    read = partial(ArticleReader, workspace, list(paths), keep_all=keep_all, names=names)
    if folder:
        parameters = {"keep_all": keep_all, "fields": (names or FieldNames()).given, "articles": shard}
        return _annotate_to_folder(workspace, folder, parameters, list(paths), read, annotator, track)
    reader = read()
    articles = reader.at_least_one()
    version = version_of(workspace)
    spans: Counter[str] = Counter()
    within = ItemProgress()

    def tasks() -> Iterator[dict[str, Any]]:
        for doc in track(annotator.documents(articles, within), "Annotating", None, within):
            spans.update(span.label for span in doc.spans)
            yield to_task(doc, version, workspace.label_schema)

    with written(output) as stream:
        if output.endswith(PACKED):
            _write_packed(stream, _lines(tasks()), output)
        else:
            for text in _lines(tasks()) if output.endswith(".jsonl") else _list(tasks()):
                stream.write(text.encode())
    return Annotated(
        model_version=version,
        articles=reader.articles - len(annotator.lost),
        spans=dict(spans),
        problems=Problems(chain(reader.problems, annotator.problems)),
        notes=annotator.notes,
    )


def _annotate_to_folder(
    workspace: Workspace,
    folder: Folder,
    parameters: dict[str, Any],
    paths: list[str],
    read: Callable[..., ArticleReader],
    annotator: Annotator,
    track: Track,
) -> Annotated:
    version = version_of(workspace)
    parameters = {"model_version": version, **parameters}
    manifest = shards.begun(folder, parameters)
    before = manifest.articles
    trail = Trail(folder, annotator.noted, __version__, workspace.settings.articles.max_characters)
    is_same = trail.is_same(files(paths), manifest.read_so_far, whole=manifest.is_complete)
    if is_same and manifest.is_complete:
        trail.forget()
        return _complete(folder, manifest)
    if is_same:
        trail.go_on(manifest.read_so_far)
    reader = read(trail=trail)
    articles = trail.passing(reader.at_least_one())
    with folder.alone():
        if shards.begun(folder, parameters) != manifest:
            raise InputError(f"{folder} was changed meanwhile: another run writes to this folder.")
        left = partial(trail.after, manifest=manifest)
        if manifest.is_complete:
            if next(left(articles), None):
                raise InputError(f"{folder} is complete, and there are more articles now.", shards.ELSEWHERE)
            return _complete(folder, manifest)
        if not is_same:
            manifest = manifest.model_copy(update={"read_so_far": shards.ReadSoFar()})
        shards.store(folder, manifest)
        for doc_id in manifest.lost:
            annotator.lose(doc_id)
        within = ItemProgress()
        docs = iter(track(annotator.documents(articles, within, left=left), "Annotating", None, within))
        while shard := _write_shard(workspace, folder, manifest, docs):
            update = {"shards": (*manifest.shards, shard), "lost": tuple(sorted(annotator.lost))}
            manifest = trail.kept(manifest.model_copy(update=update))
            shards.store(folder, manifest)
        problems = reader.problems
        problems.extend(annotator.problems)
        with folder.written(shards.PROBLEMS) as stream:
            stream.writelines(line + b"\n" for line in problems.spooled.lines())
        parts = manifest.read_so_far.parts
        manifest = trail.kept(manifest.model_copy(update={"is_complete": True, "lost": tuple(sorted(annotator.lost))}))
        shards.store(folder, manifest)
        trail.forget(parts)
    return Annotated(
        model_version=version,
        articles=manifest.articles,
        before=before,
        spans=dict(manifest.spans),
        problems=problems,
        notes=annotator.notes,
    )


def _complete(folder: Folder, manifest: shards.Manifest) -> Annotated:
    """The report of a run that had come to its end before."""
    problems = Problems()
    if folder.size(shards.PROBLEMS) is not None:
        with folder.opened(shards.PROBLEMS) as stream:
            lines = split(iter(partial(stream.read, BLOCK), b""), sys.maxsize)
            problems.extend(Problem.model_validate_json(line) for line in lines if line)
    return Annotated(
        model_version=manifest.parameters["model_version"],
        articles=manifest.articles,
        before=manifest.articles,
        spans=dict(manifest.spans),
        problems=problems,
    )


def _write_shard(
    workspace: Workspace, folder: Folder, manifest: shards.Manifest, docs: Iterator[LabeledDoc]
) -> shards.Shard | None:
    """The next shard, written whole; None if there are no more documents."""
    first = next(docs, None)
    if first is None:
        return None
    name = f"tasks-{len(manifest.shards):05}.jsonl.gz"
    spans: Counter[str] = Counter()
    ids: deque[str] = deque(maxlen=1)
    number = count()

    def tasks() -> Iterator[dict[str, Any]]:
        for doc in chain([first], islice(docs, manifest.parameters["articles"] - 1)):
            spans.update(span.label for span in doc.spans)
            ids.append(doc.doc_id)
            next(number)
            yield to_task(doc, manifest.parameters["model_version"], workspace.label_schema)

    with folder.written(name) as stream, hashed(stream) as (through, result):
        _write_packed(through, _lines(tasks()), name)
    sha256, size = result()
    return shards.Shard(
        file=name,
        sha256=sha256,
        bytes=size,
        articles=next(number),
        spans=dict(sorted(spans.items())),
        first=first.doc_id,
        last=ids[0],
    )


def _write_packed(stream: IO[bytes], texts: Iterable[str], name: str) -> None:
    """Write the texts as gzip or Zstandard, by the name's ending; with the same bytes at any time."""
    with _packing(stream, name) as packed:
        for text in texts:
            packed.write(text.encode())


def _packing(stream: IO[bytes], name: str) -> AbstractContextManager[Any]:
    if name.endswith(".gz"):
        return gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0)
    import zstandard

    return zstandard.ZstdCompressor().stream_writer(stream, closefd=False)


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
