"""What `labeling adjudicate --dry-run` reports of exports and stored decisions, without a server."""

import json
from pathlib import Path
from typing import Any

import pytest

from labeling.cli import app
from labeling.core.adjudication import Counts, Decision, MarkedSpan
from labeling.core.article import digest
from labeling.errors import InputError
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow.adjudicating.command import adjudicate
from labeling.workflow.adjudicating.decisions import add_decisions, decisions_file
from labeling.workflow.adjudicating.report import Adjudication, Audit, Conflicts, Tasks
from tests.builders import Run
from tests.workflow.several import ANN, BEN, OTHER, SEVERAL, TEXT, region, task, write

CLEO = "cleo@example.org"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init(tmp_path / "w", title="Test project")
    return open_workspace(tmp_path / "w")


def report(workspace: Workspace, *files: str, audit: float = 0.0) -> Adjudication:
    return adjudicate(workspace, files, schema=workspace.label_schema, audit=audit, dry_run=True)


def decision(*refused: str, taken: str = "", text: str = TEXT, **fields: Any) -> Decision:
    """`LABEL words` each."""

    def marked(said: str) -> MarkedSpan:
        label, words = said.split(" ", 1)
        return MarkedSpan(start=text.index(words), end=text.index(words) + len(words), label=label)

    known = {"key": f"{taken}{refused}", "doc_id": "d1", "digest": digest(text), "kind": "spans", "by": CLEO}
    some = {"taken": (marked(taken),) if taken else (), "refused": tuple(map(marked, refused))}
    return Decision.model_validate(known | some | fields)


def test_one_file_for_all_and_a_file_each_come_to_the_same(workspace: Workspace, tmp_path: Path):
    one = write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN), task(2, OTHER, ann=[]))
    each = [
        write(tmp_path, "ann.json", task(1, TEXT, ann=ANN), task(2, OTHER, ann=[])),
        write(tmp_path, "ben.json", task(7, TEXT, ben=BEN)),
    ]
    found = report(workspace, one)
    assert found == report(workspace, *each)
    assert (found.texts, found.alone, found.annotators) == (1, 1, ("ann@example.org", "ben@example.org"))
    assert found.spans == Counts(into=4, agreed=2, open=2)
    assert found.relations == Counts(into=1, open=1)
    assert (found.span_conflicts, found.relation_conflicts) == (Conflicts(open=1), Conflicts(open=1))
    assert (found.tasks.added, found.waiting, found.problems) == (2, 0, ())
    assert not workspace.state.exists()  # a dry run leaves nothing behind


def test_relations_wait_for_their_ends_and_two_of_three_are_suggested(workspace: Workspace, tmp_path: Path):
    there = [region("attacked", "ACTION"), region("Tadmor", "LOCATION")]
    link = {"type": "relation", "from_id": "attacked", "to_id": "Tadmor", "direction": "right", "labels": ["place"]}
    both = task(1, TEXT, ann=[*there, link], ben=[*there, link], dan=BEN[1:])
    found = report(workspace, write(tmp_path, "all.json", both))
    assert found.span_conflicts == Conflicts(open=1, suggested=1)
    assert (found.waiting, found.relation_conflicts.open, found.relations.open) == (1, 0, 1)


def test_decisions_settle_conflicts_and_are_counted_with_their_reasons(workspace: Workspace, tmp_path: Path):
    file = write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN))
    gap = {
        "reason": "guideline gap",
        "note": "Is “village of” part of a place?",
        "url": "http://x/projects/2/data?task=4",
    }
    add_decisions(workspace, [decision("LOCATION village of Tadmor", taken="LOCATION Tadmor", **gap)])
    found = report(workspace, file)
    assert found.spans == Counts(into=4, agreed=2, adjudicated=1, dropped=1)
    assert (found.span_conflicts, found.reasons) == (Conflicts(decided=1), {"guideline gap": 1})
    (told,) = found.gaps
    assert (told.labels, told.text, told.note) == (("LOCATION",), "village of Tadmor", gap["note"])
    assert (found.own, found.late) == (0, ())


def test_what_comes_after_a_decision_is_late_and_told(workspace: Workspace, tmp_path: Path):
    add_decisions(workspace, [decision("LOCATION village of Tadmor", taken="LOCATION Tadmor")])
    later = [*BEN[:2], region("the village of Tadmor", "LOCATION")]
    found = report(workspace, write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN, dan=later)))
    (late,) = found.late
    assert (late.text, late.doc_id, late.where.rpartition("/")[2]) == ("the village of Tadmor", "d1", "all.json#1")
    assert found.span_conflicts == Conflicts(decided=1) and found.spans.dropped == 2


def test_decision_of_somebody_who_annotated_the_text_counts_and_is_told(workspace: Workspace, tmp_path: Path):
    add_decisions(workspace, [decision("LOCATION village of Tadmor", taken="LOCATION Tadmor", by="ann@example.org")])
    found = report(workspace, write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN)))
    assert (found.own, found.span_conflicts.decided) == (1, 1)


def test_decision_about_a_text_that_has_changed_or_was_not_read_is_kept_and_not_used(workspace, tmp_path):
    changed, elsewhere = "Rebels attacked Tadmor again.", "Nobody came to Tadmor."
    stored = [
        decision(taken="LOCATION Tadmor", text=changed, url="http://x/projects/2/data?task=4"),
        decision(taken="LOCATION Tadmor", text=elsewhere, doc_id="d9", key="k9"),
    ]
    add_decisions(workspace, stored)
    found = report(workspace, write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN)))
    assert [(each.reason, each.action, each.url[-6:], each.annotator) for each in found.problems] == [
        ("text-changed", "unused", "task=4", CLEO)
    ]
    assert (found.unread, found.span_conflicts) == (1, Conflicts(open=1))
    assert len(decisions_file(workspace).read_text().splitlines()) == 2


def test_parts_of_a_long_article_are_texts_of_their_own(workspace: Workspace, tmp_path: Path):
    first, second = task(1, TEXT, ann=ANN, ben=BEN), task(2, OTHER, ann=[], ben=[region("Police", "ACTOR", OTHER)])
    second["data"]["doc_id"] = "d1"
    found = report(workspace, write(tmp_path, "all.json", first, second))
    assert (found.texts, found.span_conflicts.open, found.problems) == (2, 2, ())


def test_of_one_persons_two_annotations_the_newest_counts_and_the_other_is_told(workspace, tmp_path):
    twice = task(1, TEXT, ann=ANN, ben=ANN)
    twice["annotations"].append(
        twice["annotations"][0] | {"id": 99, "result": [], "updated_at": "2025-01-01T00:00:00Z"}
    )
    found = report(workspace, write(tmp_path, "all.json", twice))
    assert found.span_conflicts.open == 0
    assert [(each.reason, each.action) for each in found.problems] == [("older-annotation", "unused")]


def test_answers_on_which_people_differ_are_named(workspace: Workspace, tmp_path: Path):
    def sure(said: str) -> dict[str, Any]:
        value = region("Rebels", "ACTOR")["value"]
        place = {"start": value["start"], "end": value["end"], "choices": [said]}
        return {"id": "Rebels", "from_name": "sure", "to_name": "text", "type": "choices", "value": place}

    both = task(1, TEXT, ann=[ANN[0], sure("yes")], ben=[ANN[0], sure("no")])
    (told,) = report(workspace, write(tmp_path, "all.json", both)).attributes
    assert (told.about, told.label, told.text) == ("sure", "ACTOR", "Rebels")


def test_audit_asks_about_a_share_of_the_agreed_and_its_error_rate_has_an_interval(workspace, tmp_path):
    file = write(tmp_path, "all.json", task(1, TEXT, ann=BEN, ben=BEN))
    assert report(workspace, file, audit=1.0).audit == Audit(open=3)
    assert report(workspace, file).audit == Audit()
    add_decisions(
        workspace,
        [
            decision(taken="ACTOR Rebels", is_audit=True),
            decision("LOCATION village of Tadmor", taken="LOCATION Tadmor", is_audit=True),
        ],
    )
    found = report(workspace, file, audit=1.0)
    audit = found.audit
    assert (audit.open, audit.answered, audit.wrong, audit.error) == (1, 2, 1, 0.5)
    assert found.span_conflicts.decided == 0 and found.spans == Counts(into=4, agreed=1, adjudicated=2, dropped=1)


@pytest.mark.parametrize(
    ("wrong", "answered", "low", "high"),  # E. B. Wilson's score interval, as in Newcombe 1998, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_of_the_error_rate_is_wilsons(wrong: int, answered: int, low: float, high: float):
    found = Audit.of(0, answered, wrong)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_texts_that_are_equal_share_conflicts_and_decisions(workspace: Workspace, tmp_path: Path):
    file = write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN), task(2, TEXT, ann=ANN, ben=BEN))
    assert report(workspace, file).span_conflicts == Conflicts(open=1)
    add_decisions(workspace, [decision("LOCATION village of Tadmor", taken="LOCATION Tadmor")])
    found = report(workspace, file)
    assert (found.texts, found.span_conflicts, found.spans.adjudicated) == (2, Conflicts(decided=1), 2)


@pytest.mark.parametrize(
    "tasks", [(task(1, TEXT, ann=ANN), task(2, OTHER, ann=[])), (task(1, TEXT, ann=ANN), task(2, OTHER, ben=[])), ()]
)
def test_where_nobody_else_annotated_there_is_nothing_to_adjudicate(workspace, tmp_path, tasks):
    with pytest.raises(InputError, match="no text that two people have annotated") as raised:
        report(workspace, write(tmp_path, "all.json", *tasks))
    assert "overlap" in raised.value.hint


def test_command_prints_tables_or_json_and_names_damage(workspace: Workspace, tmp_path: Path, run: Run):
    file = write(tmp_path, "all.json", task(1, TEXT, ann=ANN, ben=BEN), task(2, OTHER, ann=[]))
    asked = ("adjudicate", file, "-w", workspace.folder)
    done = run(*asked, "--dry-run", "--audit", "100%")
    assert done.returncode == 0, done.stderr
    for said in ("1 texts, each annotated by at least two of 2 people", "adjudicated", "Audit: 2 agreed spans"):
        assert said in done.stdout
    for said in ("1 texts were annotated by one person only", "Nothing was done: 4 tasks would be added"):
        assert said in done.stderr
    found = json.loads(run(*asked, "--dry-run", "--json").stdout)
    assert found["spans"] == {"into": 4, "agreed": 2, "adjudicated": 0, "open": 2, "dropped": 0}
    wrong = run(*asked, "--dry-run", "--audit", "lots")
    assert wrong.returncode == 2 and "5%" in wrong.stderr
    alone = run(*asked)  # without a server
    assert alone.returncode == 2 and "--dry-run" in alone.stderr
    decisions_file(workspace).parent.mkdir(exist_ok=True)
    decisions_file(workspace).write_text("{\n")
    missing = run("adjudicate", str(tmp_path / "none.json"), "--dry-run")
    assert missing.returncode == 2 and "none.json: it cannot be read" in missing.stderr
    damaged = run(*asked, "--dry-run")
    assert damaged.returncode == 2 and "Line 1 of" in damaged.stderr
    assert decisions_file(workspace).read_text() == "{\n"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"tasks": Tasks(waiting=2), "span_conflicts": Conflicts(open=2)}, "2 tasks wait"),
        ({"tasks": Tasks(answered=2), "span_conflicts": Conflicts(open=2)}, "2 conflicts have answers that are not"),
        ({"tasks": Tasks(answered=1), "audit": Audit(open=1)}, "1 conflicts have answers that are not clear"),
        ({"tasks": Tasks(answered=2), "span_conflicts": Conflicts(decided=2)}, "Nothing is open"),
    ],
)
def test_what_to_do_next_is_told(found: dict[str, Any], said: str, workspace: Workspace, capsys, monkeypatch):
    monkeypatch.setattr("labeling.workflow.adjudicating.command.adjudicate", lambda *_, **__: Adjudication(**found))
    with pytest.raises(SystemExit) as ended:
        app(["adjudicate", "-w", str(workspace.folder)])
    assert not ended.value.code and said in " ".join(capsys.readouterr().err.split())


@pytest.mark.skipif(not SEVERAL.is_dir(), reason="there are no exports of several annotators beside the project")
@pytest.mark.parametrize("file", sorted(SEVERAL.glob("*.json")), ids=lambda file: file.stem)
def test_exports_of_real_teams_are_settled_and_all_sums_hold(workspace: Workspace, file: Path):
    found = adjudicate(workspace, [file], schema=None, audit=0.05, dry_run=True)
    spans = found.spans
    assert spans.into == spans.agreed + spans.adjudicated + spans.open + spans.dropped
    assert spans.agreed > 500 and 0 < found.audit.open < 0.1 * spans.agreed
    assert 0 < found.span_conflicts.suggested < found.span_conflicts.open
    assert found.tasks.added <= found.span_conflicts.open + found.audit.open
