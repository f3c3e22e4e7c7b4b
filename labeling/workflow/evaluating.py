"""A model and an exported folder → the model's scores, and perhaps whether it is better than another model."""

import json
from collections.abc import Iterable
from pathlib import Path

from labeling.core.schema import LabelSchema
from labeling.files import write_atomic
from labeling.nlp.evaluation.comparison import Comparison, comparison_of
from labeling.nlp.evaluation.counting import Counts, counts_of
from labeling.nlp.evaluation.errors import Error
from labeling.nlp.evaluation.preannotated import Test
from labeling.nlp.evaluation.report import Scores, errors_in, preannotation_of, scores_of
from labeling.nlp.evaluation.scores import Bootstrap
from labeling.nlp.evaluation.testing import counts_on_the_same_gold, tested
from labeling.nlp.folder import part_file
from labeling.nlp.load import load
from labeling.workflow.annotating import annotated
from labeling.workflow.export.task_locations import TaskLocation, read_task_locations
from labeling.workflow.progress import Track, no_track


def evaluate(
    model: str,
    folder: Path,
    part: str = "test",
    *,
    against: str | None = None,
    schema: LabelSchema | None = None,
    with_errors: bool = False,
    bootstrap: Bootstrap | None = None,
    track: Track = no_track,
) -> Scores:
    """The scores of a model on a part of an exported folder.

    Args:
        model: A spaCy package, or the folder of a trained model.
        folder: What `labeling export` or `labeling convert` wrote.
        part: train, dev or test.
        against: Another model, to compare with on the same documents.
        schema: Also measure the whole pre-annotation by this schema.
        with_errors: Whether to list every difference.
        bootstrap: How to compute the intervals.
        track: Shows the progress.

    Raises:
        InputError: There is no such part, it is empty or has no spans, or a model knows none of its labels.
        ModelError: There is no such model, or it is for another language than the documents.
    """
    bootstrap = bootstrap or Bootstrap()
    mine = tested(model, folder, part, schema=schema, track=track)
    scores = scores_of(mine.run, bootstrap)
    more: dict[str, object] = {}
    if schema and mine.preannotated:
        more["preannotation"] = preannotation_of(mine.preannotated, schema.key, bootstrap)
    if against is not None:
        other = tested(against, folder, part, schema=schema, track=track)
        both = mine.preannotated and other.preannotated and (mine.preannotated, other.preannotated)
        counts = counts_on_the_same_gold(mine.run, other.run)
        names = (mine.run.model, other.run.model)
        names = names if names[0] != names[1] else (model, against)
        more["against"] = comparison_of(names, counts, bootstrap, both or None)
    if with_errors:
        more["errors"] = tuple(_located(errors_in(mine.run), read_task_locations(folder)))
    return scores.model_copy(update=more)


def pre_annotated(test: Test, model: str, schema: LabelSchema, track: Track = no_track) -> Counts:
    """The counts of what `labeling import` would predict in a test; without a model ("") it is nothing."""
    if not model:
        return counts_of(test.judged(None))
    found = annotated(load(model), model, schema, test.articles)
    return counts_of(test.judged(list(track(found, "Pre-annotating", len(test.articles)))))


def against_untrained(
    model: str, untrained: str, schema: LabelSchema, folder: Path, *, track: Track = no_track
) -> Comparison:
    """A comparison of pre-annotation with a trained model and without, on the test part of an exported folder.

    Args:
        model: The folder of the trained model.
        untrained: The pipeline that pre-annotates without it.
        schema: The labels and relations that both predict.
        folder: What `labeling export` or `labeling convert` wrote.
        track: Shows the progress.

    Raises:
        InputError: There is no test part, or it is empty.
    """
    test = Test.read(part_file(folder, "test"))
    learned, before = (pre_annotated(test, each, schema, track) for each in (model, untrained))
    return comparison_of((model, untrained), (learned, before), Bootstrap())


def write_errors(errors: Iterable[Error], file: Path) -> Path:
    """Write the differences to a file, a JSON line each; the file.

    Raises:
        InputError: It cannot be written.
    """
    lines = (json.dumps(error.model_dump(mode="json"), ensure_ascii=False) for error in errors)
    return write_atomic(file, "".join(f"{line}\n" for line in lines))


def _located(errors: Iterable[Error], locations: dict[str, TaskLocation]) -> Iterable[Error]:
    for error in errors:
        if location := locations.get(error.doc_id):
            location = location.at(error.sentence.start)
        yield error.model_copy(update={"url": location.url, "where": location.where}) if location else error
