"""Articles → documents with predictions, in order, on all cores.

This process annotates too, whenever it would have to wait for another. On Linux the others are forked from it with the
pipeline that it has loaded, which costs nothing. Where that is not safe, because there are other threads or another
system, they are fresh interpreters: those load for seconds, so none is started for a few articles.
"""

import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.errors import InputError
from labeling.workflow.pool import cores

BATCH = 30_000  # characters of a batch: about half a second of work, and 100 MB of memory
FEW = 10  # batches from which on a fresh interpreter is worth its start
AHEAD = 2  # batches a process that wait for it
HELD = 8  # batches a process that are read and not given out yet; so memory stays flat
# An article like any other: with a place and a date, whose normal forms take seconds to load.
ANY = Article(doc_id="any", text="Two people were killed in Mosul on Friday, Ann Bell said.", published="2026-01-02")

Batch = list[Article]
Work = Callable[[Batch], list[LabeledDoc]]


def annotated(
    nlp: Any, model: str, schema: LabelSchema, articles: Iterable[Article], jobs: int | None = None
) -> Iterator[LabeledDoc]:
    """Each article, in order, with what `labeling.nlp.annotate` predicts; long ones are annotated in windows.

    Articles are read ahead only as far as the processes can soon work on, so an endless stream takes no more memory
    than a short one.

    Args:
        nlp: The pipeline, for this process.
        model: Where the other processes load the same pipeline from: a package or a folder.
        schema: What is predicted.
        articles: As many as there are.
        jobs: Processes, this one among them; all cores by default.

    Raises:
        ModelError, SchemaError: As `annotate` and `load` raise them, from whichever process.
        InputError: A process was killed, as the system does where memory runs out.
    """
    from threadpoolctl import threadpool_limits

    work = partial(_annotate, _annotator(nlp, schema), nlp)
    batches = _batches(articles)
    others = (cores() if jobs is None else jobs) - 1
    executor = None
    if others > 0 and sys.platform == "linux" and threading.active_count() == 1:
        with threadpool_limits(1, "blas"):
            work([ANY])  # what an article needs is loaded before the fork, once for all
        executor = ProcessPoolExecutor(others, get_context("fork"), _start, (work, model, schema))
        executor.submit(int)  # forks them now, before a progress bar starts its thread

    def documents() -> Iterator[LabeledDoc]:
        # Matrices are small here, and there is a process a core: more threads would be in each other's way.
        with threadpool_limits(1, "blas"):
            if executor:
                yield from _in_order(executor, others, work, batches)
                return
            first = list(islice(batches, FEW))
            if others < 1 or len(first) < FEW:
                for batch in chain(first, batches):
                    yield from work(batch)
                return
            fresh = ProcessPoolExecutor(others, get_context("spawn"), _start, (None, model, schema))
            yield from _in_order(fresh, others, work, chain(first, batches))

    return documents()


def _in_order(executor: ProcessPoolExecutor, others: int, work: Work, batches: Iterator[Batch]) -> Iterator[LabeledDoc]:
    """The documents of all batches; the executor ends with them."""
    try:
        for docs in _results(executor, others, work, batches):
            yield from docs
    except BrokenProcessPool as error:
        raise InputError(
            "A process of this command was killed, probably because memory ran out.", "Try --jobs 1."
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _results(
    executor: ProcessPoolExecutor, others: int, work: Work, batches: Iterator[Batch]
) -> Iterator[list[LabeledDoc]]:
    """The documents of each batch; this process works on one wherever the next is not ready."""
    held: deque[tuple[Batch, Future[list[LabeledDoc]] | list[LabeledDoc]]] = deque()
    more = True
    while more or held:
        while more and sum(isinstance(f, Future) and not f.done() for _, f in held) < AHEAD * others:
            if batch := next(batches, None):
                held.append((batch, executor.submit(_annotate_there, batch)))
            more = batch is not None
        if not held:
            return
        batch, result = held[0]
        if isinstance(result, list) or result.done():
            held.popleft()
            yield result if isinstance(result, list) else result.result()
        elif more and len(held) < HELD * (others + 1):
            if ahead := next(batches, None):
                held.append((ahead, work(ahead)))
            more = ahead is not None
        elif result.cancel():  # no process has begun with it
            held[0] = batch, work(batch)
        else:
            _help(held, work)


def _help(held: deque[tuple[Batch, Any]], work: Work) -> None:
    """Take over the last batch that no process has begun with; else wait for the first."""
    for place in range(len(held) - 1, 0, -1):
        batch, result = held[place]
        if isinstance(result, Future) and result.cancel():
            held[place] = batch, work(batch)
            return
    held[0][1].exception()


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


def _annotator(nlp: Any, schema: LabelSchema) -> Callable[[Iterable[Article]], Iterator[LabeledDoc]]:
    from labeling.nlp.annotate import annotator
    from labeling.nlp.windows import in_windows

    return partial(in_windows, annotator(nlp, schema))


def _annotate(annotate: Any, nlp: Any, batch: Batch) -> list[LabeledDoc]:
    # Words that were not known before are forgotten again; a long stream has millions.
    with nlp.memory_zone():
        return list(annotate(batch))


# in the other processes

_given: list[tuple[Work | None, str, LabelSchema]] = []


def _start(work: Work | None, model: str, schema: LabelSchema) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the others
    _given[:] = [(work, model, schema)]
    _ready.cache_clear()


def _annotate_there(batch: Batch) -> list[LabeledDoc]:
    return _ready()(batch)


@cache
def _ready() -> Work:
    """Loaded with the first batch, so that what is wrong with the model is an error like any other."""
    from threadpoolctl import threadpool_limits

    from labeling.nlp.load import load

    work, model, schema = _given[0]
    if work is None:
        nlp = load(model)
        work = partial(_annotate, _annotator(nlp, schema), nlp)
    threadpool_limits(1, "blas")
    return work
