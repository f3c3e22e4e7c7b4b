"""`labeling effort` on files, as a person types it."""

import json
from pathlib import Path

import pytest

from labeling.errors import InputError
from labeling.studio.tasks import to_task
from labeling.workflow.documents import read_documents
from labeling.workflow.measuring import measure_effort
from tests.builders import ROOT

GOLD = ROOT / "seeds" / "gold.jsonl"


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Tasks of the seeds' gold, whose newest prediction is the gold itself; the first document has none."""
    found = [to_task(doc, "gold") for doc in read_documents(GOLD)][1:]
    for task in found:
        task["predictions"].insert(0, {"result": []})
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(task) + "\n" for task in found), encoding="utf-8")
    return path


def test_measure_effort_of_the_gold_itself(tasks: Path):
    first, *others = read_documents(GOLD)
    found = measure_effort(GOLD, tasks)
    assert (found.documents, found.documents_without_task) == (len(others) + 1, 1)
    assert 1 - found.effort_saved == pytest.approx(len(first.spans) / sum(len(d.spans) for d in (first, *others)), 0.01)
    assert all(each.core.p == 1.0 for each in found.labels.values())
    assert found.relations.p == 1.0
    assert found.relations.gold == len(first.relations) + sum(len(d.relations) for d in others)


def test_measure_effort_turns_an_arrow_that_points_left(tmp_path: Path):
    text = "Bell left."
    spans = [{"id": "a", "start": 0, "end": 4, "label": "ACTOR"}, {"id": "e", "start": 5, "end": 9, "label": "ACTION"}]
    regions = [{"id": s["id"], "value": {"start": s["start"], "end": s["end"], "labels": [s["label"]]}} for s in spans]
    arrow = {"type": "relation", "from_id": "a", "to_id": "e", "direction": "left", "labels": ["agent"]}
    links = [{"head": "e", "tail": "a", "label": "agent"}]
    (tmp_path / "gold.jsonl").write_text(json.dumps({"id": "1", "text": text, "spans": spans, "relations": links}))
    task = {"data": {"text": text}, "predictions": [{"result": [*regions, arrow]}]}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    found = measure_effort(tmp_path / "gold.jsonl", tmp_path / "tasks.json")
    assert (found.effort_saved, found.relations.f) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            {"data": {"text": "Bell left."}, "predictions": [{"result": [{"value": {"start": 0, "end": 4}}]}]},
            "none of the gold's labels.*\nthe predictions: PERSON\nthe gold: ACTOR",
        ),
        ({"data": {"text": "Another text."}, "predictions": []}, "None of the 1 gold documents has a task"),
    ],
)
def test_measure_effort_of_strangers_gives_no_zeros(tmp_path: Path, task: dict, words: str):
    gold = {"text": "Bell left.", "spans": [{"start": 0, "end": 4, "label": "ACTOR"}]}
    for prediction in task["predictions"]:
        prediction["result"][0]["value"]["labels"] = ["PERSON"]
    (tmp_path / "gold.jsonl").write_text(json.dumps(gold))
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    with pytest.raises(InputError, match=words):
        measure_effort(tmp_path / "gold.jsonl", tmp_path / "tasks.json")


def test_measure_effort_names_all_faults_of_both_files(tmp_path: Path):
    gold, tasks = tmp_path / "gold.jsonl", tmp_path / "tasks.json"
    gold.write_text(
        '{"text": "a b", "spans": [{"start": 0, "end": 9, "label": "X"}]}\n'
        "not json\n"
        "[1]\n"
        '{"spans": []}\n'
        '{"text": "a", "spans": [{"start": "x", "end": 1, "label": "X"}]}\n'
        '{"text": "a", "relations": [{"head": "q", "tail": "r", "label": "l"}]}\n'
        '{"data": {"text": "a"}}\n'
    )
    tasks.write_text('[{"data": {}}, 3, {"data": {"text": "a"}, "predictions": [3]}]')
    with pytest.raises(InputError) as caught:
        measure_effort(gold, tasks)
    for number in range(1, 8):
        assert f"gold.jsonl#{number}: " in caught.value.message
    for number in range(1, 4):
        assert f"tasks.json#{number}: " in caught.value.message
    with pytest.raises(InputError, match=r"(?s)gold\.json.*tasks\.jsonl"):
        measure_effort(tmp_path / "no-gold.json", tmp_path / "no-tasks.jsonl")


def test_effort_prints_tables_or_json(run, tasks: Path):
    done = run("effort", GOLD, tasks)
    assert done.returncode == 0, done.stderr
    for said in ("Effort saved: 9", "1 without a task", "ACTOR", "Relations", "agent"):
        assert said in done.stdout
    found = json.loads(run("effort", GOLD, tasks, "--json").stdout)
    assert {
        "effort_saved",
        "effort_saved_with_relations",
        "documents",
        "documents_without_task",
        "labels",
        "relations",
    } == set(found)
    done = run("effort", tasks, GOLD)
    assert done.returncode == 2
    assert "the gold comes first" in done.stderr
    assert "Traceback" not in done.stderr
