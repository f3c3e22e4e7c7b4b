"""The table of events, opened by the csv module, pandas and pyarrow."""

import csv
import io
import json
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.core.labels import LabeledDoc, Provenance
from labeling.core.normal import normal_form
from labeling.formats import events
from labeling.formats.format import Context
from labeling.formats.spreadsheet import as_text
from tests.formats.tokenized import CONTEXT, document, tokenized, write
from tests.strategies import documents, texts

SAID = '{"modality": {"choices": ["planned"]}}'
NONE = events.NOT_COMPARED
HEADER = [*events.COLUMNS, *events.EVENT, "agent", "agent_offsets", "with", "with_offsets"]


def cells(cell: str) -> list[str]:
    """The texts of a cell; what a reader of the file does."""
    return [re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) for text in cell.split(" | ")] if cell else []


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_events_has_one_row_a_head_of_relations(tmp_path: Path):
    text = "=1+1 fought\nhard | in Oslo, 😀 and Rome"
    doc = document(
        text,
        ("fought\nhard", "ACTION"),
        ("=1+1", "ACTOR"),
        ("| in Oslo", "LOCATION"),
        ("Rome", "LOCATION"),
        relations=[(0, 3, "with"), (0, 2, "with"), (0, 0, "agent"), (1, 0, "agent")],
        said=[json.loads(SAID)],
        title='A "raid", they say',
        published="2026-01-02",
    )
    paths, problems = write(
        "events", [tokenized(doc), tokenized(document("None", ("None", "DATE")))], tmp_path, stem="events"
    )
    assert (problems, paths) == ([], [tmp_path / "events.csv", tmp_path / "events.parquet"])
    meta = {
        "doc_id": "a1",
        "part": "train",
        "title": 'A "raid", they say',
        "source": "",
        "published": "2026-01-02",
        "url": "",
    }
    rows = read_csv(paths[0])
    assert list(rows[0]) == HEADER
    assert rows == [
        meta
        | {"event": "s1", "label": "ACTOR", "text": "'=1+1", "start": "0", "end": "4", "attributes": ""}
        | {"agent": "fought\nhard", "agent_offsets": "5-16", "with": "", "with_offsets": ""},
        meta
        | {"event": "s0", "label": "ACTION", "text": "fought\nhard", "start": "5", "end": "16", "attributes": SAID}
        | {"agent": "fought\nhard", "agent_offsets": "5-16"}
        | {"with": r"\| in Oslo | Rome", "with_offsets": "17-26 | 34-38"},
    ]
    action = {"text": "fought\nhard", "start": 5, "end": 16, "label": "ACTION", "id": "s0", "normal": ""}
    rome = rows[1]["with"]
    table = pq.read_table(paths[1])
    assert table.column_names == [name for name in HEADER if not name.endswith("_offsets")]
    made = table.to_pylist()
    assert made[0] == meta | {
        "event": "s1",
        "label": "ACTOR",
        "text": "=1+1",
        "start": 0,
        "end": 4,
        "attributes": "",
        "agent": [action],
        "with": [],
    }
    assert [target["text"] for target in made[1]["with"]] == cells(rome) == ["| in Oslo", "Rome"]
    assert [target["id"] for target in made[1]["with"]] == ["s2", "s3"]
    assert [target["normal"] for target in made[1]["with"]] == ["", ""]


def test_events_have_the_normal_forms_of_their_targets(tmp_path: Path):
    context = Context(labels=("ACTION", "DATE", "LOCATION"), relations=("time", "place"), normal=("time",))
    doc = document(
        "It fell on Friday, at dawn, in May in Kyiv",
        ("fell", "ACTION"),
        ("Friday", "DATE"),
        ("dawn", "DATE"),
        ("May", "DATE"),
        ("Kyiv", "LOCATION"),
        relations=[(0, 1, "time"), (0, 2, "time"), (0, 3, "time"), (0, 4, "place")],
        said=[{}, {"normal": {"text": ["2026-01-02"]}}, {"normal": {"text": []}}, {"normal": {"text": ["2026|05"]}}],
    )
    paths, _ = write("events", [tokenized(doc)], tmp_path, context, stem="events")
    (row,) = read_csv(paths[0])
    targets = ["time", "time_offsets", "time_normal", "place", "place_offsets"]
    assert list(row) == [*events.COLUMNS, *events.EVENT, *targets]
    assert row["time_normal"] == r"2026-01-02 |  | 2026\|05"
    assert cells(row["time_normal"]) == ["2026-01-02", "", "2026|05"]
    (made,) = pq.read_table(paths[1]).to_pylist()
    assert [target["normal"] for target in made["time"]] == ["2026-01-02", "", "2026|05"]
    assert made["place"][0]["normal"] == ""


def test_events_say_how_they_were_decided_where_several_people_labelled(tmp_path: Path):
    doc = document(
        "Rebels hit Kyiv and Lviv",
        ("hit", "ACTION"),
        ("Rebels", "ACTOR"),
        ("Kyiv", "LOCATION"),
        ("Lviv", "LOCATION"),
        relations=[(0, 1, "agent"), (0, 2, "how"), (0, 3, "how"), (2, 3, "how")],
        provenance=(
            Provenance(span="s0", by=("ann", "ben"), how="adjudicated", decided_by="eva"),
            Provenance(relation=("s0", "s1", "agent"), by=("ann",)),
            Provenance(relation=("s0", "s2", "how"), how="adjudicated", decided_by="eva"),
        ),
    )
    context = Context(labels=("ACTION", "ACTOR", "LOCATION"), relations=("agent", "how"), provenance=True)
    paths, _ = write("events", [tokenized(doc)], tmp_path, context, stem="events")
    rows = read_csv(paths[0])
    targets = ["agent", "agent_offsets", "agent_how", "how_", "how__offsets", "how__how"]
    assert list(rows[0]) == [*events.COLUMNS, *events.EVENT, *events.PROVENANCE, *targets]
    said = [[row[name] for name in (*events.PROVENANCE, "agent_how", "how__how")] for row in rows]
    assert said == [
        ["adjudicated", "2", "eva", "agreed", "adjudicated | not compared"],
        ["not compared", "0", "", "", "not compared"],
    ]
    table = pq.read_table(paths[1])
    assert table.column_names == [*events.COLUMNS, *events.EVENT, *events.PROVENANCE, "agent", "how_"]
    made = table.to_pylist()
    assert [[row[name] for name in events.PROVENANCE] for row in made] == [["adjudicated", 2, "eva"], [NONE, 0, ""]]
    assert [target["how"] for target in made[0]["how_"]] == ["adjudicated", NONE]
    ordinary, _ = write("events", [tokenized(doc)], tmp_path / "b", replace(context, provenance=False), stem="events")
    assert "marked_by" not in ordinary[0].read_text()


def test_events_without_any_is_a_table_without_rows(tmp_path: Path):
    paths, _ = write("events", [], tmp_path, stem="events")
    assert paths[0].read_bytes() == (",".join(HEADER) + "\r\n").encode()
    assert pq.read_table(paths[1]).num_rows == 0


@pytest.mark.parametrize(
    ("relations", "columns"),
    [
        (("agent", "target"), ["agent", "target"]),
        (("source", "Label"), ["source_", "Label_"]),
        (("a_offsets", "a"), ["a_offsets", "a_"]),
        (("a", "a_", "A"), ["a", "a_", "A__"]),
        (("in, out", "x\ny"), ["in, out", "x\ny"]),
    ],
)
def test_events_columns_never_collide(tmp_path: Path, relations: tuple[str, ...], columns: list[str]):
    context = Context(labels=("X",), relations=relations)
    assert list(events.column_names(context).values()) == columns
    changed = [old for old, new in zip(relations, columns, strict=True) if old != new]
    assert [p.label for p in events.check(context)] == changed
    doc = tokenized(document("Oslo", ("Oslo", "X"), relations=[(0, 0, name) for name in relations]))
    paths, _ = write("events", [doc], tmp_path, context, stem="events")
    (row,) = read_csv(paths[0])
    assert [row[name] for name in columns] == ["Oslo"] * len(columns)
    assert pq.read_table(paths[1]).column_names[-len(columns) :] == columns


@given(st.lists(texts.map(str.strip).filter(bool), max_size=4))
def test_events_texts_come_out_of_a_cell_as_they_went_in(words: list[str]):
    assert cells(events.BETWEEN.join(map(events.escape, words))) == words


@settings(deadline=None, max_examples=60)
@given(st.lists(documents(), max_size=3))
def test_events_hold_every_relation_once_in_both_files(
    tmp_path_factory: pytest.TempPathFactory, labeled: list[LabeledDoc]
):
    docs = [doc.model_copy(update={"doc_id": f"d{n}"}) for n, doc in enumerate(labeled)]
    expected = defaultdict(list)
    for doc in docs:
        for r in doc.relations:
            tail = doc.by_id[r.tail]
            target = (doc.slice(tail), tail.start, tail.end, tail.label, tail.id, normal_form(tail))
            expected[doc.doc_id, r.head, r.label].append(target)
    folder = tmp_path_factory.mktemp("e")
    paths, problems = write(
        "events", [tokenized(doc) for doc in docs], folder, replace(CONTEXT, csv_raw=True), "events"
    )
    table = pq.read_table(paths[1]).to_pylist()
    assert problems == []
    assert {
        (row["doc_id"], row["event"], name): [tuple(target.values()) for target in row[name]]
        for row in table
        for name in CONTEXT.relations
        if row[name]
    } == expected
    frame = pd.read_csv(paths[0], keep_default_na=False, dtype={"text": str, "agent": str, "with": str})
    assert list(frame.columns) == HEADER
    rows = read_csv(paths[0])
    assert len(frame) == len(rows) == len(table) == len({key[:2] for key in expected})
    for made, whole, panda in zip(rows, table, frame.to_dict("records"), strict=True):
        assert made["text"] == whole["text"] == panda["text"]
        assert (panda["start"], panda["end"]) == (whole["start"], whole["end"])
        for name in CONTEXT.relations:
            assert cells(made[name]) == [target["text"] for target in whole[name]]
            assert made[f"{name}_offsets"] == " | ".join(f"{t['start']}-{t['end']}" for t in whole[name])
            assert panda[name] == made[name]


FORMULAS = ["=HYPERLINK(0)", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1", " =1", "'=1", "a;=1", "a\n-1", "''\t"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_events_csv_has_nothing_that_a_spreadsheet_computes(tmp_path: Path, formula: str):
    words = formula.strip()
    text = f"fell {words} {words}"
    doc = document(
        text, ("fell", "ACTION"), (words, "ACTOR"), relations=[(0, 1, "agent"), (1, 1, "with")], title=formula
    )
    context = replace(CONTEXT, relations=("agent", "with", "=x"))
    paths, _ = write("events", [tokenized(doc)], tmp_path, context, stem="events")
    computed = re.compile(r"(?:^|[;\t\r\n])\s*[=+\-@＝]|^[\t\r]")
    with paths[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert "'=x" in rows[0]
    assert not [cell for row in rows for cell in row if computed.search(cell)]
    made = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert [row["start"] for row in made] == ["0", "5"]  # numbers stay numbers
    assert formula in {undone(row["title"]) for row in made}
    assert pq.read_table(paths[1]).to_pylist()[0]["title"] == formula

    paths, _ = write("events", [tokenized(doc)], tmp_path / "raw", replace(context, csv_raw=True), stem="events")
    assert read_csv(paths[0])[0]["title"] == formula


@given(st.text(st.sampled_from("'=+-@＝\t\r\n; a1")))
def test_spreadsheet_cells_can_be_undone(cell: str):
    assert undone(as_text(cell)) == cell


def undone(cell: str) -> str:
    """What a reader of the file does who wants to have the exact text."""
    return re.sub(r"(^|[;\t\r\n])'(?=['\s]*[=+\-@＝]|'*[\t\r])", r"\1", cell)


def test_events_csv_is_rfc_4180():
    doc = tokenized(document("It fell", ("It", "ACTOR"), ("fell", "ACTION"), relations=[(1, 0, "agent")], title="a\nb"))
    data = events.render([doc], CONTEXT).data
    size = int.from_bytes(data[:8])
    assert data[8 : 8 + size] == b'a1,train,"a\nb",,,,s1,ACTION,fell,3,7,,It,0-2,,\r\n'
    ((_, _, title, *_),) = csv.reader(io.StringIO(data[8 : 8 + size].decode(), newline=""))
    assert title == "a\nb"
