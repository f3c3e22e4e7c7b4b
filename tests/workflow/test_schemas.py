"""A schema for a project that somebody made by hand: of its page, of its annotations, and of exports of it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from labeling.core.schema import LabelSchema
from labeling.errors import InputError
from labeling.settings import Workspace, open_workspace
from labeling.studio import server
from labeling.studio.setup import read_credentials
from labeling.studio.shown import Look, shown
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files, export_project
from labeling.workflow.export.options import Options
from labeling.workflow.schemas import from_files, from_project
from tests.builders import arrow

TEXTS = (
    "Rebels with knives went to Tadmor on Friday, and Ann paid 3 dollars.",
    "Smugglers sold a boat to Ann in Tartus. It was blue.",
    "Nothing happened here.",
)
# As people write them: names with spaces, an alias, colours by name, keys with modifiers, a field of another name.
CONFIG = """<View>
  <Header value="$headline"/>
  <Labels name="ner" toName="article">
    <Label value="Other weapon" background="darkorange" hotkey="w"/>
    <Label value="SHIP TO" background="#f0a" hotkey="shift+s"/>
    <Label value="R&amp;D/IT" background="#00FF00" hint="A department"/>
    <Label value="人物" alias="PERSON" hotkey="w"/>
    <Label value="$cash"/>
    <Label value="never used" background="rgba(1,2,3,0.5)"/>
  </Labels>
  <Relations><Relation value="is at"/><Relation value="sold by"/></Relations>
  <Text name="article" value="$body"/>
  <Image name="picture" value="$picture"/>
  <RectangleLabels name="boxes" toName="picture"><Label value="Face"/></RectangleLabels>
  <Choices name="kind" toName="article"><Choice value="war"/></Choices>
</View>"""


def region(text: str, part: str, label: str) -> dict[str, Any]:
    start = text.index(part)
    value = {"start": start, "end": start + len(part), "text": part, "labels": [label]}
    return {"id": part, "from_name": "ner", "to_name": "article", "type": "labels", "value": value}


RESULTS: tuple[list[dict[str, Any]], ...] = (
    [
        region(TEXTS[0], "knives", "Other weapon"),
        region(TEXTS[0], "Tadmor", "SHIP TO"),
        region(TEXTS[0], "Ann", "PERSON"),
        region(TEXTS[0], "3 dollars", "$cash"),
        arrow("knives", "Tadmor", "is at"),
        arrow("Ann", "knives", "sold by", direction="left"),
    ],
    [region(TEXTS[1], "boat", "R&D/IT"), region(TEXTS[1], "Ann", "PERSON"), arrow("boat", "Ann")],
    [],
)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """What the user of such a project exports."""
    tasks = [
        {"id": n, "project": 3, "data": {"body": text, "headline": f"H{n}"}, "annotations": [{"result": result}]}
        for n, (text, result) in enumerate(zip(TEXTS, RESULTS, strict=True))
    ]
    box = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["Face"]}
    tasks[2]["annotations"] += [
        {"result": [{"id": "box", "type": "rectanglelabels", "value": box}]},
        {"result": [region(TEXTS[0], "Ann", "SKIPPED")], "was_cancelled": True},
    ]
    file = tmp_path / "My export (1).json"
    file.write_text(json.dumps(tasks))
    return file


def test_shown_is_what_annotators_can_pick():
    found = shown(CONFIG)
    assert list(found.labels) == ["Other weapon", "SHIP TO", "R&D/IT", "PERSON", "$cash", "never used"]
    assert found.labels["Other weapon"] == Look(color="#ff8c00", hotkey="w")
    assert found.labels["SHIP TO"] == Look(color="#ff00aa")
    assert found.labels["R&D/IT"] == Look(color="#00FF00", hint="A department")
    assert found.relations == ("is at", "sold by")


def test_schema_from_export_has_what_was_used_and_takes_the_export_again(exported: Path, tmp_path: Path):
    made = from_files([exported])
    schema = LabelSchema.from_toml(made.toml)
    assert set(schema.labels) == {"PERSON", "Other weapon", "SHIP TO", "R&D/IT", "$cash"}
    assert next(iter(schema.labels)) == "PERSON"
    ends = {name: (relation.head, relation.tail) for name, relation in schema.relations.items()}
    assert ends == {
        "is at": (("Other weapon",), ("SHIP TO",)),
        "sold by": (("Other weapon",), ("PERSON",)),
        "relation": (("R&D/IT",), ("PERSON",)),
    }
    assert "[labels.PERSON]  # 2 spans" in made.toml
    assert schema.name == "my-export-1"
    done = export_files(open_workspace(tmp_path), [exported], tmp_path / "out", schema=schema)
    assert done.manifest["spans"] | {"in": 0, "exact": 0, "refused": 0} == dict.fromkeys(done.manifest["spans"], 0)
    assert (done.manifest["spans"]["exact"], done.manifest["relations"]["refused"]) == (6, 0)


def test_schema_from_export_as_its_user_types_it(run, exported: Path, tmp_path: Path):
    done = run("schema", "from-export", exported)
    assert done.returncode == 0, done.stderr
    assert tomllib.loads(done.stdout)["labels"]["Other weapon"]
    assert run("schema", "from-export", exported, "-o", "mine.toml").returncode == 0
    assert run("schema", "check", "mine.toml").returncode == 0
    assert run("convert", exported, "-o", "out", "--schema", "mine.toml").returncode == 0
    again = run("schema", "from-export", exported, "-o", "mine.toml")
    assert again.returncode == 2
    assert "mine.toml already exists" in again.stderr


def test_schema_from_export_says_what_it_leaves_out(run, tmp_path: Path):
    names = [" edge", "x" * 101, "line\nbreak", "Good"]
    result = [region(TEXTS[0], word, name) for word, name in zip(TEXTS[0].split(), names, strict=False)]
    (tmp_path / "export.json").write_text(
        json.dumps([{"data": {"text": TEXTS[0]}, "annotations": [{"result": result}]}])
    )
    done = run("schema", "from-export", "export.json")
    assert done.returncode == 0
    assert list(LabelSchema.from_toml(done.stdout).labels) == ["Good"]
    assert done.stderr.count("Left out: the label") == 3


@pytest.mark.parametrize("tasks", [[], [{"data": {"text": TEXTS[0]}, "annotations": [{"result": []}]}], [3, "x", {}]])
def test_schema_from_export_without_a_label_says_so(tmp_path: Path, tasks: Any):
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    with pytest.raises(InputError, match="No label of a span of text was found"):
        from_files([tmp_path / "export.json"])


@pytest.mark.studio
def test_schema_from_a_project_that_was_made_by_hand_exports_it(
    workspace: Workspace, studio_folder: Path, tmp_path: Path, run
):
    running, login = server.status(studio_folder), read_credentials(studio_folder)
    assert running
    assert login
    token = login.token.get_secret_value()
    with httpx.Client(base_url=running.url, headers={"Authorization": f"Token {token}"}, timeout=60) as api:
        project = api.post("/api/projects/", json={"title": "By hand: 人物", "label_config": CONFIG}).json()["id"]
        tasks = [{"body": text, "headline": "H", "picture": ""} for text in TEXTS]
        ids = api.post(f"/api/projects/{project}/import?return_task_ids=true", json=tasks).json()["task_ids"]
        for number, result in zip(ids, RESULTS, strict=True):
            assert api.post(f"/api/tasks/{number}/annotations/", json={"result": result}).is_success
    theirs = open_workspace(workspace.folder, project=project)
    done = export_project(theirs, tmp_path / "auto", Options(any_label=True))
    assert (done.manifest["spans"]["exact"], done.manifest["spans"]["refused"]) == (6, 0)
    assert [doc.text for doc in read_documents(done.folder / "docs.jsonl")] == list(TEXTS)
    schema = LabelSchema.from_toml(from_project(theirs).toml)
    assert schema.title == "By hand: 人物"
    assert "never used" in schema.labels
    assert schema.labels["Other weapon"].hotkey == "w"
    assert schema.relations["is at"].head == ("Other weapon",)
    listed = run("schema", "from-project", "--project", project, "-w", workspace.folder, "-o", "mine.toml")
    assert listed.returncode == 0, listed.stderr
    taken = run("export", "--project", project, "-w", workspace.folder, "--schema", "mine.toml", "-o", "out")
    assert taken.returncode == 0, taken.stderr
    # and a project of our own shows such labels
    made = run("init", "--schema", tmp_path / "mine.toml", cwd=_folder(tmp_path / "own"))
    assert made.returncode == 0, made.stderr
    (tmp_path / "own" / "a.txt").write_text(TEXTS[0])
    environment = {"LABEL_STUDIO_URL": running.url, "LABEL_STUDIO_API_KEY": token}
    pushed = run("import", "a.txt", cwd=tmp_path / "own", **environment)
    assert pushed.returncode == 0, pushed.stderr
    assert run("import", "a.txt", cwd=tmp_path / "own", **environment).returncode == 0


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
