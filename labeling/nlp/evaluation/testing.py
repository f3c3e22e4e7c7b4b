"""A model and an exported folder → its predictions for one part, and the counts of a pre-annotation with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy.language import Language

from labeling.core.article import digest
from labeling.core.schema import LabelSchema
from labeling.errors import InputError
from labeling.nlp.annotate import annotator
from labeling.nlp.evaluation.counting import Counts, counts_of
from labeling.nlp.evaluation.extraction import EVENTS, Reference, Side, judged
from labeling.nlp.evaluation.preannotated import article_of, to_output
from labeling.nlp.evaluation.running import Run, Track, label_list, run, untracked
from labeling.nlp.folder import check_exported_language, part_file, read_docs
from labeling.nlp.load import load
from labeling.nlp.pipelines import check_language
from labeling.nlp.windows import in_windows


@dataclass(frozen=True, slots=True)
class Tested:
    """A model's run on a test, and, if a schema was given, the counts of the whole pre-annotation with it."""

    run: Run
    preannotated: Counts | None = None


def tested(
    model: str, folder: Path, part: str = "test", *, schema: LabelSchema | None = None, track: Track = untracked
) -> Tested:
    """A model's run on one part of an exported folder; with a schema, also what `labeling import` would predict.

    Raises:
        InputError: The part is missing, empty or without spans, or the model or the schema knows none of its labels.
        ModelError: The model is missing, or for another language than the documents or the schema.
    """
    nlp = load(model)
    check_exported_language(folder, f"The model {model}", str(nlp.lang))
    gold = list(read_docs(part_file(folder, part), nlp))
    if not gold:
        raise InputError(f"{folder} has no documents in its {part} part.", "Review more articles and export again.")
    found = run(nlp, gold, f"the {part} part of {folder}", track)
    if schema is None:
        return Tested(found)
    check_language(model, schema)
    return Tested(found, _preannotated(nlp, schema, found.references, track))


def counts_on_the_same_gold(first: Run, second: Run) -> tuple[Counts, Counts]:
    """The counts of the main layers of two runs on the same documents, both against the same gold.

    That is `doc.ents` if both layers are entities; otherwise all spans, overlapping or not.
    """
    layers = {first.main, second.main}
    side: Side = "ents" if layers <= {"ner", "ents"} else "group"
    one, other = first.against(side), second.against(side)
    return counts_of(one), counts_of(other)


def _preannotated(nlp: Language, schema: LabelSchema, references: Sequence[Reference], track: Track) -> Counts:
    """The counts of a pre-annotation with the pipeline and the schema.

    Raises:
        InputError: The schema has none of the gold's labels.
    """
    labels = {mark.label for gold in references for mark in gold.sides["group"].marks}
    if not labels & schema.labels.keys():
        raise InputError(
            f"The schema {schema.key} has none of the labels of the gold, so no effort can be measured.\n"
            f"the schema: {label_list(schema.labels)}\nthe gold: {label_list(labels)}",
            "Name the schema that was annotated with: `--schema`.",
        )
    articles = (article_of(gold, digest(gold.text)) for gold in references)
    annotated = track(in_windows(annotator(nlp, schema), articles), "Pre-annotating", len(references))
    return counts_of([judged(gold, to_output(doc), EVENTS) for gold, doc in zip(references, annotated, strict=True)])
