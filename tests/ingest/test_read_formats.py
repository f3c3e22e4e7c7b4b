"""Formats and encodings at their edges; whatever a file holds, it is read."""

import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.files import json_text
from labeling.ingest import read_articles
from tests.builders import write
from tests.ingest.reading import read


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.csv", "\ufeffText,id\nOne.,1\n", ["One."]),
        ("a.csv", "text,id\r\nOne.,1\r\nTwo.,2\r\n", ["One.", "Two."]),
        ("a.csv", 'text,id\n"One, ""two"".\n\nThree.",1\n', ['One, "two".\n\nThree.']),
        ("a.csv", "text\n\nOne.\n", ["One."]),
        ("a.csv", f"text\n{'long ' * 40_000}\n", [("long " * 40_000).strip()]),
        ("a.tsv", "id\tBODY\n1\tOne, two.\n", ["One, two."]),
        ("a.ndjson", '{"content": "One."}\n\n{"content": "Two."}\n', ["One.", "Two."]),
        ("a.jsonl", '{"text": "One\u2028two."}\n', ["One\u2028two."]),
        ("a.jsonl", '\ufeff{"text": "One."}', ["One."]),
        ("a.json", '{"text": "One."}', ["One."]),
        ("a.json", '{"text": "", "body": "One."}', ["One."]),
        ("a.TXT", "One.", ["One."]),
        ("a", "One.", ["One."]),
        ("a.jsonl", '[{"text": "One."},\n {"text": "Two."}]', ["One.", "Two."]),
        ("a.ndjson", '{\n  "text": "One."\n}\n', ["One."]),
        ("a.json", '{"text": "One."}\n{"text": "Two."}\n', ["One.", "Two."]),
        ("README.txt", "One.", ["One."]),
        ("a.txt", b"\xfe\xff" + "One.".encode("utf-16-be"), ["One."]),
        ("a.json", '[{"text": "One."}]'.encode("utf-16"), ["One."]),
        ("a.csv", "text\nZoë.\n".encode("utf-16"), ["Zoë."]),
    ],
)
def test_ingest_reads_each_form(tmp_path: Path, name: str, content: str | bytes, texts: list[str]):
    articles, problems = read(write(tmp_path, name, content))
    assert [article.text for article in articles] == texts
    assert problems == []


@pytest.mark.parametrize(
    ("name", "content", "reason", "where"),
    [
        ("a.json", b"\xff\xfea", "not-utf8", "a.json#1"),
        ("a.csv", "text\nZoë".encode("latin-1"), "not-utf8", "a.csv"),
        ("a.csv", 'text\nOne.\n"Two', "bad-row", "a.csv:3"),
        ("a.csv", "title\nOne\n", "empty", "a.csv:1"),
        ("a.tsv", "text\tid\nOne.\n", "bad-row", "a.tsv:2"),
        ("a.json", '{"text": ["One."]}', "bad-row", "a.json#1"),
        ("a.json", '[\n{"text": "One."},\n{"text": }]', "not-json", "a.json#2"),
        ("a.json", "3", "bad-row", "a.json#1"),
        ("a.json", '[{"data": {"text": "One."}, "annotations": []}]', "task-not-article", "a.json#1"),
        # Python refuses to make a number of so many digits
        ("a.json", '{"text": "One.", "n": ' + "9" * 5000 + "}", "not-json", "a.json#1"),
        ("a.jsonl", '{"text": "One.", "n": ' + "9" * 5000 + "}", "not-json", "a.jsonl:1"),
        ("a.jsonl", '{"text": "One.", "n": ' + "[" * 200 + "]" * 200 + "}", "bad-row", "a.jsonl:1"),
        ("a.jsonl", '{"text": "One.", "n": ' + "[" * 90_000 + "}", "not-json", "a.jsonl:1"),
        ("a.xyz", b"One.", "unknown-format", "a.xyz"),
        ("a.html", b"\xff\xfe<\x00", "empty", "a.html"),
    ],
)
def test_ingest_refuses_with_the_place_and_goes_on(tmp_path: Path, name, content, reason: str, where: str):
    good = write(tmp_path, "good.txt", "Good.")
    articles, problems = read(write(tmp_path, name, content), good)
    refused = [(p.reason, Path(p.where).name) for p in problems if p.action == "refused"]
    assert refused == [(reason, where)]
    assert articles[-1].text == "Good."


def test_ingest_names_a_folder_with_a_files_name_and_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch):
    folder = tmp_path / "year.txt"
    folder.mkdir()
    write(folder, "a.txt", "One.")
    assert [a.text for a in read(folder)[0]] == ["One."]

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    _, (problem,) = read(folder)
    assert (problem.reason, problem.detail) == ("unreadable", "it cannot be read: Permission denied.")


def test_ingest_takes_the_other_lines_where_one_is_not_utf8(tmp_path: Path):
    lines = ['{"text": "Zoë left."}'.encode(), '{"text": "Zoë came."}'.encode("latin-1"), b'{"text": "Good."}']
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    articles, (problem,) = read(tmp_path / "a.jsonl")
    assert [article.text for article in articles] == ["Zoë left.", "Good."]
    assert (problem.reason, problem.where) == ("not-utf8", f"{tmp_path / 'a.jsonl'}:2")


def test_ingest_names_a_file_whose_name_is_not_utf8(tmp_path: Path):
    _, (problem,) = read(tmp_path / "caf\udce9.txt")
    assert problem.reason == "unreadable"
    assert Path(problem.where).name == "caf\ufffd.txt"


def test_ingest_lists_what_it_passes_over_in_a_folder_and_reads_it_by_name(tmp_path: Path):
    (tmp_path / ".cache").mkdir()
    write(tmp_path / ".cache", "a.txt", "One.")
    write(tmp_path, ".b.txt", "One.")
    write(tmp_path, "README.txt", "One.")
    gold = write(tmp_path, "gold.jsonl", '{"text": "Two."}')
    articles, problems = read(tmp_path)
    assert articles == []
    assert [(p.reason, p.action, Path(p.where).name) for p in problems] == [
        ("hidden", "skipped", tmp_path.name),
        ("passed-over", "skipped", "README.txt"),
        ("passed-over", "skipped", "gold.jsonl"),
        ("empty", "refused", tmp_path.name),  # nothing read is not a success
    ]
    assert problems[0].detail == "hidden files and folders are not read: .b.txt, .cache."
    assert [a.text for a in read(gold)[0]] == ["Two."]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"", []),
        (
            b"<!DOCTYPE html><html><body><article><p>" + b"Rebels left the town on Friday. " * 9 + b"</p></article>",
            ["Rebels left"],
        ),
        ("\ufeffOne.".encode(), ["One."]),
        (b'{"text": "One."}\n{"text": "Two."}', ["One.", "Two."]),
        (b' [{"text": "One."}]', ["One."]),
    ],
)
def test_ingest_sees_the_format_of_standard_input(monkeypatch, content: bytes, texts: list[str]):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    articles, problems = read("-")
    assert [a.text[:11] for a in articles] == texts
    assert [p.where for p in problems] == ([] if texts else ["standard input"])


def test_ingest_names_where_the_first_of_two_copies_was(tmp_path: Path):
    files = [write(tmp_path, "a.txt", "One."), write(tmp_path, "b.txt", "One."), write(tmp_path, "c.txt", "ONE.")]
    articles, (problem,) = read(*files)
    assert [a.text for a in articles] == ["One.", "ONE."]
    assert (problem.reason, problem.where) == ("duplicate", str(files[1]))
    assert str(files[0]) in problem.detail


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        ({"text": "a", "url": "https://news.example.org/1"}, {"doc_id": "https://news.example.org/1"}),
        ({"text": "a", "id": 0}, {"doc_id": "0"}),
        ({"text": "a", "doc_id": "d", "id": 3}, {"doc_id": "d", "extra": {"id": 3}}),
        ({"Text ": "a", "HEADLINE": " T\n"}, {"title": "T"}),
        ({"text": "a", "title": None, "headline": "T"}, {"title": "T", "extra": {"title": None}}),
        ({"text": "a", "publisher": "Wire", "source": ""}, {"source": "Wire", "extra": {"source": ""}}),
        ({"text": "a", "tags": ["x", {"y": 1}]}, {"extra": {"tags": ["x", {"y": 1}]}}),
        ({"text": "a", "beat": "\ud83d", "rate": float("nan")}, {"extra": {"beat": "\ufffd", "rate": None}}),
        ({"text": "a", "date": "Sat, 14 Feb 2026 08:00:00 +0200"}, {"published": "2026-02-14T08:00:00+02:00"}),
    ],
)
def test_ingest_takes_fields_under_their_many_names(tmp_path: Path, record: dict, fields: dict):
    ((article,), _) = read(write(tmp_path, "a.json", json.dumps(record)))
    assert {name: getattr(article, name) for name in fields} == fields


def test_ingest_keep_all_gives_all_visible_text_of_a_page(tmp_path: Path):
    page = "<html><body><nav>Sport Weather</nav><article><p>Rebels left.</p></article><p>Share</p></body></html>"
    ((article,), _) = read(write(tmp_path, "a.html", page), keep_all=True)
    for part in ("Sport Weather", "Rebels left.", "Share"):
        assert part in article.text


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "id", "url", "date", "title", "data", "x", "\ud800"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=json_like, keep_all=st.booleans())
def test_ingest_reads_any_json_into_what_can_be_written(tmp_path: Path, value, keep_all: bool):
    for name, content in (("a.json", [value, {"text": "a", "x": value}]), ("a.jsonl", value)):
        file = write(tmp_path, name, json.dumps(content))
        for item in read_articles([file], keep_all=keep_all):
            assert isinstance(item, Article | Problem)
            json.dumps(item.model_dump(mode="json"), allow_nan=False)
            json_text(item.model_dump(mode="json")).encode()


@pytest.mark.parametrize("name", ["a.text", "a.htm", "a.ndjson", "-"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=150))
def test_ingest_reads_any_bytes_without_failing(tmp_path: Path, monkeypatch, name: str, content: bytes):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    path = "-" if name == "-" else write(tmp_path, name, content)
    for keep_all in (False, True):
        assert all(isinstance(item, Article | Problem) for item in read_articles([path], keep_all=keep_all))
