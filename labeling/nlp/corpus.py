"""Reviewed documents → a training corpus: DocBins, what became of each span, and a config to train with."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import spacy
from spacy.cli.init_config import init_config
from spacy.tokens import DocBin

from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.split import PARTS, Part, Split
from labeling.nlp.gold import Placed, to_doc

# Attributes that a DocBin keeps; the text and the spans come along by themselves.
ATTRS = ("ORTH", "SPACY", "ENT_IOB", "ENT_TYPE", "ENT_ID")

# With a few hundred sentences spaCy's defaults evaluate once in ten epochs and wait eight times that long.
SMALL_CORPUS = {"eval_frequency": 40, "patience": 400, "max_steps": 2000}
LARGE_CORPUS_TOKENS = 100_000


@dataclass
class Corpus:
    """A training corpus.

    `parts` are DocBins as bytes; `documents` counts them, `labels` counts (label, part) over the spans that are in
    `doc.ents`; `placed` says by doc_id what became of the document's spans.
    """

    parts: dict[Part, bytes] = field(default_factory=dict)
    documents: Counter[Part] = field(default_factory=Counter)
    labels: Counter[tuple[str, Part]] = field(default_factory=Counter)
    placed: dict[str, Placed] = field(default_factory=dict)
    tokens: int = 0

    @property
    def problems(self) -> list[Problem]:
        """Every span that is not in `doc.ents` exactly."""
        return [problem for placed in self.placed.values() for problem in placed.problems]


def build(docs: Iterable[LabeledDoc], split: Split, language: str) -> Corpus:
    """The corpus of the documents, tokenised by the language's own rules."""
    nlp = spacy.blank(language)
    corpus = Corpus()
    bins = {part: DocBin(attrs=ATTRS, store_user_data=True) for part in PARTS}
    for labeled in docs:
        doc, placed = to_doc(labeled, nlp)
        part = split.part(labeled.text)
        bins[part].add(doc)
        corpus.documents[part] += 1
        corpus.labels.update((entity.label_, part) for entity in doc.ents)
        corpus.placed[labeled.doc_id] = placed
        corpus.tokens += len(doc)
    corpus.parts = {part: docbin.to_bytes() for part, docbin in bins.items()}
    return corpus


def training_config(language: str, tokens: int) -> str:
    """SpaCy's own recommended config for an entity recogniser on a CPU, reading the parts that lie beside it."""
    config = init_config(lang=language, pipeline=["ner"], optimize="efficiency", silent=True)
    config["paths"] = {"train": "train.spacy", "dev": "dev.spacy", "vectors": None, "init_tok2vec": None}
    if tokens < LARGE_CORPUS_TOKENS:
        config["training"].update(SMALL_CORPUS)
    return str(config.to_str())
