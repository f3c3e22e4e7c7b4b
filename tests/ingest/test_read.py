"""Files as people have them → articles, and each problem with its place."""

import io
import json
import sys
from pathlib import Path

import pytest

from tests.builders import write
from tests.ingest.reading import read

HTML = """<!doctype html><html><head><title>Dam bursts - Valley News</title>
<meta property="og:title" content="Dam bursts"><meta property="article:published_time" content="2026-02-14T08:00:00Z">
<link rel="canonical" href="https://news.example.org/dam"></head><body><nav>Home News Sport</nav>
<article><h1>Dam bursts</h1><p>The Mora dam burst on Saturday &amp; flooded the lower valley, officials said.</p>
<p>Soldiers evacuated more than two hundred people to a school in Tern, the regional government said.</p>
<p>Rain is expected to continue until Monday, and engineers fear for a second dam upstream.</p></article>
<footer>© 2026 Valley News</footer></body></html>"""


def test_text_file_has_its_headline_as_title(tmp_path):
    ((article,), problems) = read(
        write(tmp_path, "a.txt", "Rebels leave\r\n\r\nThey left on Friday.\r\n\r\n\r\nAll did.\r\n")
    )
    assert (article.title, article.text) == ("Rebels leave", "They left on Friday.\n\nAll did.")
    assert len(article.doc_id) == 16
    assert problems == []


def test_html_page_gives_text_and_what_is_known_of_it(tmp_path):
    ((article,), _) = read(write(tmp_path, "a.html", HTML))
    assert article.text.startswith("The Mora dam burst on Saturday & flooded")
    assert article.text.count("\n\n") == 2
    assert "Home" not in article.text
    assert (article.title, article.published[:10]) == ("Dam bursts", "2026-02-14")
    assert article.doc_id == article.url == "https://news.example.org/dam"


def test_records_in_every_form_give_the_same_articles(tmp_path):
    rows = [
        {"id": 7, "headline": "T", "body": "First, “one”.\n\nEnd.", "date": "2026-02-14", "outlet": "Wire", "beat": "x"}
    ]
    rows.append({**rows[0], "id": 8, "body": "Second."})
    table = "id,headline,body,date,outlet,beat\n"
    table += '7,T,"First, “one”.\n\nEnd.",2026-02-14,Wire,x\n8,T,Second.,2026-02-14,Wire,x\n'
    files = [
        write(tmp_path, "a.json", json.dumps(rows)),
        write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))),
        write(tmp_path, "a.csv", table),
        write(tmp_path, "a.tsv", table.replace(",", "\t").replace("First\t", "First,")),
    ]
    first, *others = [read(file) for file in files]
    assert [a.doc_id for a in first[0]] == ["7", "8"]
    assert first[0][0].model_dump() == {
        "doc_id": "7",
        "text": "First, “one”.\n\nEnd.",
        "title": "T",
        "published": "2026-02-14",
        "source": "Wire",
        "url": "",
        "extra": {"beat": "x"},
    }
    assert all(other == first for other in others)
    assert first[1] == []


def test_folder_is_read_in_order_and_standard_input_too(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep", "b.txt", "Two.")
    write(tmp_path, "a.txt", "One.")
    write(tmp_path, ".hidden.txt", "No.")
    write(tmp_path, "README.md", "No.")
    write(tmp_path, "c.pdf", b"%PDF")
    articles, problems = read(tmp_path)
    assert [a.text for a in articles] == ["One.", "Two."]
    assert [(p.reason, Path(p.where).name) for p in problems] == [
        ("hidden", tmp_path.name),
        ("passed-over", "README.md"),
        ("unknown-format", "c.pdf"),
    ]
    for content, text in ((b"Plain.", "Plain."), (b'[{"text": "Json."}]', "Json."), (b'{"text": "Line."}', "Line.")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert [a.text for a in read("-")[0]] == [text]


@pytest.mark.parametrize(
    ("name", "content", "reason", "place"),
    [
        ("a.txt", b"caf\xe9", "not-utf8", "a.txt"),
        ("a.txt", b"", "empty", "a.txt"),
        ("a.txt", b" \n\xef\xbb\xbf\n", "empty", "a.txt"),
        ("a.html", b"<html><body></body></html>", "empty", "a.html"),
        ("a.html", b"", "empty", "a.html"),
        ("a.jsonl", b'{"text": "a"}\nnot json\n', "not-json", "a.jsonl:2"),
        ("a.jsonl", b'{"text": "a"}\n\n{"title": "b"}\n', "empty", "a.jsonl:3"),
        ("a.jsonl", b'["text"]', "bad-row", "a.jsonl#1"),
        ("a.jsonl", b'{"text": 3}', "bad-row", "a.jsonl:1"),
        ("a.jsonl", b'{"data": {"text": "a"}}', "task-not-article", "a.jsonl:1"),
        ("a.json", b'[{"text": "a"},', "cut-off", "a.json"),
        ("a.json", b'[{"text": "a"}, {"text": ""}]', "empty", "a.json#2"),
        ("a.json", b'[{"text": "a"}, 3]', "bad-row", "a.json#2"),
        ("a.json", b"[" * 100_000, "cut-off", "a.json#1"),
        ("a.json", b"[" * 100_000 + b"]" * 100_000, "not-json", "a.json#1"),
        ("a.json", b"[]", "empty", "a.json"),
        ("a.jsonl", b"\n\n", "empty", "a.jsonl"),
        ("a.csv", b"id,text\n", "empty", "a.csv"),
        ("a.csv", b"", "empty", "a.csv:1"),
        ("a.csv", b"id,text\n1,a\n2,b,c\n", "bad-row", "a.csv:3"),
        ("a.csv", b'id,text\n1,"a\nb"\n2\n', "bad-row", "a.csv:4"),
        ("a.jsonl", b'{"id": "1", "text": "a"}\n{"id": "1", "text": "a"}', "duplicate", "a.jsonl:2"),
        ("a.jsonl", b'{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}', "duplicate-id", "a.jsonl:2"),
        ("a.jsonl", b'{"id": "1", "text": "a"}\n{"id": "2", "text": "a"}', "duplicate-text", "a.jsonl:2"),
        ("a.pdf", b"%PDF", "unknown-format", "a.pdf"),
    ],
)
def test_bad_input_is_named_with_its_place_and_the_rest_goes_on(tmp_path, name, content, reason, place):
    good = write(tmp_path, "good.txt", "It is fine.")
    articles, problems = read(write(tmp_path, name, content), good)
    assert [(p.reason, Path(p.where).name, p.action) for p in problems] == [(reason, place, "refused")]
    assert articles[-1].text == "It is fine."


def test_missing_file_is_named(tmp_path):
    _, (problem,) = read(tmp_path / "gone.txt")
    assert problem.reason == "unreadable"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_name_themselves_are_read(tmp_path, encoding):
    ((article,), problems) = read(write(tmp_path, "a.txt", "Zoë said “no” 😀.".encode(encoding)))
    assert (article.text, problems) == ("Zoë said “no” 😀.", [])


def test_characters_that_cannot_be_stored_are_replaced_and_noted(tmp_path):
    ((article,), (problem,)) = read(write(tmp_path, "a.jsonl", '{"text": "a\\u0000b\\ud800c e\\u0301"}'))
    assert article.text == "a\ufffdb\ufffdc é"
    assert (problem.reason, problem.action) == ("unstorable-characters", "changed")


@pytest.mark.parametrize(
    ("said", "published"),
    [
        ("2026-02-14", "2026-02-14"),
        ("2026-02-14T08:00:00Z", "2026-02-14T08:00:00+00:00"),
        ("Sat, 14 Feb 2026 08:00:00 GMT", "2026-02-14T08:00:00+00:00"),
        ("14/02/26", ""),
    ],
)
def test_dates_are_iso_or_kept_aside(tmp_path, said, published):
    ((article,), problems) = read(write(tmp_path, "a.jsonl", json.dumps({"text": "a", "date": said})))
    assert article.published == published
    assert [p.reason for p in problems] == ([] if published else ["unknown-date"])
    assert article.extra == ({} if published else {"published": said})


TITLE = "Army retakes the port of Lenz"
BODY = "The army retook the port on Monday, a spokesman said, after three days of fighting in the old town."


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (TITLE, "title-repeated"),
        ("Army retakes the port of Lenz!", "title-repeated"),
        ("Read also: What the port is worth", "link-line"),
        ("Related: The siege in maps", "link-line"),
        ("Photo: Soldiers at the gate", "caption"),
        ("Source: Harbour Office", "caption"),
        ("Soldiers at the gate (AFP Photo/Ann Roe)", "caption"),
        ("Share this article on Facebook", "share-line"),
        ("Subscribe to our daily newsletter", "newsletter"),
        ("Advertisement", "advertisement"),
        ("© 2026 The Lenz Post", "copyright"),
        ("The Lenz Post. All rights reserved.", "copyright"),
    ],
)
def test_rubbish_is_taken_out_and_listed(tmp_path, line, reason):
    file = write(tmp_path, "a.txt", f"{TITLE}\n\n{BODY}\n\n{line}\n\nThe end.")
    ((article,), (problem,)) = read(file)
    assert article.text == f"{BODY}\n\nThe end."
    assert (problem.reason, problem.action, problem.text) == (reason, "changed", line)
    ((whole,), nothing) = read(file, keep_all=True)
    assert line in whole.text
    assert TITLE in whole.text
    assert nothing == []


@pytest.mark.parametrize("crumbs", [f"Home News War {TITLE}", "Home > World > Lenz", "Home » War"])
def test_breadcrumb_is_taken_out_from_above_the_headline(tmp_path, crumbs):
    ((article,), (problem,)) = read(write(tmp_path, "a.txt", f"{crumbs}\n\n{TITLE}\n\n{BODY}"))
    assert (article.title, article.text, problem.reason) == (TITLE, BODY, "breadcrumb")


@pytest.mark.parametrize(
    "line",
    [
        "Home Secretary Ann Bell said nothing.",
        "Copyright law changed on Monday.",
        "Photographers were beaten.",
        "Sources: two of them, said the port was mined.",
        "Three people died in the blast. (AFP)",
        "Share prices fell.",
        "“Read more books,” she said.",
        "What happened next",
        "Related firms were searched.",
        "Subscribers were angry.",
    ],
)
def test_content_that_looks_like_rubbish_is_kept(tmp_path, line):
    ((article,), problems) = read(write(tmp_path, "a.txt", f"{TITLE}\n\n{BODY}\n\n{line}\n\nThe end."))
    assert line in article.text
    assert problems == []


def test_article_of_more_characters_than_the_limit_is_refused_and_the_others_are_read(tmp_path):
    long = write(tmp_path, "corpus.txt", "Talks broke down. " * 10)
    short = write(tmp_path, "news.txt", "Talks began.")
    articles, (problem,) = read(long, short, max_characters=100)
    assert [article.text for article in articles] == ["Talks began."]
    assert (problem.reason, problem.action, problem.where) == ("too-long", "refused", str(long))
    assert "179 characters" in problem.detail
    assert "whole corpus" in problem.detail
    assert "max_characters under [articles]" in problem.detail
    assert len(read(long, short, max_characters=179)[0]) == 2
