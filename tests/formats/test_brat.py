"""brat standoff, read by bratly."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

with warnings.catch_warnings():  # bratly's models are of an older pydantic
    warnings.simplefilter("ignore")
    from bratly.io import read_and_load_ann_file

from labeling.core.labels import LabeledDoc, Span
from labeling.formats import brat
from labeling.formats.format import Context
from tests.formats.tokenized import document, tokenized, write
from tests.strategies import documents


def read(ann: Path) -> Any:
    return read_and_load_ann_file(str(ann), no_duplicates=False, sorting=False, renumerotize=False)


def test_brat_writes_text_annotations_config_and_index(tmp_path: Path):
    doc = document(
        "It hit New\nYork 😀 on Monday",
        ("New\nYork", "LOCATION"),
        ("hit", "ACTION"),
        ("😀", "ACTOR"),
        relations=[(1, 0, "with"), (1, 1, "agent")],
        title="A raid",
    )
    paths, problems = write("brat", [tokenized(doc)], tmp_path, stem="dev")
    folder = tmp_path / "brat" / "dev"
    assert (problems, sorted(paths)) == ([], sorted(folder.iterdir()))
    assert (folder / "a1.txt").read_bytes().decode() == doc.text
    assert (folder / "a1.ann").read_text() == (
        "T1\tACTION 3 6\thit\nT2\tLOCATION 7 10;11 15\tNew York\nT3\tACTOR 16 17\t😀\n"
        "R1\tagent Arg1:T1 Arg2:T1\nR2\twith Arg1:T1 Arg2:T2\n"
    )
    assert (folder / "annotation.conf").read_text() == (
        "[entities]\nACTOR\nACTION\nLOCATION\nDATE\n\n[relations]\n"
        "<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>\nagent\tArg1:<ENTITY>, Arg2:<ENTITY>\n"
        "with\tArg1:<ENTITY>, Arg2:<ENTITY>\n\n[events]\n\n[attributes]\n"
    )
    assert orjson.loads((folder / "documents.jsonl").read_bytes()) == {"file": "a1", "doc_id": "a1", "title": "A raid"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", [(0, 3)]),
        ("a\nb", [(0, 1), (2, 3)]),
        ("a \n\n b", [(0, 1), (5, 6)]),
        ("a\tb", [(0, 1), (2, 3)]),
        ("a\u2028b\x0bc\x85d", [(0, 1), (2, 3), (4, 5), (6, 7)]),
        ("a\u00a0b\u200bc", [(0, 5)]),
    ],
)
def test_brat_fragments_keep_to_one_line(text: str, expected: list[tuple[int, int]]):
    assert brat.fragments(text, Span(id="s", start=0, end=len(text), label="X")) == expected


@pytest.mark.parametrize(
    ("doc_id", "name"),
    [
        ("a-17_B", r"a-17_B"),
        ("https://example.org/a?b=1", r"https-example-org-a-b-1-[0-9a-f]{8}"),
        ("../../etc/passwd", r"etc-passwd-[0-9a-f]{8}"),
        ("x" * 300, r"x{80}-[0-9a-f]{8}"),
        ("😀", r"[0-9a-f]{8}"),
        ("CON", r"CON-[0-9a-f]{8}"),
        ("a.ann", r"a-ann-[0-9a-f]{8}"),
        ("-rf", r"rf-[0-9a-f]{8}"),
        ("line\nend", r"line-end-[0-9a-f]{8}"),
    ],
)
def test_brat_file_name_is_safe_everywhere(doc_id: str, name: str):
    assert re.fullmatch(name, brat.file_name(doc_id))


def test_brat_names_stay_apart(tmp_path: Path):
    ids = ["a b", "a/b", "doc", "DOC", "doc", "doc-2"]
    write("brat", [tokenized(document(f"Text {n}", doc_id=doc_id)) for n, doc_id in enumerate(ids)], tmp_path)
    folder = tmp_path / "brat" / "train"
    index = [orjson.loads(line) for line in (folder / "documents.jsonl").read_bytes().splitlines()]
    assert [line["doc_id"] for line in index] == ids
    assert [(folder / f"{line['file']}.txt").read_text() for line in index] == [f"Text {n}" for n in range(6)]
    assert len({line["file"].casefold() for line in index}) == 6


def test_brat_spells_labels_that_it_has_no_letters_for():
    context = Context(labels=("New Event", "New_Event", "人物", "!"), relations=("à côté", "ok"))
    conf = brat.annotation_conf(context)
    assert conf.startswith(
        '[entities]\n# "New Event":\nNew_Event_2\nNew_Event\n# "人物":\nlabel\n# "!":\nlabel_2\n\n[relations]\n'
    )
    assert '# "à côté":\nc_t\tArg1:<ENTITY>' in conf
    assert [p.label for p in brat.check(context)] == ["New Event", "人物", "!", "à côté"]
    doc = document("Oslo fell", ("Oslo", "人物"), ("fell", "New Event"), relations=[(0, 1, "à côté")])
    (file,) = orjson.loads(brat.render([tokenized(doc)], context).data)
    assert file["ann"] == "T1\tlabel 0 4\tOslo\nT2\tNew_Event_2 5 9\tfell\nR1\tc_t Arg1:T1 Arg2:T2\n"


def test_brat_writes_attributes_as_notes(tmp_path: Path):
    odd = {"certainty": ["low\u2028", 2**80], "no\tte": "naïve\n😀"}
    doc = document(
        "Oslo fell", ("Oslo", "LOCATION"), said=[odd], title='"T"', attributes={"topic": 2**80}, unknown=((4, 9),)
    )
    write("brat", [tokenized(doc)], tmp_path)
    assert json.loads((tmp_path / "brat" / "train" / "documents.jsonl").read_text()) == {
        "file": "a1",
        "doc_id": "a1",
        "title": '"T"',
        "attributes": {"topic": 2**80},
        "unknown": [[4, 9]],
    }
    _, *notes = read(tmp_path / "brat" / "train" / "a1.ann").annotations
    assert [(note.id, note.label, note.component.id) for note in notes] == [
        ("#1", "AnnotatorNotes", "T1"),
        ("#2", "AnnotatorNotes", "T1"),
    ]
    assert {name: json.loads(value) for name, value in (note.value.split(": ", 1) for note in notes)} == {
        "certainty": ["low\u2028", 2**80],
        "no te": "naïve\n😀",
    }


@settings(deadline=None, max_examples=60)
@given(documents())
def test_brat_read_by_bratly_gives_back_every_span_and_relation(
    tmp_path_factory: pytest.TempPathFactory, doc: LabeledDoc
):
    folder = tmp_path_factory.mktemp("brat")
    write("brat", [tokenized(doc)], folder)
    text = (folder / "brat" / "train" / "doc.txt").read_bytes().decode()
    assert text == doc.text
    annotations = read(folder / "brat" / "train" / "doc.ann").annotations
    spans = [a for a in annotations if a.id.startswith("T")]
    for span in spans:  # brat refuses a line whose text is not exactly this
        assert span.content == " ".join(text[f.start : f.end] for f in span.fragments)
    assert [(s.get_start(), s.get_end(), s.label) for s in spans] == [(s.start, s.end, s.label) for s in doc.spans]
    names = {made.id: span.id for made, span in zip(spans, doc.spans, strict=True)}
    assert [
        (names[a.argument1[1].id], names[a.argument2[1].id], a.label) for a in annotations if a.id.startswith("R")
    ] == [(r.head, r.tail, r.label) for r in doc.relations]
    said: dict[str, dict[str, Any]] = {span.id: {} for span in doc.spans}
    for note in (a for a in annotations if a.id.startswith("#")):
        name, value = note.value.split(": ", 1)
        said[names[note.component.id]][name] = json.loads(value)
    assert said == {span.id: span.attributes for span in doc.spans}
