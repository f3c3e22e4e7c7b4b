"""Texts that several people annotated, from files that are not as tidy as they might be."""

import json
from pathlib import Path
from typing import Any

import pytest

from labeling.settings import Workspace, init, open_workspace
from labeling.workflow.agreement import Agreement, agreement
from tests.builders import Run

TEXT = "Rebels attacked the village of Tadmor on Friday."
SPACED = "  Rebels  attacked\nthe village\u00a0of Tadmor on Friday. "


def region(quote: str, label: str, text: str = TEXT) -> dict[str, Any]:
    start = text.index(quote)
    value = {"start": start, "end": start + len(quote), "text": quote, "labels": [label]}
    return {"id": quote, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def made(who: Any, *regions: dict[str, Any], day: int = 1) -> dict[str, Any]:
    return {"completed_by": who, "result": list(regions), "updated_at": f"2026-01-{day:02}T00:00:00Z"}


def task(*annotations: dict[str, Any], text: str = TEXT, number: int = 1) -> dict[str, Any]:
    return {"id": number, "data": {"text": text, "doc_id": f"d{number}"}, "annotations": list(annotations)}


def person(name: str, number: int | None = None) -> dict[str, Any]:
    return {"email": name} | ({"id": number} if number else {})


ANN, BEN, CID = (person(f"{name}@example.org") for name in ("ann", "ben", "cid"))
ACTOR, PLACE = region("Rebels", "ACTOR"), region("Tadmor", "LOCATION")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init(tmp_path / "w", title="Test project")
    return open_workspace(tmp_path / "w")


def read(workspace: Workspace, tmp_path: Path, *files: Any, schema: bool = False) -> Agreement:
    """The agreement in files that are called a.json, b.json and so on."""
    paths = []
    for name, tasks in zip("abc", files, strict=False):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(tasks), encoding="utf-8")
    return agreement(workspace, paths, schema=workspace.label_schema if schema else None)


def told(found: Agreement) -> list[str]:
    return [f"{problem.action} {problem.reason}" for problem in found.problems]


def test_texts_of_two_files_that_differ_by_white_space_are_one(workspace: Workspace, tmp_path: Path):
    theirs = [region("Rebels", "ACTOR", SPACED), region("Tadmor", "LOCATION", SPACED)]
    found = read(workspace, tmp_path, [task(made(ANN, ACTOR, PLACE))], [task(made(BEN, *theirs, day=2), text=SPACED)])
    assert (found.documents, found.alone, found.spans.exact.f) == (1, 0, 1)
    assert told(found) == ["changed spacing-differs"]
    assert "differs from that of" in found.problems[0].detail and "2 spans were moved" in found.problems[0].detail
    assert "Annotations of a text with other white space, whose spans were moved: 1." in found.warnings


def test_of_one_person_in_two_files_the_newer_annotation_counts(workspace: Workspace, tmp_path: Path):
    old, new = task(made(ANN, ACTOR), made(BEN, ACTOR)), task(made(ANN, PLACE, day=3), made(CID, PLACE))
    for files in ([old], [new]), ([new], [old]):
        found = read(workspace, tmp_path, *files)
        assert found.annotators == ("ann@example.org", "ben@example.org", "cid@example.org")
        assert [(pair.a[:3], pair.b[:3], pair.exact) for pair in found.pairs] == [
            ("ann", "ben", 0),
            ("ann", "cid", 1),
            ("ben", "cid", 0),
        ]
        (problem,) = (each for each in found.problems if each.reason == "older-annotation")
        assert (problem.action, problem.annotator) == ("unused", "ann@example.org")
        assert problem.where.endswith(f"{'a' if files[0][0] is old else 'b'}.json#1")
        assert "Annotations that gave way to newer ones of the same person: 1." in found.warnings


def test_case_and_spacing_of_a_name_do_not_make_another_person(workspace: Workspace, tmp_path: Path):
    files = [task(made(person("Ann@Example.org"), ACTOR), made(BEN, ACTOR))], [task(made(ANN, ACTOR, day=2))]
    found = read(workspace, tmp_path, *files)
    assert found.annotators == ("ann@example.org", "ben@example.org")
    assert "'Ann@Example.org', 'ann@example.org' count as one person, ann@example.org." in found.warnings


def test_an_account_with_two_addresses_in_a_file_is_one_person(workspace: Workspace, tmp_path: Path):
    old, new = person("old@example.org", 1), person("new@example.org", 1)
    tasks = [
        task(made(old, ACTOR), made(BEN, ACTOR)),
        task(made(old, ACTOR), made(new, PLACE, day=2), made(BEN, PLACE), number=2),
    ]
    found = read(workspace, tmp_path, tasks)
    assert found.annotators == ("ben@example.org", "new@example.org")
    assert (found.documents, found.spans.exact.f) == (2, 1)
    assert told(found) == ["changed one-person", "unused older-annotation"]


def test_an_account_with_another_address_in_another_file_is_told(workspace: Workspace, tmp_path: Path):
    files = [task(made(person("old@example.org", 1), ACTOR))], [task(made(person("new@example.org", 1), ACTOR))]
    found = read(workspace, tmp_path, *files)
    assert found.annotators == ("new@example.org", "old@example.org")
    assert told(found) == ["kept other-name"]
    assert any(warning.startswith("User 1 is new@example.org in ") for warning in found.warnings)


def test_deleted_accounts_stay_apart(workspace: Workspace, tmp_path: Path):
    deleted = [{"id": number, "email": "Deleted", "first_name": "Deleted", "last_name": "User"} for number in (7, 8)]
    found = read(workspace, tmp_path, [task(made(deleted[0], ACTOR), made(deleted[1], ACTOR, PLACE), made(9, ACTOR))])
    assert found.annotators == ("deleted user 7", "deleted user 8", "user 9")
    assert [pair.exact for pair in found.pairs] == [0.6667, 1, 0.6667]
    assert told(found) == ["kept deleted-account", "kept nameless-annotator"]


def test_annotations_of_nobody_are_told(workspace: Workspace, tmp_path: Path):
    found = read(workspace, tmp_path, [task(made(None, ACTOR), made(None, PLACE, day=2), made(BEN, PLACE))])
    assert (found.annotators, found.spans.exact.f) == (("ben@example.org", "unknown"), 1)
    assert sorted(told(found)) == ["kept nameless-annotator", "unused older-annotation"]


def test_labels_that_only_some_files_have_are_told_and_counted(workspace: Workspace, tmp_path: Path):
    weapon = region("village", "WEAPON")
    files = [task(made(ANN, ACTOR, weapon))], [task(made(BEN, ACTOR))]
    found = read(workspace, tmp_path, *files)
    (problem,) = found.problems
    assert (problem.reason, problem.action, problem.label) == ("label-in-some-files", "kept", "WEAPON")
    assert "occurs 1 times in" in problem.detail and "b.json: disagreement, unless the schema" in problem.detail
    assert any(warning.startswith("Label 'WEAPON' occurs") for warning in found.warnings)
    assert any("The workspace's schema lacks 'WEAPON' (1 times)" in warning for warning in found.warnings)
    refused = read(workspace, tmp_path, *files, schema=True)
    assert told(refused) == ["refused unknown-label"] and refused.spans.exact.f == 1
    assert any("The schema lacks 'WEAPON', which was refused 1 times in" in warning for warning in refused.warnings)


def test_notes_are_printed(workspace: Workspace, tmp_path: Path, run: Run):
    (tmp_path / "a.json").write_text(json.dumps([task(made(person("Ann@x.org"), ACTOR), made(9, ACTOR))]))
    (tmp_path / "b.json").write_text(json.dumps([task(made(person("ann@x.org"), ACTOR, day=2))]))
    done = run("agreement", tmp_path / "a.json", tmp_path / "b.json", "-w", workspace.folder)
    assert done.returncode == 0, done.stderr
    assert "Note: 'Ann@x.org', 'ann@x.org' count as one person, ann@x.org." in done.stderr
    assert "Note: Annotations that gave way to newer ones of the same person: 1." in done.stderr
    assert "Note: User 9: only the number of the account is known." in done.stderr


def test_why_there_is_nothing_to_compare_is_told(workspace: Workspace, tmp_path: Path, run: Run):
    (tmp_path / "a.json").write_text(json.dumps([task(made(person("Ann@x.org"), ACTOR))]))
    (tmp_path / "b.json").write_text(json.dumps([task(made(person("ann@x.org"), ACTOR, day=2)), {"odd": 1}]))
    files = (tmp_path / "a.json", tmp_path / "b.json", tmp_path / "missing.json")
    for options, name in (((), "ann@x.org"), (("--anonymous",), "annotator 1")):
        done = run("agreement", *files, "-w", workspace.folder, *options)
        assert done.returncode == 2
        assert f"count as one person, {name}." in done.stderr and f"only {name} has annotated them" in done.stderr
        assert "b.json#2: no task" in done.stderr and "missing.json" in done.stderr
        assert ("@" in done.stderr) == (not options)
