"""`labeling agreement`: exports, one for all or one a person, and the workspace's project."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from pyarrow.parquet import read_table

from labeling.errors import InputError
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow.agreement import agreement
from labeling.workflow.pulled import Store, store_folder
from tests.builders import Run
from tests.workflow.several import ANN, BEN, OTHER, SEVERAL, TEXT, region, task, write


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init(tmp_path / "w", title="Test project")
    return open_workspace(tmp_path / "w")


def test_everybody_in_one_file_and_a_file_each_come_to_the_same(workspace: Workspace, tmp_path: Path):
    schema = workspace.label_schema
    one = write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN), task(2, OTHER, ann=[], ben=[]))
    ann = write(tmp_path, "ann.json", task(1, TEXT, ann=ANN), task(2, OTHER, ann=[]))
    ben = write(tmp_path, "ben.json", task(7, TEXT, ben=BEN), task(9, OTHER, ben=[]))
    found, again = agreement(workspace, [one], schema=schema), agreement(workspace, [ann, ben], schema=schema)
    assert again.model_dump(exclude={"least"}) == found.model_dump(exclude={"least"})
    assert (found.annotators, found.documents, found.alone) == (("ann@example.org", "ben@example.org"), 2, 0)
    spans = found.spans
    assert [round(rate.f or 0, 4) for rate in (spans.exact, spans.trimmed, spans.iou50, spans.overlap)] == [
        0.6667,
        0.6667,
        0.6667,
        1.0,
    ]
    assert found.labels["LOCATION"].exact.f == 0 and found.labels["ACTOR"].alpha_u == 1
    assert found.relations and (found.relations.f, found.relations.f_given_ends) == (0, 0)
    assert found.events and (found.events.trigger_f, found.events.exact) == (1, 0)
    assert [(pair.a[:3], pair.b[:3], pair.documents, pair.overlap) for pair in found.pairs] == [("ann", "ben", 2, 1)]
    assert [(each.words, each.count) for each in found.edge_words] == [("village of", 1)]
    assert found.least[0].doc_id == "d1"
    assert "Only 2 texts" in found.warnings[0]


def test_found_nothing_is_disagreement_and_not_having_done_it_is_not(workspace: Workspace, tmp_path: Path):
    tasks = (
        task(1, TEXT, ann=ANN, ben=[]),
        task(2, OTHER, ann=[region("Police", "ACTOR", OTHER)]),
        task(3, f"{OTHER} Twice.", ann=[region("Police", "ACTOR", OTHER)], ben=None),
    )
    found = agreement(workspace, [write(tmp_path, "all.json", *tasks)], schema=workspace.label_schema)
    assert (found.documents, found.alone, found.spans.overlap.f) == (1, 2, 0)


def test_of_one_persons_several_annotations_of_a_task_the_newest_counts(workspace: Workspace, tmp_path: Path):
    one = task(1, TEXT, ann=ANN, ben=BEN)
    older = one["annotations"][0] | {"id": 99, "result": [], "updated_at": "2025-01-01T00:00:00Z"}
    one["annotations"].append(older)
    found = agreement(workspace, [write(tmp_path, "all.json", one)], schema=workspace.label_schema)
    assert found.spans.overlap.f == 1
    assert [(problem.reason, problem.action, problem.annotator) for problem in found.problems] == [
        ("older-annotation", "unused", "ann@example.org")
    ]
    assert "a newer one by ann@example.org" in found.problems[0].detail


def test_tasks_of_one_file_with_the_same_text_are_compared_each_by_itself(workspace: Workspace, tmp_path: Path):
    tasks = (task(1, TEXT, ann=ANN, ben=ANN), task(2, TEXT, ann=[], ben=[]))
    found = agreement(workspace, [write(tmp_path, "all.json", *tasks)], schema=workspace.label_schema)
    assert (found.documents, found.spans.exact.f) == (2, 1)


def test_confused_labels_are_named(workspace: Workspace, tmp_path: Path):
    tasks = (task(1, TEXT, ann=[region("Tadmor", "LOCATION")], ben=[region("Tadmor", "ACTOR")]),)
    found = agreement(workspace, [write(tmp_path, "all.json", *tasks)], schema=workspace.label_schema)
    assert [(each.labels, each.count, each.example) for each in found.confusions] == [
        (("ACTOR", "LOCATION"), 1, "Tadmor")
    ]
    assert (found.spans.exact.f, found.spans.unlabelled.f) == (0, 1)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ((task(1, TEXT, ann=ANN), task(2, OTHER, ann=[])), "only ann@example.org has annotated them"),
        ((task(1, TEXT, ann=ANN), task(2, OTHER, ben=[])), "nobody else has annotated them"),
        ((), "of 0 texts"),
    ],
)
def test_without_a_text_that_two_people_annotated_there_is_no_agreement(
    workspace: Workspace, tmp_path: Path, tasks: Any, message: str
):
    with pytest.raises(InputError, match=message):
        agreement(workspace, [write(tmp_path, "all.json", *tasks)], schema=workspace.label_schema)


def test_what_is_no_task_is_named_and_the_rest_counts(workspace: Workspace, tmp_path: Path):
    file = write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN), {"odd": 1})
    found = agreement(workspace, [file], schema=workspace.label_schema)
    assert found.documents == 1 and [problem.reason for problem in found.problems] == ["no-task"]


def test_command_prints_tables_or_json_of_the_pulled_project(workspace: Workspace, run: Run):
    workspace.remember_project(3)
    with Store.writing(store_folder(workspace, 3)) as store:
        stored = task(1, TEXT, ann=ANN, ben=BEN) | {"updated_at": "2026-11-24T08:00:00.000000Z"}
        for place, annotation in enumerate(stored["annotations"], start=1):
            annotation["completed_by"] = place
        store.put(stored)
        users = {1: "ann@example.org", 2: "ben@example.org"}
        state = store.state.model_copy(update={"complete": True, "url": "http://127.0.0.1:1/projects/3/data"})
        store.save(state.model_copy(update={"users": users, "pulled_at": "2026-11-24T08:00:00+00:00"}))
    done = run("agreement", "--offline", "-w", workspace.folder)
    assert done.returncode == 0, done.stderr
    for said in (
        "Agreement of 2 people on 1 texts",
        "LOCATION",
        "village of",
        "http://127.0.0.1:1/projects/3/data?task=1",
    ):
        assert said in done.stdout
    found = json.loads(run("agreement", "--offline", "--json", "-w", workspace.folder).stdout)
    assert {"annotators", "documents", "spans", "pairs", "relations", "events"} <= found.keys()
    assert {"exact", "trimmed", "iou50", "overlap", "unlabelled", "alpha_u"} <= found["spans"].keys()
    assert {"f", "f_given_ends"} <= found["relations"].keys()
    assert {"trigger_f", "argument_f", "exact"} == found["events"].keys()
    assert {"a", "b", "documents", "exact", "trimmed", "overlap"} == found["pairs"][0].keys()
    assert found["spans"]["overlap"]["f"] == 1
    assert run("agreement", "nowhere.json", "-w", workspace.folder).returncode == 2


def test_work_that_is_not_independent_is_told(workspace: Workspace, tmp_path: Path):
    schema = workspace.label_schema
    copied = task(1, TEXT, ann=ANN, ben=BEN)
    copied["annotations"][1]["parent_annotation"] = copied["annotations"][0]["id"]
    found = agreement(workspace, [write(tmp_path, "all.json", copied)], schema=schema)
    (copy,) = found.dependent
    assert (copy.a, copy.b) == ("ann@example.org", "ben@example.org")
    assert (copy.drawn, copy.shared_ids, copy.copied, copy.equal) == (3, 2, 1, 2)
    assert "2 of 3 spans" in found.warnings[-1] and "made as copies" in found.warnings[-1]


@pytest.mark.parametrize("told", ["by the task", "by the annotation", "by each region"])
def test_spans_that_both_took_from_a_prediction_are_no_sign_of_it(workspace: Workspace, tmp_path: Path, told: str):
    both = task(1, TEXT, ann=ANN, ben=BEN)
    if told == "by the task":
        both["predictions"] = [{"result": ANN}]
    for annotation in both["annotations"]:
        if told == "by the annotation":
            annotation["prediction"] = {"result": ANN}
        elif told == "by each region":
            annotation["result"] = [item | {"origin": "prediction-changed"} for item in annotation["result"]]
    found = agreement(workspace, [write(tmp_path, "all.json", both)], schema=workspace.label_schema)
    assert found.dependent == ()


@pytest.mark.parametrize(("texts", "ben", "is_told"), [(20, ANN[1:], True), (20, ANN, False), (19, ANN[1:], False)])
def test_agreement_with_and_without_prefill_is_told_apart(
    workspace: Workspace, tmp_path: Path, run: Run, texts: int, ben: list[dict[str, Any]], is_told: bool
):
    tasks = []
    for number in range(1, 2 * texts + 1):
        is_empty = number <= texts
        made = task(number % 9 + 1, f"{TEXT} {number}", ann=ANN, ben=ben if is_empty else ANN)
        for annotation in made["annotations"]:
            annotation["prediction"] = {"model_version": "m", "result": [] if is_empty else ANN}
        tasks.append(made)
    mixed = task(1, f"{TEXT} mixed", ann=ANN, ben=ANN)
    for annotation, result in zip(mixed["annotations"], ([], ANN), strict=True):
        annotation["prediction"] = {"result": result}
    file = write(tmp_path, "all.json", *tasks, mixed)
    found = agreement(workspace, [file], schema=workspace.label_schema)
    assert {name: arm.documents for name, arm in found.arms.items()} == {
        "with_prefill": texts,
        "without_prefill": texts,
    }
    assert found.arms["with_prefill"].exact.f == 1
    assert found.arms["without_prefill"].trimmed.f == (1 if ben is ANN else 0.8)
    assert any("People agree more where they start from predictions" in each for each in found.warnings) == is_told
    if is_told:
        assert "without prefill" in run("agreement", file, "-w", workspace.folder).stdout
    only = agreement(workspace, [write(tmp_path, "one.json", *tasks[:texts])], schema=workspace.label_schema)
    assert only.arms == {}


def test_of_a_pulled_project_the_predictions_tell_what_people_started_from(workspace: Workspace):
    workspace.remember_project(3)
    with Store.writing(store_folder(workspace, 3)) as store:
        for number, regions in ((1, {"Rebels": [0, 6, ["ACTOR"]]}), (2, {}), (3, None)):
            made = task(number, f"{TEXT} {number}", ann=ANN, ben=ANN[:2])
            for place, annotation in enumerate(made["annotations"], start=1):
                annotation |= {"completed_by": place, "parent_prediction": number}
            store.put(made | {"updated_at": "2026-11-24T08:00:00.000000Z"})
            if regions is not None:
                store.keep_predictions(number, {str(number): regions})
        state = store.state.model_copy(update={"complete": True, "url": "http://127.0.0.1:1/projects/3/data"})
        store.save(state.model_copy(update={"users": {1: "ann", 2: "ben"}, "pulled_at": "2026-11-24T08:00:00+00:00"}))
    found = agreement(workspace, schema=workspace.label_schema, offline=True)
    assert {name: arm.documents for name, arm in found.arms.items()} == {"with_prefill": 1, "without_prefill": 1}


@pytest.mark.parametrize("name", ["all.csv", "all.parquet"])
def test_every_disagreement_is_a_row_of_a_file(workspace: Workspace, tmp_path: Path, run: Run, name: str):
    theirs = [BEN[0] | {"value": BEN[0]["value"] | {"labels": ["LOCATION"]}}, *BEN[1:], region("Friday", "DATE")]
    file = write(tmp_path, "in.json", task(1, TEXT, ann=ANN, ben=theirs))
    done = run("agreement", file, "-o", tmp_path / name, "-w", workspace.folder)
    assert done.returncode == 0 and "4 disagreements are in" in done.stderr, done.stderr
    if name.endswith("csv"):
        with (tmp_path / name).open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
    else:
        rows = [{k: "" if v is None else str(v) for k, v in r.items()} for r in read_table(tmp_path / name).to_pylist()]
    spans = ("first_label", "first_text", "second_label", "second_text")
    assert [(row["kind"], row["relation"], *(row[name] for name in spans)) for row in rows] == [
        ("label", "", "ACTOR", "Rebels", "LOCATION", "Rebels"),
        ("edges", "", "LOCATION", "Tadmor", "LOCATION", "village of Tadmor"),
        ("one", "", "", "", "DATE", "Friday"),
        ("relation", "agent", "ACTION", "attacked", "ACTOR", "Rebels"),
    ]
    assert (rows[2]["marked_by_one"], rows[2]["marked_by_other"]) == ("", "ben@example.org")
    assert {row["doc_id"] for row in rows} == {"d1"} and all(row["context"] for row in rows)
    wrong = run("agreement", file, "-o", tmp_path / "all.txt", "-w", workspace.folder)
    assert wrong.returncode == 2 and ".csv or .parquet" in wrong.stderr


@pytest.mark.skipif(not SEVERAL.is_dir(), reason="there are no exports of several annotators beside the project")
@pytest.mark.parametrize("file", sorted(SEVERAL.glob("*.json")), ids=lambda file: file.stem)
def test_exports_of_real_teams_come_out_as_was_published_of_them(workspace: Workspace, file: Path):
    """Of all nine teams: exact F .33 to .63 with white space at edges, IoU .73 to .86, any overlap .82 to .91."""
    found = agreement(workspace, [file], schema=None)
    assert len(found.annotators) == 3 and found.documents >= 129
    spans = found.spans
    assert 0.33 <= (spans.exact.f or 0) <= (spans.trimmed.f or 0) <= 0.8
    assert 0.72 <= (spans.iou50.f or 0) <= 0.87 and 0.82 <= (spans.overlap.f or 0) <= 0.915
    assert found.relations is None and found.events is None
