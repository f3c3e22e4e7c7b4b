"""What holds of every format."""

import pickle
import sys
from pathlib import Path

import pytest

from labeling.errors import InputError
from labeling.formats.registry import FORMATS
from tests.formats.tokenized import CONTEXT, document, tokenized, write

TEXT = "Rebels took New York 😀 on Monday. They left."
SPANS = (("Rebels", "ACTOR"), ("took", "ACTION"), ("New York", "LOCATION"))
DOCS = [
    tokenized(document(TEXT, *SPANS, relations=[(1, 0, "agent"), (1, 2, "with")], doc_id=f"d{n}")) for n in range(5)
]


def test_formats_are_named_by_their_keys():
    assert list(FORMATS) == ["prodigy", "conll", "brat", "hf", "events"]
    assert [name for name, made in FORMATS.items() if name != made.name] == []
    assert [name for name, made in FORMATS.items() if not made.per_part] == ["events"]


@pytest.mark.parametrize("name", FORMATS)
def test_formats_go_to_a_worker_and_come_back(name: str):
    render, context = pickle.loads(pickle.dumps((FORMATS[name].render, CONTEXT)))
    rendered = render(pickle.loads(pickle.dumps(DOCS)), context)
    assert pickle.loads(pickle.dumps(rendered)) == rendered == FORMATS[name].render(DOCS, CONTEXT)
    assert FORMATS[name].check(CONTEXT) == ()


@pytest.mark.parametrize("name", FORMATS)
def test_formats_files_do_not_depend_on_the_chunks(tmp_path: Path, name: str):
    made = []
    for chunk in (1, 2, 5):
        folder = tmp_path / str(chunk)
        paths, _ = write(name, DOCS, folder, chunk=chunk)
        assert sorted(paths) == sorted(path for path in folder.rglob("*") if path.is_file())
        made.append({path.relative_to(folder): path.read_bytes() for path in paths})
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("name", FORMATS)
def test_formats_close_twice_as_well_as_once(tmp_path: Path, name: str):
    sink = FORMATS[name].open(tmp_path, "train", CONTEXT)
    sink.write(FORMATS[name].render(DOCS, CONTEXT).data)
    made = {path: path.read_bytes() for path in sink.close()}
    assert {path: path.read_bytes() for path in sink.close()} == made


@pytest.mark.parametrize("name", ["hf", "events"])
def test_formats_say_what_to_install_where_pyarrow_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for use in (lambda: FORMATS[name].open(tmp_path, "train", CONTEXT), lambda: FORMATS[name].render(DOCS, CONTEXT)):
        with pytest.raises(InputError, match=f"{name} needs pyarrow") as caught:
            use()
        assert "[parquet]" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_formats_name_the_file_that_cannot_be_written(tmp_path: Path, name: str):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"Cannot write .*file"):
        FORMATS[name].open(tmp_path / "file", "train", CONTEXT)
