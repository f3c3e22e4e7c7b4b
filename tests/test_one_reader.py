"""An article gives the same tasks whichever way it comes in."""

import gzip
import io
import os
import sys
import threading
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from labeling.nlp import load as loading
from labeling.settings import open_workspace
from labeling.workflow.task_files import annotate_files

Tasks = Callable[..., bytes]

TEXT = "Rebels attacked Tadmor\n\nRebels attacked the town of Tadmor on Friday, Ann Bell said – “two dead”.\n"
RECORD = '{"id": "one", "text": "Rebels attacked the town of Tadmor on Friday.", "date": "2026-01-02"}\n'
PAGE = (
    "<!doctype html><html><head><meta charset=utf-8><title>Tadmor</title></head><body><article><h1>Rebels attacked"
    f" Tadmor</h1>{'<p>Rebels attacked the town of Tadmor on Friday, and the army said that two were killed.</p>' * 3}"
    "</article></body></html>\n"
)


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"folder/{name}", content)
    return packed.getvalue()


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tasks:
    """The file of tasks that `labeling annotate` makes of a source; the pipeline is loaded once."""
    monkeypatch.setattr(loading, "load", cache(loading.load))
    workspace = open_workspace(tmp_path)

    def made(source: str | Path, given: bytes = b"") -> bytes:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        annotate_files(workspace, [str(source)], tmp_path / "tasks.json", jobs=1)
        return (tmp_path / "tasks.json").read_bytes()

    return made


def by_fifo(tasks: Tasks, pipe: Path, content: bytes) -> bytes:
    os.mkfifo(pipe)
    thread = threading.Thread(target=pipe.write_bytes, args=[content])
    thread.start()
    try:
        return tasks(pipe)
    finally:
        thread.join()
        pipe.unlink()


@pytest.mark.parametrize(("name", "content"), [("a.txt", TEXT), ("a.jsonl", RECORD), ("a.html", PAGE)])
def test_article_gives_the_same_tasks_by_file_stream_and_archive(
    tasks: Tasks, tmp_path: Path, name: str, content: str
) -> None:
    plain = content.encode()
    utf16 = content.replace("charset=utf-8", "charset=utf-16").encode("utf-16")
    inside = tmp_path / "inside"
    inside.mkdir()
    for file, data in {
        tmp_path / name: plain,
        inside / name: plain,
        tmp_path / f"{name}.gz": gzip.compress(plain),
        tmp_path / "a.zip": zipped(name, plain),
    }.items():
        file.write_bytes(data)
    ways: dict[str, Callable[[], bytes]] = {
        "standard input": lambda: tasks("-", plain),
        "FIFO": lambda: by_fifo(tasks, tmp_path / "pipe", plain),
        "folder": lambda: tasks(inside),
        "gz": lambda: tasks(tmp_path / f"{name}.gz"),
        "gz by standard input": lambda: tasks("-", gzip.compress(plain)),
        "zip": lambda: tasks(tmp_path / "a.zip"),
        "zip by FIFO": lambda: by_fifo(tasks, tmp_path / "pipe", zipped(name, plain)),
        "UTF-16 by standard input": lambda: tasks("-", utf16),
    }
    expected = tasks(tmp_path / name)
    assert b"Tadmor" in expected
    assert [way for way, made in ways.items() if made() != expected] == []
