"""The second pass over a chunk of tasks, in any process → bytes for every file, and counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from labeling.core.problem import Problem
from labeling.core.pseudonyms import without_addresses
from labeling.core.split import Part
from labeling.core.tokens import TokenizedDoc
from labeling.formats.format import Context
from labeling.formats.registry import FORMATS
from labeling.studio.annotations import Review, read_task
from labeling.studio.exports import Record
from labeling.workflow.export.join import ReviewedTask, join
from labeling.workflow.export.plan import TaskAssignment
from labeling.workflow.export.spec import ConversionSpec, task_of
from labeling.workflow.export.tally import Tally
from labeling.workflow.export.task_locations import location_of

if TYPE_CHECKING:
    from labeling.nlp.docbin import Packed
    from labeling.nlp.gold import Gold

ONE_TASK = {"start", "others"}  # what the location of a document in one task does not say
KILLS_WORKERS = "the process that reads it was killed time and again, probably because memory ran out"
CHUNK_PROBLEMS = 20  # that are passed on to the terminal; the file has them all


class Chunk(NamedTuple):
    """Tasks that are converted together, with their assignments by the first pass."""

    records: Sequence[Record]
    assignments: Sequence[TaskAssignment]
    context: Context


@dataclass(slots=True)
class ConvertedChunk:
    """A converted chunk.

    Attributes:
        docbins: The documents of each part.
        docs, tasks, problems: Lines for docs.jsonl, tasks.jsonl and problems.jsonl.
        rendered: Data for other formats: (name, stem) → bytes.
        first_problems: Problems that the terminal may show.
        tally: The counts.
    """

    docbins: "dict[Part, Packed]" = field(default_factory=dict)
    docs: bytes = b""
    tasks: bytes = b""
    problems: bytes = b""
    rendered: dict[tuple[str, str], bytes] = field(default_factory=dict)
    first_problems: list[Problem] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def load(spec: ConversionSpec) -> None:
    """Load what the second pass needs, which takes most of a second."""
    from labeling.nlp.docbin import pack  # noqa: F401
    from labeling.nlp.gold import place  # noqa: F401
    from labeling.nlp.tokenization import tokenizer_for

    if spec.rules.choice.by == "adjudicated":
        from labeling.workflow.export.settling import settle_tasks  # noqa: F401
    if spec.language:
        tokenizer_for(spec.language)
    else:
        from labeling.nlp import detect  # noqa: F401


def convert(spec: ConversionSpec, chunk: Chunk) -> ConvertedChunk:
    """Convert a chunk."""
    from labeling.nlp.docbin import pack
    from labeling.nlp.gold import place, tokenized
    from labeling.nlp.tokenization import tokenizer_for

    tokenizer = tokenizer_for(spec.language)
    out = ConvertedChunk()
    golds: dict[Part, list[Gold]] = {}
    by_part: dict[Part, list[TokenizedDoc]] = {}
    problems: list[Problem] = []
    docs: list[str] = []
    locations: list[str] = []
    tasks = [_reviewed(spec, *of) for of in zip(chunk.records, chunk.assignments, strict=True)]
    if spec.rules.choice.by == "adjudicated":
        from labeling.workflow.export.settling import settle_tasks

        settled = settle_tasks(tasks, spec.rules.legend.label_schema)
        tasks = settled.tasks
        out.tally.count_adjudication(settled.spans, settled.relations)
    found = list(join(tasks))
    # all at once, so that the tokenizer's words stay in the processor's cache
    texts = [[tokenizer(document.labeled.text) for document in joined.documents] for joined in found]
    for joined, tokens_of_each in zip(found, texts, strict=True):
        for review in joined.reviews:
            out.tally.count_review(review)
            problems += review.problems
        problems += joined.problems
        for document, tokens in zip(joined.documents, tokens_of_each, strict=True):
            part = document.part
            gold = place(document.labeled, tokenizer, spec.align, tokens)
            golds.setdefault(part, []).append(gold)
            docs.append(gold.json)
            locations.append(
                location_of(document).model_dump_json(exclude=ONE_TASK if len(document.tasks) == 1 else None)
            )
            for problem in gold.problems:
                review = document.task_at(problem.start)
                problems.append(problem.model_copy(update={"where": review.where, "url": review.url}))
            out.tally.count_spans(gold, document.outcomes)
            if spec.formats:
                sentences = "conll" in spec.formats
                by_part.setdefault(part, []).append(tokenized(gold, tokenizer, part, sentences=sentences))
    for name in spec.formats:
        problems += _render(name, by_part, chunk.context, out)
    for part, members in golds.items():
        out.tally.count_documents(part, members)
        out.docbins[part] = pack(members, tokenizer)
    out.docs, out.tasks = _lines(docs), _lines(locations)
    _tell(problems, out)
    return out


def in_pieces(chunk: Chunk) -> list[Chunk]:
    """The chunk task by task; the tasks of one article stay together."""
    pieces: dict[object, tuple[list[Record], list[TaskAssignment]]] = {}
    for number, (record, assignment) in enumerate(zip(chunk.records, chunk.assignments, strict=True)):
        records, assignments = pieces.setdefault(assignment.group or number, ([], []))
        records.append(record)
        assignments.append(assignment)
    return [Chunk(*piece, chunk.context) for piece in pieces.values()]


def set_aside(spec: ConversionSpec, chunk: Chunk) -> ConvertedChunk:
    """What stands for tasks that kill the processes which convert them: each is refused by name."""
    out = ConvertedChunk()
    problems: list[Problem] = []
    for record, assignment in zip(chunk.records, chunk.assignments, strict=True):
        name = without_addresses(record.where, assignment.called) if spec.is_anonymous else record.where
        problems.append(Problem(reason="kills-workers", action="refused", detail=KILLS_WORKERS, where=name))
        out.tally.count_review(Review(where=name, state="unreadable"))
    _tell(problems, out)
    return out


def _tell(problems: Sequence[Problem], out: ConvertedChunk) -> None:
    out.problems = _lines([problem.model_dump_json() for problem in problems])
    out.tally.count_problems(problems)
    telling = (problem for problem in problems if problem.action in {"refused", "unused"})
    out.first_problems = sorted(telling, key=lambda problem: problem.action)[:CHUNK_PROBLEMS]


def _lines(texts: Sequence[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def _reviewed(spec: ConversionSpec, record: Record, assignment: TaskAssignment) -> ReviewedTask:
    name = without_addresses(record.where, assignment.called) if spec.is_anonymous else record.where
    try:
        task = task_of(spec, record, assignment.called)
    except ValueError as error:
        problem = Problem(reason="no-task", action="refused", detail=f"no task: {error}", where=name)
        return ReviewedTask(Review(where=name, state="unreadable", problems=(problem,)), assignment.part)
    where = "" if spec.is_pulled else name
    review = read_task(
        task,
        spec.rules,
        where,
        url=spec.url,
        doc_id=assignment.doc_id,
        lost=assignment.lost,
        is_alone=assignment.is_alone,
    )
    if not assignment.group:
        return ReviewedTask(review, assignment.part)
    return ReviewedTask(review, assignment.part, task.section, task.article, assignment.group, assignment.decisions)


def _render(
    name: str, tokens: Mapping[Part, list[TokenizedDoc]], context: Context, out: ConvertedChunk
) -> list[Problem]:
    form = FORMATS[name]
    groups: dict[str, list[TokenizedDoc]] = {str(part): docs for part, docs in tokens.items()}
    if not form.per_part:
        groups = {name: [doc for part in tokens.values() for doc in part]}
    problems: list[Problem] = []
    for stem, group in groups.items():
        rendered = form.render(group, context)
        out.rendered[name, stem] = rendered.data
        problems += rendered.problems
    return problems
