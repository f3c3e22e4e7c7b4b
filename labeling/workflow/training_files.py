"""Reviewed tasks → training files in which everything is accounted for. Flat in memory, on every core.

The tasks are read twice: see `labeling.workflow.converting`, which holds what runs in every process.
"""

import contextlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import orjson
from pydantic import Field

from labeling import __version__
from labeling.core.copies import ROWS
from labeling.core.parts import Assignment, SplitReport, assign, warnings
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS, Part, Split
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import write_atomic
from labeling.formats.format import Context, Sink
from labeling.formats.registry import FORMATS
from labeling.settings import Workspace
from labeling.studio.annotations import STATES, UNSUBMITTED, USES, Choice, Rules
from labeling.studio.exports import Record
from labeling.studio.regions import Legend
from labeling.workflow.converting import (
    Converted,
    Corpus,
    Counts,
    Fate,
    Job,
    Seen,
    Survey,
    configure,
    convert,
    language_rules,
    load,
    misalignment,
    survey,
)
from labeling.workflow.pool import Map, cores, workers
from labeling.workflow.progress import Advance, Meter, unmetered
from labeling.workflow.sources import Source
from labeling.workflow.writing import aside, put_in_place

SPAN_OUTCOMES = ("exact", "trimmed", "repaired", "snapped", "shadowed", "dropped", "refused")
RELATION_OUTCOMES = ("exact", "changed", "dropped", "refused")
CHUNK = 64  # tasks: enough to pay for the way to another process, few enough for flat memory
ALONE_BYTES = 3_000_000  # up to here other processes cost more time than they save
ALWAYS = ("config.cfg", "docs.jsonl", "problems.jsonl", *(f"{part}.spacy" for part in PARTS))  # are written
EXAMPLES = 3  # of what is the same in most spans
SAMPLES = 64  # texts that tell the language
SHOWN = 200  # problems that a report carries; the file has them all


class Options(Value):
    """How training files are made.

    Attributes:
        choice: Which annotations count.
        drafts: Whether drafts count where nothing was submitted, as partly reviewed documents.
        unlabelled: What a token without label is known to be: outside of every span, or nothing (`missing`).
        language: spaCy's code of the language whose rules make the tokens; None takes the schema's, and without a
            schema the one that the texts are in.
        align: What becomes of a span whose edges are inside of tokens (see `labeling.nlp.gold.to_doc`).
        mapping: Label or relation as it was annotated → as it is called in the files.
        drop: Labels and relations that are left out on purpose.
        split: The parts; None takes the workspace's.
        resplit: Whether to forget the parts of earlier exports.
        train: What to train; None chooses by the data.
        formats: Further formats, by the names of `labeling.formats.registry`.
        overlaps: What formats with one layer do with overlapping spans.
        csv_raw: Whether the cells of a CSV are exact, also where a spreadsheet would compute them.
        fail_over: Per cent of the spans that may be refused; above it nothing is written. None: any number.
        strict: Whether input that cannot be read ends it.
        overwrite: Whether files in the way are replaced that no export wrote, or that were changed since.
        jobs: Processes; None takes one a core.
    """

    choice: Choice = Choice()
    drafts: bool = False
    unlabelled: Literal["outside", "missing"] = "outside"
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    align: Literal["strict", "contract", "expand"] = "strict"
    mapping: dict[str, str] = Field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    split: Split | None = None
    resplit: bool = False
    train: Literal["ner", "spancat", "both"] | None = None
    formats: tuple[str, ...] = ()
    overlaps: Literal["refuse", "longest"] = "refuse"
    csv_raw: bool = False
    fail_over: float | None = Field(default=None, ge=0, le=100)
    strict: bool = False
    overwrite: bool = False
    jobs: int | None = Field(default=None, ge=1)


class Exported(Value):
    """What was written.

    Attributes:
        folder: Where.
        manifest: The content of its manifest.json.
        refused: How many things were refused.
        listed: How many things are listed in problems.jsonl: what was done → the reason's code → number.
        is_tolerated: Whether the caller said how much may be refused, and it is less.
        problems: The first problems, refused ones first; problems.jsonl has them all.
    """

    folder: Path
    manifest: dict[str, Any]
    refused: int = 0
    listed: dict[str, dict[str, int]] = Field(default_factory=dict)
    is_tolerated: bool = False
    problems: tuple[Problem, ...] = Field(default=(), repr=False)


def write(
    records: Source,
    folder: Path,
    workspace: Workspace,
    schema: LabelSchema | None,
    options: Options,
    *,
    source: str,
    url: str = "",
    users: Mapping[int, str] | None = None,
    meter: Meter = unmetered,
) -> Exported:
    """The files that exports/README.md describes, made of the tasks in `records`; all of them appear, or none.

    Args:
        records: The tasks.
        folder: Where the files go.
        workspace: Whose split counts, and who remembers the parts of earlier exports.
        schema: Which labels are legal; None takes them as they come.
        options: How the files are made.
        source: What the manifest names as their source.
        url: A task's address, with `{project}` and `{task}` in it.
        users: User id → name, of tasks that were pulled from a project; None where they come from files.
        meter: Who is told how far it is.

    Raises:
        InputError: There is no task; too much was refused, or could not be read, by the measure of the options; or
            something is in the way that no export wrote.
    """
    job = _job(options, schema, url, users)
    split = options.split or workspace.settings.split
    memory = _Memory((workspace.state if workspace.is_initialised else folder) / "parts.jsonl", options.resplit)
    jobs = options.jobs or (1 if records.size < ALONE_BYTES else cores())
    with aside(folder, ALWAYS, overwrite=options.overwrite) as made:
        # What converts is loaded meanwhile, and the processes that convert are forked with it.
        with ThreadPoolExecutor(1) as background, workers(jobs) as mapped:
            loaded = background.submit(load, job)
            plan = _plan(records, job, split, memory, schema, options, mapped, meter)
            loaded.result()
        language = language_rules(job, plan.samples, "asked for" if options.language else _of(schema))
        job = job.model_copy(update={"language": language.code})
        load(job)
        with workers(jobs) as mapped:
            with meter("Converting", records.size) as advance, _Files(made.files, job, plan.context) as files:
                for converted in _converted(records, job, plan, files, mapped, advance):
                    files.add(converted)
            _refuse_nothing(files, source)
            _refuse_unreadable(files, options)
            _refuse_too_many(files, options, folder)
            training, config = next(iter(mapped(partial(configure, job), [_corpus(files, options)])))
            write_atomic(made.files / "config.cfg", config)
            manifest = _manifest(files, plan, split, options, schema, source, training)
            manifest["language"] = language.model_dump(mode="json", exclude={"notes"})
            manifest["warnings"] = [*language.notes, *_most_misaligned(files, job, plan), *manifest["warnings"]]
            done = put_in_place(made, manifest)
    memory.keep()
    listed: dict[str, dict[str, int]] = {}
    for (kind, *of), number in files.counts.most_common():
        if kind == "problems":
            listed.setdefault(of[0], {})[of[1]] = number
    return Exported(
        folder=folder,
        manifest=done,
        refused=sum(listed.get("refused", {}).values()),
        listed=listed,
        is_tolerated=options.fail_over is not None,
        problems=tuple(sorted(files.shown, key=lambda p: p.action != "refused")[:SHOWN]),
    )


def _of(schema: LabelSchema | None) -> str:
    return f"of the schema {schema.key}" if schema else ""


def _job(options: Options, schema: LabelSchema | None, url: str, users: Mapping[int, str] | None) -> Job:
    if schema:
        known = {*schema.labels, *schema.relations}
        if unknown := sorted(set(options.mapping.values()) - known):
            raise InputError(
                f"The schema {schema.key} has no label or relation {', '.join(unknown)}.",
                f"--map OLD=NEW takes one of these as NEW: {', '.join(sorted(known))}.",
            )
    legend = Legend(label_schema=schema, mapping=options.mapping, drop=options.drop)
    complete = options.unlabelled == "outside"
    return Job(
        rules=Rules(legend=legend, choice=options.choice, drafts=options.drafts, complete=complete),
        language=options.language or (schema.language if schema else ""),
        align=options.align,
        users=dict(users or {}),
        url=url,
        is_pulled=users is not None,
        formats=options.formats,
    )


# the first reading


@dataclass
class _Plan:
    """What the first reading decided: each task's fate, and how the parts came about; and samples of the texts."""

    fates: list[Fate]
    report: SplitReport
    context: Context
    samples: list[str]


def _plan(
    records: Source,
    job: Job,
    split: Split,
    memory: "_Memory",
    schema: LabelSchema | None,
    options: Options,
    mapped: Map[Any, Any],
    meter: Meter,
) -> _Plan:
    seen: list[Seen | None] = []
    signatures = bytearray()  # most of what there is to know of a task, and given back in one piece
    labels: Counter[str] = Counter()
    relations: Counter[str] = Counter()
    samples = _Samples()

    with meter("Looking for copies", records.size) as advance:
        tasks = (record for record in records.records(advance) if isinstance(record, Record))
        found: Survey
        for found in mapped(partial(survey, job), _chunks(tasks)):
            signatures += b"".join([one.candidate.signature for one in found.seen if one])
            seen += (one and _slim(one) for one in found.seen)
            labels.update(found.labels)
            relations.update(found.relations)
            samples.add(found.samples)
            advance(0, len(found.seen))
    rows = np.frombuffer(signatures, dtype="<u4").reshape(-1, ROWS)
    assignment = assign([one.candidate for one in seen if one], split, memory.parts, rows)
    fates = _fates(seen, assignment)
    memory.note({one.candidate.digest: part for one, part in zip(filter(None, seen), assignment.parts, strict=True)})
    context = Context(
        labels=tuple(schema.labels) if schema else tuple(sorted(labels)),
        relations=tuple(schema.relations) if schema else tuple(sorted(relations)),
        normal=_with_normal_forms(schema) if schema else (),
        overlaps=options.overlaps,
        csv_raw=options.csv_raw,
    )
    return _Plan(fates, assignment.report, context, samples.texts)


class _Samples:
    """Some of the texts, from all over what was read."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._seen, self._step = 0, 1

    def add(self, texts: Iterable[str]) -> None:
        """Take what comes, or ever fewer of it."""
        for text in texts:
            if self._seen % self._step == 0:
                self.texts.append(text)
            self._seen += 1
            if len(self.texts) > SAMPLES:
                self.texts, self._step = self.texts[::2], 2 * self._step


def _with_normal_forms(schema: LabelSchema) -> tuple[str, ...]:
    """The relations whose targets can have normal forms."""
    return tuple(
        name for name, relation in schema.relations.items() if any(schema.labels[tail].normal for tail in relation.tail)
    )


def _slim(one: Seen) -> Seen:
    """The same without signature, sharing what it has in common with others: there is one for each task of a file."""
    article = one.candidate
    source, published = sys.intern(article.source), sys.intern(article.published)
    article = replace(article, signature=b"", source=source, published=published)
    return Seen(
        one.place, one.doc_id, article, tuple((sys.intern(who), sys.intern(stamp)) for who, stamp in one.claims)
    )


def _fates(seen: list[Seen | None], assignment: Assignment) -> list[Fate]:
    """What becomes of each task, where articles stand in several tasks and annotations compete."""
    winners: dict[tuple[str, str, str], tuple[str, int, str]] = {}  # when, which task, what it is called
    texts: dict[str, str] = {}
    for number, one in enumerate(seen):
        if one is None:
            continue
        for who, stamp in one.claims:
            key = (one.doc_id, one.candidate.digest, who)
            # of two that are equally new, the one that was read first
            if key not in winners or stamp > winners[key][0]:
                winners[key] = (stamp, number, one.place)
    fates, parts = [], iter(assignment.parts)
    for number, one in enumerate(seen):
        if one is None:
            fates.append(PLAIN["train"])
            continue
        digest = one.candidate.digest
        part = next(parts)
        is_other_text = texts.setdefault(one.doc_id, digest) != digest
        lost = {who: winner[2] for who, _ in one.claims if (winner := winners[one.doc_id, digest, who])[1] != number}
        if is_other_text or lost:
            fates.append(Fate(part, f"{one.doc_id}~{digest}" if is_other_text else "", lost))
        else:
            fates.append(PLAIN[part])
    return fates


PLAIN: dict[Part, Fate] = {part: Fate(part) for part in PARTS}  # most tasks' fates


def _chunks(items: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


# the second reading


def _converted(
    records: Source, job: Job, plan: _Plan, files: "_Files", mapped: Map[Any, Any], advance: Advance
) -> Iterator[Converted]:
    fates = iter(plan.fates)

    def tasks() -> Iterator[Record]:
        for record in records.records(advance):
            if isinstance(record, Problem):
                files.note(record)
            else:
                yield record

    def chunks() -> Iterator[tuple[list[Record], list[Fate], Context]]:
        for chunk in _chunks(tasks()):
            mine = list(islice(fates, len(chunk)))
            if len(mine) < len(chunk):
                raise InputError("The files changed while they were read.", "Run the same command again.")
            yield chunk, mine, plan.context

    made: Converted
    for made in mapped(partial(convert, job), chunks()):
        advance(0, sum(n for (kind, *_), n in made.counts.items() if kind == "tasks"))
        yield made


class _Files:
    """The open files of an export, and the sums over all chunks. A context manager: it closes what it opened."""

    def __init__(self, folder: Path, job: Job, context: Context) -> None:
        self.folder, self.job, self.context = folder, job, context
        self.counts: Counts = Counter()
        self.shown: list[Problem] = []
        self.read_problems = 0
        self.sinks: dict[tuple[str, str], Sink] = {}
        self.docs: IO[bytes] = (folder / "docs.jsonl").open("wb")
        self.problems: IO[bytes] = (folder / "problems.jsonl").open("wb")
        self.bins: dict[Part, Any] = {}

    def __enter__(self) -> "_Files":
        from labeling.nlp.docbin import DocBinWriter

        self.bins = {part: DocBinWriter(self.folder, part) for part in PARTS}
        for name in self.job.formats:
            form = FORMATS[name]
            for problem in form.check(self.context):
                self.note(problem)
            for stem in PARTS if form.per_part else (name,):
                self.sinks[name, stem] = form.open(self.folder, stem, self.context)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.docs.close()
        self.problems.close()
        for sink in self.sinks.values():
            with contextlib.nullcontext() if kind is None else contextlib.suppress(Exception):
                sink.close()
        for docbin in self.bins.values():
            docbin.close() if kind is None else docbin.abandon()

    def note(self, problem: Problem) -> None:
        """List a problem that belongs to no task."""
        self.problems.write(problem.model_dump_json().encode() + b"\n")
        self.counts["problems", problem.action, problem.reason] += 1
        self.read_problems += problem.action == "refused"
        self._show(problem)

    def add(self, made: Converted) -> None:
        """Write what was made of a chunk behind what is there."""
        self.docs.write(made.docs)
        self.problems.write(made.problems)
        for part, packed in made.packs.items():
            self.bins[part].add(packed)
        for key, data in made.rendered.items():
            self.sinks[key].write(data)
        self.counts.update(made.counts)
        for problem in made.shown:
            self._show(problem)

    def _show(self, problem: Problem) -> None:
        if len(self.shown) < SHOWN:
            self.shown.append(problem)

    def sums(self, kind: str, names: Iterable[str]) -> dict[str, int]:
        """The numbers of a kind by name, 0 where there is none."""
        return {name: self.counts[kind, name] for name in names}

    def named(self, kind: str) -> dict[str, int]:
        """The numbers of a kind, the largest first."""
        found = {key[1]: number for key, number in self.counts.items() if key[0] == kind}
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


# refusals


def _refuse_nothing(files: _Files, source: str) -> None:
    """Nothing, where a task was read."""
    if sum(files.sums("tasks", STATES).values()) - files.counts["tasks", "unreadable"]:
        return
    first = next(iter(files.shown), None)
    if first:
        raise InputError(f"{first.where}: {first.detail}" if first.where else first.detail)
    raise InputError(f"There is no task in {source}.")


def _refuse_unreadable(files: _Files, options: Options) -> None:
    unreadable = files.read_problems + files.counts["tasks", "unreadable"]
    if options.strict and unreadable:
        first = next((p for p in files.shown if p.action == "refused"), None)
        raise InputError(
            f"{unreadable:,} thing(s) could not be read" + (f", first {first.where}: {first.detail}" if first else "."),
            "Nothing was written. Without --strict, what can be read is.",
        )


def _refuse_too_many(files: _Files, options: Options, folder: Path) -> None:
    total, refused = files.counts["spans", "in"], files.counts["spans", "refused"]
    if options.fail_over is None or not total or 100 * refused <= options.fail_over * total:
        return
    listed = folder / "problems.failed.jsonl"
    write_atomic(listed, (files.folder / "problems.jsonl").read_bytes())
    raise InputError(
        f"{refused:,} of {total:,} spans ({refused / total:.1%}) were refused, more than {options.fail_over:g}%.",
        f"No training file was written. {listed} lists every case.",
    )


# manifest and config


def _manifest(
    files: _Files,
    plan: _Plan,
    split: Split,
    options: Options,
    schema: LabelSchema | None,
    source: str,
    training: dict[str, Any],
) -> dict[str, Any]:
    counts = files.counts
    documents: dict[Part, int] = {part: counts["documents", part] for part in PARTS}
    names = [*schema.labels] if schema else sorted({key[1] for key in counts if key[0] == "labels"})
    labels: dict[str, dict[Part, int]] = {
        name: {part: counts["labels", name, part] for part in PARTS} for name in names
    }
    wanted = [part for part, share in split.shares.items() if share]
    problems: Counter[str] = Counter()
    for key, number in counts.items():
        if key[0] == "problems":
            problems[key[2]] += number
    return {
        "versions": {"labeling": __version__, "spacy": version("spacy")},
        "source": source,
        "schema": _schema_stamp(schema),
        "options": options.model_dump(mode="json", exclude={"split", "jobs", "overwrite"})
        | {"choice": str(options.choice)},
        "tasks": {"in": sum(files.sums("tasks", STATES).values())} | files.sums("tasks", STATES),
        "annotations": {"in": counts["annotations", "in"]} | files.sums("annotations", USES),
        "unsubmitted": files.sums("annotations", UNSUBMITTED),
        "unused": files.sums("unused", ("spans", "relations")),
        "predictions": counts["predictions",],
        "documents": {"out": sum(documents.values())} | documents,
        "spans": files.sums("spans", ("in", *SPAN_OUTCOMES)),
        "relations": files.sums("relations", ("in", *RELATION_OUTCOMES)),
        "attributes": files.sums("attributes", ("in", "kept", "refused")),
        "repairs": files.named("readings"),
        "renamed": files.named("renamed"),
        "dropped": files.named("dropped"),
        "labels": labels,
        "tokens": counts["tokens",],
        "split": plan.report.model_dump(mode="json"),
        "training": training,
        "warnings": warnings(labels, documents, wanted=wanted),
        "problems": dict(problems.most_common()),
    }


def _most_misaligned(files: _Files, job: Job, plan: _Plan) -> list[str]:
    """One line where most spans have no place, and every further one would say the same."""
    lost, total = files.counts["problems", "refused", "misaligned"], files.counts["spans", "in"]
    if 2 * lost <= total:
        return []
    rest = [problem for problem in files.shown if problem.reason == "misaligned"][EXAMPLES:]
    files.shown = [problem for problem in files.shown if problem not in rest]
    line = f"{lost:,} of {total:,} spans were refused, because their edges are inside of tokens (misaligned)."
    return [f"{line} {misalignment(job, plan.samples)}"]


def _corpus(files: _Files, options: Options) -> Corpus:
    spans = files.sums("spans", ("exact", "trimmed", "repaired", "snapped", "shadowed"))
    lengths = {int(length): number for length, number in files.named("lengths").items()}
    return Corpus(sum(spans.values()), spans["shadowed"], lengths, options.train, files.counts["tokens",])


def _schema_stamp(schema: LabelSchema | None) -> dict[str, Any]:
    if schema is None:
        return {"name": None}
    return {"name": schema.name, "version": schema.version, "sha256": schema.sha256, "labels": list(schema.labels)}


# the parts of earlier exports


class _Memory:
    """The parts that documents had in earlier exports, by the digests of their texts.

    Raises:
        InputError: The file is broken.
    """

    def __init__(self, file: Path, forget: bool) -> None:
        self.file = file
        self.parts: dict[str, Part] = {}
        self.lines = b""
        if forget or not file.is_file():
            return
        try:
            for line in file.read_bytes().splitlines():
                entry = orjson.loads(line)
                if entry["part"] not in PARTS:
                    raise ValueError(f"{entry['part']!r} is no part")
                self.parts[entry["digest"]] = entry["part"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"Cannot use {file}, which says in which part each document was before: {error}",
                "Put it back from a copy, or begin anew with --resplit.",
            ) from error

    def note(self, parts: Mapping[str, Part]) -> None:
        """Add these parts to those that are known, which are nothing but the lines of the file from now on.

        A string for each document would lie scattered over all the memory that the first reading took.
        """
        lines = (orjson.dumps({"digest": key, "part": part}) for key, part in (self.parts | dict(parts)).items())
        self.lines = b"".join(line + b"\n" for line in lines)
        self.parts = {}

    def keep(self) -> None:
        """Remember what was noted."""
        write_atomic(self.file, self.lines)
