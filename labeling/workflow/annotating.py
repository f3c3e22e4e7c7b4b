"""Articles → documents with predictions, in order, on all cores.

This process annotates too: it does so while the others start, which takes them seconds, and whenever it would have to
wait for one of them. So few articles are done before any other process would be of use, and none is started for them.
"""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from itertools import chain, islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.errors import InputError
from labeling.workflow.pool import cores

if TYPE_CHECKING:
    from spacy.language import Language

BATCH = 60_000  # characters of a batch: about a second of work, and 200 MB of memory
FEW = 3  # batches from which on other processes are worth their start
AHEAD = 2  # batches a process that wait for it
HELD = 6  # batches a process that are read and not given out yet; so memory stays flat

Batch = list[Article]
Work = Callable[[Batch], list[LabeledDoc]]


def annotated(
    nlp: "Language", model: str, schema: LabelSchema, articles: Iterable[Article], jobs: int | None = None
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
    first = list(islice(batches, FEW))
    others = (cores() if jobs is None else jobs) - 1
    # Matrices are small here, and there is a process a core: more threads would only be in each other's way.
    with threadpool_limits(1, "blas"):
        if others < 1 or len(first) < FEW:
            for batch in chain(first, batches):
                yield from work(batch)
            return
        # A fresh interpreter each: forking a process that has threads, as a progress bar does, may hang.
        executor = ProcessPoolExecutor(others, get_context("spawn"), _start, (model, schema))
        try:
            yield from _in_order(executor, others, work, chain(first, batches))
        except BrokenProcessPool as error:
            raise InputError(
                "A process of this command was killed, probably because memory ran out.", "Try --jobs 1."
            ) from error
        finally:
            executor.shutdown(cancel_futures=True)


def _in_order(executor: ProcessPoolExecutor, others: int, work: Work, batches: Iterator[Batch]) -> Iterator[LabeledDoc]:
    """The documents of all batches; this process works on one wherever the next is not ready."""
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
            yield from result if isinstance(result, list) else result.result()
        elif more and len(held) < HELD * (others + 1):
            if ahead := next(batches, None):
                held.append((ahead, work(ahead)))
            more = ahead is not None
        elif result.cancel():  # no process has begun with it
            held[0] = batch, work(batch)
        else:
            result.result()


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


def _annotator(nlp: "Language", schema: LabelSchema) -> Callable[[Iterable[Article]], Iterator[LabeledDoc]]:
    from labeling.nlp.annotate import annotator
    from labeling.nlp.windows import in_windows

    return partial(in_windows, annotator(nlp, schema))


def _annotate(annotate: Any, nlp: "Language", batch: Batch) -> list[LabeledDoc]:
    # Words that were not known before are forgotten again; a long stream has millions.
    with nlp.memory_zone():
        return list(annotate(batch))


# in the other processes

_given: list[tuple[str, LabelSchema]] = []


def _start(model: str, schema: LabelSchema) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the others
    _given[:] = [(model, schema)]


def _annotate_there(batch: Batch) -> list[LabeledDoc]:
    return _loaded()(batch)


@cache
def _loaded() -> Work:
    """Loaded with the first batch, so that what is wrong with the model is an error like any other."""
    from threadpoolctl import threadpool_limits

    from labeling.nlp.load import load

    model, schema = _given[0]
    nlp = load(model)
    threadpool_limits(1, "blas")
    return partial(_annotate, _annotator(nlp, schema), nlp)
