"""The markup of examples: spans in square brackets, of the label whose example it is or of one that they name."""

import pytest

from labeling.core.examples import pieces
from labeling.core.schema import LabelSchema
from labeling.errors import SchemaError

LABELS = ("ACTOR", "ACTION", "Other weapon", "Other")


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        ("no span", [("no span", "")]),
        ("the [Russian troops] massed", [("the ", ""), ("Russian troops", "ACTOR"), (" massed", "")]),
        ("[ACTOR Rebels] [ACTION attacked]", [("Rebels", "ACTOR"), (" ", ""), ("attacked", "ACTION")]),
        ("[Other weapon  rifles]", [("rifles", "Other weapon")]),
        ("[Other people]", [("people", "Other")]),
        ("[ACTORS]", [("ACTORS", "ACTOR")]),
        ("[actor Rebels]", [("actor Rebels", "ACTOR")]),
    ],
)
def test_examples_are_cut_into_spans_of_their_labels(example: str, expected: list[tuple[str, str]]):
    assert [(piece.text, piece.label) for piece in pieces(example, "ACTOR", LABELS)] == expected


@pytest.mark.parametrize("example", ["[Rebels", "Rebels]", "[a [b]]", "[]", "[ ]", "[ACTION]", "[ACTION ]"])
def test_examples_with_faulty_brackets_are_named_by_the_schema(example: str):
    toml = f'name = "x"\nversion = "1"\ntitle = "A title"\n[labels.ACTION]\nexamples = ["{example}"]\n'
    with pytest.raises(SchemaError, match=r"labels\.ACTION\.examples: "):
        LabelSchema.from_toml(toml)
