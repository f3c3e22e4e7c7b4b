"""A schema and its files, packed into a pipeline and unpacked again."""

from labeling.core.schema import LabelSchema
from labeling.nlp.events.files import Files

TOML = """
name = "few"
version = "1.0.0"
title = "Few labels"

[labels.ACTOR]
[labels.ACTION]

[preannotate]
pronouns = true
"""


def test_files_of_a_schema_without_relations_are_read_back():
    files = Files.of(LabelSchema.from_toml(TOML))
    again = Files.unpacked(files.packed())
    assert again.schema == files.schema
    assert again.schema.sha256 == files.schema.sha256
    assert again.wanted == files.wanted
    assert (again.wanted.agent, again.wanted.location, again.wanted.pronouns) == ("", "", True)
    assert again.content == files.content
