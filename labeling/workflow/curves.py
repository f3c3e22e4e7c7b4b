"""An exported folder → a learning curve: the scores of models trained on growing shares of it.

Shares are nested, near-duplicates stay together, and no model is evaluated on documents that it was trained on. If the
test part has enough documents, all models are evaluated on it, and several orders of the documents show how much the
choice of documents matters. Otherwise all documents are divided into folds, and models are cross-validated.
"""

import contextlib
import io
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy

from labeling.core.bootstrap import micro_f
from labeling.core.estimate import Estimate
from labeling.core.growth import figure, growth
from labeling.core.learning_curve import Curve, Point
from labeling.core.shares import folds, nested
from labeling.errors import InputError, LabelingError

if TYPE_CHECKING:
    from labeling.nlp.evaluation.counting import Counts
    from labeling.nlp.subsets import Reviewed

SHARES = (25, 50, 75, 100)
MORE = 100  # documents
ENOUGH = 20  # documents in the test part; with fewer, an interval says nothing
FOLDS = 5
ORDERS = 3
DEV = 8  # if dev is empty, one document in so many goes there
Train = Callable[[Path, Path], None]  # trains a model on an exported folder, into another, new folder
Tell = Callable[[int, float | None], None]  # is told the number of trainings done, and the seconds left if known
Bar = Callable[[str, int], AbstractContextManager[Tell]]  # shows the progress of so many trainings


def no_bar(what: str, total: int) -> AbstractContextManager[Tell]:
    """A bar that shows nothing."""
    return nullcontext(lambda done, seconds: None)


@dataclass(frozen=True, slots=True)
class Job:
    """A model to train and evaluate; `number` is that of the order of the documents, or of the fold."""

    share: int
    number: int
    train: "list[Reviewed]"
    dev: "list[Reviewed]"
    judged: "list[Reviewed]"

    @property
    def size(self) -> int:
        """The number of documents that it learns from."""
        return len(self.train) + len(self.dev)


@dataclass(slots=True)
class Results:
    """The results of each share: the counts by number of the job, and the sizes."""

    counts: "dict[int, dict[int, Counts]]" = field(default_factory=dict)
    sizes: dict[int, list[int]] = field(default_factory=dict)

    def add(self, job: Job, counts: "Counts") -> None:
        """Add the counts of a model."""
        self.counts.setdefault(job.share, {})[job.number] = counts
        self.sizes.setdefault(job.share, []).append(job.size)


def learning_curve(
    folder: Path,
    train: Train,
    *,
    shares: Sequence[int] = SHARES,
    orders: int = ORDERS,
    fold_count: int | None = None,
    bar: Bar = no_bar,
    say: Callable[[str], None] = lambda line: None,
) -> Curve:
    """The learning curve of an exported folder.

    Args:
        folder: What `labeling export` or `convert` wrote.
        train: Trains a model on such a folder.
        shares: Shares of the documents, in per cent.
        orders: The number of random orders of the documents; folds have one.
        fold_count: The number of folds; 0 evaluates on the test part, None does so if it has enough documents.
        bar: Shows the progress.
        say: Is told what will be done.

    Raises:
        InputError: There are too few documents, or too few models could be trained.
        LabelingError: The model of all documents could not be trained.
    """
    from labeling.nlp.subsets import labels_of, reviewed

    documents = reviewed(folder)
    tested = [one for one in documents if one.part == "test"]
    if fold_count is None:
        fold_count = 0 if len(tested) >= ENOUGH else FOLDS
    shares = sorted({*shares, 100})
    judged, jobs = _in_folds(documents, fold_count, shares) if fold_count else _by_test(documents, shares, orders)
    _refuse_few(folder, jobs, tested, fold_count)
    sizes = [job.size for job in jobs]
    on = f"{fold_count} folds of all {len(judged)}" if fold_count else f"the test part's {len(judged)}"
    say(f"{len(jobs)} models are trained on {min(sizes)} to {max(sizes)} documents, and evaluated on {on}.")
    results, notes = _trained(folder, jobs, labels_of(judged), train, bar)
    if not fold_count and len(tested) < ENOUGH:
        notes.append(f"The test part has {len(tested)} documents: intervals are wide, and rougher than they look.")
    return _curve(folder, results, judged, fold_count, notes)


def _by_test(documents: "Sequence[Reviewed]", shares: Sequence[int], orders: int) -> "tuple[list[Reviewed], list[Job]]":
    """The test part, and a job for each share and order; the share of all documents needs only one order."""
    judged = [one for one in documents if one.part == "test"]
    others = _apart(documents, judged)
    jobs = []
    for number in range(orders):
        for share, train, dev in _subsets(others, shares, number):
            if share < 100 or number == 0:
                jobs.append(Job(share, number, train, dev, judged))
    return judged, jobs


def _in_folds(documents: "Sequence[Reviewed]", count: int, shares: Sequence[int]) -> "tuple[list[Reviewed], list[Job]]":
    """All documents, fold by fold, and a job for each share and fold."""
    everything, jobs = [], []
    groups, keys = [one.group for one in documents], [one.digest for one in documents]
    for number, fold in enumerate(folds(groups, keys, count, seed=0)):
        judged = [documents[place] for place in fold]
        everything += judged
        for share, train, dev in _subsets(_apart(documents, judged), shares, number):
            jobs.append(Job(share, number, train, dev, judged))
    return everything, jobs


def _apart(documents: "Sequence[Reviewed]", judged: "Sequence[Reviewed]") -> "list[Reviewed]":
    """The documents that are not near-duplicates of those to evaluate on."""
    taken = {one.group for one in judged}
    return [one for one in documents if one.group not in taken]


def _subsets(
    documents: "Sequence[Reviewed]", shares: Sequence[int], seed: int
) -> "list[tuple[int, list[Reviewed], list[Reviewed]]]":
    """Each share, with that share of the training and of the dev documents; if there is no dev part, one is made."""
    tuning = [one for one in documents if one.part == "dev"]
    if not tuning:
        groups, keys = [one.group for one in documents], [one.digest for one in documents]
        chosen = folds(groups, keys, DEV, seed=0)[0]
        tuning = [documents[place] for place in chosen]
    groups_of_dev = {one.group for one in tuning}
    learning = [one for one in documents if one.group not in groups_of_dev]
    parts = [
        nested([one.group for one in some], [one.digest for one in some], [s / 100 for s in shares], seed)
        for some in (learning, tuning)
    ]
    return [
        (share, [learning[place] for place in train], [tuning[place] for place in dev])
        for share, train, dev in zip(shares, *parts, strict=True)
    ]


def _refuse_few(folder: Path, jobs: Sequence[Job], tested: Sequence[Any], fold_count: int) -> None:
    if not fold_count and not tested:
        raise InputError(f"{folder} has no documents in its test part.", "Leave --folds out, or give --folds 5.")
    if not jobs or not all(job.train and job.dev and job.judged for job in jobs):
        raise InputError(
            f"{folder} has too few documents for a learning curve: each point needs some to train on and others to"
            " evaluate on.",
            "Review more articles and export again; it takes at least ten.",
        )


def _trained(
    folder: Path, jobs: Sequence[Job], labels: Sequence[str], train: Train, bar: Bar
) -> tuple[Results, list[str]]:
    """The results of all jobs, and notes on those that failed. The largest goes first, so that estimates are safe."""
    from labeling.nlp.subsets import counted, write_subset

    results, notes, estimate = Results(), [], Estimate()
    waiting = sorted(jobs, key=lambda job: -job.size)
    with bar("Learning", len(jobs)) as tell, tempfile.TemporaryDirectory(prefix="labeling-curve-") as place:
        while waiting:
            tell(len(jobs) - len(waiting), estimate.remaining(job.size for job in waiting))
            job = waiting.pop(0)
            work = Path(place) / f"{job.share}-{job.number}"
            started = monotonic()
            try:
                write_subset(folder, work / "exports", {"train": job.train, "dev": job.dev, "test": job.judged})
                with contextlib.redirect_stderr(io.StringIO()):  # spaCy's table of each training
                    train(work / "exports", work / "model")
                results.add(job, counted(work / "model", job.judged, labels))
            except LabelingError as error:
                if job.share == 100 and not results.counts:
                    raise
                notes.append(f"{job.share}%, {job.size} documents: no model, because {error.message}")
            estimate.add(job.size, monotonic() - started)
            shutil.rmtree(work, ignore_errors=True)  # anything left is removed with the temporary folder
    return results, notes


def _curve(folder: Path, results: Results, judged: "Sequence[Reviewed]", fold_count: int, notes: list[str]) -> Curve:
    from labeling.nlp.evaluation.counting import effort_saved

    points, figures = [], []
    for share, by_number in sorted(results.counts.items()):
        counts = [by_number[number] for number in sorted(by_number)]
        exact, work = [one.exact for one in counts], [one.work for one in counts]
        if fold_count and len(counts) < fold_count:
            notes.append(f"{share}%: left out, because not every fold has a model.")
            continue
        if fold_count:
            exact, work = [numpy.concatenate(exact)], [numpy.concatenate(work)]
        groups = [one.group for one in judged]
        f, effort = figure(exact, micro_f, groups), figure(work, effort_saved, groups)
        sizes = results.sizes[share]
        size = round(sum(sizes) / len(sizes))
        points.append(Point(share=share, documents=size, f=f.interval, effort=effort.interval, models=len(sizes)))
        figures.append((f, effort))
    if not points:
        raise InputError(f"No share of {folder} has models for a point of the curve.\n" + "\n".join(notes))
    sizes_of_points = [point.documents for point in points]
    f_growth, effort_growth = (growth(sizes_of_points, one, MORE) for one in zip(*figures, strict=True))
    return Curve(
        folder=folder,
        documents=points[-1].documents,
        judged=len(judged),
        folds=fold_count,
        points=tuple(points),
        f=f_growth,
        effort=effort_growth,
        notes=tuple(dict.fromkeys(notes)),
    )
