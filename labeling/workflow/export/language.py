"""The language of the tokenizer, and what to do if it does not fit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labeling.workflow.export.spec import ConversionSpec

if TYPE_CHECKING:
    from labeling.nlp.detect import Rules as LanguageRules


def language_rules(spec: ConversionSpec, because: str, samples: Sequence[str]) -> "LanguageRules":
    """The language of the tokenizer: that of the spec, for the reason `because`; else that of the texts."""
    from labeling.nlp.detect import Rules as LanguageRules
    from labeling.nlp.detect import detect

    return LanguageRules(code=spec.language, why=because) if spec.language else detect(samples)


def misalignment(spec: ConversionSpec, samples: Sequence[str]) -> str:
    """Why the edges of most spans may be inside tokens, and what to do."""
    from labeling.nlp.detect import off
    from labeling.nlp.pipelines import named

    made = f"The texts were tokenized by the rules for {named(spec.language)}."
    return f"{made} {off(spec.language, samples) or 'If annotators mark parts of words, use --align expand.'}"
