"""What is known of English: the kinds of errors that readers of real articles listed, each in sentences of our own."""

# ruff: noqa: E501 - a case a line

import pytest
from spacy.language import Language

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.errors import SchemaError
from labeling.nlp.annotate import annotate
from labeling.nlp.events.times import KINDS, read_grammar
from tests.builders import EVENT, ROOT


def annotated(nlp: Language, text: str, schema: LabelSchema = EVENT) -> LabeledDoc:
    (doc,) = annotate(nlp, schema, [Article(doc_id="x", text=text)])
    return doc


def labeled(doc: LabeledDoc, label: str) -> set[str]:
    return {doc.slice(span) for span in doc.spans if span.label == label}


def relations(doc: LabeledDoc) -> set[str]:
    said = {span.id: doc.slice(span) for span in doc.spans}
    return {f"{said[r.head]} {r.label} {said[r.tail]}" for r in doc.relations}


@pytest.mark.parametrize(
    ("text", "unwanted"),
    [
        ("He writes for a magazine in Ohio.", "magazine"),
        ("The clinic, named Hope House, burned down on Monday.", "named"),
        ("A company called Norvex bought the mine.", "called"),
        ("A fishing boat sank off Cyprus on Sunday.", "fishing"),
        ("Following the talks, the minister left Geneva.", "Following"),
        ("The award-winning author was arrested.", "winning"),
        ("The ship has a court-ordered escort.", "ordered"),
        ("The family moved to a town with a good school.", "school"),
    ],
)
def test_a_noun_or_participle_that_is_no_event_is_no_action(english: Language, text: str, unwanted: str):
    assert unwanted not in labeled(annotated(english, text), "ACTION")


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("The council held an urgent meeting on Monday.", "meeting", "held"),
        ("The ministers called an urgent meeting.", "meeting", "urgent meeting"),
        ("The talks began on Monday.", "talks", "began"),
        ("The war, which began in May, displaced thousands.", "war", "began"),
        ("The march ended at noon.", "march", "ended"),
        ("The election took place on Sunday.", "election", "took"),
        ("The EU imposed sanctions on the banks.", "sanctions", "imposed"),
        ("The mayor wanted the soldiers to leave.", "leave", "wanted"),
        ("The army is going to withdraw.", "withdraw", "going"),
        ('"Let\'s leave," the governor said.', "leave", "Let"),
        ("The rebels attacked, as they usually do.", "attacked", "do"),
        ("Soldiers stopped firing on Friday.", "firing", "stopped"),
        ("The village depends on tourists, officials said.", "said", "depends"),
    ],
)
def test_light_aspect_and_state_verbs_give_way_to_the_action(english: Language, text: str, wanted: str, unwanted: str):
    found = labeled(annotated(english, text), "ACTION")
    assert wanted in found
    assert unwanted not in found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Dozens of nurses walked out on Friday.", "walked out"),
        ("Guards turned back the migrants.", "turned back"),
        ("Unions called for a strike.", "called for"),
        ("A gunman opened fire in the market.", "opened fire"),
        ("The peace talks failed.", "peace talks"),
        ("Drone attacks on the port continued.", "Drone attacks"),
    ],
)
def test_an_action_reaches_as_far_as_the_guidance_says(english: Language, text: str, wanted: str):
    assert wanted in labeled(annotated(english, text), "ACTION")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Man charged with murder", {"charged target Man"}),
        ("Three hikers rescued after storm in Scotland", {"rescued target hikers"}),
        ("Teenager killed by police in Brooklyn", {"killed target Teenager", "killed agent police"}),
        ("Two officers are expected to be charged on Monday.", {"charged target officers"}),
        ("The suspect was arrested and charged with arson.", {"arrested target suspect", "charged target suspect"}),
        ("Asked about the deal, Lopez declined to comment.", {"Asked target Lopez", "declined agent Lopez"}),
        ("The army has entered the town and seized the airport.", {"entered agent army", "seized agent army"}),
        ("Police arrested the driver and charged him.", {"arrested agent Police", "charged agent Police", "arrested target driver"}),
    ],
)  # fmt: skip
def test_whom_something_is_done_to_is_its_target_also_in_headlines(english: Language, text: str, wanted: set):
    found = relations(annotated(english, text))
    assert wanted <= found
    for relation in wanted:
        action, role, actor = relation.split(" ")
        assert f"{action} {'agent' if role == 'target' else 'target'} {actor}" not in found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Russia seized Crimea in 2014.", "Crimea"),
        ("The minister left Lviv on Sunday.", "Lviv"),
        ("The woman, Ruth Keller, of Bloomington, was killed on Friday.", "Bloomington"),
        ("A quake rocked Izmir on Friday.", "Izmir"),
        ("The troops entered southern Lebanon.", "southern Lebanon"),
        ("LA PAZ, Bolivia, 9 March — The court postponed the vote.", "LA PAZ"),
        ("A bomb exploded in Salem, Ore., on Monday.", "Salem"),
    ],
)
def test_a_place_is_a_location(english: Language, text: str, wanted: str):
    doc = annotated(english, text)
    assert wanted in labeled(doc, "LOCATION")
    assert wanted not in labeled(doc, "ACTOR")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Published May 03, 2013 by the editors.", {"May 03, 2013"}),
        ("Voters went to the polls on Dec.14.", {"Dec.14"}),
        ("Troops will withdraw in the next forty-eight hours.", {"next forty-eight hours"}),
        ("Posted 11/27/2005 7:21 AM by the agency.", {"11/27/2005 7:21 AM"}),
        ("First published: June 13, 2013 4:59 PM EDT", {"June 13, 2013 4:59 PM EDT"}),
        ("The truce collapsed overnight.", {"overnight"}),
        ("Belarus responded the same evening.", {"same evening"}),
        ("The police raided the club at dawn on Tuesday.", {"dawn", "Tuesday"}),
        ("Pirates freed the crew eight hours later.", {"eight hours later"}),
        ("They must leave within 48 hours.", {"48 hours"}),
        ("The port closed in the mid-1980s.", {"mid-1980s"}),
        ("She was jailed for three years in 2001.", {"2001"}),
        ("Ruth Keller, 47, was arrested on Friday.", {"Friday"}),
        ("A 16-year-old boy died on Monday.", {"Monday"}),
        ("The strike lasted three weeks.", set()),
        ("The ferry sails every day.", set()),
        ("Call 555-0147 for details.", set()),
        ("He was 77 when he resigned.", set()),
        ("The team won 20-13.", set()),
        ("She scored with 14:05 left in the match.", set()),
    ],
)
def test_a_date_says_when_and_neither_how_long_nor_how_old(english: Language, text: str, wanted: set):
    assert labeled(annotated(english, text), "DATE") == wanted


def test_each_example_of_the_grammar_of_time_is_what_it_stands_for():
    text = (ROOT / "schemas" / "en/times.tsv").read_text(encoding="utf-8")
    grammar = read_grammar(text)
    rules = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    examples = [(kind, example) for kind, _, *said in rules if kind in KINDS for example in said[0].split("; ")]
    assert len(examples) > 25
    for kind, example in examples:
        sentence = f"They saw {example}."
        start, end, found = next(grammar.matches(sentence))
        assert (found, sentence[start:end] in example) == (kind, True), example


def test_the_grammar_of_time_names_what_is_wrong():
    with pytest.raises(SchemaError, match=r"line 2: 'DAY' is not defined above it"):
        read_grammar("# x\ncalendar\t{DAY} May\t3 May\n")
    with pytest.raises(SchemaError, match="line 1: 'when' is not one of calendar"):
        read_grammar("when\tnow\tnow\n")
    with pytest.raises(SchemaError, match="line 1: "):
        read_grammar("clock\t(\tnow\n")


def test_a_schema_can_want_how_long_and_how_often(english: Language):
    data = EVENT.model_dump()
    schema = LabelSchema.model_validate(data | {"preannotate": data["preannotate"] | {"durations": True}})
    assert "three weeks" in labeled(annotated(english, "They were held for three weeks.", schema), "DATE")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("“I’m leaving,” the re-elected governor said.", {"leaving", "said", "governor"}),
        ("A man was shot dead on Friday.", {"man", "shot", "Friday"}),
        ("Officials say they weren’ t attacked.", {"Officials", "say", "attacked"}),
    ],
)
def test_nothing_is_marked_but_whole_words_without_article(english: Language, text: str, wanted: set):
    doc = annotated(english, text)
    assert {doc.slice(span) for span in doc.spans} == wanted


def test_a_relation_stays_in_its_paragraph(english: Language):
    doc = annotated(english, "Posted 11/27/2005 7:21 AM\nA quake shook Iran on Sunday\nand killed ten villagers.")
    assert "11/27/2005 7:21 AM" in labeled(doc, "DATE")
    assert {"shook time Sunday", "killed target villagers"} <= relations(doc)
    assert not {"Posted place Iran", "Posted time Sunday", "shook time 11/27/2005 7:21 AM"} & relations(doc)


@pytest.mark.parametrize(
    ("text", "unwanted"),
    [
        ("The Nigerian oil price rose on Monday.", "Nigerian"),
        ("Gen. Omar Idris resigned on Monday.", "Gen. Omar Idris"),
    ],
)
def test_what_stands_before_a_name_or_noun_is_no_name(english: Language, text: str, unwanted: str):
    assert unwanted not in labeled(annotated(english, text), "ACTOR")
