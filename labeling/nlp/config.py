"""The choice between an entity recogniser, a span categoriser and both, and spaCy's config for training it."""

from collections.abc import Mapping
from typing import Any, Literal

from spacy.cli.init_config import init_config

from labeling.core.value import Value
from labeling.nlp.gold import SPANS_KEY

Layer = Literal["ner", "spancat", "both"]
PIPES: dict[Layer, list[str]] = {"ner": ["ner"], "spancat": ["spancat"], "both": ["ner", "spancat"]}

# With a few hundred sentences, spaCy's defaults evaluate only every ten epochs, and stop after eight times as many.
SMALL_CORPUS = {"eval_frequency": 40, "patience": 400, "max_steps": 2000}
LARGE_CORPUS_TOKENS = 100_000

# The share of spans that `ner` cannot learn up to which it suffices, and from which on it is useless.
FEW, MANY = 0.01, 0.10
WITHOUT_VECTORS = "--paths.vectors null --components.tok2vec.model.embed.include_static_vectors false"
# The head of a config with static vectors.
ABOUT_VECTORS = f"""\
# It reads the word vectors of the pipeline that paths.vectors names. If that is elsewhere, as on another machine:
#   --paths.vectors FOLDER_OR_PACKAGE
# and if there is none:
#   {WITHOUT_VECTORS}

"""
COVERED = 0.995  # of the spans are suggested; longer suggestions cost memory and time


class Advice(Value):
    """What to train, and why; `max_length` is the longest span that a span categoriser suggests, in tokens.

    `overlapping` is the share of spans that overlap a longer one, `covered` the share of those within `max_length`.
    """

    train: Layer
    why: str
    overlapping: float
    max_length: int
    covered: float


def advise(spans: int, shadowed: int, lengths: Mapping[int, int], wanted: Layer | None = None) -> Advice:
    """What to train on a corpus.

    Args:
        spans: The number of spans that are aligned with tokens.
        shadowed: The number of those that overlap a longer one: spaCy's `ner` cannot learn them, its `spancat` can.
        lengths: Length in tokens → the number of spans of that length.
        wanted: What the user asked for; None to choose by the data.
    """
    share = shadowed / spans if spans else 0.0
    longest, covered = _reach(lengths)
    shown = f"{shadowed:,} of {spans:,} spans ({share:.1%}) overlap a longer one"
    if wanted:
        chosen, why = wanted, f"asked for; {shown}"
    elif not shadowed:
        chosen, why = "ner", "no span overlaps another"
    elif share <= FEW:
        chosen, why = "ner", f"{shown}: so few that they are left to doc.spans"
    elif share <= MANY:
        chosen, why = "both", f"{shown}: ner learns the others, spancat all of them"
    else:
        chosen, why = "spancat", f"{shown}, which ner cannot learn"
    return Advice(train=chosen, why=why, overlapping=round(share, 4), max_length=longest, covered=round(covered, 4))


def _reach(lengths: Mapping[int, int]) -> tuple[int, float]:
    """The least length that covers enough spans, and the share that it covers."""
    total = sum(lengths.values())
    seen = 0
    for length in sorted(lengths):
        seen += lengths[length]
        if total and seen >= COVERED * total:
            return length, seen / total
    return 1, 1.0


def training_config(language: str, tokens: int, advice: Advice, vectors: str | None = None) -> str:
    """The config that spaCy recommends for a CPU, for the parts in the same folder.

    `vectors` is the pipeline with the static vectors to use, a package or a folder.
    """
    config = init_config(lang=language, pipeline=PIPES[advice.train], optimize="efficiency", silent=True)
    config["paths"] = {"train": "train.spacy", "dev": "dev.spacy", "vectors": vectors, "init_tok2vec": None}
    if vectors:
        config["components"]["tok2vec"]["model"]["embed"]["include_static_vectors"] = True
        # a pipeline with vectors may have no lookup tables, without which initialization fails (E955)
        config["initialize"]["lookups"] = None
    if "spancat" in PIPES[advice.train]:
        component: dict[str, Any] = config["components"]["spancat"]
        component["spans_key"] = SPANS_KEY
        suggester = {"@misc": "spacy.ngram_range_suggester.v1", "min_size": 1, "max_size": advice.max_length}
        component["suggester"] = suggester
    if tokens < LARGE_CORPUS_TOKENS:
        config["training"].update(SMALL_CORPUS)
    return (ABOUT_VECTORS if vectors else "") + str(config.to_str())
