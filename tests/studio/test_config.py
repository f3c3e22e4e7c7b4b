"""The labeling config that a schema makes, and what another one lacks of it."""

from xml.etree import ElementTree as ET

import pytest
import spacy

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation
from labeling.core.schema import LabelSchema
from labeling.nlp.annotate import annotate
from labeling.nlp.check import check_patterns
from labeling.studio.annotations import Rules, read_task
from labeling.studio.config import differences, to_xml
from labeling.studio.instructions import instructions
from labeling.studio.regions import Legend
from labeling.studio.tasks import to_result, to_task
from tests.builders import EVENT

XML = to_xml(EVENT)
SPORT = LabelSchema.from_toml(
    r"""
name = "sport"
version = "0.3"
title = "Sport <results> & \"more\""
instructions = "- Mark <all> teams & scores."

[labels.TEAM]
description = 'Who "plays" <against> whom & how'
hotkey = "t"
patterns = [{ pattern = [{ LOWER = "fc" }, { IS_TITLE = true }], score = 0.9 }]

[labels.Ergebnis_2]
guidance = "Two numbers."
examples = ["won [3 - 1] <b>"]
patterns = [{ pattern = [{ IS_DIGIT = true }, { ORTH = "-" }, { IS_DIGIT = true }] }]

[labels."größe"]
color = "#00ff00"

[relations.scored]
head = ["TEAM"]
tail = ["Ergebnis_2"]

[relations.beat]
head = ["TEAM"]
tail = ["TEAM"]
"""
)


def test_config_to_xml_has_labels_in_order_with_their_keys_and_hints_escaped():
    root = ET.fromstring(to_xml(SPORT))
    labels = [dict(label.attrib) for label in root.iter("Label")]
    assert [label["value"] for label in labels] == ["TEAM", "Ergebnis_2", "größe"]
    assert [label.get("hotkey") for label in labels] == ["t", None, None]
    assert labels[0]["hint"] == 'Who "plays" <against> whom & how'
    assert labels[2]["background"] == "#00ff00"
    assert [relation.get("value") for relation in root.iter("Relation")] == ["scored", "beat"]
    assert (root.find(".//Labels").get("toName"), root.find(".//Text").get("name")) == ("text", "text")


def test_config_to_xml_has_no_relations_list_for_a_schema_without():
    schema = LabelSchema.from_toml('name = "x"\nversion = "1"\ntitle = "A title"\n[labels.A]\n')
    xml = to_xml(schema)
    assert "Relation" not in xml
    assert differences(schema, xml) == ()
    assert [d.detail for d in differences(schema, XML) if "agent" in d.detail] == [
        "relation agent is in the project, not in the schema"
    ]


def test_config_to_xml_has_a_field_for_normal_forms_where_labels_have_them():
    field = ET.fromstring(XML).find(".//View[@className='labeling-normal']")
    assert (field.get("whenTagName"), field.get("whenLabelValue")) == ("label", "LOCATION,DATE")
    assert (field[0].tag, field[0].get("perRegion"), field[0].get("toName")) == ("TextArea", "true", "text")
    assert "ormal" not in to_xml(SPORT)
    assert "UA 50.45,30.52" in instructions(EVENT)
    assert "ormal form" not in instructions(SPORT)
    assert differences(SPORT, to_xml(SPORT).replace("</View>", f"{ET.tostring(field, 'unicode')}</View>", 1)) == ()


def test_config_instructions_are_escaped_html():
    page = instructions(SPORT)
    ET.fromstring(f"<div>{page.replace('<br>', '<br/>')}</div>")
    for part in (
        "• Mark &lt;all&gt; teams &amp; scores.",
        "TEAM <kbd>t</kbd>",
        'won <span class="labeling-span labeling-1">3 - 1</span> &lt;b&gt;',
        '<span class="labeling-span labeling-0">TEAM</span> <span class="labeling-arrow">scored</span> '
        '<span class="labeling-span labeling-1">Ergebnis_2</span>',
    ):
        assert part in page


def test_config_instructions_begin_with_mouse_and_keys_and_draw_arrows_as_on_the_page():
    page = instructions(EVENT)
    assert page.index("<kbd>Backspace</kbd>") < page.index("Mark who did what") < page.index("Names: the full name")
    actor, action = (
        f'<span class="labeling-span labeling-{i}">{name}</span>' for i, name in enumerate(("ACTOR", "ACTION"))
    )
    assert f'{actor} <span class="labeling-arrow">agent</span> {action}' in page
    assert f'{action} <span class="labeling-arrow">target</span> {actor}' in page
    assert ".labeling-0 { background: #1f6feb4d;" in page
    assert (
        "arrow"
        not in instructions(
            LabelSchema.from_toml('name = "x"\nversion = "1"\ntitle = "A title"\n[labels.A]\n')
        ).partition("</style>")[2]
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("<View", "<View", []),
        ('background="#d1242f"', 'background="black"', []),
        ('hotkey="1"', 'hotkey="9"', []),
        ('granularity="word"', 'granularity="symbol"', []),
        ("<Style>", '<Choices name="c" toName="text"><Choice value="x" /></Choices><Style>', []),
        (
            'value="DATE"',
            'value="TIME"',
            [("label DATE is in the schema", True), ("label TIME is in the project", False)],
        ),
        (
            '<Relation value="time" />',
            "",
            [("relation time is in the schema", True)],
        ),
        ("</Relations>", '<Relation value="with" /></Relations>', [("relation with is in the project", False)]),
        ("</Labels>", '<Label value="EXTRA" /></Labels>', [("label EXTRA is in the project", False)]),
        ('value="$text"', 'value="$body"', [('<Text name="text" value="$text">', False)]),
        ('toName="text"', 'toName="body"', [('<Labels name="label" toName="text">', False)]),
        ('name="normal"', 'name="other"', [("the field for normal forms is in the schema", True)]),
        ("</View>", "", [("not valid XML", False)]),
    ],
)
def test_config_differences_names_what_data_depends_on(old: str, new: str, expected: list[tuple[str, bool]]):
    found = differences(EVENT, XML.replace(old, new))
    assert len(found) == len(expected)
    for difference, (detail, missing) in zip(found, expected, strict=True):
        assert detail in difference.detail
        assert difference.missing is missing


@pytest.mark.parametrize("xml", ["", "<View/>", "<View></View><View/>", "<!DOCTYPE a><View/>", "x"])
def test_config_differences_survives_any_config(xml: str):
    assert differences(EVENT, xml)


def test_config_of_another_domain_goes_all_the_way_round():
    check_patterns(SPORT)
    article = Article(doc_id="1", text="FC Lenz beat FC Tern 3 - 1 on Sunday.")
    (doc,) = annotate(spacy.blank("en"), SPORT, [article])
    assert [(doc.slice(s), s.label) for s in doc.spans] == [
        ("FC Lenz", "TEAM"),
        ("FC Tern", "TEAM"),
        ("3 - 1", "Ergebnis_2"),
    ]
    lenz, tern, score = (span.id for span in doc.spans)
    relations = (Relation(head=lenz, tail=tern, label="beat"), Relation(head=lenz, tail=score, label="scored"))
    reviewed = LabeledDoc.of(doc, doc.spans, relations)
    task = to_task(doc, "m") | {"annotations": [{"result": to_result(reviewed)}]}
    review = read_task(task, Rules(legend=Legend(label_schema=SPORT)), "here")
    assert review.relations == {"exact": 2}
    assert review.problems == ()
    assert SPORT.check(review.doc) == ()
    assert {problem.reason for problem in EVENT.check(review.doc)} == {"unknown-label", "illegal-relation"}
