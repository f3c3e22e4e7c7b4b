"""An exported folder → one spaCy pipeline trained on its reviewed documents."""

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import use_ops
from threadpoolctl import threadpool_limits

from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.errors import SchemaError
from labeling.nlp.bases import AUTO
from labeling.nlp.events.component import lexicon_of
from labeling.nlp.events.files import Files
from labeling.nlp.folder import check_exported_language
from labeling.nlp.learn import base as bases
from labeling.nlp.learn import fitting, prepared, recognizer, reviews
from labeling.nlp.learn.component import FROZEN, RELATIONS, SPANS, VECTORS, FrozenEncoder, TransformerVectors
from labeling.nlp.learn.fitting import CrossValidation
from labeling.nlp.learn.knowledge import Knowledge
from labeling.nlp.learn.relating import fit_relations
from labeling.nlp.learn.relations import RelationModel
from labeling.nlp.learn.state import Learned
from labeling.nlp.learn.tags import Tags
from labeling.nlp.pipelines import has_rules

FOLDS_OF_FEW, FOLDS, FEW = 5, 3, 100  # with up to FEW documents, more folds cost little and every expert helps
EPOCHS = {"transformer": 12.0, "encoder": 12.0, "vectors": 20.0, "blank": 20.0}
RECOGNIZER = 2.0  # how many times as long as a regression it takes
Advance = Callable[[float, str], None]  # called with the share of all work done since the last call, and the step


class Options(Value):
    """The options of a training.

    Attributes:
        quick: Whether to leave out the recogniser, which takes the most time.
        base: What the recogniser reads (see `labeling.nlp.learn.base.choose`).
        encoder: Which frozen encoder to use (see there).
        gpu: Whether to compute on a GPU.
        seed: The seed of folds, weights, order and dropout.
    """

    quick: bool = False
    base: str = AUTO
    encoder: str = AUTO
    gpu: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        summary: What the model is built on, in one line.
        stamps: The same for the model card.
        documents: The number of training documents.
        folds: The number of folds; with one, nothing could be cross-validated.
        validation: The cross-validation of the spans, and the weights of the experts.
        relations: The relation model, whose `report` has the cross-validation of each; None if the schema has none.
    """

    summary: str
    stamps: tuple[bases.Stamp, ...]
    documents: int
    folds: int
    validation: CrossValidation
    relations: RelationModel | None


def train(folder: Path, model: Path, schema: LabelSchema, options: Options, advance: Advance) -> Trained:
    """Train a pipeline on an exported folder, and write it into a new folder `model`.

    Raises:
        InputError: The folder has no reviewed documents or no spans.
        OSError: The model cannot be written.
        ModelError: What the model is to be built on is missing, or for another language.
        SchemaError: The reviews have labels that the schema lacks.
    """
    reviewed = reviews.read(folder)
    _check_labels(reviewed, schema, folder)
    check_exported_language(folder, f"The schema {schema.key}", schema.language)
    base = bases.choose(schema.language, options.base, options.encoder, threads=_cores(), gpu=options.gpu)
    nlp = base.parser
    rules = Files.of(schema) if has_rules(schema) and nlp.has_pipe("parser") else None
    knowledge = Knowledge(nlp, rules)
    reader = _reader(base)
    work = _Work(advance, sum(len(doc.text) for doc in reviewed.docs))
    advance(0, "Reading")
    golds = prepared.parse(reviewed.docs, nlp, lexicon_of(rules) if rules else None, reader, work.read)
    tags = prepared.tags_for(golds)
    docs = prepared.describe(golds, knowledge, tags)
    folds = reviewed.folds(FOLDS_OF_FEW if len(docs) <= FEW else FOLDS, options.seed)
    thresholds = dict(schema.preannotate.thresholds) if schema.preannotate else {}
    trainer = None if options.quick else partial(_recognizer, base)
    # above FEW documents, a regression adds nothing to a recogniser that reads the same vectors
    alone = options.quick or base.kind in ("vectors", "blank") or len(docs) <= FEW
    encoded = (base.encoder or base.transformer) is not None and alone
    work.begin(len(folds), 1 + encoded + RECOGNIZER * (trainer is not None))
    learned, tagger, found, validation = fitting.fit(
        docs, folds, tags, trainer, encoded, thresholds, options.seed, work.fitted
    )
    advance(0, "Relations")
    with threadpool_limits(1):
        relations = fit_relations(nlp, golds, found, schema, rules, options.seed)
    advance(0, "Writing")
    _assembled(base, tagger, learned, schema, rules, relations).to_disk(model)
    return Trained(base.summary, base.stamps, len(docs), len(folds), validation, relations)


class _Work:
    """Reports steps as shares of the whole work, by their measured durations."""

    READ, FIT = 0.15, 0.8

    def __init__(self, advance: Advance, characters: int) -> None:
        self.advance, self.characters = advance, max(1, characters)
        self.step = 0.0

    def read(self, characters: int) -> None:
        """Report that this many more characters were parsed."""
        self.advance(self.READ * characters / self.characters, "Reading")

    def begin(self, folds: int, steps: float) -> None:
        """Start the fits, each of this many steps: one for each fold without its documents, and one for all."""
        fits = max(1, folds - 1) + 1 if folds > 1 else 1
        self.step = self.FIT / fits / steps

    def fitted(self, share: float) -> None:
        """Report that this share of a step was done."""
        self.advance(self.step * share, "Learning")


def _check_labels(reviewed: reviews.Reviews, schema: LabelSchema, folder: Path) -> None:
    labels = {span.label for doc in reviewed.docs for span in doc.spans}
    if unknown := sorted(labels - schema.labels.keys()):
        raise SchemaError(
            f"The documents in {folder} have labels that the schema {schema.key} lacks: {', '.join(unknown)}.",
            "Name the schema that they were reviewed with by --schema.",
        )


def _reader(base: bases.Base) -> Callable[[Iterable[Doc]], Iterable[Doc]] | None:
    """A function that sets the documents' vectors; None if there are none to set."""
    if base.transformer:
        [(_, transformer)] = base.transformer.pipeline
        vectors = TransformerVectors()
        return lambda docs: map(vectors, transformer.pipe(docs, batch_size=16))  # type: ignore[attr-defined]
    if base.encoder:
        encode = FrozenEncoder(base.parser)
        encode.encoder = base.encoder
        return encode.pipe
    return None


def _recognizer(
    base: bases.Base,
    docs: Sequence[prepared.Prepared],
    tags: Tags,
    seed: int,
    advance: Callable[[float], None],
) -> Language:
    settings = recognizer.config_of(
        tags,
        docs[0].gold.doc.tensor.shape[1] if base.kind in ("transformer", "encoder") else None,
        static=base.kind == "vectors",
    )
    with use_ops("cpu"):  # the recogniser is small: a GPU takes longer to start a step than a CPU to finish it
        return recognizer.train(
            [one.gold.doc for one in docs],
            [one.tags for one in docs],
            tags,
            base.parser,
            settings,
            seed,
            EPOCHS[base.kind],
            lambda share: advance(RECOGNIZER * share),
        )


def _assembled(
    base: bases.Base,
    tagger: Language | None,
    learned: Learned,
    schema: LabelSchema,
    rules: Files | None,
    relations: RelationModel | None,
) -> Language:
    nlp = base.parser
    if base.transformer:
        [component] = base.transformer.pipe_names
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # W113: other word vectors, which the transformer does not use
            nlp.add_pipe(component, source=base.transformer)
        nlp.add_pipe(VECTORS)
    elif base.encoder:
        nlp.add_pipe(FROZEN).encoder = base.encoder  # type: ignore[attr-defined]
    if tagger:
        nlp.add_pipe(recognizer.FACTORY, source=tagger)
    nlp.add_pipe(SPANS).build(learned, schema, rules)  # type: ignore[attr-defined]
    nlp.add_pipe(RELATIONS).build(relations, schema, rules)  # type: ignore[attr-defined]
    return nlp


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
