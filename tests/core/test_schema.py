"""What a schema says, and what is wrong with a broken one."""

import json

import pytest

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.schema import LabelSchema
from labeling.errors import SchemaError
from tests.builders import EVENT

HEAD = 'name = "x"\nversion = "1"\ntitle = "A title"\n'


def test_schema_event_has_its_labels_and_relations():
    assert list(EVENT.labels) == ["ACTOR", "ACTION", "LOCATION", "DATE"]
    assert {name: (r.head, r.tail) for name, r in EVENT.relations.items()} == {
        "agent": (("ACTION",), ("ACTOR",)),
        "target": (("ACTION",), ("ACTOR",)),
        "place": (("ACTION",), ("LOCATION",)),
        "time": (("ACTION",), ("DATE",)),
    }
    assert EVENT.key == f"event-{EVENT.version}"
    assert all(label.guidance and label.examples and label.hotkey for label in EVENT.labels.values())


def test_schema_label_of_entity_knows_what_feeds_it_and_its_own_labels():
    fed = EVENT.label_of_entity
    assert fed["PERSON"][0] == "ACTOR"
    assert fed["GPE"][0] == "LOCATION"
    assert fed["ACTION"] == ("ACTION", 1.0)
    assert fed["DATE"] == ("DATE", EVENT.labels["DATE"].entities["DATE"])
    assert "MONEY" not in fed


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (
            HEAD + "[labels.A]\n[[labels.A.patterns]]\npattern = []\nscore = 3\n",
            ["patterns.0.pattern", "patterns.0.score"],
        ),
        (HEAD + "[labels.A]\n[labels.B]\nexamples = 'one'\nhotkey = 'ab'\n", ["labels.B.examples", "labels.B.hotkey"]),
        (
            HEAD + "[labels.A]\n[relations.r]\nhead = ['A']\ntail = ['A', 'Z']\n",
            ["relations.r.tail", "'Z' is not a label"],
        ),
        (HEAD + "[labels.A]\n[relations.'a ']\nhead = ['A']\ntail = ['A']\n", ["white space at its edge"]),
        (HEAD + f"[labels.{'x' * 101}]\n", ["x" * 101, "longer than 100"]),
        (HEAD + '[labels."a\\nb"]\n', ["U+000A"]),
        (HEAD + '[labels."a\u202eb"]\n', ["U+202E"]),
        (HEAD + '[labels.""]\n', ["cannot be empty"]),
        (HEAD + "[labels.'a, b']\nnormal = 'date'\n", ["cannot have a comma"]),
        (
            'name = "a b"\nversion = "v1"\ntitle = "no"\nlanguage = "English"\nlabel = 1\n[labels.A]\n',
            ["name", "version", "title", "language", "label: Extra"],
        ),
        (
            HEAD
            + "[labels.A]\nhotkey = '1'\nentities = { ORG = 0.5 }\n[labels.B]\nhotkey = '1'\nentities = { ORG = 0.5 }\n"
            + "[relations.r]\nhead = ['C']\ntail = ['A']\n",
            ["hotkey '1' selects 2", "'ORG' feeds 2 labels", "relations.r.head: 'C' is not a label; there are A, B"],
        ),
        (HEAD + "[labels.A]\n[labels.A]\n", ["not valid TOML", "line 5"]),
        ("labels = 3\n" + HEAD, ["labels"]),
    ],
)
def test_schema_from_toml_names_every_problem_and_the_file(toml: str, said: list[str]):
    with pytest.raises(SchemaError) as caught:
        LabelSchema.from_toml(toml, "mine.toml")
    assert caught.value.message.startswith("mine.toml: ")
    for part in said:
        assert part in caught.value.message


NAMES = ["Other weapon", "SHIP TO", "R&D/IT", "人物", "a.b", "<b>", '"so called"', "100%", "$cash", "a, b", "=1+1"]
NAMES += ["👩\u200d🚒", "می\u200cخواهم", "not\u00a0broken"]


@pytest.mark.parametrize("name", NAMES)
def test_schema_label_can_be_called_whatever_people_can_read(name: str):
    said = json.dumps(name, ensure_ascii=False)
    schema = LabelSchema.from_toml(HEAD + f"[labels.{said}]\n[relations.{said}]\nhead = [{said}]\ntail = [{said}]\n")
    assert list(schema.labels) == list(schema.relations) == [name]
    assert schema.objection(name, name, name) == ""


@pytest.mark.parametrize(
    ("relation", "head", "tail", "said"),
    [
        ("agent", "ACTION", "ACTOR", ""),
        ("agent", "ACTOR", "ACTION", "agent cannot go from ACTOR to ACTION, only from ACTION to ACTOR"),
        ("place", "ACTION", "DATE", "only from ACTION to LOCATION"),
        ("causes", "ACTION", "ACTION", "has no relation 'causes'; it has agent, target, place, time"),
    ],
)
def test_schema_objection_says_what_would_be_legal(relation: str, head: str, tail: str, said: str):
    objection = EVENT.objection(relation, head, tail)
    assert said in objection
    assert bool(said) == bool(objection)


def test_schema_objection_says_none_where_there_are_no_relations():
    schema = LabelSchema.from_toml(HEAD + "[labels.A]\n")
    assert schema.objection("r", "A", "A").endswith("it has none")


def test_schema_check_finds_each_violation_and_nothing_else():
    spans = (
        Span(id="a", start=0, end=6, label="ACTOR"),
        Span(id="e", start=7, end=11, label="ACTION"),
        Span(id="p", start=12, end=18, label="PLACE"),
    )
    relations = (
        Relation(head="e", tail="a", label="agent"),
        Relation(head="a", tail="e", label="agent"),
        Relation(head="e", tail="p", label="place"),
    )
    doc = LabeledDoc.of(Article(doc_id="x", text="Rebels left Tadmor."), spans, relations)
    found = EVENT.check(doc)
    assert [p.reason for p in found] == ["unknown-label", "illegal-relation", "illegal-relation"]
    assert (found[0].doc_id, found[0].start, found[0].end, found[0].label) == ("x", 12, 18, "PLACE")
    assert EVENT.check(LabeledDoc.of(doc, spans[:2], relations[:1])) == ()


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[labels." Bad"]', "' Bad' is not valid: it has white space at its edge"),
        ('[labels.X]\ncolor = "red"', "'red' is not valid: it is # and six hexadecimal digits"),
        ('[labels.X]\nhotkey = "AA"', "'AA' is not valid: it is one lower-case letter from a to z, or one digit"),
    ],
)
def test_schema_says_in_words_what_a_name_may_be(toml: str, words: str):
    with pytest.raises(SchemaError) as caught:
        LabelSchema.from_toml(f'name = "a"\nversion = "1"\ntitle = "Title"\n{toml}')
    assert words in caught.value.message
    assert "^" not in caught.value.message
