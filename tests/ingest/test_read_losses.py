"""What was once lost or made up in silence while articles were read."""

import gzip
import io
import json
import os
import threading
import zipfile
from pathlib import Path

import pytest

from labeling.core.article import Article
from labeling.ingest import FieldNames, read_articles
from labeling.ingest import read as reading
from tests.builders import write
from tests.ingest.reading import read

# a key twice


@pytest.mark.parametrize("key", ["text", "Text", "body", "id", "title", "published", "url", "source"])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_key_that_stands_twice_is_refused_by_name_and_the_others_go_on(tmp_path, name, key):
    twice = f'{{"text": "One.", "{key}": "a", "{key}": "b"}}'
    articles, (problem,) = read(write(tmp_path, name, f'{twice}\n{{"text": "Two."}}\n'))
    assert [a.text for a in articles] == ["Two."]
    assert (problem.reason, problem.action) == ("duplicate-key", "refused")
    assert f" {key} twice" in problem.detail or f"text, {key} twice" in problem.detail


def test_key_that_stands_twice_and_is_only_kept_is_noted(tmp_path):
    record = '{"text": "One.", "beat": 1, "beat": 2, "tags": [{"x": 1, "x": 2}]}'
    ((article,), (problem,)) = read(write(tmp_path, "a.json", record))
    assert article.extra == {"beat": 2, "tags": [{"x": 2}]}
    assert (problem.reason, problem.action, problem.doc_id) == ("duplicate-key", "changed", article.doc_id)
    assert "beat, x" in problem.detail


def test_list_that_stands_twice_in_an_object_is_refused(tmp_path):
    articles, (problem,) = read(write(tmp_path, "a.json", '{"a": [{"text": "One."}], "a": [{"text": "Two."}]}'))
    assert (articles, problem.reason) == ([], "duplicate-key")


def test_column_that_stands_twice_is_refused_where_it_counts(tmp_path):
    articles, (problem,) = read(write(tmp_path, "a.csv", "id,text,text\n1,One.,Two.\n"))
    assert (articles, problem.reason, problem.where[-7:]) == ([], "duplicate-key", "a.csv:1")
    articles, (problem,) = read(write(tmp_path, "b.csv", "text,beat,beat\nOne.,1,2\n"))
    assert (articles[0].extra, problem.reason, problem.action) == ({"beat": "2"}, "duplicate-key", "changed")


# ids


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e25", "1e999", "true", "[1]", '{"a": 1}'])
def test_id_that_is_none_is_not_made_up(tmp_path, value):
    ((article,), (problem,)) = read(write(tmp_path, "a.json", f'{{"id": {value}, "text": "One."}}'))
    assert article.doc_id == article.digest
    assert (problem.reason, problem.action) == ("odd-field", "changed")


@pytest.mark.parametrize("field", ["title", "source", "url", "published"])
def test_nan_is_no_value_of_any_field(tmp_path, field):
    ((article,), _) = read(write(tmp_path, "a.json", f'{{"{field}": NaN, "text": "One."}}'))
    assert getattr(article, field) == ""
    assert article.doc_id == article.digest


@pytest.mark.parametrize(
    ("value", "doc_id"),
    [("7", "7"), ('"7"', "7"), ("7.5", "7.5"), ("12345678901234567890123", "12345678901234567890123")],
)
def test_id_that_is_a_number_stays_as_it_was_written(tmp_path, value, doc_id):
    ((article,), problems) = read(write(tmp_path, "a.json", f'{{"id": {value}, "text": "One."}}'))
    assert (article.doc_id, problems) == (doc_id, [])


def test_number_and_text_of_one_id_are_one_article(tmp_path):
    lines = '{"id": 1, "text": "One."}\n{"id": "1", "text": "Two."}\n'
    articles, (problem,) = read(write(tmp_path, "a.jsonl", lines))
    assert ([a.text for a in articles], problem.reason, problem.action) == (["One."], "duplicate-id", "refused")


def test_text_that_is_nan_is_no_text(tmp_path):
    articles, (problem,) = read(write(tmp_path, "a.json", '{"id": 1, "text": NaN}'))
    assert (articles, problem.reason, problem.detail) == ([], "empty", "the field text is empty")


# messages


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.json",
            '{"id": 1, "article_text": "One."}',
            "no field text, body or content; there are: id, article_text. --text-field names another",
        ),
        (
            "a.csv",
            "id,article_text\n1,One.\n",
            "no column text, body or content; there are: id, article_text. --text-field names another",
        ),
        ("a.json", '{"text": {"en": "One."}}', "the text is an object, not text"),
        ("a.json", '{"text": ["One."]}', "the text is a list, not text"),
        ("a.json", '{"text": true}', "the text is true or false, not text"),
        ("a.json", '{"text": 3}', "the text is a number, not text"),
        ("a.json", '{"text": null}', "the field text is empty"),
        ("a.json", '{"text": " \\n"}', "there is only white space in its text"),
        ("a.json", "{}", "it has no fields at all"),
        ("a.json", '["One."]', "an article is an object, not text"),
        ("a.json", "[[]]", "an article is an object, not a list"),
        ("a.json", "[null]", "an article is an object, not null"),
        ("a.txt", "", "there is nothing in it"),
        ("a.txt", " \n", "there is only white space in it"),
        ("a.csv", "id,text\n", "there is a header and no row below it"),
        ("a.json", "[]", "the list has nothing in it"),
        (
            "a.json",
            '{"news": [{"article_text": "One."}]}',
            "no field text, body or content; there are: news. --text-field names another. "
            "In the list news there are: article_text",
        ),
    ],
)
def test_message_says_what_is_there(tmp_path, name, content, said):
    articles, (problem,) = read(write(tmp_path, name, content))
    assert (articles, problem.detail, problem.action) == ([], said, "refused")


# fields of other names


def test_fields_of_other_names_are_taken(tmp_path):
    record = {"GUID": "g1", "Kicker": "T", "article_text": "One.", "text": "Teaser", "id": 5}
    names = FieldNames(text="article_text", doc_id="guid", title="kicker")
    for name, content in (("a.json", json.dumps(record)), ("a.csv", ";".join(record) + "\ng1;T;One.;Teaser;5\n")):
        ((article,), problems) = read(write(tmp_path, name, content), names=names)
        assert (article.doc_id, article.title, article.text, problems) == ("g1", "T", "One.", [])
        assert {key: str(value) for key, value in article.extra.items()} == {"text": "Teaser", "id": "5"}


def test_field_that_was_named_and_is_missing_is_said(tmp_path):
    record = write(tmp_path, "a.json", '{"id": 1, "text": "One."}')
    articles, (problem,) = read(record, names=FieldNames(text="story"))
    assert (articles, problem.action) == ([], "refused")
    assert problem.detail == "no field story; there are: id, text. --text-field names another"
    ((article,), (problem,)) = read(record, names=FieldNames(doc_id="guid"))
    assert article.doc_id == article.digest
    assert (problem.reason, problem.action) == ("missing-field", "changed")
    assert problem.detail == "no field guid (--id-field); there are: id, text"


# tables and lists


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_table_is_read_whatever_separates_its_columns(tmp_path, name, delimiter):
    rows = [["id", "body", "head, line; of | it"], ["1", '"One, two; three | four."', "T"]]
    rows[0][2] = f'"{rows[0][2]}"'
    content = "\r\n".join(delimiter.join(row) for row in rows)
    ((article,), problems) = read(write(tmp_path, name, content))
    assert (article.doc_id, article.text, problems) == ("1", "One, two; three | four.", [])


def test_table_may_name_its_delimiter_as_excel_does(tmp_path):
    ((article,), problems) = read(write(tmp_path, "a.csv", "sep=;\nid;text\n1;One.\n2\n"))
    assert (article.text, [(p.reason, p.where[-7:]) for p in problems]) == ("One.", [("bad-row", "a.csv:4")])


@pytest.mark.parametrize(
    "content",
    [
        '{"articles": [{"text": "One."}, {"text": "Two."}]}',
        '{"status": "ok", "next": null, "links": [{"href": "x"}], "results": [{"body": "One."}, {"body": "Two."}]}',
        '[{"page": 1, "articles": [{"text": "One."}]}, {"page": 2, "articles": [{"text": "Two."}]}]',
        '{\n "articles": [\n  {"text": "One."},\n  {"text": "Two."}\n ]\n}\n',
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a"])
def test_list_in_an_object_is_found(tmp_path, name, content):
    articles, problems = read(write(tmp_path, name, content))
    assert ([a.text for a in articles], problems) == (["One.", "Two."], [])


def test_list_in_an_article_is_not_one_of_articles(tmp_path):
    record = {"comments": [{"text": "First!"}], "text": "One."}
    ((article,), problems) = read(write(tmp_path, "a.json", json.dumps(record)))
    assert (article.text, article.extra, problems) == ("One.", {"comments": [{"text": "First!"}]}, [])


def test_several_lists_in_an_object_are_named(tmp_path):
    content = '{"news": [{"text": "One."}], "drafts": [{"text": "Two."}]}'
    articles, (problem,) = read(write(tmp_path, "a.json", content))
    assert (articles, problem.reason, problem.action) == ([], "several-lists", "refused")
    assert "news, drafts" in problem.detail


def test_place_in_a_list_in_an_object_is_told(tmp_path):
    _, (problem,) = read(write(tmp_path, "a.json", '{"articles": [{"text": "One."}, {"title": "T"}]}'))
    assert problem.where.endswith("a.json#1:articles#2")


# encodings and places to read from


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["Zoë left. “No” 😀", "Повстанцы покинули город в пятницу.", "غادر المتمردون المدينة يوم الجمعة."]
)
@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.jsonl", "a.csv", "a.html", "-"])
def test_text_is_read_in_each_encoding(tmp_path, monkeypatch, name, text, encoding):
    record = json.dumps({"text": text}, ensure_ascii=False)
    page = f"<!doctype html><html><body><article><p>{text}</p></article></body></html>"
    forms = {".csv": f'id,text\n1,"{text}"\n', ".txt": text, ".html": page}
    data = forms.get(Path(name).suffix, record).encode(encoding)
    if name == "-":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    ((article,), problems) = read("-" if name == "-" else write(tmp_path, name, data))
    assert (article.text, problems) == (text, [])


@pytest.mark.parametrize(("charset", "reasons"), [("", ["guessed-encoding"]), ("<meta charset=windows-1252>", [])])
def test_page_whose_encoding_was_guessed_is_noted(tmp_path, charset, reasons):
    page = (
        f"<html><head>{charset}</head><body><article><p>Zo\xeb left the caf\xe9 on Friday.</p></article></body></html>"
    )
    ((_,), problems) = read(write(tmp_path, "a.html", page.encode("windows-1252")))
    assert [(p.reason, p.action) for p in problems] == [(reason, "changed") for reason in reasons]


def test_archive_with_several_files_is_read_like_a_folder(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("news/a.txt", "One.")
        archive.writestr("news/b.csv", "id;text\n2;Two.\n")
        archive.writestr("news/c.jsonl.gz", gzip.compress(b'{"text": "Three."}\n'))
        archive.writestr("news/README.md", "About")
        archive.writestr("news/.DS_Store", "x")
        archive.writestr("news/photo.jpg", b"\xff\xd8\xff")
        archive.writestr("news/notes.md", "Notes")
        archive.writestr("news/list", "One, two.")
    articles, problems = read(tmp_path / "a.zip")
    assert [a.text for a in articles] == ["One.", "Two.", "Three."]
    assert [(p.reason, p.action, Path(p.where).name) for p in problems] == [
        ("hidden", "skipped", "a.zip"),
        ("passed-over", "skipped", "README.md"),
        ("unknown-format", "refused", "photo.jpg"),
        ("unknown-format", "refused", "notes.md"),
        ("unknown-format", "refused", "list"),
    ]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "folder")
    unpacked, named = read(tmp_path / "folder")
    assert [a.text for a in unpacked] == [a.text for a in articles]
    assert sorted((p.reason, Path(p.where).name) for p in named if p.reason != "hidden") == sorted(
        (p.reason, Path(p.where).name) for p in problems if p.reason != "hidden"
    )


@pytest.mark.parametrize("name", ["a.gz", "a.txt.gz", "A.TXT.GZ", "a.csv.gz"])
def test_packed_file_is_what_its_name_or_content_says(tmp_path, name):
    content = "id;text\n1;One.\n" if "csv" in name else "One."
    folder = tmp_path / "folder"
    folder.mkdir()
    file = write(folder, name, gzip.compress(content.encode()))
    for path in (file, folder):
        articles, problems = read(path)
        assert ([a.text for a in articles], problems) == (["One."], [])


@pytest.mark.parametrize("name", ["a.dat", "a.dat.gz"])
def test_file_of_another_ending_is_refused_in_every_encoding(tmp_path, name):
    data = "One and two.".encode("utf-16")
    articles, (problem,) = read(write(tmp_path, name, gzip.compress(data) if name.endswith("gz") else data))
    assert (articles, problem.reason) == ([], "unknown-format")


def test_fifo_is_read_once_and_as_it_comes(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    more = threading.Event()

    def feed() -> None:
        with pipe.open("wb", buffering=0) as file:
            file.write(b'{"text": "One."}\n' + b" " * (3 << 20) + b"\n")
            more.wait(30)
            file.write(b'{"text": "Two."}\n')

    writer = threading.Thread(target=feed)
    writer.start()
    items = read_articles([pipe])
    assert isinstance(first := next(items), Article)
    assert first.text == "One."  # before the pipe has ended
    more.set()
    assert [item.text for item in items if isinstance(item, Article)] == ["Two."]
    writer.join()


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("text\nOne.\nTwo.\n", ["One.", "Two."]),
        ("id;text\n1;One.\n", ["One."]),
        ("[Update] Rebels left, text and all.", ["[Update] Rebels left, text and all."]),
        ('{\n "text": "One."\n}', ["One."]),
        ('{"text": "One."}\n{"text": "Two."}', ["One.", "Two."]),
        ('[{"text": "One."}]', ["One."]),
    ],
)
def test_standard_input_is_what_its_content_says(monkeypatch, content, texts):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    articles, problems = read("-")
    assert ([a.text for a in articles], problems) == (texts, [])


@pytest.mark.parametrize("content", [b"%PDF-1.7 x", b"<?xml version='1.0'?><rss/>", b"\x7fELF" + b"\0" * 90])
def test_standard_input_that_is_something_else_is_refused(monkeypatch, content):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    articles, (problem,) = read("-")
    assert (articles, problem.action) == ([], "refused")


def test_same_file_is_read_once(tmp_path):
    file = write(tmp_path, "a.txt", "One.")
    articles, problems = read(file, tmp_path, f"{tmp_path}/../{tmp_path.name}/a.txt")
    assert ([a.text for a in articles], problems) == (["One."], [])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_record_of_too_many_values_is_named_and_not_parsed(tmp_path, monkeypatch, name):
    monkeypatch.setattr("labeling.inputs.records.MOST_VALUES", 1000)
    many = json.dumps({"text": "One.", "x": [[]] * 1000})
    articles, (problem,) = read(write(tmp_path, name, f'{many}\n{{"text": "Two, three."}}\n'))
    assert ([a.text for a in articles], problem.reason) == (["Two, three."], "record-too-large")


@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.jsonl", "a.json", "a.csv"])
def test_record_that_is_too_large_is_named_and_not_held(tmp_path, monkeypatch, name):
    monkeypatch.setattr(reading, "ARTICLE_BYTES", 1000)
    monkeypatch.setattr("labeling.ingest.records.RECORD_BYTES", 1000)
    monkeypatch.setattr("labeling.ingest.records.FIELD_CHARACTERS", 1000)
    long = "word " * 1000
    record = json.dumps({"text": long})
    content = {"a.jsonl": f'{record}\n{{"text": "Two."}}\n', "a.json": f'[{record}, {{"text": "Two."}}]'}
    content["a.csv"] = f"id,text\n1,{long}\n"
    articles, (problem,) = read(write(tmp_path, name, content.get(name, long)))
    assert (problem.reason, problem.action) == ("record-too-large", "refused")
    assert [a.text for a in articles] == (["Two."] if "json" in name else [])
