"""Annotation on all cores: the same documents in the same order, and the same errors."""

import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from spacy.language import Language

from labeling.core.article import Article
from labeling.engine import Local, local
from labeling.errors import ModelError
from labeling.nlp.annotate import annotate
from labeling.workflow import annotating
from labeling.workflow.annotating import annotated
from tests.builders import EVENT

MODEL = "en_core_web_sm"
PEOPLE = ("Ann Bell", "Zoë Kuleba", "Xi", "the rebels", "Moscow", "40 protesters")
ARTICLES = [
    Article(doc_id=str(n), text=f"{who} attacked Tadmor {n} times on Friday. " * (1 + n % 7) + "Talks broke down.")
    for n, who in enumerate(PEOPLE * 8)
]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "BATCH", 500)
    monkeypatch.setattr(local, "FEW", 10)


def forbid_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "can_fork", lambda: False)


@pytest.fixture(params=["fork", "spawn"])
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How other processes start; a thread more makes a fork unsafe."""
    if request.param == "spawn":
        forbid_forks(monkeypatch)
    elif sys.platform != "linux":
        pytest.skip("only Linux forks")
    return request.param


def test_annotated_is_the_same_on_one_core_and_on_several(english: Language, small_batches: None, start: str):
    expected = list(annotate(english, EVENT, ARTICLES))
    assert list(annotated(english, MODEL, EVENT, ARTICLES, Local(1))) == expected
    assert list(annotated(english, MODEL, EVENT, ARTICLES, Local(3))) == expected
    assert [doc.doc_id for doc in expected] == [article.doc_id for article in ARTICLES]


@pytest.mark.parametrize("count", [0, 1, 48])
def test_annotated_takes_few_articles(english: Language, start: str, count: int, monkeypatch: pytest.MonkeyPatch):
    if start == "spawn":
        monkeypatch.setattr(local._Process, "start", lambda *_: pytest.fail("another process was started"))
    assert len(list(annotated(english, MODEL, EVENT, ARTICLES[:count], Local(4)))) == count


def test_annotated_reads_ahead_only_so_far(english: Language, small_batches: None, start: str):
    read = 0

    def endless() -> Iterator[Article]:
        nonlocal read
        while True:
            read += 1
            yield Article(doc_id=str(read), text="Rebels attacked Tadmor on Friday. " * 12)

    docs = annotated(english, MODEL, EVENT, endless(), Local(2))
    first = [next(docs).doc_id for _ in range(30)]
    docs.close()
    assert first == [str(n) for n in range(1, 31)]
    assert read < 60


def test_annotated_names_what_is_wrong_in_another_process(
    english: Language, small_batches: None, monkeypatch: pytest.MonkeyPatch
):
    forbid_forks(monkeypatch)
    with pytest.raises(ModelError, match="xx_not_there") as caught:
        list(annotated(english, "xx_not_there", EVENT, ARTICLES * 20, Local(2)))
    assert caught.value.hint


def test_annotate_takes_long_articles_and_notes_other_languages(run, tmp_path: Path):
    paragraph = "Rebels attacked Tadmor on Friday, Ann Bell said in Geneva. Moscow denied it.\n\n"
    german = "Die Rebellen haben am Freitag die Stadt Tadmor angegriffen, sagte der Außenminister in Genf."
    articles = [{"id": "long", "text": paragraph * 600}, {"id": "german", "text": german}, {"id": "none", "text": "x"}]
    (tmp_path / "articles.json").write_text(json.dumps(articles), encoding="utf-8")
    done = run("annotate", "articles.json", "-o", "tasks.json", "--jobs", "2", "--json")
    assert done.returncode == 0, done.stderr
    tasks = {task["data"]["doc_id"]: task for task in json.loads((tmp_path / "tasks.json").read_text())}
    text = tasks["long"]["data"]["text"]
    regions = [r for r in tasks["long"]["predictions"][0]["result"] if r["type"] == "labels"]
    assert len({r["id"] for r in regions}) == len(regions)
    assert all(text[r["value"]["start"] : r["value"]["end"]] == r["value"]["text"] for r in regions)
    assert sum(r["value"]["text"] == "attacked" for r in regions) == 600
    assert tasks["none"]["predictions"][0]["result"] == []
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["reason"], problem["action"], problem["doc_id"]) == ("other-language", "kept", "german")


def test_garbage_of_a_process_that_goes_on_is_still_looked_for(english: Language):
    before = gc.get_freeze_count()
    list(annotated(english, MODEL, EVENT, ARTICLES[:2], Local(1)))
    assert gc.get_freeze_count() == before
