"""Prodigy's JSONL. Prodigy itself is sold, so its steps are done by hand: tokens → Doc, spans → `doc.char_span`."""

import json
from dataclasses import replace
from pathlib import Path

import orjson
import srsly
from hypothesis import given, settings
from spacy.tokens import Doc

from labeling.core.labels import LabeledDoc
from labeling.formats import prodigy
from tests.formats.tokenized import CONTEXT, NLP, document, tokenized, write
from tests.strategies import documents


def test_prodigy_line_is_what_rel_manual_writes(tmp_path: Path):
    doc = document(
        "Al-Qaeda  hit it.",
        ("Al-Qaeda", "ACTOR"),
        ("hit", "ACTION"),
        relations=[(1, 0, "agent")],
        title="Oslo",
        url="https://example.org",
    )
    (path,), problems = write("prodigy", [tokenized(doc)], tmp_path)
    assert path == tmp_path / "prodigy" / "train.jsonl"
    assert problems == []
    actor = {"start": 0, "end": 8, "token_start": 0, "token_end": 2, "label": "ACTOR"}
    action = {"start": 10, "end": 13, "token_start": 4, "token_end": 4, "label": "ACTION"}
    assert list(srsly.read_jsonl(path)) == [
        {
            "text": "Al-Qaeda  hit it.",
            "tokens": [
                {"text": "Al", "start": 0, "end": 2, "id": 0, "ws": False},
                {"text": "-", "start": 2, "end": 3, "id": 1, "ws": False},
                {"text": "Qaeda", "start": 3, "end": 8, "id": 2, "ws": True},
                {"text": " ", "start": 9, "end": 10, "id": 3, "ws": False},
                {"text": "hit", "start": 10, "end": 13, "id": 4, "ws": True},
                {"text": "it", "start": 14, "end": 16, "id": 5, "ws": False},
                {"text": ".", "start": 16, "end": 17, "id": 6, "ws": False},
            ],
            "spans": [actor, action],
            "relations": [{"head": 4, "child": 2, "head_span": action, "child_span": actor, "label": "agent"}],
            "meta": {"doc_id": "a1", "title": "Oslo", "url": "https://example.org"},
            "answer": "accept",
        }
    ]


def test_prodigy_leaves_out_what_has_no_tokens_and_says_so():
    doc = document("Rebels left.", ("Reb", "ACTOR"), ("left", "ACTION"), relations=[(1, 0, "agent"), (0, 1, "with")])
    rendered = prodigy.render([tokenized(doc)], CONTEXT)
    line = orjson.loads(rendered.data)
    assert [span["label"] for span in line["spans"]] == ["ACTION"]
    assert line["relations"] == []
    assert line["meta"]["unknown"] == 1
    assert [(p.reason, p.label, p.text) for p in rendered.problems] == [
        ("unknown-as-outside", "", ""),
        ("relation-left-out", "with", "Reb"),
        ("relation-left-out", "agent", "Reb"),
    ]
    assert ["head" in p.detail for p in rendered.problems[1:]] == [True, False]


def test_prodigy_keeps_nested_spans_and_does_not_call_their_tokens_unknown():
    doc = tokenized(document("Mayor of Oslo spoke", ("Mayor of", "ACTOR"), ("of", "LOCATION"), ("of Oslo", "DATE")))
    assert doc.tags == ("B-ACTOR", "I-ACTOR", "", "O")
    rendered = prodigy.render([doc], CONTEXT)
    assert rendered.problems == ()
    assert [(s["token_start"], s["token_end"]) for s in orjson.loads(rendered.data)["spans"]] == [
        (0, 1),
        (1, 1),
        (1, 2),
    ]


def test_prodigy_gives_a_snapped_span_the_edges_of_its_tokens():
    doc = replace(tokenized(document("Rebels left.", ("Reb", "ACTOR"))), places={"s0": (0, 1)})
    (span,) = orjson.loads(prodigy.render([doc], CONTEXT).data)["spans"]
    assert (span["start"], span["end"]) == (0, 6)


def test_prodigy_passes_attributes_through():
    said = {"certainty": {"choices": ["low"]}, "big": 2**80}
    doc = document("Oslo fell", ("Oslo", "LOCATION"), ("fell", "ACTION"), said=[said], attributes={"topic": "war"})
    line = json.loads(prodigy.render([tokenized(doc)], CONTEXT).data)
    assert [span.get("attributes") for span in line["spans"]] == [said, None]
    assert line["attributes"] == {"topic": "war"}


@settings(deadline=None, max_examples=60)
@given(documents())
def test_prodigy_gives_back_text_tokens_spans_and_relations(labeled: LabeledDoc):
    doc = tokenized(labeled)
    rendered = prodigy.render([doc], CONTEXT)
    line = orjson.loads(rendered.data)
    words, spaces = [t["text"] for t in line["tokens"]], [t["ws"] for t in line["tokens"]]
    read = Doc(NLP.vocab, words=words, spaces=spaces)
    assert read.text == line["text"] == labeled.text
    assert [(t["start"], t["end"]) for t in line["tokens"]] == [(t.idx, t.idx + len(t)) for t in read]
    for span in line["spans"]:
        tokens = read.char_span(span["start"], span["end"])
        assert (tokens.start, tokens.end - 1) == (span["token_start"], span["token_end"])
    placed = [span for span in labeled.spans if span.id in doc.places]
    for made, span in zip(line["spans"], placed, strict=True):
        exact = span.start, span.end
        tokens = doc.tokens[doc.places[span.id][0]][0], doc.tokens[doc.places[span.id][1] - 1][1]
        assert (made["start"], made["end"], made["label"]) == (*tokens, span.label)
        assert tokens == exact or NLP.make_doc(labeled.text).char_span(*exact) is None  # snapped
    made = dict(zip((span.id for span in placed), line["spans"], strict=True))
    assert line["relations"] == [
        {
            "head": made[r.head]["token_end"],
            "child": made[r.tail]["token_end"],
            "head_span": made[r.head],
            "child_span": made[r.tail],
            "label": r.label,
        }
        for r in labeled.relations
        if {r.head, r.tail} <= doc.places.keys()
    ]
    left_out = sum(p.reason == "relation-left-out" for p in rendered.problems)
    assert len(line["relations"]) + left_out == len(labeled.relations)
