"""Bytes cut anywhere → the same records, and a word on whatever is missing."""

import json
import tracemalloc
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labeling.inputs import json_stream
from labeling.inputs.json_stream import Fault
from labeling.inputs.json_stream import read_values as read_any

read_values = partial(read_any, key="tasks")

SIZES = (1, 2, 3, 7, 64, 1 << 20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
strings = st.text(st.sampled_from('a"\\{}[],: \n\u2028😀é') | st.characters(exclude_categories=["Cs"]), max_size=12)
strings = strings | st.sampled_from(["tasks", '"tasks": [', "\\", '\\"', "\n{", "]}"])
values = st.recursive(
    scalars | strings,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(strings, values, max_size=4)
# Outside of a list an object with a list of `tasks` is not a record but a wrapper.
lone_objects = objects.filter(lambda value: not isinstance(value.get("tasks"), list))
dumps = st.builds(
    lambda indent, ascii: lambda value: json.dumps(value, indent=indent, ensure_ascii=ascii),
    st.sampled_from([None, 0, 1, 2]),
    st.booleans(),
)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def read(data: bytes, size: int = 1 << 20, **options: int) -> tuple[list[bytes], list[Fault]]:
    items = list(read_values(cut(data, size), **options))
    return [i for i in items if isinstance(i, bytes)], [i for i in items if isinstance(i, Fault)]


def reasons(faults: list[Fault]) -> list[tuple[str, int, int]]:
    return [(fault.reason, fault.number, fault.byte) for fault in faults]


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, str, list[Any]]:
    """A form, the text of a file in it, and the values of its records."""
    write = draw(dumps)
    form = draw(st.sampled_from(["list", "lines", "pretty", "wrapper"]))
    if form == "list":
        records = draw(st.lists(values, max_size=5))
        return form, write(records), records
    if form == "wrapper":
        records = draw(st.lists(values, max_size=5))
        before, after = draw(st.tuples(lone_objects, lone_objects))
        for key in ["tasks", *before]:
            after.pop(key, None)
        before.pop("tasks", None)
        return form, write({**before, "tasks": records, **after}), records
    records = draw(st.lists(lone_objects, min_size=1, max_size=5))
    if form == "pretty":
        return form, draw(st.sampled_from(["", " ", "\n", "\r\n"])).join(map(write, records)), records
    lines = [json.dumps(record, ensure_ascii=draw(st.booleans())) for record in records]
    end = draw(st.sampled_from(["\n", "\r\n", "\n\n", ",\n"]))
    text = draw(st.sampled_from(["", "\ufeff", "\n \n"])) + end.join(lines) + draw(st.sampled_from(["", end]))
    return form, text, records


@settings(deadline=None)
@given(forms(), st.sampled_from(SIZES))
def test_json_stream_gives_the_records_of_each_form(file: tuple[str, str, list[Any]], size: int):
    _, text, expected = file
    records, faults = read(text.encode("utf-8"), size)
    assert faults == []
    assert [json.loads(record) for record in records] == expected


@settings(deadline=None)
@given(forms(), st.data(), st.sampled_from(SIZES))
def test_json_stream_says_where_a_file_was_cut_off(file: tuple[str, str, list[Any]], data: st.DataObject, size: int):
    form, text, _ = file
    whole = text.encode("utf-8")
    end = data.draw(st.integers(0, len(whole)))
    records, faults = read(whole[:end], size)
    assert records == read(whole)[0][: len(records)]
    if faults:
        assert [fault.reason for fault in faults] in (["cut-off"], ["empty"])
    elif end < len(whole):  # between two lines, so that none was begun and not given
        assert whole[:end].rstrip(b" \r\n,").endswith(records[-1])
        assert form in {"lines", "pretty"}


@settings(deadline=None, max_examples=100)
@given(
    st.binary(max_size=60) | st.text(st.sampled_from('[]{}",:\\ \n1a'), max_size=60).map(str.encode),
    st.sampled_from(SIZES),
    st.sampled_from([3, 1000]),
)
@example(b'{"\\', 1, 3)
@example(b'["a\\', 1, 3)
def test_json_stream_reads_whatever_comes_the_same_however_it_is_cut(data: bytes, size: int, limit: int):
    whole = list(read_values([data], limit=limit))
    assert list(read_values(cut(data, size), limit=limit)) == whole
    assert whole or set(data) & set(b"]}")  # a list that ends at once has nothing in it


@settings(deadline=None, max_examples=100)
@given(forms(), st.data(), st.sampled_from(SIZES))
def test_json_stream_reads_what_was_damaged_the_same_however_it_is_cut(
    file: tuple[str, str, list[Any]], data: st.DataObject, size: int
):
    text = bytearray(file[1].encode("utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from([b"", b'"', b"]", b"}", b"{", b"\n"]))
    assert list(read_values(cut(bytes(text), size))) == list(read_values([bytes(text)]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("[]", []),
        ('{"tasks": []}', []),
        ('[3, null, "x, ]\\"", [1], {}, -1.5e3]', ["3", "null", '"x, ]\\""', "[1]", "{}", "-1.5e3"]),
        ('[{"a": 1},]', ['{"a": 1}']),
        ('[{"a": 1} {"b": 2}]', ['{"a": 1}', '{"b": 2}']),
        ('[{"a": 1}][{"b": 2}]\n', ['{"a": 1}', '{"b": 2}']),
        ('{"a": {"tasks": [1]}}', ['{"a": {"tasks": [1]}}']),
        ('{"x\\"tasks": [1]}', ['{"x\\"tasks": [1]}']),
        ('{"tasks": {"a": []}}', ['{"tasks": {"a": []}}']),
        ('{"total": 2, "tasks" :\n [1, 2], "x": "]}", "y": [[{}]]}{"tasks":[3]}', ["1", "2", "3"]),
        ('{"a": 1}\n\n\ufeff{"b": 2}\x1e{"c": 3}', ['{"a": 1}', '{"b": 2}', '{"c": 3}']),
        # lines that are not JSON are records, and cost no other
        ('{"a": 1}\nDear "all\n{"b": 2}\nnull', ['{"a": 1}', 'Dear "all', '{"b": 2}', "null"]),
        ('{"a": 1}}\n{"b": 2}', ['{"a": 1}', "}", '{"b": 2}']),
        ('{"a": "cut\n{"b": 2}\n{"c": 3}', ['{"a": "cut', '{"b": 2}', '{"c": 3}']),
        ('{"a": {"b": 1\r\n{"b": 2}\r\n{"c": 3}', ['{"a": {"b": 1', '{"b": 2}', '{"c": 3}']),
        ('{"a": 1,\n{"b": 2}\n{"c": 3}', ['{"a": 1,\n{"b": 2}', '{"c": 3}']),
        # brackets of the wrong kind are left to the parser
        ('[{"a": 1], {"b": 2}]', ['{"a": 1]', '{"b": 2}']),
    ],
)
def test_json_stream_finds_the_records(text: str, records: list[str], size: int):
    assert read(text.encode("utf-8"), size) == ([record.encode("utf-8") for record in records], [])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("text", "records", "faults"),
    [
        ("", 0, [("empty", 0, 0)]),
        ("\ufeff \n", 0, [("empty", 0, 5)]),
        ('[{"a": 1}, {"b": "', 1, [("cut-off", 2, 18)]),
        ('[{"a": 1}, 12', 1, [("cut-off", 2, 13)]),
        ('[{"a": 1}, ', 1, [("cut-off", 0, 11)]),
        ('{"a": 1}\n{"b"', 1, [("cut-off", 2, 13)]),
        ('{"tasks": [{}, {}', 2, [("cut-off", 0, 17)]),
        ('{"tasks": [{}, {}], "total": 2', 2, [("cut-off", 0, 30)]),
        ('[{"a": 1}], {"b": 2}]', 1, [("trailing-data", 0, 10)]),
        ('[{"a": 1}]]', 1, [("trailing-data", 0, 10)]),
        ('[{"a": 1}}, {"b": 2}]', 1, [("trailing-data", 0, 10)]),
        ('{"tasks": [{}]}\n<html>', 1, [("trailing-data", 0, 16)]),
        ('[{"a": 1}]\0\0\0', 1, [("trailing-data", 0, 10)]),
    ],
)
def test_json_stream_names_what_is_missing(text: str, records: int, faults: list[Any], size: int):
    given_records, given_faults = read(text.encode("utf-8"), size)
    assert len(given_records) == records
    assert reasons(given_faults) == faults


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "long", ['{"a": "long long"}', '"long long \\" long"', "[[[[[[[[[[[[[[]]]]]]]]]]]]]]", "1" * 20]
)
@pytest.mark.parametrize("form", ['[{"a": 1}, LONG, {"b": 2}]', '{"tasks": [{"a": 1}, LONG, {"b": 2}]}'])
def test_json_stream_skips_a_record_that_is_too_large(form: str, long: str, size: int):
    records, faults = read(form.replace("LONG", long).encode(), size, limit=15)
    assert records == [b'{"a": 1}', b'{"b": 2}']
    assert reasons(faults) == [("record-too-large", 2, form.index("LONG"))]


@pytest.mark.parametrize("size", SIZES)
def test_json_stream_skips_a_line_that_is_too_large(size: int):
    records, faults = read(b'{"a": 1}\n{"a": [1, 2, 3, 4]}\nDear all, this is long\n{"b": 2}', size, limit=15)
    assert records == [b'{"a": 1}', b'{"b": 2}']
    assert reasons(faults) == [("record-too-large", 2, 9), ("record-too-large", 3, 29)]


@pytest.mark.parametrize("size", SIZES)
def test_json_stream_finds_tasks_after_more_than_it_would_hold(size: int):
    assert read(b'{"users": [{}, {}, {}, {}, {}, {}], "tasks": [{}, {}]}', size, limit=8) == ([b"{}", b"{}"], [])


@pytest.mark.parametrize("opening", ["[", '{"a":', "[{", '{"tasks": [', "[[", '"'])
def test_json_stream_goes_as_deep_as_it_gets(opening: str):
    records, faults = read(opening.encode() * 100_000, 1000)
    assert records == [] or opening == '"'
    assert len(faults) == (opening != '"')


@pytest.mark.parametrize("line", [b'"\n', b'{"a\n', b"]\n", b"[]\n", b"{}", b'{"tasks":[]}', b'{"tasks":[\n{}]}\n'])
def test_json_stream_takes_time_in_proportion_to_the_size(line: bytes, monkeypatch: pytest.MonkeyPatch):
    scanned = 0
    scan = json_stream._Reader.scan

    def counting_scan(reader: Any, **options: bool) -> None:
        nonlocal scanned
        start = reader.scanned
        scan(reader, **options)
        scanned += reader.scanned - start

    monkeypatch.setattr(json_stream._Reader, "scan", counting_scan)
    monkeypatch.setattr(json_stream, "FIRST_SCAN", 64)
    data = b"{}\n" + line * 5000
    read(data)
    assert scanned < 40 * len(data)


def endless(record: bytes, size: int) -> Iterator[bytes]:
    """A list in one line, of so many bytes or a little more."""
    piece = b",".join([record] * (1 + (1 << 18) // len(record)))
    yield b"[" + piece
    for _ in range(size // len(piece)):
        yield b"," + piece
    yield b"]"


@pytest.mark.parametrize(
    "record", [b'{"text": "' + b"a b, [c] \\n" * 800 + b'"}', b'"' + b"x" * (1 << 18) + b'"', b"[[]]"]
)
def test_json_stream_holds_no_more_than_a_record_of_a_long_line(record: bytes):
    size = 30 << 20 if len(record) > 100 else 1 << 18
    tracemalloc.start()
    try:
        count = sum(1 for item in read_values(endless(record, size)) if isinstance(item, bytes))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count >= size // (len(record) + 1)
    assert peak < 20 << 20


def test_json_stream_holds_little_of_a_record_that_is_too_large():
    def blocks() -> Iterator[bytes]:
        yield b'[{"a": "'
        for _ in range(300):
            yield b"x" * 100_000
        yield b'"}, 1]'

    tracemalloc.start()
    try:
        items = list(read_values(blocks(), limit=1_000_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [item if isinstance(item, bytes) else item.reason for item in items] == ["record-too-large", b"1"]
    assert peak < 5_000_000
