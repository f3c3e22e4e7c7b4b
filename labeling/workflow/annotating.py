"""Articles → documents with predictions, in order, on all cores."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Any

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.engine import Engine, Local, Rescue
from labeling.loading import what_stays
from labeling.workflow.progress import ItemProgress

BATCH = 15_000  # characters of a batch: with 5,000 it takes a fifth longer, with 40,000 no less time and 200 MB more
# A typical article: it has a place and a date, whose normal forms take seconds to load.
ANY = Article(doc_id="any", text="Two people were killed in Mosul on Friday, Ann Bell said.", published="2026-01-02")

Batch = list[Article]


def annotated(
    nlp: Any,
    model: str,
    schema: LabelSchema,
    articles: Iterable[Article],
    engine: Engine | None = None,
    within: ItemProgress | None = None,
    lose: Callable[[str], object] = str,
) -> Iterator[LabeledDoc]:
    """The articles, in order, with the predictions of `labeling.nlp.annotate`; long ones are annotated in windows.

    The processes share windows, not articles, so a long article takes the memory of a few windows, and all cores.
    Articles are read ahead only as far as the processes can soon work on, so an endless stream takes no more memory
    than a short one.

    Args:
        nlp: The pipeline, for this process.
        model: The package or folder from which other processes load the same pipeline.
        schema: The labels and relations to predict.
        articles: The articles, perhaps an endless stream.
        engine: What the work runs on; processes of this machine by default, one a core. A pipeline with a transformer
            uses only this one.
        within: Is told how far the current article is.
        lose: Is called with the doc_id of an article which kills the processes that annotate it, and is left out.

    Raises:
        ModelError, SchemaError: As raised by `annotate` and `load`, in any process.
        InputError: As raised by the engine.
    """
    from threadpoolctl import threadpool_limits

    from labeling.nlp.annotate import annotator
    from labeling.nlp.load import TRANSFORMERS
    from labeling.nlp.windows import SIZE, in_windows

    number = next(_numbers)
    with what_stays():
        _annotators[number] = partial(_annotated, annotator(nlp, schema), nlp)
    engine = engine or Local()
    if TRANSFORMERS.keys() & set(nlp.pipe_names):
        # PyTorch takes all cores by itself, and waits for ever in a process that is forked
        engine = engine.for_little()
    stack = ExitStack()
    stack.callback(_annotators.pop, number)
    with threadpool_limits(1, "blas"):
        if engine.forks:
            with what_stays():
                _annotators[number]([ANY])  # loads everything that an article needs, once, before the fork
        mapped = stack.enter_context(engine.started(partial(_begin, number, model, schema)))
    lost: set[str] = set()

    def instead(batch: Batch) -> list[LabeledDoc]:
        lost.update(article.doc_id for article in batch)
        return [LabeledDoc.of(article, ()) for article in batch]

    def documents(pieces: Iterable[Article]) -> Iterator[LabeledDoc]:
        # Matrices are small, and each core has a process: more threads would get in each other's way.
        with stack, threadpool_limits(1, "blas"):
            for docs in mapped(partial(_annotate, number), _batches(pieces), Rescue(_singly, instead)):
                yield from docs

    def found() -> Iterator[LabeledDoc]:
        for doc in in_windows(documents, articles, SIZE, within or ItemProgress()):
            if doc.doc_id in lost:
                lost.discard(doc.doc_id)
                lose(doc.doc_id)
            else:
                yield doc

    return found()


def _singly(batch: Batch) -> list[Batch]:
    return [[article] for article in batch]


def _batches(articles: Iterable[Article]) -> Iterator[Batch]:
    batch: Batch = []
    size = 0
    for article in articles:
        if batch and size + len(article.text) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(article)
        size += len(article.text)
    if batch:
        yield batch


# What each of the processes has.

_numbers = count()
_annotators: dict[int, Callable[[Batch], list[LabeledDoc]]] = {}


def _begin(number: int, model: str, schema: LabelSchema) -> None:
    """Load the pipeline, unless this process was forked from one that has it."""
    from threadpoolctl import threadpool_limits

    from labeling.nlp.annotate import annotator
    from labeling.nlp.load import load

    if number not in _annotators:
        nlp = load(model)
        _annotators[number] = partial(_annotated, annotator(nlp, schema), nlp)
    threadpool_limits(1, "blas")


def _annotate(number: int, batch: Batch) -> list[LabeledDoc]:
    return _annotators[number](batch)


def _annotated(annotate: Any, nlp: Any, batch: Batch) -> list[LabeledDoc]:
    # New words are forgotten after the batch; a long stream has millions.
    with nlp.memory_zone():
        return list(annotate(batch))
