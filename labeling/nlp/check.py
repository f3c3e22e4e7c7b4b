"""Whether spaCy understands a schema's patterns."""

import spacy

from labeling.core.schema import LabelSchema
from labeling.nlp.annotate import pattern_matchers


def check_patterns(schema: LabelSchema) -> None:
    """Nothing, where it does.

    Raises:
        SchemaError: It does not understand one; the message says which and why.
    """
    pattern_matchers(spacy.blank(schema.language), schema)
