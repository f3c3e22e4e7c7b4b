"""Inputs that once lost text, lost a file without a word, or ended in a traceback."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import write
from tests.ingest.reading import read

TITLE = "Army retakes the port of Lenz"
BODY = "The army retook the port on Monday, a spokesman said, after three days of fighting in the old town."
PAGE = "<!doctype html><html><head><title>Dam bursts</title></head><body>{}</body></html>"
FIRST, SECOND = "The dam burst on Monday after days of rain.", "Two people died in the lower valley, officials said."


@pytest.mark.parametrize(
    "article",
    [
        f"<p>{FIRST}</p><p>{SECOND}</p>",
        f"<p>{FIRST}<br>{SECOND}</p>",
        f"<p>{FIRST}<br><br>{SECOND}</p>",
        f"<div>{FIRST}</div><div>{SECOND}</div>",
    ],
)
def test_html_page_that_is_short_keeps_its_words_and_paragraphs_apart(tmp_path, article):
    ((page,), _) = read(write(tmp_path, "a.html", PAGE.format(f"<article><h1>Dam bursts</h1>{article}</article>")))
    assert (page.title, page.text) == ("Dam bursts", f"{FIRST}\n\n{SECOND}")


@pytest.mark.parametrize(
    "line",
    [
        "Related-party loans at the bank had tripled, auditors said.",
        "Related – and worse – charges followed on Tuesday.",
        "Photo/video evidence was handed to the court on Friday.",
        "Shares slid after a profit warning from Getty Images",
        "Sign up, the mayor urged residents, for flood alerts before Friday.",
        "Copyright 2019 rules were repealed by parliament on Monday.",
        "Home / away matches were cancelled after the blast.",
        "Share on X was one demand.",
        "Story continues below the fold, editors argued.",
        "Picture by Goya is returned to Madrid",
    ],
)
def test_clean_keeps_prose_that_begins_like_rubbish(tmp_path, line):
    ((article,), problems) = read(write(tmp_path, "a.txt", f"{TITLE}\n\n{BODY}\n\n{line}\n\nThe end."))
    assert (article.text, problems) == (f"{BODY}\n\n{line}\n\nThe end.", [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Picture by Ann Roe", "caption"),
        ("Photo by Ann Roe/AFP", "caption"),
        ("(AFP Photo/Ann Roe)", "caption"),
        ("Photograph: Ann Roe/AFP", "caption"),
        ("Photo/Ann Roe", "caption"),
        ("Ann Roe/Getty Images", "caption"),
        ("Getty Images", "caption"),
        ("Subscribe", "newsletter"),
        ("Join our newsletter", "newsletter"),
        ("Cookie settings", "cookie-notice"),
        ("This website uses cookies to improve your experience", "cookie-notice"),
        ("Story continues below this ad", "advertisement"),
        ("Copyright 2026 The Lenz Post", "copyright"),
    ],
)
def test_clean_takes_out_more_kinds_of_rubbish(tmp_path, line, reason):
    ((article,), (problem,)) = read(write(tmp_path, "a.txt", f"{TITLE}\n\n{BODY}\n\n{line}\n\nThe end."))
    assert (article.text, problem.reason, problem.text) == (f"{BODY}\n\nThe end.", reason, line)


def test_clean_tells_lines_apart_that_differ_in_a_number(tmp_path):
    record = {"title": "Police kill 3 in Kano", "text": "Police kill 13 in Kano.\n\nMore."}
    ((article,), problems) = read(write(tmp_path, "a.json", json.dumps(record)))
    assert (article.text, problems) == (record["text"], [])


def test_clean_takes_no_line_for_a_title_without_words(tmp_path):
    record = {"title": "🇦🇱", "text": "One.\n\n🚨\n\n---\n\nTwo."}
    ((article,), problems) = read(write(tmp_path, "a.json", json.dumps(record, ensure_ascii=False)))
    assert (article.text, problems) == (record["text"], [])


def test_read_says_when_cleaning_left_nothing(tmp_path):
    _, (problem,) = read(write(tmp_path, "a.json", '{"title": "Rebels leave", "text": "Rebels leave."}'))
    assert (problem.reason, problem.action) == ("empty", "refused")
    assert "title repeated" in problem.detail
    assert "--keep-all" in problem.detail


@pytest.mark.parametrize("name", ["nul\0.txt", "x" * 5000 + ".txt", "gone.txt", "gone.xyz", "gone"])
def test_read_names_a_path_that_cannot_be_read(tmp_path, name):
    good = write(tmp_path, "good.txt", "It is fine.")
    articles, (problem,) = read(f"{tmp_path}/{name}", good)
    assert (problem.reason, problem.action) == ("unreadable", "refused")
    assert [a.text for a in articles] == ["It is fine."]


def test_read_names_a_broken_link_in_a_folder(tmp_path):
    (tmp_path / "a.txt").symlink_to(tmp_path / "gone.txt")
    _, (problem,) = read(tmp_path)
    assert (problem.reason, Path(problem.where).name) == ("unreadable", "a.txt")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0" * 50, "not-utf8"),
        (b"PK\x03\x04\0\0\0\0\x08\0\0\0", "broken-archive"),
        (b"%PDF-1.7", "unknown-format"),
    ],
)
def test_read_refuses_what_is_no_text(tmp_path, content, reason):
    articles, (problem,) = read(write(tmp_path, "a.txt", content))
    assert (articles, problem.reason, problem.action) == ([], reason, "refused")


def test_records_keep_aside_a_field_of_an_odd_kind(tmp_path):
    record = {"text": "A.", "id": {"x": 1}, "title": ["T"], "source": {"name": "Wire"}, "published": True}
    ((article,), problems) = read(write(tmp_path, "a.json", json.dumps(record)))
    assert (article.title, article.source, article.published, article.doc_id) == ("", "", "", article.digest)
    assert article.extra == {"doc_id": {"x": 1}, "title": ["T"], "source": {"name": "Wire"}, "published": True}
    assert {(p.reason, p.action) for p in problems} == {("odd-field", "changed")}
    assert len(problems) == 4


LINES = [
    "Advertisement",
    "The port fell.",
    "Photo: x",
    "Home > A",
    "Read also: y",
    "",
    "  ",
    "He said: “Go.” ",
    "- item",
]


@given(lines=st.lists(st.sampled_from(LINES), max_size=12))
def test_clean_keeps_every_line_whole_or_lists_it(lines):
    with tempfile.TemporaryDirectory() as folder:
        articles, problems = read(write(Path(folder), "a.json", json.dumps({"text": "\n".join(lines)})))
    if articles:
        told = [*articles[0].text.split("\n"), *(p.text for p in problems)]
        assert sorted(filter(None, told)) == sorted(filter(None, (line.strip() for line in lines)))


@pytest.mark.parametrize("odd", [["\ud800"], {"\ud800": float("nan")}])
def test_records_keep_aside_only_what_can_be_written(tmp_path, odd):
    ((article,), _) = read(write(tmp_path, "a.json", json.dumps({"text": "A.", "title": odd})))
    json.dumps(article.model_dump(), ensure_ascii=False, allow_nan=False).encode()
