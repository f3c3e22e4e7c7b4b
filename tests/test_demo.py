"""What `labeling demo` says at its end, without the demo itself: who may see the password, and who may not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from labeling import terminal
from labeling.cli import demo as cli
from labeling.secrets import keep
from labeling.workflow import demo as workflow

PASSWORD = "sesame-of-the-demo"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: dict[str, Any] = dict.fromkeys(("reviewed", "pending", "in", "out", "train"), 1)
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


def test_password_is_shown_to_a_person(
    done: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (terminal, cli.console):
        monkeypatch.setattr(module, "sees", lambda _: True)
    cli.command(browser=False)

    assert f"login annotator@example.org, password {PASSWORD}\n" in capsys.readouterr().out
