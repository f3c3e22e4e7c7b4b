"""spaCy's training config for an export."""

from typing import Any

from labeling.workflow.export.options import Options
from labeling.workflow.export.spec import ConversionSpec
from labeling.workflow.export.tally import Tally

ON_TOKENS = ("exact", "trimmed", "repaired", "snapped", "shadowed")  # outcomes of spans


def configure(spec: ConversionSpec, options: Options, tally: Tally) -> tuple[dict[str, Any], str]:
    """What to train on the counted documents, for the manifest, and spaCy's config.cfg for it."""
    from labeling.nlp.config import advise, training_config
    from labeling.nlp.load import model_stamp

    spans = sum(tally.spans[outcome] for outcome in ON_TOKENS)
    advice = advise(spans, tally.spans["shadowed"], tally.lengths, options.train)
    training = advice.model_dump(mode="json") | {"vectors": model_stamp(spec.vectors) if spec.vectors else None}
    return training, training_config(spec.language, tally.tokens, advice, spec.vectors)
