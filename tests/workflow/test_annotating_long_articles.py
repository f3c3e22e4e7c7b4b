"""Articles of any length: memory is that of a few windows, and a bar moves within them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from labeling.core.article import Article
from labeling.engine import Local
from labeling.ingest import read_articles
from labeling.nlp import windows
from labeling.nlp.load import load
from labeling.resources import resource
from labeling.workflow.annotating import annotated
from labeling.workflow.progress import ItemProgress
from tests.builders import EVENT

MODEL = "en_core_web_sm"
NEWS = " ".join(item.text for item in read_articles([resource("seeds")]) if isinstance(item, Article))
LINE = " ".join(NEWS.split()) + " "

# The command, which leaves its peak in kB. What `wait4` says of a child begins with what its parent had.
MEASURED = """
import atexit, re
from pathlib import Path
from labeling.__main__ import main

def tell():
    Path("peak").write_text(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

atexit.register(tell)
main()
"""


@pytest.mark.train
def test_a_megabyte_in_one_line_took_3_gigabytes(tmp_path: Path):
    text = (LINE * (1_000_000 // len(LINE) + 1))[:1_000_000].strip()
    (tmp_path / "long.txt").write_text(text, encoding="utf-8")
    (tmp_path / "short.txt").write_text("Rebels left Tadmor on Friday.", encoding="utf-8")
    program = [sys.executable, "-c", MEASURED, "annotate", "long.txt", "short.txt", "-o", "tasks.json", "--jobs", "1"]
    subprocess.run(program, cwd=tmp_path, stderr=subprocess.DEVNULL, check=True)
    peak = int((tmp_path / "peak").read_text())
    assert peak < 900_000, f"{peak / 1e3:,.0f} MB"  # the model and what is loaded with it: 400
    long, short = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    assert long["data"]["text"] == text
    assert len(long["predictions"][0]["result"]) > 20_000
    assert short["predictions"][0]["result"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_bar_stood_still_within_a_long_article(monkeypatch: pytest.MonkeyPatch, jobs: int):
    monkeypatch.setattr(windows, "SIZE", 500)
    told: list[tuple[int, float]] = []
    within = ItemProgress()
    within.listener = lambda characters, share: told.append((characters, share))
    articles = [Article(doc_id="long", text=LINE[:3000].strip()), Article(doc_id="short", text="Talks began.")]
    long, short = annotated(load(MODEL), MODEL, EVENT, articles, Local(jobs), within)
    shares = [share for _, share in told[:-1]]
    assert len(shares) >= 6
    assert shares == sorted(shares)
    assert (shares[-1], told[-1]) == (1.0, (len(short.text), 1.0))
    assert sum(characters for characters, _ in told) == len(long.text) + len(short.text)


def test_spans_of_a_long_article_are_values_like_any_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(windows, "SIZE", 500)
    (doc,) = annotated(
        load(MODEL), MODEL, EVENT, [Article(doc_id="1", text=LINE[:2000].strip(), extra={"a": 1})], Local(1)
    )
    assert len(doc.spans) > 20
    assert doc.relations
    assert doc.extra == {"a": 1}
    assert type(doc).model_validate(doc.model_dump()) == doc
    assert type(doc).model_validate_json(doc.model_dump_json()) == doc
