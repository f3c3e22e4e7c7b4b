"""What to train on an export, and spaCy's config for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labeling.workflow.export.options import Options
from labeling.workflow.export.spec import ConversionSpec
from labeling.workflow.export.tally import Tally

ON_TOKENS = ("exact", "trimmed", "repaired", "snapped", "shadowed")  # outcomes of spans


@dataclass(frozen=True, slots=True)
class CorpusStats:
    """What a config depends on: the arguments of `labeling.nlp.config.advise`, and the number of tokens."""

    spans: int
    shadowed: int
    lengths: Mapping[int, int]
    wanted: Literal["ner", "spancat", "both"] | None
    tokens: int


def stats_of(tally: Tally, options: Options) -> CorpusStats:
    """What the config of an export depends on."""
    spans = sum(tally.spans[outcome] for outcome in ON_TOKENS)
    return CorpusStats(spans, tally.spans["shadowed"], dict(tally.lengths), options.train, tally.tokens)


def configure(spec: ConversionSpec, stats: CorpusStats) -> tuple[dict[str, Any], str]:
    """What to train on a corpus, as the manifest says it, and the config.cfg of spaCy that does so."""
    from labeling.nlp.config import advise, training_config
    from labeling.nlp.load import model_stamp

    advice = advise(stats.spans, stats.shadowed, stats.lengths, stats.wanted)
    said = advice.model_dump(mode="json") | {"vectors": model_stamp(spec.vectors) if spec.vectors else None}
    return said, training_config(spec.language, stats.tokens, advice, spec.vectors)
