"""Articles → documents with predictions, in order, on all cores.

Processes that are forked from this one have the pipeline that it has loaded. Fresh interpreters load for seconds, so
none is started for a few articles.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import chain, islice
from typing import Any

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.workflow.pool import can_fork, cores, others, shared
from labeling.workflow.progress import Within

BATCH = 5_000  # characters of a batch: six times as many are no faster, and take 80 MB more
FEW = 60  # batches from which on a fresh interpreter is worth its start
# An article like any other: with a place and a date, whose normal forms take seconds to load.
ANY = Article(doc_id="any", text="Two people were killed in Mosul on Friday, Ann Bell said.", published="2026-01-02")

Batch = list[Article]
Work = Callable[[Batch], list[LabeledDoc]]


def annotated(
    nlp: Any,
    model: str,
    schema: LabelSchema,
    articles: Iterable[Article],
    jobs: int | None = None,
    within: Within | None = None,
) -> Iterator[LabeledDoc]:
    """Each article, in order, with what `labeling.nlp.annotate` predicts; long ones are annotated in windows.

    The processes share windows, not articles, so a long article takes the memory of a few windows, and all cores.
    Articles are read ahead only as far as the processes can soon work on, so an endless stream takes no more memory
    than a short one.

    Args:
        nlp: The pipeline, for this process.
        model: Where the other processes load the same pipeline from: a package or a folder.
        schema: What is predicted.
        articles: As many as there are.
        jobs: Processes, this one among them; all cores by default. A pipeline with a transformer has this one alone.
        within: Is told how far the article at work is.

    Raises:
        ModelError, SchemaError: As `annotate` and `load` raise them, from whichever process.
        InputError: A process was killed, as the system does where memory runs out.
    """
    from threadpoolctl import threadpool_limits

    from labeling.nlp.annotate import annotator
    from labeling.nlp.bases import TRANSFORMERS
    from labeling.nlp.windows import SIZE, in_windows

    work = partial(_annotate, annotator(nlp, schema), nlp)
    count = (cores() if jobs is None else jobs) - 1
    if not TRANSFORMERS.isdisjoint(nlp.pipe_names):
        count = 0  # PyTorch takes all cores by itself, and waits for ever in a process that is forked
    executor = None
    if count > 0 and can_fork():
        with threadpool_limits(1, "blas"):
            work([ANY])  # what an article needs is loaded before the fork, once for all
        executor = others(count, _begin, work, model, schema)

    def documents(pieces: Iterable[Article]) -> Iterator[LabeledDoc]:
        batches = _batches(pieces)
        # Matrices are small here, and there is a process a core: more threads would be in each other's way.
        with threadpool_limits(1, "blas"):
            if executor:
                yield from _on_all_cores(executor, count, work, batches)
                return
            first = list(islice(batches, FEW))
            if count < 1 or len(first) < FEW:
                for batch in chain(first, batches):
                    yield from work(batch)
                return
            fresh = others(count, _begin, None, model, schema)
            yield from _on_all_cores(fresh, count, work, chain(first, batches))

    return in_windows(documents, articles, SIZE, within or Within())


def _on_all_cores(
    executor: ProcessPoolExecutor, count: int, work: Work, batches: Iterable[Batch]
) -> Iterator[LabeledDoc]:
    """The documents of all batches; the executor ends with them."""
    try:
        for docs in shared(executor, count, work, _annotate_there, batches):
            yield from docs
    finally:
        executor.shutdown(cancel_futures=True)


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


def _annotate(annotate: Any, nlp: Any, batch: Batch) -> list[LabeledDoc]:
    # Words that were not known before are forgotten again; a long stream has millions.
    with nlp.memory_zone():
        return list(annotate(batch))


# in the other processes

_given: list[tuple[Work | None, str, LabelSchema]] = []


def _begin(work: Work | None, model: str, schema: LabelSchema) -> None:
    _given[:] = [(work, model, schema)]
    _ready.cache_clear()


def _annotate_there(batch: Batch) -> list[LabeledDoc]:
    return _ready()(batch)


@cache
def _ready() -> Work:
    """Loaded with the first batch, so that what is wrong with the model is an error like any other."""
    from threadpoolctl import threadpool_limits

    from labeling.nlp.annotate import annotator
    from labeling.nlp.load import load

    work, model, schema = _given[0]
    if work is None:
        nlp = load(model)
        work = partial(_annotate, annotator(nlp, schema), nlp)
    threadpool_limits(1, "blas")
    return work
