"""Tasks → documents, tokens and everything that is written of them: what runs in every process, chunk by chunk.

The tasks are read twice. The first time shows which articles are copies of each other and which annotations of an
article compete; the second time converts, when each document's part is known.
"""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import Field

from labeling.core.article import Article
from labeling.core.parts import Candidate, candidate
from labeling.core.problem import Problem
from labeling.core.split import Part
from labeling.core.tokens import TokenizedDoc
from labeling.core.value import Value
from labeling.formats.format import Context
from labeling.formats.registry import FORMATS
from labeling.studio.annotations import UNSUBMITTED, Review, Rules, Task, read_task
from labeling.studio.exports import Record, parse
from labeling.studio.regions import UNLABELLED, is_relation, is_span, items_of, labels_of
from labeling.workflow.task_places import place_of

if TYPE_CHECKING:
    from labeling.nlp.detect import Rules as LanguageRules

SAMPLED, SAMPLE = 16, 1000  # texts of a chunk that tell their language, by so many characters
SHOWN = 20  # problems of one chunk that travel to the terminal; the file has them all
Counts = Counter[tuple[str, ...]]


class Job(Value):
    """What every process has to know, the same for all tasks.

    `language` is the one whose rules make the tokens; "" where the first reading shall find it out. `vectors` is the
    pipeline whose word vectors the config reads.
    """

    rules: Rules
    language: str
    align: Literal["strict", "contract", "expand"] = "strict"
    users: dict[int, str] = Field(default_factory=dict)
    url: str = ""
    is_pulled: bool = False  # from a project: then a task is called by its address, not by its place in a file
    formats: tuple[str, ...] = ()
    vectors: str | None = None


@dataclass(slots=True)
class Seen:
    """What the first reading shows of a task that gives a document.

    `place` is what the task is called in messages. `claims` are its annotations that would count: whose, and of when.
    """

    place: str
    doc_id: str
    candidate: Candidate
    claims: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Survey:
    """What the first reading shows of a chunk: one entry a task, None where it gives no document.

    `samples` are the beginnings of some of the texts, by which their language can be told.
    """

    seen: list[Seen | None]
    labels: Counter[str]
    relations: Counter[str]
    samples: list[str]


@dataclass(frozen=True, slots=True)
class Fate:
    """What the first reading decided of a task.

    Attributes:
        part: Where its documents go.
        doc_id: Its documents' id, where its own belongs to another text.
        lost: Annotator ("" for whoever) → where an annotation stands that counts instead.
    """

    part: Part = "train"
    doc_id: str = ""
    lost: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Converted:
    """What the second reading makes of a chunk: bytes for every file, and numbers.

    `counts` are by kind and name: `("spans", "exact")`, `("labels", "ACTOR", "train")`.
    """

    packs: dict[Part, Any] = field(default_factory=dict)
    docs: bytes = b""
    tasks: bytes = b""
    problems: bytes = b""
    shown: list[Problem] = field(default_factory=list)
    rendered: dict[tuple[str, str], bytes] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counter)


def load(job: Job) -> None:
    """What the second reading needs: it takes most of a second."""
    from labeling.nlp.cut import cutter
    from labeling.nlp.docbin import pack  # noqa: F401
    from labeling.nlp.gold import place  # noqa: F401

    if job.language:
        cutter(job.language)
    else:
        from labeling.nlp import detect  # noqa: F401


def language_rules(job: Job, samples: Sequence[str], because: str) -> "LanguageRules":
    """Whose rules make the tokens: those that the job names, `because`; else those that fit the texts."""
    from labeling.nlp.detect import Rules as LanguageRules
    from labeling.nlp.detect import detect

    return LanguageRules(code=job.language, why=because) if job.language else detect(samples)


def misalignment(job: Job, samples: Sequence[str]) -> str:
    """Why most spans may have edges inside of tokens, and what to do."""
    from labeling.nlp.detect import named, off

    made = f"Their tokens were made by the rules of {named(job.language)}."
    return f"{made} {off(job.language, samples) or 'Where annotators mark parts of words, take --align expand.'}"


def survey(job: Job, records: Sequence[Record]) -> Survey:
    """The first reading of a chunk."""
    out = Survey([], Counter(), Counter(), [])
    texts: list[str] = []
    for record in records:
        seen = None
        with contextlib.suppress(ValueError):  # the second reading names what is no task
            task = _task(job, record)
            if task.article and task.chosen:
                seen = _look(job, task, task.article, record.where)
                _count_labels(job, task, out)
                texts.append(task.article.text)
        out.seen.append(seen)
    out.samples += [text[:SAMPLE] for text in texts[:: -(-len(texts) // SAMPLED) or 1]]
    return out


def _look(job: Job, task: Task, article: Article, where: str) -> Seen:
    every = job.rules.choice.by == "all"
    claims = tuple((annotation.annotator if every else "", annotation.stamp) for annotation in task.chosen)
    place = task.address(job.url) if job.is_pulled else where
    return Seen(place, task.doc_id, candidate(article.text, article.source, article.published), claims)


def _count_labels(job: Job, task: Task, out: Survey) -> None:
    """Which labels there are: some formats name them in their heads. A schema knows them already."""
    legend = job.rules.legend
    if legend.label_schema or not job.formats:
        return
    for annotation in task.chosen:
        for item in items_of(annotation.raw.get("result")):
            if isinstance(item, dict) and (is_span(item) or is_relation(item)):
                found = [UNLABELLED if name is None and is_relation(item) else name for name in labels_of(item)]
                names = [name for name in found if isinstance(name, str) and name not in legend.drop]
                (out.relations if is_relation(item) else out.labels).update(legend.mapping.get(n, n) for n in names)


def convert(job: Job, chunk: tuple[Sequence[Record], Sequence[Fate], Context]) -> Converted:
    """The second reading of a chunk, whose tasks' fates are known."""
    from labeling.nlp.cut import cutter
    from labeling.nlp.docbin import pack
    from labeling.nlp.gold import place, tokenized

    cut = cutter(job.language)
    out = Converted()
    docs: dict[Part, list[Any]] = {}
    tokens: dict[Part, list[TokenizedDoc]] = {}
    problems: list[Problem] = []
    lines: list[str] = []
    places: list[str] = []
    records, fates, context = chunk
    reviews = [_review(job, record, fate) for record, fate in zip(records, fates, strict=True)]
    # One after the other, so that the words which the cutter remembers stay in the processor's cache.
    cuts = [[cut(labeled.text) for labeled in review.docs] for review in reviews]
    for review, found, fate in zip(reviews, cuts, fates, strict=True):
        _count_review(review, out.counts)
        problems += review.problems
        for labeled, outcomes, tokens_of_it in zip(review.docs, review.outcomes, found, strict=True):
            placed = place(labeled, cut, job.align, tokens_of_it)
            docs.setdefault(fate.part, []).append(placed)
            lines.append(placed.json)
            places.append(place_of(review, labeled, fate.part).model_dump_json())
            problems += [p.model_copy(update={"where": review.where, "url": review.url}) for p in placed.problems]
            _count_spans(placed, outcomes, out.counts)
            if job.formats:
                sentences = "conll" in job.formats
                tokens.setdefault(fate.part, []).append(tokenized(placed, cut, fate.part, sentences=sentences))
    for name in job.formats:
        problems += _render(name, tokens, context, out)
    for part, members in docs.items():
        _count_docs(part, members, out.counts)
        out.packs[part] = pack(members, cut)
    out.docs = "".join(f"{line}\n" for line in lines).encode()
    out.tasks = "".join(f"{place}\n" for place in places).encode()
    out.problems = "".join(f"{problem.model_dump_json()}\n" for problem in problems).encode()
    out.counts.update(("problems", problem.action, problem.reason) for problem in problems)
    out.shown = sorted(
        (problem for problem in problems if problem.action in {"refused", "unused"}), key=lambda p: p.action
    )[:SHOWN]
    return out


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a config depends on: the arguments of `labeling.nlp.config.advise`, and the number of tokens."""

    spans: int
    shadowed: int
    lengths: Mapping[int, int]
    wanted: Literal["ner", "spancat", "both"] | None
    tokens: int


def configure(job: Job, corpus: Corpus) -> tuple[dict[str, Any], str]:
    """What to train on a corpus, as the manifest says it, and the config.cfg of spaCy that does so."""
    from labeling.nlp.config import advise, training_config
    from labeling.nlp.load import model_stamp

    advice = advise(corpus.spans, corpus.shadowed, corpus.lengths, corpus.wanted)
    said = advice.model_dump(mode="json") | {"vectors": model_stamp(job.vectors) if job.vectors else None}
    return said, training_config(job.language, corpus.tokens, advice, job.vectors)


def _render(name: str, tokens: Mapping[Part, list[TokenizedDoc]], context: Context, out: Converted) -> list[Problem]:
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


def _task(job: Job, record: Record) -> Task:
    """The task of a record.

    Raises:
        ValueError: It is no JSON, or no task.
    """
    try:
        # what orjson takes has no NaN and no lone surrogate
        value, is_clean = orjson.loads(record.data), b"\\u0000" not in record.data
    except orjson.JSONDecodeError:
        value, is_clean = parse(record.data), False
    return Task(value, job.rules, job.users, is_clean=is_clean)


def _review(job: Job, record: Record, fate: Fate) -> Review:
    try:
        task = _task(job, record)
    except ValueError as error:
        problem = Problem(reason="no-task", action="refused", detail=f"no task: {error}", where=record.where)
        return Review(where=record.where, state="unreadable", problems=(problem,))
    where = "" if job.is_pulled else record.where
    return read_task(task, job.rules, where, url=job.url, doc_id=fate.doc_id, lost=fate.lost)


def _count_review(review: Review, counts: Counts) -> None:
    counts["tasks", review.state] += 1
    counts["predictions",] += review.predictions
    for kind in ("annotations", "attributes", "relations", "unused"):
        for name, number in getattr(review, kind).items():
            counts[kind, name] += number
    for kind, numbers in review.counted.items():
        for name, number in numbers.items():
            counts[kind, name] += number
    for outcome in ("dropped", "refused"):
        counts["spans", outcome] += review.spans.get(outcome, 0)
    counts["spans", "in"] += sum(review.spans.values())
    counts["relations", "in"] += sum(review.relations.values())
    counts["annotations", "in"] += sum(number for use, number in review.annotations.items() if use not in UNSUBMITTED)
    counts["attributes", "in"] += sum(review.attributes.values())


def _count_spans(placed: Any, outcomes: Mapping[str, str], counts: Counts) -> None:
    """Count each span once, under the strongest thing that happened to it."""
    exact = len(placed.outcomes)
    if placed.problems or outcomes:
        for span_id, on_tokens in placed.outcomes.items():
            outcome = outcomes.get(span_id, "exact") if on_tokens == "exact" else on_tokens
            if outcome != "exact":
                exact -= 1
                counts["spans", "refused" if outcome == "misaligned" else outcome] += 1
    counts["spans", "exact"] += exact


def _count_docs(part: Part, placed: Sequence[Any], counts: Counts) -> None:
    """Count the documents of a part, their tokens, and what is placed on them."""
    counts["documents", part] += len(placed)
    counts["tokens",] += sum(len(one.iobs) for one in placed)
    for length, number in Counter([end - start for one in placed for _, start, end in one.placed]).items():
        counts["lengths", str(length)] += number
    for label, number in Counter([span.label for one in placed for span, _, _ in one.placed]).items():
        counts["labels", label, part] += number
