"""The steps of an export, in order, in flat memory and on every core."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.engine import Map, Rescue, in_chunks
from labeling.errors import InputError
from labeling.files import write_atomic
from labeling.nlp.bases import vectors_of
from labeling.settings import Workspace
from labeling.studio.exports import Record
from labeling.workflow.export.convert import Chunk, ConvertedChunk, convert, in_pieces, load, set_aside
from labeling.workflow.export.files import ALWAYS, CONFIG_FILE, TrainingFiles
from labeling.workflow.export.folder import publish, staged
from labeling.workflow.export.language import language_rules
from labeling.workflow.export.manifest import manifest_of, most_misaligned
from labeling.workflow.export.options import Options
from labeling.workflow.export.plan import CHUNK, Plan, TaskAssignment, make_plan
from labeling.workflow.export.previous_parts import PreviousParts
from labeling.workflow.export.refusals import refuse_unusable
from labeling.workflow.export.report import Exported, report_of
from labeling.workflow.export.sources import Source
from labeling.workflow.export.spec import ConversionSpec, spec_of
from labeling.workflow.export.training_config import configure
from labeling.workflow.progress import Advance, Meter, no_meter

if TYPE_CHECKING:
    from labeling.core.adjudication import Decision

AssignedRecord = tuple[Record, TaskAssignment]

ALONE_BYTES = 3_000_000  # for less, other processes cost more time than they save


def run(
    source: Source,
    folder: Path,
    workspace: Workspace,
    schema: LabelSchema | None,
    options: Options,
    *,
    origin: str,
    url: str = "",
    users: Mapping[int, str] | None = None,
    meter: Meter = no_meter,
) -> Exported:
    """Write the files that exports/README.md describes from the tasks of a source; all of them appear, or none.

    Args:
        source: The tasks.
        folder: Where the files go.
        workspace: The workspace, with the split and the parts of earlier exports.
        schema: The schema whose labels are legal; None accepts all.
        options: How the files are made.
        origin: The name of the source in the manifest.
        url: A task's address, with `{project}` and `{task}` in it.
        users: User id → name, for tasks pulled from a project; None for tasks from files.
        meter: Shows the progress.

    Raises:
        ModelError: The pipeline named for its vectors is not there, has none, or is for another language.
        InputError: There is no task; more was refused or unreadable than the options allow; or files that no export
            wrote are in the way.
    """
    spec = spec_of(options, schema, url, users, workspace.settings.studio.overlap)
    split = options.split or workspace.settings.split
    parts_file = (workspace.state if workspace.is_initialised else folder) / "parts.jsonl"
    previous = PreviousParts(parts_file, options.resplit)
    decisions = _decisions(workspace) if options.choice.by == "adjudicated" else {}
    engine = workspace.engine(options.jobs)
    if not options.jobs and source.size < ALONE_BYTES:
        engine = engine.for_little()
    with staged(folder, ALWAYS, overwrite=options.overwrite) as staging:
        # Meanwhile the modules for converting are loaded, so that the processes that convert are forked with them.
        forks = engine.forks
        with ThreadPoolExecutor(1) as background, engine.started() as mapped:
            loaded = background.submit(load, spec) if forks else None
            plan = make_plan(source, spec, split, previous, decisions, schema, options, mapped, meter)
            if loaded:
                loaded.result()
            because = "asked for" if options.language else f"of the schema {schema.key}" if schema else ""
            # by a worker, whose memory is freed when it ends: detection takes a lot
            language = next(iter(mapped(partial(language_rules, spec, because), [plan.samples])))
        vectors = vectors_of(options.vectors, language.code)
        spec = spec.model_copy(update={"language": language.code, "vectors": vectors})
        if engine.forks:
            load(spec)
        with engine.started() as mapped:
            with (
                meter("Converting", source.size) as advance,
                TrainingFiles(staging.files, spec, plan.context) as files,
            ):
                for problem in plan.problems:
                    files.note(problem)
                for chunk in _converted(source, spec, plan, files, mapped, advance):
                    files.add(chunk)
            refuse_unusable(files, origin, options, folder)
            training, config = next(iter(mapped(partial(configure, spec, options), [files.tally])))
            write_atomic(staging.files / CONFIG_FILE, config)
            manifest = manifest_of(files.tally, plan, split, options, schema, origin, training)
            manifest["language"] = language.model_dump(mode="json", exclude={"notes"})
            manifest["warnings"] = [*language.notes, *most_misaligned(files, spec, plan), *manifest["warnings"]]
            published = publish(staging, manifest)
    previous.save()
    return report_of(folder, published, files, options)


def _decisions(workspace: Workspace) -> "Mapping[str, Sequence[Decision]]":
    """The adjudicators' decisions, by the digest of the text."""
    from labeling.workflow.adjudicating.decisions import by_text, read_decisions

    return by_text(read_decisions(workspace))


def _converted(
    source: Source, spec: ConversionSpec, plan: Plan, files: TrainingFiles, mapped: Map, advance: Advance
) -> Iterator[ConvertedChunk]:
    """The second pass over all tasks; unreadable input is listed in the files."""
    assignments = iter(plan.assignments)
    waiting: dict[str, list[AssignedRecord]] = {}

    def records() -> Iterator[Record]:
        for record in source.records(advance):
            if isinstance(record, Problem):
                told = {name: plan.names.in_place(getattr(record, name)) for name in ("where", "detail")}
                files.note(record.model_copy(update=told))
            else:
                yield record

    def together() -> Iterator[list[AssignedRecord]]:
        """Each task alone; the tasks of an article in sections together, where the last of them is read."""
        for record in records():
            assignment = next(assignments, None)
            if assignment is None:
                raise InputError("The files changed while they were read.", "Run the same command again.")
            if not assignment.group:
                yield [(record, assignment)]
                continue
            group = waiting.setdefault(assignment.group, [])
            group.append((record, assignment))
            if len(group) == assignment.group_size:
                yield waiting.pop(assignment.group)

    def chunks() -> Iterator[Chunk]:
        for some in in_chunks(together(), CHUNK):
            tasks = [task for group in some for task in group]
            yield Chunk([record for record, _ in tasks], [assignment for _, assignment in tasks], plan.context)
        if waiting:
            raise InputError("The files changed while they were read.", "Run the same command again.")

    made: ConvertedChunk
    for made in mapped(partial(convert, spec), chunks(), Rescue(in_pieces, partial(set_aside, spec))):
        advance(0, made.tally.tasks.total())
        yield made
