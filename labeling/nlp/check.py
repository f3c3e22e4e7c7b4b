"""Checks of a schema's patterns, and of the files that its pre-annotation names."""

import spacy

from labeling.core.schema import LabelSchema
from labeling.nlp.annotate import pattern_matchers
from labeling.nlp.events.component import KEY, EventRelations, EventSpans
from labeling.nlp.events.files import Files


def check_patterns(schema: LabelSchema) -> None:
    """Check that the schema's patterns compile, and that the files and models that it names can be read.

    Raises:
        SchemaError: A pattern or a file is not valid; the message says which and why.
        ModelError: A model cannot be loaded.
    """
    nlp = spacy.blank(schema.language)
    pattern_matchers(nlp, schema)
    if schema.predicted:
        files = Files.of(schema)
        EventSpans(nlp, files, KEY)
        EventRelations(nlp, files, KEY)
