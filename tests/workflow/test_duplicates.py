"""`labeling duplicates`: groups of near-duplicates among files."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from labeling.errors import InputError
from labeling.settings import open_workspace
from labeling.workflow import duplicates
from labeling.workflow.duplicates import find_duplicates
from labeling.workflow.signatures import Signatures
from tests.builders import Run

WORDS = [f"word{n}" for n in range(300)]
TEXT = " ".join(WORDS)
OTHER = " ".join(reversed(WORDS))
ARTICLES = [
    {"id": "alone", "text": "Nobody else wrote about this."},
    {"id": "first", "text": TEXT},
    {"id": "other", "text": OTHER},
    {"id": "copy", "text": TEXT},
    {"id": "cut", "text": " ".join(WORDS[:270])},
    {"id": "first", "text": "The same id, another text."},
    {"id": "upper", "text": OTHER.upper() + "!"},
]
GROUPS = [(["first", "copy", "cut"], [1.0, 1.0, 0.9]), (["other", "upper"], [1.0, 1.0])]


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    file = tmp_path / "articles.jsonl"
    file.write_text("\n".join(map(json.dumps, ARTICLES)) + "\nbroken\n", encoding="utf-8")
    return file


def read(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_duplicates_are_listed_and_what_is_broken_is_reported(articles: Path, run: Run):
    done = run("duplicates", articles.name, cwd=articles.parent)
    groups = read(done.stdout)
    assert [group["doc_ids"] for group in groups] == [ids for ids, _ in GROUPS]
    for group, (_, similarity) in zip(groups, GROUPS, strict=True):
        assert group["similarity"] == pytest.approx(similarity, abs=0.1)
    assert "6 articles: 2 groups of near-duplicates with 5 articles, so 3 are there more than once." in done.stderr
    assert "The largest group has 3." in done.stderr
    assert "duplicate-id" in done.stderr and "not-json" in done.stderr
    assert done.returncode == 1


def test_duplicates_go_to_a_file_and_the_report_to_standard_output(articles: Path, run: Run):
    done = run("duplicates", articles.name, "-o", "groups.jsonl", "--json", cwd=articles.parent)
    report = json.loads(done.stdout)
    assert {name: report[name] for name in ("articles", "groups", "in_groups", "largest")} == {
        "articles": 6,
        "groups": 2,
        "in_groups": 5,
        "largest": 3,
    }
    assert report["listed"] == {"refused": {"duplicate-id": 1, "not-json": 1}}
    assert {problem["reason"] for problem in report["problems"]} == {"duplicate-id", "not-json"}
    assert [group["doc_ids"] for group in read((articles.parent / "groups.jsonl").read_text())] == [
        ids for ids, _ in GROUPS
    ]


def test_duplicates_of_nothing_leave_an_older_file_as_it_is(tmp_path: Path, run: Run):
    (tmp_path / "groups.jsonl").write_text("old")
    (tmp_path / "articles.jsonl").write_text("broken\n")
    done = run("duplicates", "articles.jsonl", "-o", "groups.jsonl", cwd=tmp_path)
    assert done.returncode == 2 and "No article could be taken" in done.stderr
    assert (tmp_path / "groups.jsonl").read_text() == "old"


def test_duplicates_do_not_mix_groups_and_report(articles: Path, run: Run):
    done = run("duplicates", articles.name, "--json", cwd=articles.parent)
    assert done.returncode == 2 and "-o FILE" in done.stderr and not done.stdout


def test_duplicates_count_all_problems_and_tell_the_first(articles: Path):
    articles.write_text(articles.read_text() + "broken\n" * 300)
    done = find_duplicates(open_workspace(articles.parent), [str(articles)], print, jobs=1)
    assert done.listed["refused"]["not-json"] == 301
    assert sum(problem.reason == "not-json" for problem in done.problems) == 100


def test_duplicates_are_put_together_in_any_pieces(articles: Path, monkeypatch: Any):
    whole: list[Any] = []
    find_duplicates(open_workspace(articles.parent), [str(articles)], whole.append, jobs=1)
    for name in ("CHARACTERS", "FIRSTS", "BLOCK", "MEMBERS"):
        monkeypatch.setattr(duplicates, name, 2)
    pieces: list[Any] = []
    find_duplicates(open_workspace(articles.parent), [str(articles)], pieces.append, jobs=2)
    assert pieces == whole and len(whole) == 2


@pytest.mark.parametrize("kept", [Signatures, duplicates._Ids])
def test_duplicates_say_where_the_disk_is_full(articles: Path, monkeypatch: Any, kept: Any):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept, "add", full)
    with pytest.raises(InputError, match="No space left on device"):
        find_duplicates(open_workspace(articles.parent), [str(articles)], print, jobs=1)


def test_duplicates_tell_a_full_disk_from_a_bug():
    ids = duplicates._Ids()
    ids._db.execute("PRAGMA max_page_count = 8")
    with pytest.raises(OSError, match="disk is full"):
        for n in range(100):
            ids.add(f"{n}" * 500)
    ids.close()
