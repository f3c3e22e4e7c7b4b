"""Articles in Parquet and Zstandard: every type, every size of the blocks, every damage."""

import datetime
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from labeling.ingest import parquet
from labeling.inputs.archives import ZSTD, unpacked
from labeling.inputs.broken import BrokenInputError
from tests.ingest.reading import read

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
TEXT = "Rebels left Tadmor."


def written(folder: Path, rows: list[dict[str, Any]] | Any, name: str = "a.parquet", **options: Any) -> Path:
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    pq.write_table(table, folder / name, **options)
    return folder / name


VALUES: dict[str, tuple[Any, Any, Any]] = {
    "a whole number": (pa.int64(), 2**53 + 1, 2**53 + 1),
    "a number": (pa.float64(), 0.5, 0.5),
    "true": (pa.bool_(), True, True),
    "a date": (pa.date32(), datetime.date(2026, 3, 1), "2026-03-01"),
    "a time": (pa.time64("us"), datetime.time(6, 30), "06:30:00"),
    "nanoseconds": (pa.timestamp("ns", "UTC"), 1_772_323_200_000_000_001, "2026-03-01T00:00:00+00:00"),
    "a decimal": (pa.decimal128(10, 2), Decimal("1.10"), "1.10"),
    "UTF-8 as bytes": (pa.binary(), "Müller".encode(), "Müller"),
    "other bytes": (pa.binary(), b"\xff\xfe", "//4="),
    "a list": (pa.list_(pa.date32()), [datetime.date(2026, 3, 1)], ["2026-03-01"]),
    "an object": (pa.struct({"a": pa.binary()}), {"a": b"b"}, {"a": "b"}),
    "a map": (pa.map_(pa.string(), pa.int32()), [("a", 1)], [["a", 1]]),
    "a category": (pa.dictionary(pa.int8(), pa.string()), "news", "news"),
}


@pytest.mark.parametrize("what", VALUES)
def test_every_type_of_a_column_is_kept(tmp_path: Path, what: str):
    kind, value, expected = VALUES[what]
    table = pa.table({"text": [TEXT], "other": pa.array([value], kind)})
    (article,), problems = read(written(tmp_path, table))
    assert (article.text, article.extra, problems) == (TEXT, {"other": expected}, [])


def test_the_usual_columns_are_the_fields_of_an_article(tmp_path: Path):
    published = datetime.datetime(2026, 3, 1, 6, tzinfo=datetime.UTC)
    rows = [{"id": 7, "body": TEXT.encode(), "headline": "Rebels leave", "date": published, "url": None}]
    (article,), problems = read(written(tmp_path, rows))
    assert not problems and article.published == "2026-03-01T06:00:00+00:00"
    assert (article.doc_id, article.text, article.title) == ("7", TEXT, "Rebels leave")


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=20, unique=True), st.integers(1, 7))
def test_the_articles_are_those_of_json_lines(tmp_path_factory: pytest.TempPathFactory, texts: list[str], group: int):
    folder = tmp_path_factory.mktemp("parquet")
    rows = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    rows = [row for row in rows if row["text"].encode("utf-8", "replace").decode() == row["text"]]
    if not rows:
        return
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = [read(path) for path in (folder / "a.jsonl", written(folder, rows, row_group_size=group))]
    assert found[0][0] == found[1][0]
    assert [p.reason for p in found[0][1]] == [p.reason for p in found[1][1]]


def rows_of(count: int) -> list[dict[str, Any]]:
    return [{"id": str(n), "text": f"Rebels attacked {n} villages."} for n in range(count)]


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = written(tmp_path, rows_of(2000), row_group_size=100).read_bytes()
    table = pa.Table.from_arrays([pa.array([TEXT]), pa.array(["other"])], names=["text", "text"])
    cases = {
        "cut.parquet": (whole[:-10], "unreadable", "it is not a whole Parquet file"),
        "damaged.parquet": (whole[:9000] + bytes(4000) + whole[13000:], "unreadable", "What stands before was read"),
        "text.parquet": (b"Rebels left.", "unreadable", "it is not a whole Parquet file"),
        "columns.parquet": (written(tmp_path, [{"id": "1", "tags": "x"}]).read_bytes(), "empty", "no column"),
        "none.parquet": (written(tmp_path, pa.table({"text": pa.array([], pa.string())})).read_bytes(), "empty", "row"),
        "twice.parquet": (written(tmp_path, table).read_bytes(), "duplicate-key", "two columns text"),
        "latin.parquet": (written(tmp_path, [{"text": b"Caf\xe9"}]).read_bytes(), "not-utf8", "column text"),
    }
    (tmp_path / "a.parquet").unlink()
    for name, (content, reason, detail) in cases.items():
        (tmp_path / name).write_bytes(content)
        _, problems = read(tmp_path / name)
        assert problems[-1].reason == reason and detail in problems[-1].detail, name
        assert problems[-1].action == "refused"
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)
    (tmp_path / "a.parquet").write_bytes(whole)
    assert "needs pyarrow: pip install" in read(tmp_path / "a.parquet")[1][0].detail


def test_a_parquet_file_without_its_ending_is_known_where_it_is_named(tmp_path: Path):
    written(tmp_path, rows_of(3), "articles")
    assert len(read(tmp_path / "articles")[0]) == 3
    assert [p.reason for p in read(tmp_path)[1]] == ["unknown-format"]


def in_blocks(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    stream = io.BytesIO(data)
    while block := stream.read(sizes[0]):
        yield block
        sizes.append(sizes.pop(0))


@given(st.lists(st.binary(max_size=300), max_size=4), st.lists(st.integers(1, 400), min_size=1), st.integers(0, 9))
def test_zstandard_is_unpacked_whatever_its_frames_and_blocks(parts: list[bytes], sizes: list[int], padding: int):
    frames = [zstandard.compress(part) for part in parts] or [zstandard.compress(b"")]
    data = b"".join(frames) + bytes(padding)
    assert b"".join(unpacked(in_blocks(data, sizes), 100, ZSTD)) == b"".join(parts)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_zstandard_that_ends_too_early_is_told(content: bytes, data: st.DataObject):
    packed = zstandard.compress(content)
    cut = packed[: data.draw(st.integers(1, len(packed) - 1))]
    out = []
    with pytest.raises(BrokenInputError):
        out.extend(unpacked(iter([cut]), 100, ZSTD))
    assert content.startswith(b"".join(out))


def test_zstandard_files(tmp_path: Path):
    line = json.dumps({"id": "a", "text": TEXT}).encode() + b"\n"
    with_sum = zstandard.ZstdCompressor(write_checksum=True).compress(line)
    cases = {
        "whole.jsonl.zst": (zstandard.compress(line), []),
        "articles.zst": (zstandard.compress(line), []),
        "twice.jsonl.zst": (zstandard.compress(zstandard.compress(line)), ["nested-archive"]),
        "damaged.jsonl.zst": (with_sum[:-1] + bytes([with_sum[-1] ^ 1]), ["broken-archive"]),
        "bomb.jsonl.zst": (zstandard.compress(b" " * (300 << 20)), ["archive-bomb"]),
        "page.html.zst": (zstandard.compress(f"<html><body><p>{TEXT}</p></body></html>".encode()), None),
    }
    for name, (content, reasons) in cases.items():
        (tmp_path / name).write_bytes(content)
        articles, problems = read(tmp_path / name)
        if reasons is not None:
            assert [p.reason for p in problems if p.action == "refused"] == reasons, name
        assert len(articles) == (not reasons), name
