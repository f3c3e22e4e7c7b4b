"""What the documents say is so."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from labeling.cli import app
from labeling.core.reasons import MEANINGS, REASONS
from labeling.ingest.clean import BOILERPLATE
from labeling.settings import Settings, init, open_workspace
from labeling.workflow import export
from labeling.workflow.demo import DEMO_SPLIT
from labeling.workflow.export.commands import export_files
from tests.builders import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "exports" / "README.md"])
CODE = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "labeling").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_what_is_generated_in_the_docs_is_up_to_date():
    done = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    for page, text in done["generated"]().items():
        assert page.read_text(encoding="utf-8") == text, f"{page.name} is out of date: python docs/generate.py"


def test_every_reason_is_explained_and_every_explained_one_is_given():
    assert {one.reason for meanings in MEANINGS.values() for one in meanings} | {
        *BOILERPLATE,
        "title-repeated",
    } == REASONS
    code = CODE.replace((ROOT / "labeling" / "core" / "reasons.py").read_text(encoding="utf-8"), "")
    assert {reason for reason in REASONS if f'"{reason}"' not in code} == set()


def commands(group: Any, name: str = "") -> dict[str, Any]:
    """Every command by what a person types behind `labeling`."""
    found: dict[str, Any] = {}
    for key, one in group.commands.items():
        found |= commands(one, f"{name}{key} ") if hasattr(one, "commands") else {f"{name}{key}": one}
    return found


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str):
    command = COMMANDS[name]
    assert command.help
    assert all(one.help for one in command.params if one.name != "help" and not one.hidden)
    pages = [page for page in PAGES if page.name not in ("commands.md", "CHANGELOG.md")]
    assert any(re.search(rf"\blabeling {name}\b", page.read_text(encoding="utf-8")) for page in pages)


def test_table_of_the_loop_names_modules_that_exist():
    """A name without a folder is in the folder of the one before it."""
    rows = re.findall(r"^\|[^|]*\|([^|]*)\|", (ROOT / "docs" / "loop.md").read_text(encoding="utf-8"), re.MULTILINE)
    names = [re.findall(r"`([a-z_/.]+)`", row) for row in rows]
    assert sum(map(len, names)) >= 30
    for row in filter(None, names):
        folder = ROOT / "labeling"
        for name in row:
            path = (ROOT / "labeling" if "/" in name else folder) / name
            folder = path if path.is_dir() else path.parent
            assert path.exists(), name


def test_package_of_an_export_explains_each_of_its_files():
    folder = Path(export.__file__).parent
    lines = re.findall(r"^    (\w+(?:, \w+)*) +\S", str(export.__doc__), re.MULTILINE)
    explained = sorted(name for line in lines for name in line.split(", "))
    assert explained == sorted(file.stem for file in folder.glob("[!_]*.py"))


def test_every_command_of_the_readme_exists(run):
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"`?labeling ([a-z]+)(?= |`)", page)) - {"schema", "studio", "people"}
    listed = run("--help").stdout
    assert len(commands) >= 10
    for command in commands:
        assert f" {command} " in listed, command


def test_every_setting_is_explained():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert re.search(rf"`\[?{field.alias or name}\b", page), name


def reviewed(gold: dict[str, Any]) -> dict[str, Any]:
    """A task of which somebody has submitted the gold labels."""
    result: list[dict[str, Any]] = []
    for span in gold["spans"]:
        value = {"start": span["start"], "end": span["end"], "labels": [span["label"]]}
        result.append({"id": span["id"], "type": "labels", "value": value})
    for relation in gold["relations"]:
        ends = {"from_id": relation["head"], "to_id": relation["tail"]}
        result.append({"type": "relation", **ends, "labels": [relation["label"]]})
    return {"data": {"text": gold["text"]}, "annotations": [{"result": result}]}


def test_figures_of_the_readme_are_those_of_the_seeds(tmp_path: Path):
    """As `make demo` prints them, which submits the gold labels."""
    lines = (ROOT / "seeds" / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    tasks = [reviewed(json.loads(line)) for line in lines]
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    init(tmp_path, split=DEMO_SPLIT)
    done = export_files(open_workspace(tmp_path), [tmp_path / "export.json"], tmp_path / "exports", schema=None)
    parts = {part: done.manifest["documents"][part] for part in ("train", "dev", "test")}
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "documents in exports: {train} train, {dev} dev, {test} test\n".format(**parts) in page
    assert f"Trained on {parts['train'] + parts['dev']} documents" in page
    assert "   {train} │   {dev} │    {test}\n".format(**parts) in page
    for kind in ("spans", "relations"):
        number = done.manifest[kind]["exact"]
        assert f"{kind} exported".ljust(24) + f"│   {number} │ {number} exact" in page


OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]+")


def test_every_option_of_a_command_in_the_docs_exists(run):
    helps: dict[str, str] = {}
    seen = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = re.findall(r"`labeling ([^`\n]+)`", text) + re.findall(
            r"^(?:    |\$ )labeling (.+)", text, re.MULTILINE
        )
        for line in found if page.name != "CHANGELOG.md" else ():
            command = " ".join(re.findall(r"^(?:(?:studio|schema|people) )?[a-z-]+", line))
            for option in OPTION.findall(line.partition(" # ")[0]):
                if command not in helps:
                    helps[command] = run(*command.split(), "--help").stdout
                assert f" {option} " in helps[command], f"{page.name}: labeling {line}"
                seen += 1
    assert seen >= 15


def test_snippet_of_the_exports_page_runs_with_nothing_but_spacy(tmp_path: Path):
    gold = json.loads((ROOT / "seeds" / "gold.jsonl").read_text(encoding="utf-8").splitlines()[0])
    relation = gold["relations"][0]
    (tmp_path / "export.json").write_text(json.dumps([reviewed(gold)]), encoding="utf-8")
    export_files(open_workspace(tmp_path), [tmp_path / "export.json"], tmp_path / "exports", schema=None)
    page = (ROOT / "exports" / "README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    part = next(p for p in ("train", "dev", "test") if (tmp_path / "exports" / f"{p}.spacy").stat().st_size > 200)
    done = subprocess.run(
        [sys.executable, "-c", snippet.replace("train.spacy", f"{part}.spacy")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{len(gold['spans'])} entities, {len(gold['spans'])} spans" in done.stdout
    assert f"--{relation['label']}-->" in done.stdout


def test_every_line_of_the_settings_that_init_writes_may_be_used(tmp_path: Path):
    """What is commented out is as good as what is not, the port of the embedded server among it."""
    init(tmp_path, title="Border news")
    file = tmp_path / "labeling.toml"
    file.write_text(re.sub(r"^# (?=\[|\w+ = )", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE))
    settings = open_workspace(tmp_path).settings
    assert (settings.studio.port, settings.studio.project, settings.split.by) == (8080, 1, "text")
