"""A model, perhaps another, and an exported folder → what the one finds, and whether it is better than the other."""

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
from labeling.workflow.progress import Track, unseen


def evaluate(
    model: str,
    folder: Path,
    part: str = "test",
    *,
    against: str | None = None,
    schema: LabelSchema | None = None,
    with_errors: bool = False,
    bootstrap: Bootstrap | None = None,
    track: Track = unseen,
) -> Scores:
    """How well a model finds the spans and relations of a part of an exported folder.

    Args:
        model: A spaCy package, or the folder of a trained model.
        folder: What `labeling export` or `labeling convert` wrote.
        part: train, dev or test.
        against: Another model, to compare it with on the same documents.
        schema: The schema of the pre-annotation whose worth is measured too.
        with_errors: Whether every difference is listed.
        bootstrap: How the intervals come about.
        track: Who shows how far it is.

    Raises:
        InputError: There is no such part, it is empty or has no spans, or a model knows none of its labels.
        ModelError: There is no such model, or it is for another language than the documents.
    """
    bootstrap = bootstrap or Bootstrap()
    mine = tested(model, folder, part, schema=schema, track=track)
    scores = scores_of(mine.run, bootstrap)
    said: dict[str, object] = {}
    if schema and mine.preannotated:
        said["preannotation"] = preannotation_of(mine.preannotated, schema.key, bootstrap)
    if against is not None:
        other = tested(against, folder, part, schema=schema, track=track)
        both = mine.preannotated and other.preannotated and (mine.preannotated, other.preannotated)
        counts = counts_on_the_same_gold(mine.run, other.run)
        names = _told_apart((mine.run.model, other.run.model), (model, against))
        said["against"] = comparison_of(names, counts, bootstrap, both or None)
    if with_errors:
        said["errors"] = tuple(_located(errors_in(mine.run), read_task_locations(folder)))
    return scores.model_copy(update=said)


def pre_annotated(test: Test, model: str, schema: LabelSchema, track: Track = unseen) -> Counts:
    """The counts of what `labeling import` would find in a test with a model; with "" nothing is found."""
    if not model:
        return counts_of(test.judged(None))
    found = annotated(load(model), model, schema, test.articles)
    return counts_of(test.judged(list(track(found, "Pre-annotating", len(test.articles)))))


def against_untrained(
    model: str, untrained: str, schema: LabelSchema, folder: Path, *, track: Track = unseen
) -> Comparison:
    """The pre-annotation with a trained model against the one without, on the test part of an exported folder.

    Args:
        model: The folder of the trained model.
        untrained: The pipeline that pre-annotates without it.
        schema: What both predict.
        folder: What `labeling export` or `labeling convert` wrote.
        track: Who shows how far it is.

    Raises:
        InputError: There is no test part, or it is empty.
    """
    test = Test.read(part_file(folder, "test"))
    learned, before = (pre_annotated(test, each, schema, track) for each in (model, untrained))
    return comparison_of((model, untrained), (learned, before), Bootstrap())


def write_errors(errors: Iterable[Error], file: Path) -> Path:
    """The file, now with a JSON object a line, one a difference.

    Raises:
        InputError: It cannot be written.
    """
    lines = (json.dumps(error.model_dump(mode="json"), ensure_ascii=False) for error in errors)
    return write_atomic(file, "".join(f"{line}\n" for line in lines))


def _told_apart(names: tuple[str, str], given: tuple[str, str]) -> tuple[str, str]:
    """The models' names; where these are the same, as they were given."""
    return names if names[0] != names[1] else given


def _located(errors: Iterable[Error], locations: dict[str, TaskLocation]) -> Iterable[Error]:
    for error in errors:
        location = locations.get(error.doc_id)
        yield error.model_copy(update={"url": location.url, "where": location.where}) if location else error
