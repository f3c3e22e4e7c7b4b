"""What `labeling demo` says at its end, without the demo itself: who may see the password, and who may not."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from pydantic import SecretStr

from labeling import terminal
from labeling.cli import demo as cli
from labeling.nlp.evaluation.comparison import comparison_of
from labeling.nlp.evaluation.counting import Counts
from labeling.nlp.evaluation.scores import Bootstrap
from labeling.secrets import keep
from labeling.workflow import demo as workflow

PASSWORD = "sesame-of-the-demo"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: dict[str, Any] = dict.fromkeys(("reviewed", "pending", "in", "out", "train", "dev"), 1)
    manifest = dict.fromkeys(("tasks", "spans", "relations", "documents"), numbers)
    made = workflow.Demo.model_construct(
        workspace=Path("w"),
        url="http://localhost:8080/projects/1/data",
        email="annotator@example.org",
        password=SecretStr(PASSWORD),
        credentials=Path("w/.labeling/studio/credentials.json"),
        imported=SimpleNamespace(articles=1, created=1),
        reviewed_now=1,
        exported=SimpleNamespace(manifest=manifest, folder=Path("w/exports")),
    )
    monkeypatch.setattr(workflow, "demo", lambda *_, **__: made)
    keep(PASSWORD)  # as whoever reads the credentials does


def test_password_is_not_printed_into_a_file(done: None, capsys: pytest.CaptureFixture[str]) -> None:
    cli.command(browser=False)

    out, err = capsys.readouterr()
    assert PASSWORD not in out + err
    assert "login annotator@example.org; the password is in w/.labeling/studio/credentials.json\n" in out


def test_what_the_model_gains_is_one_table(
    done: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = workflow.demo(Path("w"))
    right, worse = numpy.full((3, 1, 3), 2), numpy.array([[[1, 2, 2]]] * 3)
    counts = (Counts(("ACTOR",), one, one, ("agent",), one, one[:, 0, :2], (0, 1, 2)) for one in (right, worse))
    gained = comparison_of(("learned", "untrained"), tuple(counts), Bootstrap())
    monkeypatch.setattr(workflow, "demo", lambda *_, **__: made.model_copy(update={"gained": gained}))
    cli.command(browser=False)

    out = capsys.readouterr().out
    for row in ("all labels", "ACTOR", "all relations", "agent"):
        assert re.search(rf"^{row} +│ +1.000 │ +0.500 │ \+0.500 .* better", out, re.MULTILINE), row
    assert re.search(r"^effort saved ", out, re.MULTILINE)
    assert "Trained on 2 documents" in out


def test_password_is_shown_to_a_person(
    done: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (terminal, cli.console):
        monkeypatch.setattr(module, "sees", lambda _: True)
    cli.command(browser=False)

    assert f"login annotator@example.org, password {PASSWORD}\n" in capsys.readouterr().out
