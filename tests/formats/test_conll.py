"""CoNLL columns, read by spaCy's own converter: the one behind `spacy convert -c conll` and `-c ner`."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training.converters import conll_ner_to_docs

from labeling.core.labels import LabeledDoc
from labeling.core.tokens import TokenizedDoc
from labeling.formats import conll
from labeling.formats.format import Context
from tests.formats.tokenized import CONTEXT, document, tokenized, write
from tests.strategies import documents


def read(data: bytes) -> list[Doc]:
    return list(conll_ner_to_docs(data.decode("utf-8"), n_sents=0, no_print=True))


def entities(docs: list[Doc]) -> list[tuple[str, str]]:
    return [(" ".join(token.text for token in entity), entity.label_) for doc in docs for entity in doc.ents]


def words(doc: TokenizedDoc, start: int, stop: int) -> str:
    """The tokens but those of white space, as the reader joins them."""
    texts = [doc.doc.text[a:b] for a, b in doc.tokens[start:stop]]
    return " ".join(text for text in texts if not text.isspace())


def test_conll_has_four_columns_and_ends_each_sentence(tmp_path: Path):
    docs = [
        tokenized(document("In New\nYork it fell. U.N. left.", ("New\nYork", "LOCATION"), ("U.N.", "ACTOR"))),
        tokenized(document("Quiet.")),
    ]
    (path,), problems = write("conll", docs, tmp_path)
    assert path == tmp_path / "conll" / "train.conll"
    assert problems == []
    assert path.read_text() == (
        "-DOCSTART- -X- O O\n\nIn -X- _ O\nNew -X- _ B-LOCATION\nYork -X- _ I-LOCATION\nit -X- _ O\nfell -X- _ O\n"
        ". -X- _ O\n\nU.N. -X- _ B-ACTOR\nleft -X- _ O\n. -X- _ O\n\n-DOCSTART- -X- O O\n\nQuiet -X- _ O\n. -X- _ O\n\n"
    )


def test_conll_joins_sentences_where_an_entity_goes_on():
    doc = tokenized(document("He saw Yahoo! Inc. fall.", ("Yahoo! Inc.", "ACTOR")))
    doc = replace(doc, sentences=(0, 4))
    assert doc.tags[4] == "I-ACTOR"
    assert entities(read(conll.render([doc], CONTEXT).data)) == [("Yahoo ! Inc.", "ACTOR")]


@pytest.mark.parametrize(
    ("spans", "overlap"),
    [
        ([("Mayor of Oslo", "ACTOR"), ("Oslo", "LOCATION")], True),
        ([("Oslo", "ACTOR"), ("Oslo", "LOCATION")], True),
        ([("Mayor of", "ACTOR"), ("of Oslo", "LOCATION")], True),
        ([("Mayor of", "ACTOR"), ("Oslo", "LOCATION")], False),
        ([("Mayor of Oslo", "ACTOR"), ("Osl", "LOCATION")], False),
        ([], False),
    ],
)
def test_conll_refuses_overlaps_or_writes_the_longest(spans, overlap: bool):
    doc = tokenized(document("Mayor of Oslo spoke", *spans))
    refused = conll.render([doc], replace(CONTEXT, overlaps="refuse"))
    assert [p.reason for p in refused.problems if p.reason == "overlapping-spans"] == ["overlapping-spans"] * overlap
    assert (refused.data == b"") is (overlap or "" in doc.tags)
    if overlap:
        assert refused.problems[0].action == "refused"
        assert "left out" in refused.problems[0].detail


def test_conll_writes_the_layer_of_longest_spans():
    doc = tokenized(document("Mayor of Oslo spoke", ("Oslo", "LOCATION"), ("Mayor of Oslo", "ACTOR")))
    rendered = conll.render([doc], CONTEXT)
    assert (entities(read(rendered.data)), rendered.problems) == ([("Mayor of Oslo", "ACTOR")], ())


def test_conll_leaves_out_and_lists_a_sentence_with_unknown_tags():
    text = "Rebels left Oslo. They won."
    doc = tokenized(document(text, ("Reb", "ACTOR"), ("Oslo", "LOCATION"), ("won", "ACTION")))
    rendered = conll.render([doc], CONTEXT)
    assert entities(read(rendered.data)) == [("won", "ACTION")]
    (problem,) = rendered.problems
    assert (problem.reason, problem.action, problem.text) == ("sentence-left-out", "refused", "Rebels left Oslo.")
    assert text[problem.start : problem.end] == problem.text
    assert "1 of its tokens; 1 entities" in problem.detail
    unreviewed = conll.render([tokenized(document(text, unknown=((0, len(text)),)))], CONTEXT)
    assert (unreviewed.data, len(unreviewed.problems)) == (b"", 2)


def test_conll_keeps_columns_where_tokens_and_labels_have_white_space():
    labeled = document("Hà Nội  vui", ("Hà Nội", "BIG CITY"))
    doc = TokenizedDoc(labeled, "train", ((0, 6), (7, 8), (8, 11)), ("B-BIG CITY", "O", "O"), {"s0": (0, 1)})
    context = Context(labels=("BIG_CITY", "BIG CITY"))
    rendered = conll.render([doc], context)
    assert rendered.data.decode() == "-DOCSTART- -X- O O\n\nHà_Nội -X- _ B-BIG_CITY_2\nvui -X- _ O\n\n"
    assert [(p.reason, p.action) for p in rendered.problems] == [("space-in-token", "changed")]
    assert [(p.reason, p.label) for p in conll.check(context)] == [("renamed-label", "BIG CITY")]


def test_conll_file_without_sentences_is_no_stumbling_block(tmp_path: Path):
    (path,), _ = write("conll", [tokenized(document("Quiet", unknown=((0, 5),)))], tmp_path)
    assert path.read_text() == conll.DOCUMENT
    assert read(path.read_bytes()) == []


def test_conll_token_that_looks_like_a_document_is_none():
    docs = [tokenized(document("-DOCSTART- -X- O O", ("-X-", "ACTOR"))), tokenized(document("Oslo"))]
    made = read(conll.render(docs, CONTEXT).data)
    assert [len(doc) for doc in made] == [4, 1]
    assert entities(made) == [("-X-", "ACTOR")]


@settings(deadline=None, max_examples=100)
@given(st.lists(documents(), max_size=3))
def test_conll_read_by_spacy_has_every_entity_of_the_sentences_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, labeled: list[LabeledDoc]
):
    docs = [tokenized(doc) for doc in labeled]
    (path,), problems = write("conll", docs, tmp_path_factory.mktemp("conll"))
    expected, tokens = [], []
    for doc in docs:
        out = [(p.start, p.end) for p in conll.render([doc], CONTEXT).problems]
        starts = [i for i, tag in enumerate(doc.tags) if tag.startswith("B-")]
        for i in starts:
            stop = next((j for j in range(i + 1, len(doc.tags)) if not doc.tags[j].startswith("I-")), len(doc.tags))
            if not any(a <= doc.tokens[i][0] < b for a, b in out):
                expected.append((words(doc, i, stop), doc.tags[i][2:]))
        tokens += [
            doc.doc.text[a:b]
            for a, b in doc.tokens
            if not doc.doc.text[a:b].isspace() and not any(start <= a < end for start, end in out)
        ]
        assert (out != []) == any(
            tag == "" and not doc.doc.text[a:b].isspace() for tag, (a, b) in zip(doc.tags, doc.tokens, strict=True)
        )
    made_docs = read(path.read_bytes())
    assert entities(made_docs) == expected
    assert [token.text for doc in made_docs for token in doc] == tokens
    assert {p.reason for p in problems} <= {"sentence-left-out"}
