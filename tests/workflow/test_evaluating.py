"""`labeling evaluate` as a person types it: events with relations, errors with their tasks, two models."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import spacy

from labeling.cli.differences import _marked
from labeling.cli.scores import sentence, show
from labeling.core.bootstrap import Difference
from labeling.errors import InputError
from labeling.nlp.evaluation.comparison import Comparison, Row
from labeling.nlp.evaluation.errors import Error
from labeling.nlp.load import load
from labeling.settings import init, open_workspace
from labeling.studio.tasks import to_result, to_task
from labeling.workflow.demo import DEMO_SPLIT
from labeling.workflow.documents import read_documents
from labeling.workflow.evaluating import evaluate
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.task_locations import read_task_locations
from tests.builders import ROOT

URL = "http://labels.example.org:8080/projects/3/data?task="


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the seeds' gold as `exports`, the untrained pre-annotation as `events`, and `names`."""
    folder = tmp_path_factory.mktemp("workspace")
    init(folder, split=DEMO_SPLIT)
    tasks = [
        to_task(doc, "m") | {"id": n, "project": 3, "annotations": [{"id": n, "result": to_result(doc)}]}
        for n, doc in enumerate(read_documents(ROOT / "seeds" / "gold.jsonl"), 100)
    ]
    (folder / "gold.json").write_text(json.dumps(tasks), encoding="utf-8")
    opened = open_workspace(folder, url=URL.partition("/projects")[0])
    export_files(opened, [folder / "gold.json"], folder / "exports", schema=opened.label_schema)
    nlp = load("en_core_web_sm")
    nlp.add_pipe("event_spans", config={"schema": "event"})
    nlp.add_pipe("event_relations", config={"schema": "event"})
    nlp.to_disk(folder / "events")
    names = spacy.blank("en")
    names.meta |= {"name": "names", "version": "1"}
    names.add_pipe("entity_ruler").add_patterns([{"label": "DATE", "pattern": "Friday"}])
    names.to_disk(folder / "names")
    return folder


def test_events_are_measured_with_relations_scores_and_every_error(run, workspace: Path):
    done = run("evaluate", workspace / "events", workspace / "exports", "--errors", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found["layers"]) == ["events"]  # the parser's own entities say nothing of the schema
    layer = found["layers"]["events"]
    overall = layer["overall"]
    assert overall["f"] == pytest.approx(2 * overall["right"] / (overall["gold"] + overall["found"]), abs=1e-4)
    low, high = overall["intervals"]["f"]
    assert low < overall["f"] < high
    assert overall["f"] < overall["overlap"]["f"]
    assert set(layer["labels"]) == {"ACTION", "ACTOR", "DATE", "LOCATION"}
    assert set(layer["relations"]["labels"]) == {"agent", "place", "target", "time"}
    assert 0 < layer["calibration"]["error"] < 0.3
    assert layer["effort_saved"]["low"] < layer["effort_saved"]["point"] < layer["effort_saved"]["high"]
    assert [sum(row[:-1]) + row[-1] for row in layer["confusion"]["matrix"][:-1]] == [
        layer["labels"][label]["gold"] for label in layer["confusion"]["labels"]
    ]
    spans = [error for error in found["errors"] if error["of"] == "span"]
    lost = sum(error["gold"] is not None for error in spans)
    assert overall["right"] == overall["gold"] - lost == overall["found"] - sum(e["found"] is not None for e in spans)
    missed = [error for error in found["errors"] if error["of"] == "relation" and error["gold"]]
    assert len(missed) == layer["relations"]["overall"]["gold"] - layer["relations"]["overall"]["right"]
    assert all(error["url"].startswith(URL) and "gold.json#" in error["where"] for error in found["errors"])
    assert all(error["found"]["score"] is not None and error["found"]["source"] for error in spans if error["found"])


def test_errors_are_shown_by_kind_with_what_is_gold_and_what_was_found(run, workspace: Path):
    done = run("evaluate", workspace / "events", workspace / "exports", "--errors", "--schema", "event")
    assert done.returncode == 0, done.stderr
    for said in (
        "Missed spans: ",
        "Spurious spans: ",
        "Spans with a wrong edge: ",
        "Spans with a wrong label: ",
        "Missed relations: ",
        "Confusion of labels",
        "Effort saved by the whole pre-annotation with event-1.2.0: ",
        "not found",
    ):
        assert said in done.stdout, said
    assert f"⟦gold⟧ and ‹found›. A task is at {URL}TASK" in done.stderr


def test_errors_go_to_a_file_or_alone_to_standard_output(run, workspace: Path, tmp_path: Path):
    done = run("evaluate", workspace / "names", workspace / "exports", "--errors-to", "errors.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["errors"] is None
    lines = (tmp_path / "errors.jsonl").read_text(encoding="utf-8").splitlines()
    errors = [Error.model_validate_json(line) for line in lines]
    assert f"{len(errors):,} differences: errors.jsonl" in done.stderr
    assert {error.kind for error in errors} == {"missed", "wrong edge"}
    done = run("evaluate", workspace / "names", workspace / "exports", "--errors-to", "-")
    assert [Error.model_validate_json(line) for line in done.stdout.splitlines()] == errors


def test_two_models_are_compared_on_the_same_gold(workspace: Path, capsys: pytest.CaptureFixture[str]):
    events, names, exports = workspace / "events", workspace / "names", workspace / "exports"
    scores = evaluate(str(names), exports, against=str(events))
    rows = {(row.of, row.name): row for row in scores.against.rows}
    assert rows["all", ""].verdict == scores.against.verdict == "worse"
    assert rows["all", ""].difference.high < 0
    assert rows["label", "ACTOR"].model == 0
    assert rows["relations", ""].model == 0
    same = evaluate(str(names), exports, against=str(names)).against
    assert same.verdict == "undecided"
    assert {row.difference.point for row in same.rows} == {0.0}
    show(scores, "test")
    said = capsys.readouterr().out
    assert "en_names-1 against en_core_web_sm-3.8.0" in said
    assert "en_names-1 is worse than en_core_web_sm-3.8.0: F 0." in said


@pytest.mark.parametrize(
    ("verdict", "low", "documents", "said"),
    [
        ("better", 0.01, None, "new is better than old: F 0.640 against 0.600, +0.040 (+0.010 to +0.090) on 50"),
        ("undecided", -0.05, 254, "Undecided whether new is better than old: .* takes about 254 documents to decide"),
        ("undecided", -0.05, None, r"Undecided .* on 50 documents\.$"),
    ],
)
def test_comparison_is_a_sentence(verdict: Any, low: float, documents: int | None, said: str):
    difference = Difference(point=0.04, low=low, high=0.09, share_better=0.9)
    row = Row(of="all", model=0.64, other=0.6, difference=difference, verdict=verdict)
    found = Comparison(
        model="new", other="old", documents=50, rows=(row,), verdict=verdict, documents_to_decide=documents
    )
    assert re.search(said if ".*" in said else re.escape(said), sentence(found))


@pytest.mark.parametrize(
    ("gold", "found", "shown"),
    [
        ((0, 6), None, "⟦Rebels⟧ from Oslo left."),
        (None, (12, 16), "Rebels from ‹Oslo› left."),
        ((0, 6), (0, 16), "‹⟦Rebels⟧ from Oslo› left."),
        ((12, 16), (12, 16), "Rebels from ⟦‹Oslo›⟧ left."),
        ((0, 11), (7, 16), "⟦Rebels ‹from⟧ Oslo› left."),
    ],
)
def test_marks_in_a_sentence(gold: tuple[int, int] | None, found: tuple[int, int] | None, shown: str):
    text = "Rebels from Oslo left."

    def place(bounds: tuple[int, int] | None) -> dict[str, Any] | None:
        return bounds and {"start": 7 + bounds[0], "end": 7 + bounds[1], "label": "X", "text": text[slice(*bounds)]}

    sentence = {"start": 7, "end": 7 + len(text), "text": text}
    said = {"layer": "ner", "of": "span", "kind": "missed", "doc_id": "a", "sentence": sentence}
    assert _marked(Error.model_validate(said | {"gold": place(gold), "found": place(found)})) == shown


def test_places_of_tasks_are_those_of_the_documents(workspace: Path):
    places = read_task_locations(workspace / "exports")
    docs = {doc.doc_id: doc for doc in read_documents(workspace / "exports" / "docs.jsonl")}
    assert places.keys() == docs.keys()
    first = read_documents(ROOT / "seeds" / "gold.jsonl")[0]
    assert places[first.doc_id].url == f"{URL}100"
    assert places[first.doc_id].digest == docs[first.doc_id].digest
    assert "tasks.jsonl" in json.loads((workspace / "exports" / "manifest.json").read_text())["sha256"]


def test_bad_input_is_named(workspace: Path, tmp_path: Path):
    exports = workspace / "exports"
    (tmp_path / "test.spacy").write_bytes((exports / "test.spacy").read_bytes())
    (tmp_path / "tasks.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"tasks\.jsonl:1 does not say where a task is"):
        evaluate(str(workspace / "names"), tmp_path, with_errors=True)
    (tmp_path / "tasks.jsonl").unlink()
    errors = evaluate(str(workspace / "names"), tmp_path, with_errors=True).errors
    assert errors
    assert {(error.url, error.where) for error in errors} == {("", "")}
    schema = open_workspace(workspace).label_schema.model_copy(update={"labels": {}, "relations": {}})
    with pytest.raises(InputError, match="has none of the labels of the gold"):
        evaluate(str(workspace / "names"), exports, schema=schema)
