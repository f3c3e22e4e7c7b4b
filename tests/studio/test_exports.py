"""Files from Label Studio's Export button, as they come: read to the last record, or named."""

import codecs
import gzip
import io
import json
import math
import os
import random
import struct
import sys
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin

from labeling.core.problem import Problem
from labeling.inputs import archives
from labeling.inputs.files import File
from labeling.studio.exports import ExportFiles, Record, parse
from tests.builders import write, zipped

TASKS = [
    {"id": 1, "data": {"text": 'Rebels\u2028left 😀, "said" C:\\ {[.'}, "annotations": []},
    {"id": 2, "data": {"text": "No."}},
]
TEXT = json.dumps(TASKS)
LINES = "\n".join(json.dumps(task, ensure_ascii=False) for task in TASKS)
Files = dict[str, str | bytes]


def read(*paths: str | Path, **options: int) -> tuple[list[Record], list[Problem]]:
    """The records and problems, which are the same at a second reading, while every byte is told of once."""
    with ExportFiles(paths, **options) as files:
        told: list[int] = []
        items = list(files.records(told.append))
        assert sum(told) == files.size
        assert list(files.records()) == items
    records = [item for item in items if isinstance(item, Record)]
    problems = [item for item in items if isinstance(item, Problem)]
    assert {problem.action for problem in problems} <= {"refused", "skipped"}
    return records, [problem for problem in problems if problem.action == "refused"]


def skipped(*paths: str | Path) -> list[Problem]:
    with ExportFiles(paths) as files:
        return [item for item in files.records() if isinstance(item, Problem) and item.action == "skipped"]


def streamed(files: Files) -> bytes:
    """An archive written where nobody could go back, so that the sizes stand after each entry."""
    packed = io.BytesIO()
    packed.seekable = lambda: False  # type: ignore[method-assign]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def wheres(items: list[Any], folder: Path) -> list[str]:
    return [item.where.replace(f"{folder}/", "") for item in items]


def named(problems: list[Problem], folder: Path) -> list[tuple[str, str]]:
    return list(zip([problem.reason for problem in problems], wheres(problems, folder), strict=True))


FORMS: dict[str, str | bytes] = {
    "e.json": TEXT,
    "pretty.json": json.dumps(TASKS, indent=2, ensure_ascii=False),
    "bom.json": "\ufeff \n" + TEXT,
    "api.json": json.dumps({"total_annotations": 0, "tasks": TASKS, "total": 2}),
    "lines.jsonl": LINES,
    "lines.ndjson": LINES.replace("\n", "\r\n\r\n") + "\r\n",
    "joined.json": LINES.replace("\n", ""),
    "utf16.json": TEXT.encode("utf-16"),
    "utf16-be.json": codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
    "utf16-no-bom.json": TEXT.encode("utf-16-le"),
    "e.json.gz": gzip.compress(TEXT.encode()),
    "lines.jsonl.gz": gzip.compress(LINES.encode()),
    "two.gz": gzip.compress(TEXT[:50].encode()) + gzip.compress(TEXT[50:].encode()) + b"\0\0",
    "utf16.json.gz": gzip.compress(TEXT.encode("utf-16")),
    "no-ending": TEXT,
    "gzip.json": gzip.compress(TEXT.encode()),
    "odd.dat": LINES,
}


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", FORMS)
def test_exports_read_the_tasks_of_each_form(tmp_path: Path, name: str, block: int):
    records, problems = read(write(tmp_path, name, FORMS[name]), block=block)
    assert problems == []
    assert wheres(records, tmp_path) == [f"{name}#1", f"{name}#2"]
    assert [parse(record.data) for record in records] == TASKS


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_exports_read_the_files_of_an_archive(tmp_path: Path, block: int, method: int):
    files: Files = {f"folder/{name}": content for name, content in FORMS.items() if not name.endswith(".dat")}
    rubbish: Files = {"__MACOSX/folder/._e.json": b"\0\5", "folder/.DS_Store": b"\0", "desktop.ini": "[a]"}
    other: Files = {"README.txt": "Two, files, here.", "readme": "x", "photo.jpg": b"\xff\xd8\xff"}
    file = write(tmp_path, "all.zip", zipped(files | rubbish | other, method))
    records, problems = read(file, block=block)
    assert problems == []
    assert wheres(records, tmp_path) == [f"all.zip/{name}#{number}" for name in files for number in (1, 2)]
    assert named(skipped(file), tmp_path) == [
        ("hidden", "all.zip"),
        *(("passed-over", f"all.zip/{name}") for name in other),
    ]
    assert [parse(record.data) for record in records] == TASKS * len(files)


def test_exports_read_a_single_task_and_none(tmp_path: Path):
    one = write(tmp_path, "one.json", json.dumps(TASKS[0]))
    assert [parse(record.data) for record in read(one)[0]] == TASKS[:1]
    assert read(write(tmp_path, "none.json", "[]")) == ([], [])
    assert read(write(tmp_path, "none.api.json", '{"tasks": []}')) == ([], [])


def test_exports_leave_what_is_no_task_to_be_named_where_it_is_parsed(tmp_path: Path):
    records, problems = read(
        write(tmp_path, "e.json", '[3, null, "a", {"data": {}}, {bad}, "\udcff"]'.encode("utf-8", "surrogateescape"))
    )
    assert problems == []
    assert [record.data for record in records] == [b"3", b"null", b'"a"', b'{"data": {}}', b"{bad}", b'"\xff"']


def test_exports_search_a_folder_in_order_and_read_each_file_once(tmp_path: Path):
    exported = ["B.JSON", "a.jsonl", "b/c/e.json", "e", "t.txt"]
    for name in exported:
        write(tmp_path, name, LINES)
    for name in ("b/.git/e.json", ".hidden.json", "x.py", "notes.txt", "Makefile"):
        write(tmp_path, name, "Some notes")
    (tmp_path / "b" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again.json").symlink_to(tmp_path / "a.jsonl")
    os.mkfifo(tmp_path / "pipe.json")
    records, problems = read(tmp_path, tmp_path / "b" / "c" / "e.json", tmp_path)
    assert problems == []
    assert wheres(records, tmp_path) == [f"{name}#{number}" for name in exported for number in (1, 2)]
    told = skipped(tmp_path)
    assert named(told, tmp_path) == [
        ("hidden", str(tmp_path)),
        *(("passed-over", name) for name in ("Makefile", "notes.txt", "pipe.json", "x.py")),
    ]
    assert told[0].detail == "hidden files and folders are not read: .hidden.json, b/.git."


def test_exports_name_what_looks_like_an_export_in_a_folder(tmp_path: Path):
    (tmp_path / "away.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.zip").symlink_to(tmp_path / "loop.zip")
    write(tmp_path, "b/table.csv", "id,text,label\n1,a,b\n")
    write(tmp_path, "conll.txt", "-DOCSTART- -X- O\nRebels -X- _ B-ACTOR\n")
    write(tmp_path, "e.json", "[]")
    assert named(read(tmp_path)[1], tmp_path) == [
        ("unreadable", "away.json"),
        ("not-an-export", "b/table.csv"),
        ("not-an-export", "conll.txt"),
        ("unreadable", "loop.zip"),
    ]


@pytest.mark.parametrize("content", [TEXT.encode(), FORMS["e.json.gz"], zipped({"e.json": TEXT})])
def test_exports_read_standard_input_twice(content: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    records, problems = read("-", "-")
    assert problems == []
    assert [parse(record.data) for record in records] == TASKS
    assert records[0].where in {"standard input#1", "standard input/e.json#1"}


def test_exports_remove_the_copy_of_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    with ExportFiles(["-"]) as files:
        assert files.size == len(TEXT)
        item = files._items[0]
        assert isinstance(item, File)
        assert item.copy is not None
    assert item.copy.closed
    assert list(tmp_path.iterdir()) == []


def test_exports_read_a_pipe_twice(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(TEXT.encode(),))
    writer.start()
    records, problems = read(pipe, pipe)
    writer.join()
    assert (problems, wheres(records, tmp_path)) == ([], ["pipe#1", "pipe#2"])


@pytest.mark.parametrize("stream", [None, io.TextIOWrapper(io.BytesIO())])
def test_exports_name_a_standard_input_that_is_closed(stream: Any, monkeypatch: pytest.MonkeyPatch):
    if stream:
        stream.close()
    monkeypatch.setattr(sys, "stdin", stream)
    assert [problem.reason for problem in read("-")[1]] == ["unreadable"]


DOCBIN = DocBin(docs=[spacy.blank("en")("Rebels left.")]).to_bytes()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("text,id,sentiment,annotator,label\nRebels left.,1,x,1,[]\n", "a CSV or TSV export"),
        ("text\tid\nRebels left.\t1\n", "a CSV or TSV export"),
        ("-DOCSTART- -X- O\nRebels -X- _ B-ACTOR\n", "a CoNLL export"),
        ("Rebels -X- _ B-ACTOR\n", "a CoNLL export"),
        ("Dear all", "not JSON: it begins with 'Dear all'"),
        ("null", "not JSON"),
        ("[section]\nkey = 1", "not JSON"),
        ("{'id': 1}", "in Python's notation"),
        ("[{'id': 1}]", "in Python's notation"),
        (" \n<!DOCTYPE html>\n<html><body>Log in</body></html>", "a web page"),
        ('<html lang="en">', "a web page"),
        ('<View>\n  <Labels name="label" toName="text"/>\n</View>', "a labeling config"),
        ('<?xml version="1.0"?>\n<!-- Events -->\n<View>', "a labeling config"),
        ("<annotation><object/></annotation>", "XML"),
        (b"\x89PNG\r\n\x1a\n\0\0", "an image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "an image"),
        (b"%PDF-1.7", "a PDF"),
        (b"{\\rtf1\\ansi", "a Rich Text document"),
        (b"SQLite format 3\0", "a database"),
        (b"\x7fELF\2\1", "a binary file"),
        (b"\0" * 3000, "a binary file"),
        (b"BZh91AY&SY", "an archive of another kind"),
        (gzip.compress(b"e.json" + b"\0" * 251 + b"ustar", mtime=0), "an archive of another kind"),
        (DOCBIN, "a spaCy DocBin"),
        ("Zo\xeb,a,b\n1,2,3".encode("latin-1"), "a CSV or TSV export"),
        ("id,a,b\n1,2,3".encode("utf-16"), "a CSV or TSV export"),
        (zipped({"classes.txt": "A", "notes.json": "{}", "labels/1.txt": "0 1 1 1 1"}), "a YOLO export"),
        (zipped({"result.json": "{}", "images/1.jpg": ""}), "a COCO export"),
        (zipped({"Annotations/1.xml": "<annotation/>"}), "a Pascal VOC export"),
        (zipped({"[Content_Types].xml": "", "word/document.xml": ""}), "an Office document"),
    ],
)
def test_exports_name_what_else_it_is_and_the_button(tmp_path: Path, content: str | bytes, kind: str):
    records, problems = read(write(tmp_path, "e.json", content))
    assert (records, named(problems, tmp_path)) == ([], [("not-an-export", "e.json")])
    assert f"it is {kind}" in problems[0].detail
    assert problems[0].detail.endswith("In Label Studio press Export and choose JSON, the first of the formats.")


NOISE = random.Random(1)
GZIPPED = gzip.compress(json.dumps([{"id": i, "data": NOISE.randbytes(30).hex()} for i in range(300)]).encode())
DAMAGED = bytearray(zipped({"a.json": TEXT, "b.json": TEXT}, zipfile.ZIP_STORED))
DAMAGED[DAMAGED.index(b"Rebels")] = ord("r")


@pytest.mark.parametrize(
    ("name", "content", "count", "problems", "word"),
    [
        ("e.json", "", 0, [("empty", "e.json")], "nothing in it"),
        ("e.json", "\ufeff \n", 0, [("empty", "e.json")], "press Export"),
        ("e.gz", gzip.compress(b"", mtime=0), 0, [("empty", "e.gz")], "nothing in it"),
        ("e.zip", zipped({}), 0, [("empty", "e.zip")], "no file in this archive"),
        ("e.zip", zipped({"a.jpg": "", "b.txt": "x"}), 0, [("empty", "e.zip")], "press Export"),
        ("e.zip", zipped({"a.json": ""}), 0, [("empty", "e.zip/a.json")], "nothing in it"),
        ("e.json", TEXT[:-20], 1, [("cut-off", "e.json#2")], f"(byte {len(TEXT) - 20}). It looks truncated"),
        ("e.json", TEXT[:-1], 2, [("cut-off", "e.json")], "before the list was closed, after 2"),
        ("e.jsonl", LINES[:-3], 1, [("cut-off", "e.jsonl#2")], "in the middle of record 2"),
        ("e.json", TEXT[:-20].encode("utf-16"), 1, [("cut-off", "e.json#2")], f"(byte {len(TEXT) - 17} as UTF-8)"),
        ("e.json", TEXT.encode("utf-16")[:-1], 2, [("cut-off", "e.json#3")], "It looks truncated"),
        ("e.gz", gzip.compress(TEXT[:-20].encode(), mtime=0), 1, [("cut-off", "e.gz#2")], "of what was unpacked)"),
        ("e.json", TEXT + " thanks", 2, [("trailing-data", "e.json")], "then comes 'thanks'"),
        ("e.json", TEXT + "," + TEXT[1:], 2, [("trailing-data", "e.json")], "What follows was not read"),
        ("e.gz", GZIPPED[:-4000], 180, [("broken-archive", "e.gz")], "It looks truncated"),
        ("e.gz", GZIPPED[:-8] + b"\0" * 8, 250, [("broken-archive", "e.gz")], "damaged"),
        ("e.gz", GZIPPED[:9000] + b"\xff" * 500 + GZIPPED[9500:], 190, [("broken-archive", "e.gz")], "damaged"),
        ("e.gz", GZIPPED + b"junk", 300, [("broken-archive", "e.gz")], "damaged"),
        ("e.gz", gzip.compress(GZIPPED, mtime=0), 0, [("nested-archive", "e.gz")], "packed twice"),
        ("e.gz", gzip.compress(zipped({"a.json": TEXT}), mtime=0), 0, [("nested-archive", "e.gz")], "unpack"),
        ("e.zip", zipped({"a.json": TEXT, "b": LINES})[:-30], 0, [("broken-archive", "e.zip")], "It looks truncated"),
        ("e.zip", streamed({"a.json": TEXT})[:-70], 0, [("broken-archive", "e.zip")], "It looks truncated"),
        ("e.zip", b"PK\3\4", 0, [("broken-archive", "e.zip")], "not a whole zip archive"),
        ("e.zip", bytes(DAMAGED), 2, [("broken-archive", "e.zip/a.json")], "Bad CRC-32"),
        ("e.zip", zipped({"a.zip": "", "b.json": TEXT}), 2, [("nested-archive", "e.zip/a.zip")], "unpack that one"),
        ("e.zip", zipped({"a.json": zipped({"a": ""})}), 0, [("nested-archive", "e.zip/a.json")], "unpack that one"),
        ("e.zip", zipped({"a.csv": "a,b,c", "b.json": TEXT}), 2, [("not-an-export", "e.zip/a.csv")], "CSV"),
        ("e.zip", zipped({"../a.json": TEXT}), 0, [("odd-path", "e.zip/../a.json")], "not read"),
        ("e.zip", zipped({"a/../../b.json": TEXT}), 0, [("odd-path", "e.zip/a/../../b.json")], "not read"),
        ("e.zip", zipped({"/a.json": TEXT}), 0, [("odd-path", "e.zip//a.json")], "not read"),
        ("e.zip", zipped({"c:\\a.json": TEXT}), 0, [("odd-path", "e.zip/c:/a.json")], "not read"),
        ("e.zip", zipped({"..\\a.json": TEXT}), 0, [("odd-path", "e.zip/../a.json")], "not read"),
        ("e.zip", zipped({"\x1b[2Ja.json": "["}), 0, [("cut-off", "e.zip/\ufffd[2Ja.json")], "It looks truncated"),
    ],
)  # fmt: skip
def test_exports_read_what_is_good_and_name_the_rest(
    tmp_path: Path, name: str, content: str | bytes, count: int, problems: list[tuple[str, str]], word: str
):
    for block in (100, 1 << 20):
        records, given_problems = read(write(tmp_path, name, content), block=block)
        assert named(given_problems, tmp_path) == problems
        assert word in given_problems[0].detail
        # How far a damaged archive can be read is for zlib to say.
        assert len(records) == count if name != "e.gz" or count in {0, 1, 300} else count <= len(records) < 300


def test_exports_name_files_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    missing = [tmp_path / "none.json", "a\0b", "/dev/null", tmp_path / "empty", tmp_path / ("long" * 100)]
    good = write(tmp_path, "e.json", TEXT)
    records, problems = read(*missing, good)
    assert len(records) == 2
    assert [problem.reason for problem in problems] == ["unreadable", "unreadable", "unreadable", "empty", "unreadable"]
    assert "No such file" in problems[0].detail
    assert problems[1].where == "a\ufffdb"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_exports_name_folders_that_cannot_be_read(tmp_path: Path):
    write(tmp_path, "a/e.json", TEXT)
    (tmp_path / "a").chmod(0)
    assert named(read(tmp_path)[1], tmp_path) == [("unreadable", "a")]
    (tmp_path / "a").chmod(0o700)


def test_exports_name_a_file_that_went_away(tmp_path: Path):
    file = write(tmp_path, "e.json", TEXT)
    with ExportFiles([file]) as files:
        file.unlink()
        assert [item.reason for item in files.records() if isinstance(item, Problem)] == ["unreadable"]


def test_exports_name_a_locked_entry(tmp_path: Path):
    archive = bytearray(zipped({"a.json": TEXT}))
    archive[archive.index(b"PK\1\2") + 8] |= 1
    assert named(read(write(tmp_path, "e.zip", bytes(archive)))[1], tmp_path) == [("encrypted", "e.zip/a.json")]


def test_exports_name_an_entry_that_lies_about_its_size(tmp_path: Path):
    archive = bytearray(zipped({"a.json": TEXT}))
    struct.pack_into("<I", archive, archive.index(b"PK\1\2") + 24, 5)
    assert named(read(write(tmp_path, "e.zip", bytes(archive)))[1], tmp_path) == [("broken-archive", "e.zip/a.json")]


def spaces(count: int) -> bytes:
    """A task, so much white space, and another task; packed as a gzip file."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(b'{"id": 1}\n'), *(packer.compress(b" " * 100_000) for _ in range(count // 100_000))]
    return b"".join((*parts, packer.compress(b'{"id": 2}'), packer.flush()))


@pytest.mark.parametrize("pack", [lambda bomb: bomb, lambda bomb: zipped({"a.gz": bomb}, zipfile.ZIP_STORED)])
def test_exports_stop_at_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]):
    monkeypatch.setattr(archives, "BOMB_BYTES", 5_000_000)
    file = write(tmp_path, "e.gz", pack(spaces(20_000_000)))
    tracemalloc.start()
    try:
        records, problems = read(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [problem.reason for problem in problems] == ["archive-bomb"]
    assert len(records) == 1
    assert peak < 10_000_000
    monkeypatch.setattr(archives, "BOMB_BYTES", 50_000_000)
    assert len(read(file)[0]) == 2


def test_exports_stop_at_an_archive_whose_entries_share_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "BOMB_BYTES", 1_000_000)
    first = zipped({"a.json": "[" + " " * 300_000 + "{}]"})
    start = first.index(b"PK\1\2")
    end = first.index(b"PK\5\6")
    directory = first[start:end] * 50
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 50, 50, len(directory), start, 0)
    records, problems = read(write(tmp_path, "e.zip", first[:start] + directory + tail))
    assert [problem.reason for problem in problems] == ["archive-bomb"]
    assert 3 <= len(records) < 50


def test_exports_name_a_record_that_is_too_large(tmp_path: Path):
    records, problems = read(write(tmp_path, "e.json", TEXT), limit=60)
    assert wheres(records, tmp_path) == ["e.json#2"]
    assert named(problems, tmp_path) == [("record-too-large", "e.json#1")]
    assert "(byte 1)" in problems[0].detail


PACKS: dict[str, Callable[[bytes], bytes]] = {
    "e.json": bytes,
    "e.json.gz": lambda data: gzip.compress(data, mtime=0),
    "e.zip": lambda data: zipped({"e.json": data}),
    "stored.zip": lambda data: zipped({"e.json": data, "f.gz": PACKS["e.json.gz"](data)}, zipfile.ZIP_STORED),
}


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(list(PACKS)), st.sampled_from([1, 3, 64, 1 << 20]))
def test_exports_read_or_name_whatever_a_file_holds(tmp_path: Path, data: st.DataObject, name: str, block: int):
    whole = bytearray(PACKS[name](data.draw(st.sampled_from([TEXT, LINES])).encode()))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole)))
        whole[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    end = data.draw(st.just(len(whole)) | st.integers(0, len(whole)))
    records, problems = read(write(tmp_path, name, bytes(whole[:end])), block=block)
    assert records or problems
    for record in records:
        try:
            parse(record.data)
        except ValueError as error:
            assert 0 < len(str(error)) < 100


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40), st.sampled_from([b"", b"[", b"{", b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08\0", b"\xff\xfe"]))
def test_exports_read_or_name_any_bytes(tmp_path: Path, data: bytes, start: bytes):
    file = write(tmp_path, "e.json", start + data)
    whole, cut = read(file), read(file, block=2)
    # How far a damaged archive can be read depends on how much of it zlib is given at once.
    assert whole == cut or "broken-archive" in {problem.reason for _, problems in (whole, cut) for problem in problems}


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, -2.5e3, "\xf0\x9f\x98\x80", null]}', {"a": [1, -2500.0, "😀", None]}),
        (b"18446744073709551615", 18446744073709551615),
        (b"[Infinity, -Infinity]", [math.inf, -math.inf]),
        (b'"\\ud83d"', "\ud83d"),
        (b'"\xed\xa0\xbd"', "\ud83d"),  # what UTF-16 with half a pair becomes
        (b"1e999", math.inf),
    ],
)
def test_exports_parse_gives_the_value(data: bytes, value: Any):
    assert parse(data) == value


def test_exports_parse_reads_nan():
    assert math.isnan(parse(b'{"score": NaN}')["score"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expecting value at character 0"),
        (b'{"a": 1', "expecting ',' delimiter at character 7"),
        (b'{"a": "b\nc"}', "invalid control character"),
        (b"{'a': 1}", "expecting property name enclosed in double quotes at character 1"),
        (b'{"a": 1} {"b": 2}', "extra data at character 9"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested too deeply"),
        (b"[NaN, " + b"[" * 100_000 + b"]" * 100_001, "it is nested too deeply"),
        (b'{"a":' * 100_000, "it is nested too deeply"),
        (b"9" * 5000, "a number has thousands of digits"),
    ],
)
def test_exports_parse_says_what_is_wrong(data: bytes, message: str):
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse(data)
    assert message in str(caught.value)
