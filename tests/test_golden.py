"""Exports that real servers wrote, from Label Studio 0.4.8 to 1.23.2, and what a careful reader sees in them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from labeling.errors import InputError
from labeling.formats.registry import FORMATS
from labeling.settings import open_workspace
from labeling.studio.counting import difference
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
from labeling.workflow.export.report import Exported

GOLDEN = Path(__file__).parent / "golden"
OTHER_KINDS = {".csv", ".tsv", ".conll", ".xml", ".py", ".md"}
FILES = sorted(
    file
    for file in GOLDEN.rglob("*")
    if file.is_file()
    and file.suffix not in OTHER_KINDS
    and "CONLL" not in file.name
    and file.name not in {"shown.json", "expected.json"}
    and "__pycache__" not in file.parts
)


def converted(tmp_path: Path, *files: Path, **options: Any) -> Exported:
    return export_files(open_workspace(tmp_path), list(files), tmp_path / "out", Options(**options), schema=None)


def spans(done: Exported) -> list[tuple[str, str]]:
    docs = read_documents(done.folder / "docs.jsonl")
    return [(doc.slice(span), span.label) for doc in docs for span in doc.spans]


def raw(file: Path) -> list[dict[str, Any]]:
    """The tasks of a file, read by nothing of ours."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            found = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
        tasks = [task for each in found for task in (each if isinstance(each, list) else [each])]
    else:
        value = json.loads(file.read_text(encoding="utf-8"))
        tasks = value.get("tasks", [value]) if isinstance(value, dict) else value
    return tasks


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(GOLDEN)))
class TestEveryFile:
    def test_sums_are_those_of_an_independent_count(self, file: Path, tmp_path: Path):
        manifest = converted(tmp_path, file).manifest
        tasks = raw(file)
        assert manifest["tasks"]["in"] == len(tasks)
        if all("data" in task for task in tasks):
            annotations = [a for task in tasks for a in task.get("annotations", task.get("completions", []))]
            drafts = [draft for task in tasks for draft in task.get("drafts") or []]
            skipped = sum(bool(a.get("was_cancelled") or a.get("skipped")) for a in annotations)
            assert manifest["annotations"]["in"] == len(annotations) - skipped
            assert manifest["unsubmitted"] == {"skipped": skipped, "draft": len(drafts)}
        for kind in ("annotations", "spans", "relations", "attributes", "tasks"):
            sums = dict(manifest[kind])
            assert sums.pop("in") == sum(sums.values()), kind
        documents = manifest["documents"]
        assert documents["out"] == manifest["annotations"]["used"] + manifest["annotations"]["empty"]
        misaligned = manifest["problems"].get("misaligned", 0)
        in_docs = sum(len(doc.spans) for doc in read_documents(tmp_path / "out" / "docs.jsonl"))
        assert in_docs == sum(sum(parts.values()) for parts in manifest["labels"].values()) + misaligned

    def test_every_kept_span_is_what_its_region_says(self, file: Path, tmp_path: Path):
        said = {}
        for task in raw(file):
            for annotation in task.get("annotations", task.get("completions", [])):
                for region in annotation["result"]:
                    if isinstance(region.get("value", {}).get("text"), str):
                        said[region["id"]] = region["value"]["text"]
        converted(tmp_path, file)
        for doc in read_documents(tmp_path / "out" / "docs.jsonl"):
            for span in doc.spans:
                if span.id in said:
                    assert difference(said[span.id].strip(), doc.slice(span)) is not None


OLD_TEXT = [
    ("0.4.8/text-result.json", "the end is the last character", 10, 0),
    ("0.6.1/text-result.json", "UTF-16", 4, 1),
    ("0.7.5.post2/text-result.json", "UTF-16", 4, 1),
    ("0.8.2.post0/text-result.json", "UTF-16", 4, 1),
    ("0.8.2.post0/completions", "UTF-16", 4, 1),
    ("0.9.1.post2/text-JSON.zip", "UTF-16", 4, 1),
    ("1.0.2.post0/text-JSON.json", "UTF-16", 4, 1),
]


@pytest.mark.parametrize(("file", "way", "repaired", "relations"), OLD_TEXT)
def test_golden_of_old_versions_is_repaired_where_all_regions_prove_how_they_count(
    file: str, way: str, repaired: int, relations: int, tmp_path: Path
):
    done = converted(tmp_path, GOLDEN / "old" / file)
    assert done.manifest["spans"]["in"] == 10
    assert done.manifest["spans"]["refused"] == 0
    assert done.manifest["spans"]["repaired"] == repaired
    assert done.manifest["relations"]["in"] == relations == done.manifest["relations"]["changed"]
    assert all(way in name for name in done.manifest["repairs"])
    assert {("Rebels", "ACTOR"), ("Tadmor", "LOCATION"), ("army", "ACTOR"), ("Doha", "LOCATION")} <= set(spans(done))


# The editor of 1.8.2 stored wrong places behind an emoji: only the regions' own texts are right (see golden/README.md).
WRONG = GOLDEN / "old" / "1.8.2.post1"
OLD_PAGES = sorted(
    file
    for file in (GOLDEN / "old").rglob("html-*")
    if file.suffix not in OTHER_KINDS and "CONLL" not in file.name and file.parent != WRONG
)


@pytest.mark.parametrize("file", OLD_PAGES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_golden_of_pages_is_found_by_path_in_every_version(file: Path, tmp_path: Path):
    done = converted(tmp_path, file)
    # two cells of a table have nothing between them in the page's text, so their words are one token
    assert set(done.manifest["problems"]) <= {"misaligned", "text-copy", "json-min"}
    assert done.manifest["problems"].get("misaligned", 0) <= 1
    assert len(spans(done)) == done.manifest["spans"]["in"] >= 5
    assert "Tadmor" in {text for text, _ in spans(done)}


@pytest.mark.parametrize(
    "name", ["quick.json", "quick-all.json", "snapshot.json", "snapshot-inline.json", "api-tasks.json"]
)
def test_golden_of_today_says_the_same_in_every_export(name: str, tmp_path: Path):
    done = converted(tmp_path, GOLDEN / "spans" / name)
    manifest = done.manifest
    assert manifest["spans"] | {"in": 35, "exact": 26, "shadowed": 7, "refused": 2} == manifest["spans"]
    # the two whose copy of the text was imported wrong
    assert {(p.text, p.said) for p in done.problems if p.action == "refused"} == {
        ("Police", "Polizei"),
        ("Sunday", "Sun"),
    }
    assert manifest["relations"]["in"] == 7
    assert manifest["attributes"] == {"in": 9, "kept": 9, "differing": 0, "refused": 0}


@pytest.mark.parametrize(
    ("name", "drafts", "others"),
    [
        ("quick.json", 1, {"older": 2}),
        ("quick-all.json", 2, {"older": 2}),
        ("snapshot.json", 2, {"older": 2}),
        ("api-tasks.json", 2, {"overlap": 1, "older": 1}),  # which alone says that two people were to annotate a task
    ],
)
def test_golden_states_are_told_apart(name: str, drafts: int, others: dict[str, int], tmp_path: Path):
    manifest = converted(tmp_path, GOLDEN / "states" / name).manifest
    found = {use: number for use, number in manifest["annotations"].items() if number}
    assert found == {"in": 6, "used": 3, "empty": 1, **others}
    assert manifest["unsubmitted"] == {"skipped": 1, "draft": drafts}


@pytest.mark.parametrize("choose", ["annotator", "all", "ground-truth"])
def test_golden_of_two_annotators_gives_whose_is_asked_for(choose: str, tmp_path: Path):
    file = GOLDEN / "states" / "snapshot-inline.json"
    choice = {"by": choose, "annotator": "second@example.org" if choose == "annotator" else ""}
    manifest = converted(tmp_path, file, choice=choice).manifest
    used = manifest["annotations"]["used"] + manifest["annotations"]["empty"]
    assert used == {"annotator": 1, "all": 5, "ground-truth": 1}[choose]
    assert manifest["documents"]["out"] == used


def test_golden_of_a_version_that_stored_wrong_places_is_refused_with_both_texts(tmp_path: Path):
    done = converted(tmp_path, WRONG / "html-JSON.json")
    spans_in = done.manifest["spans"]["in"]
    assert done.manifest["spans"]["refused"] == spans_in - len(spans(done)) > 0
    refused = [p for p in done.problems if p.action == "refused"]
    assert {p.reason for p in refused} == {"other-text", "bad-offsets"}
    assert all(p.said for p in refused)


def test_golden_pages_of_today_lose_only_what_is_half_a_token(tmp_path: Path):
    done = converted(tmp_path, GOLDEN / "pages" / "quick.json")
    assert done.manifest["spans"]["in"] == 18
    assert [(p.reason, p.text) for p in done.problems if p.action == "refused"] == [("misaligned", "12 dead")]


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.name in {"quick.json", "text-JSON.json", "text-result.json"}], ids=str
)
def test_golden_is_written_in_every_format(file: Path, tmp_path: Path):
    done = converted(tmp_path, file, formats=tuple(FORMATS), overlaps="longest")
    names = {name.split("/")[0] for name in done.manifest["sha256"]}
    assert {"prodigy", "conll", "brat", "hf", "events.csv", "events.parquet"} <= names


def test_golden_dialogue_is_refused_and_named(tmp_path: Path):
    done = converted(tmp_path, GOLDEN / "talk" / "quick.json")
    assert done.manifest["problems"] == {"not-in-a-text": 3}
    assert done.manifest["spans"]["exact"] == 2


@pytest.mark.parametrize(
    "file", sorted(f for f in GOLDEN.rglob("*") if f.suffix in {".csv", ".tsv", ".conll"} or "CONLL" in f.name), ids=str
)
def test_golden_of_another_kind_names_the_button_to_press(file: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"(CSV or TSV|CoNLL) export.*press Export and choose JSON"):
        converted(tmp_path, file)
