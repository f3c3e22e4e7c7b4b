"""Whose rules make the tokens, and what to do where they do not fit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labeling.workflow.export.spec import ConversionSpec

if TYPE_CHECKING:
    from labeling.nlp.detect import Rules as LanguageRules


def language_rules(spec: ConversionSpec, samples: Sequence[str], because: str) -> "LanguageRules":
    """Whose rules make the tokens: those that the spec names, `because`; else those that fit the texts."""
    from labeling.nlp.detect import Rules as LanguageRules
    from labeling.nlp.detect import detect

    return LanguageRules(code=spec.language, why=because) if spec.language else detect(samples)


def misalignment(spec: ConversionSpec, samples: Sequence[str]) -> str:
    """Why most spans may have edges inside of tokens, and what to do."""
    from labeling.nlp.detect import named, off

    made = f"Their tokens were made by the rules of {named(spec.language)}."
    return f"{made} {off(spec.language, samples) or 'Where annotators mark parts of words, take --align expand.'}"
