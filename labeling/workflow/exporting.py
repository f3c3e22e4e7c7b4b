"""Reviewed tasks, from the project or from files → training files in which everything is accounted for."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import Field

from labeling import __version__
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem, tally
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import json_lines, json_text, read_text, write_atomic
from labeling.settings import Workspace
from labeling.studio.annotations import STATES, Review, read_task
from labeling.studio.client import Project, Studio
from labeling.studio.exports import read_export
from labeling.workflow.connecting import connect, existing_project
from labeling.workflow.progress import Track, unseen

SPAN_OUTCOMES = ("exact", "trimmed", "shadowed", "misaligned", "refused")
RELATION_OUTCOMES = ("exact", "changed", "refused")


class Status(Value):
    """How many articles are in each state, and how many each annotator has submitted or skipped."""

    project_url: str
    states: dict[str, int]
    annotators: dict[str, dict[str, int]]
    problems: tuple[Problem, ...] = ()


class Exported(Value):
    """What was written: the manifest, where, and every problem."""

    folder: Path
    manifest: dict[str, Any]
    problems: tuple[Problem, ...] = Field(default=(), repr=False)


def status(workspace: Workspace, *, track: Track = unseen) -> Status:
    """The state of each article in the project."""
    with connect(workspace) as studio:
        project = existing_project(studio, workspace)
        reviews = pull(studio, project, workspace.label_schema, track)
    annotators: dict[str, Counter[str]] = {}
    for review in reviews:
        for name in review.annotators[:1]:
            annotators.setdefault(name, Counter())[review.state] += 1
    return Status(
        project_url=project.url,
        states=_states(reviews),
        annotators={name: dict(counts) for name, counts in sorted(annotators.items())},
        problems=tuple(problem for review in reviews for problem in review.problems),
    )


def export(workspace: Workspace, folder: Path, *, track: Track = unseen) -> Exported:
    """Pull the project's reviewed labels and write the training files."""
    with connect(workspace) as studio:
        project = existing_project(studio, workspace)
        reviews = pull(studio, project, workspace.label_schema, track)
    return write_training_files(reviews, folder, workspace, workspace.label_schema, project.url)


def convert(
    workspace: Workspace, files: Sequence[Path], folder: Path, *, schema: LabelSchema | None, track: Track = unseen
) -> Exported:
    """Write the training files of exports from the Label Studio UI. Without a schema, labels are legal as they are.

    Raises:
        InputError: A file is no JSON export.
    """
    tasks = [
        (task, f"{file}#{number}")
        for file in files
        for number, task in enumerate(read_export(read_text(file, "The export"), str(file)), start=1)
    ]
    reviews = [read_task(task, schema, where) for task, where in track(tasks, "Converting", len(tasks))]
    return write_training_files(reviews, folder, workspace, schema, ", ".join(map(str, files)))


def pull(studio: Studio, project: Project, schema: LabelSchema, track: Track = unseen) -> list[Review]:
    """The reviews of the project's tasks."""
    users = studio.users()
    tasks = track(studio.tasks(project), "Pulling", project.tasks)
    return [read_task(task, schema, f"{project.url}?task={task.get('id')}", users) for task in tasks]


def write_training_files(
    reviews: Iterable[Review], folder: Path, workspace: Workspace, schema: LabelSchema | None, source: str
) -> Exported:
    """The files that exports/README.md describes, the manifest last, so that who sees it sees them all."""
    from labeling.nlp.corpus import build, training_config

    reviews = _each_document_once(reviews)
    docs = [review.doc for review in reviews if review.doc]
    language = schema.language if schema else "en"
    corpus = build(docs, workspace.settings.split, language)
    problems = [problem for review in reviews for problem in review.problems] + corpus.problems
    files: dict[str, str | bytes] = {f"{part}.spacy": corpus.parts[part] for part in PARTS}
    files["docs.jsonl"] = json_lines(doc.model_dump(mode="json") for doc in docs)
    files["problems.jsonl"] = json_lines(problem.model_dump(mode="json") for problem in problems)
    files["config.cfg"] = training_config(language, corpus.tokens)
    manifest = {
        "versions": {"labeling": __version__, "spacy": version("spacy")},
        "source": source,
        "schema": _schema_stamp(schema),
        "split": workspace.settings.split.model_dump() | {"by": "hash of the text"},
        "tasks": {"in": len(reviews)} | _states(reviews),
        "documents": {"out": len(docs)} | {part: corpus.documents[part] for part in PARTS},
        "spans": _span_sums(reviews, corpus.placed),
        "relations": _relation_sums(reviews),
        "labels": {
            label: {part: corpus.labels[label, part] for part in PARTS}
            for label in sorted({label for label, _ in corpus.labels})
        },
        "problems": tally(problems),
        "sha256": {name: _sha256(content) for name, content in files.items()},
    }
    for name, content in files.items():
        write_atomic(folder / name, content)
    write_atomic(folder / "manifest.json", json_text(manifest))
    return Exported(folder=folder, manifest=manifest, problems=tuple(problems))


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


def _states(reviews: Iterable[Review]) -> dict[str, int]:
    counts = Counter(review.state for review in reviews)
    return {state: counts[state] for state in STATES}


def _each_document_once(reviews: Iterable[Review]) -> list[Review]:
    """The reviews; the second and later ones of the same article give up their document, and say so."""
    seen: dict[str, str] = {}
    kept = []
    for review in reviews:
        if review.doc and review.doc_id in seen:
            detail = f"the same article as {seen[review.doc_id]}, which was read first; this one is left out"
            problem = Problem(
                reason="duplicate-document", action="refused", detail=detail, doc_id=review.doc_id, where=review.where
            )
            spans, relations = sum(review.spans.values()), sum(review.relations.values())
            changes: dict[str, Any] = {"doc": None, "problems": (*review.problems, problem)}
            changes |= {"spans": {"refused": spans}, "relations": {"refused": relations}}
            kept.append(review.model_copy(update=changes))
            continue
        if review.doc:
            seen[review.doc_id] = review.where
        kept.append(review)
    return kept


def _span_sums(reviews: Iterable[Review], placed: dict[str, Any]) -> dict[str, int]:
    """Each span once, under the strongest thing that happened to it; the outcomes add up to `in`."""
    sums: Counter[str] = Counter()
    for review in reviews:
        sums["in"] += sum(review.spans.values())
        sums["refused"] += review.spans.get("refused", 0)
        if review.doc:
            trimmed = {(p.start, p.end, p.label) for p in review.problems if p.reason == "trimmed"}
            outcomes = placed[review.doc.doc_id].outcomes
            for span in review.doc.spans:
                outcome = outcomes[span.id]
                was_trimmed = outcome == "exact" and (span.start, span.end, span.label) in trimmed
                sums["trimmed" if was_trimmed else outcome] += 1
    return {outcome: sums[outcome] for outcome in ("in", *SPAN_OUTCOMES)}


def _relation_sums(reviews: Iterable[Review]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for review in reviews:
        sums["in"] += sum(review.relations.values())
        sums.update(review.relations)
    return {outcome: sums[outcome] for outcome in ("in", *RELATION_OUTCOMES)}


def _schema_stamp(schema: LabelSchema | None) -> dict[str, Any]:
    if schema is None:
        return {"name": None}
    digest = _sha256(schema.model_dump_json())
    return {"name": schema.name, "version": schema.version, "sha256": digest, "labels": list(schema.labels)}


def _sha256(content: str | bytes) -> str:
    return hashlib.sha256(content.encode("utf-8") if isinstance(content, str) else content).hexdigest()
