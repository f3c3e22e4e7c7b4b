"""An exported folder → one spaCy pipeline that has learned everything that the reviews say."""

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
from labeling.nlp.folder import check_language
from labeling.nlp.learn import base as bases
from labeling.nlp.learn import fitting, prepared, recognizer, reviews
from labeling.nlp.learn.component import FROZEN, RELATIONS, SPANS, VECTORS, FrozenEncoder, TransformerVectors
from labeling.nlp.learn.fitting import Judged
from labeling.nlp.learn.knowledge import Knowledge
from labeling.nlp.learn.relating import relate
from labeling.nlp.learn.relations import RelationModel
from labeling.nlp.learn.state import Learned
from labeling.nlp.learn.tags import Tags
from labeling.nlp.pipelines import has_rules

FOLDS_OF_FEW, FOLDS, FEW = 5, 3, 100  # up to FEW documents a fold more costs little, and every part helps
EPOCHS = {"transformer": 12.0, "encoder": 12.0, "vectors": 20.0, "blank": 20.0}
RECOGNIZER = 2.0  # times the time of a regression
Advance = Callable[[float, str], None]  # told the share of all work that was done since the last time, and what is next


class Options(Value):
    """How to train.

    Attributes:
        quick: Whether to leave out the recogniser, which takes most of the time.
        base: What the recogniser reads (see `labeling.nlp.learn.bases.choose`).
        encoder: Which frozen encoder.
        gpu: Whether to compute on a GPU.
        seed: Of folds, weights, order and dropout.
    """

    quick: bool = False
    base: str = AUTO
    encoder: str = AUTO
    gpu: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """A model, and how it came about.

    Attributes:
        said: On what it was built, in one line.
        stamps: The same for its card.
        documents: From how many it learned.
        folds: In how many folds they were; with one, nothing could be cross-validated.
        judged: What cross-validation says of the spans, and how much each part is trusted.
        related: The relations, whose `report` says what cross-validation says of each; None where the schema has none.
    """

    said: str
    stamps: tuple[bases.Stamp, ...]
    documents: int
    folds: int
    judged: Judged
    related: RelationModel | None


def train(folder: Path, model: Path, schema: LabelSchema, options: Options, advance: Advance) -> Trained:
    """The pipeline that learned what the exported folder says, in a new folder `model`.

    Raises:
        InputError: There is nothing to learn from.
        OSError: The model cannot be written.
        ModelError: What it is to be built on is not there, or is for another language.
        SchemaError: The reviews have labels that the schema lacks.
    """
    reviewed = reviews.read(folder)
    _check_labels(reviewed, schema, folder)
    check_language(folder, f"The schema {schema.key}", schema.language)
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
    trainer = None if options.quick else _trainer(base, options)
    # above FEW, where the recogniser reads the same vectors, a regression over them has nothing to add
    alone = options.quick or base.kind in ("vectors", "blank") or len(docs) <= FEW
    encoded = (base.encoder or base.transformer) is not None and alone
    work.begin(len(folds), 1 + encoded + RECOGNIZER * (trainer is not None))
    learned, tagger, found, judged = fitting.fit(
        docs, folds, tags, trainer, encoded, thresholds, options.seed, work.fitted
    )
    advance(0, "Relations")
    with threadpool_limits(1):
        related = relate(nlp, golds, found, schema, rules, options.seed)
    advance(0, "Writing")
    made = _assembled(base, tagger, learned, schema, rules, related)
    made.to_disk(model)
    return Trained(base.said, base.stamps, len(docs), len(folds), judged, related)


class _Work:
    """Translates steps into shares of the whole, by what they were measured to take."""

    READ, FIT = 0.15, 0.8

    def __init__(self, advance: Advance, characters: int) -> None:
        self.advance, self.characters = advance, max(1, characters)
        self.step = 0.0

    def read(self, characters: int) -> None:
        """So many characters were parsed."""
        self.advance(self.READ * characters / self.characters, "Reading")

    def begin(self, folds: int, steps: float) -> None:
        """Each fold's fit, of so many steps, is of all documents but its own; the last is of all of them."""
        fits = max(1, folds - 1) + 1 if folds > 1 else 1
        self.step = self.FIT / fits / steps

    def fitted(self, share: float) -> None:
        """So large a share of a step is done."""
        self.advance(self.step * share, "Learning")


def _check_labels(reviewed: reviews.Reviews, schema: LabelSchema, folder: Path) -> None:
    labels = {span.label for doc in reviewed.docs for span in doc.spans}
    if unknown := sorted(labels - schema.labels.keys()):
        raise SchemaError(
            f"The documents in {folder} have labels that the schema {schema.key} lacks: {', '.join(unknown)}.",
            "Name the schema that they were reviewed with by --schema.",
        )


def _reader(base: bases.Base) -> Callable[[Iterable[Doc]], Iterable[Doc]] | None:
    """What gives documents their vectors; None where nothing does."""
    if base.transformer:
        [(_, transformer)] = base.transformer.pipeline
        vectors = TransformerVectors()
        return lambda docs: map(vectors, transformer.pipe(docs, batch_size=16))  # type: ignore[attr-defined]
    if base.encoder:
        encode = FrozenEncoder(base.parser)
        encode.encoder = base.encoder
        return encode.pipe
    return None


def _trainer(base: bases.Base, options: Options) -> fitting.Trainer:
    return partial(_recognizer, base, options)


def _recognizer(
    base: bases.Base,
    options: Options,
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
    with use_ops("cpu"):  # the recogniser is small: a GPU takes longer to begin each step than a CPU to end it
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
    related: RelationModel | None,
) -> Language:
    nlp = base.parser
    if base.transformer:
        [component] = base.transformer.pipe_names
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # W113: it has other word vectors, which it does not read
            nlp.add_pipe(component, source=base.transformer)
        nlp.add_pipe(VECTORS)
    elif base.encoder:
        nlp.add_pipe(FROZEN).encoder = base.encoder  # type: ignore[attr-defined]
    if tagger:
        nlp.add_pipe(recognizer.FACTORY, source=tagger)
    nlp.add_pipe(SPANS).build(learned, schema, rules)  # type: ignore[attr-defined]
    nlp.add_pipe(RELATIONS).build(related, schema, rules)  # type: ignore[attr-defined]
    return nlp


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
