"""Reviewed tasks → training files in which everything is accounted for. Flat in memory, on every core.

The tasks are read twice: see `labeling.workflow.converting`, which holds what runs in every process.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS
from labeling.errors import InputError
from labeling.files import write_atomic
from labeling.formats.format import Context
from labeling.nlp.bases import vectors_of
from labeling.settings import Workspace
from labeling.studio.annotations import STATES, Rules
from labeling.studio.exports import Record
from labeling.studio.regions import Legend
from labeling.workflow.converting import (
    Converted,
    Fate,
    Job,
    configure,
    convert,
    language_rules,
    load,
)
from labeling.workflow.manifest import corpus_of, manifest_of, most_misaligned
from labeling.workflow.memory import Memory
from labeling.workflow.options import Exported, Options
from labeling.workflow.plan import Plan, in_chunks, make_plan
from labeling.workflow.pool import Map, cores, others, workers
from labeling.workflow.progress import Advance, Meter, unmetered
from labeling.workflow.sinks import SHOWN, Files
from labeling.workflow.sources import Source
from labeling.workflow.task_places import FILE as TASKS
from labeling.workflow.writing import aside, put_in_place

__all__ = ("Exported", "Options", "write")

T = TypeVar("T")
ALONE_BYTES = 3_000_000  # up to here other processes cost more time than they save
# are written
ALWAYS = ("config.cfg", "docs.jsonl", TASKS, "problems.jsonl", *(f"{part}.spacy" for part in PARTS))


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
        ModelError: The pipeline whose vectors were asked for is not there, or has none, or is for another language.
        InputError: There is no task; too much was refused, or could not be read, by the measure of the options; or
            something is in the way that no export wrote.
    """
    job = _job(options, schema, url, users)
    split = options.split or workspace.settings.split
    memory = Memory((workspace.state if workspace.is_initialised else folder) / "parts.jsonl", options.resplit)
    jobs = options.jobs or (1 if records.size < ALONE_BYTES else cores())
    with aside(folder, ALWAYS, overwrite=options.overwrite) as made:
        # What converts is loaded meanwhile, and the processes that convert are forked with it.
        with ThreadPoolExecutor(1) as background, workers(jobs) as mapped:
            loaded = background.submit(load, job)
            plan = make_plan(records, job, split, memory, schema, options, mapped, meter)
            loaded.result()
        because = "asked for" if options.language else f"of the schema {schema.key}" if schema else ""
        language = _in_passing(jobs > 1 and not job.language, language_rules, job, plan.samples, because)
        vectors = vectors_of(options.vectors, language.code)
        job = job.model_copy(update={"language": language.code, "vectors": vectors})
        load(job)
        with workers(jobs) as mapped:
            with meter("Converting", records.size) as advance, Files(made.files, job, plan.context) as files:
                for converted in _converted(records, job, plan, files, mapped, advance):
                    files.add(converted)
            _refuse_nothing(files, source)
            _refuse_unreadable(files, options)
            _refuse_too_many(files, options, folder)
            training, config = next(iter(mapped(partial(configure, job), [corpus_of(files, options)])))
            write_atomic(made.files / "config.cfg", config)
            manifest = manifest_of(files, plan, split, options, schema, source, training)
            manifest["language"] = language.model_dump(mode="json", exclude={"notes"})
            manifest["warnings"] = [*language.notes, *most_misaligned(files, job, plan), *manifest["warnings"]]
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


def _in_passing(elsewhere: bool, function: Callable[..., T], *given: Any) -> T:
    """What the function makes; where that is wanted in another process, with which its memory goes."""
    if not elsewhere:
        return function(*given)
    with others(1) as executor:
        return executor.submit(function, *given).result()


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


# the second reading


def _converted(
    records: Source, job: Job, plan: Plan, files: Files, mapped: Map[Any, Any], advance: Advance
) -> Iterator[Converted]:
    fates = iter(plan.fates)

    def tasks() -> Iterator[Record]:
        for record in records.records(advance):
            if isinstance(record, Problem):
                files.note(record)
            else:
                yield record

    def chunks() -> Iterator[tuple[list[Record], list[Fate], Context]]:
        for chunk in in_chunks(tasks()):
            mine = list(islice(fates, len(chunk)))
            if len(mine) < len(chunk):
                raise InputError("The files changed while they were read.", "Run the same command again.")
            yield chunk, mine, plan.context

    made: Converted
    for made in mapped(partial(convert, job), chunks()):
        advance(0, sum(n for (kind, *_), n in made.counts.items() if kind == "tasks"))
        yield made


# refusals


def _refuse_nothing(files: Files, source: str) -> None:
    """Nothing, where a task was read."""
    if sum(files.sums("tasks", STATES).values()) - files.counts["tasks", "unreadable"]:
        return
    first = next(iter(files.shown), None)
    if first:
        raise InputError(f"{first.where}: {first.detail}" if first.where else first.detail)
    raise InputError(f"There is no task in {source}.")


def _refuse_unreadable(files: Files, options: Options) -> None:
    unreadable = files.read_problems + files.counts["tasks", "unreadable"]
    if options.strict and unreadable:
        first = next((p for p in files.shown if p.action == "refused"), None)
        raise InputError(
            f"{unreadable:,} thing(s) could not be read" + (f", first {first.where}: {first.detail}" if first else "."),
            "Nothing was written. Without --strict, what can be read is.",
        )


def _free(file: Path) -> Path:
    """The file, where it is free or lists problems; else one of another number."""
    number = 1
    found = file
    while found.is_symlink() or (found.exists() and not _lists_problems(found)):
        number += 1
        found = file.with_name(f"{file.stem}-{number}{file.suffix}")
    return found


def _lists_problems(file: Path) -> bool:
    try:
        with file.open("rb") as lines:
            first = lines.readline()
            return not first or bool(Problem.model_validate_json(first))
    except (OSError, ValueError):
        return False


def _refuse_too_many(files: Files, options: Options, folder: Path) -> None:
    total, refused = files.counts["spans", "in"], files.counts["spans", "refused"]
    if options.fail_over is None or not total or 100 * refused <= options.fail_over * total:
        return
    listed = _free(folder / "problems.failed.jsonl")
    write_atomic(listed, (files.folder / "problems.jsonl").read_bytes())
    raise InputError(
        f"{refused:,} of {total:,} spans ({refused / total:.1%}) were refused, more than {options.fail_over:g}%.",
        f"No training file was written. {listed} lists every case.",
    )
