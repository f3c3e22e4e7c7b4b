"""Exports → training files: the sums add up on any input, options do what they say, bad input is named."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin

from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS, Split
from labeling.errors import InputError
from labeling.formats.registry import FORMATS
from labeling.settings import open_workspace
from labeling.studio.annotations import Choice
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
from labeling.workflow.export.report import Exported
from tests.builders import reviewed
from tests.strategies import documents, json_values

TEXT = "Rebels left Tadmor on Friday."
DAY = "2026-01-0{}T00:00:00Z"


def region(start: Any, end: Any, label: str = "ACTOR", **value: Any) -> dict[str, Any]:
    return {
        "id": f"{start}-{end}-{label}",
        "type": "labels",
        "value": {"start": start, "end": end, "labels": [label], **value},
    }


def task(*result: Any, text: str = TEXT, by: Any = 1, day: int = 1, doc_id: str = "", **fields: Any) -> dict[str, Any]:
    annotation = {"id": 1, "completed_by": by, "updated_at": DAY.format(day), "result": list(result), **fields}
    return {
        "id": 7,
        "project": 3,
        "data": {"text": text, **({"doc_id": doc_id} if doc_id else {})},
        "annotations": [annotation],
    }


def converted(folder: Path, *tasks: Any, **options: Any) -> Exported:
    file = folder / "export.json"
    file.write_text(json.dumps(list(tasks)), encoding="utf-8", errors="surrogatepass")
    return export_files(open_workspace(folder), [file], folder / "out", Options(**options), schema=None)


def docs_of(done: Exported) -> list[LabeledDoc]:
    return read_documents(done.folder / "docs.jsonl")


def check_sums(done: Exported) -> None:
    manifest = done.manifest
    for kind in ("tasks", "annotations", "spans", "relations", "attributes"):
        sums = dict(manifest[kind])
        assert sums.pop("in") == sum(sums.values()), (kind, manifest[kind])
    documents = dict(manifest["documents"])
    assert documents.pop("out") == sum(documents.values())
    assert len(docs_of(done)) == manifest["documents"]["out"]
    listed = [json.loads(line) for line in (done.folder / "problems.jsonl").read_bytes().split(b"\n") if line]
    assert len(listed) == sum(manifest["problems"].values())
    refused = sum(manifest[kind]["refused"] for kind in ("spans", "relations", "attributes"))
    assert sum(problem["action"] == "refused" for problem in listed) >= refused
    vocab = spacy.blank("en").vocab
    files = {part: list(DocBin().from_disk(done.folder / f"{part}.spacy").get_docs(vocab)) for part in PARTS}
    assert {part: len(found) for part, found in files.items()} == documents
    on_tokens = sum(len(doc.spans["sc"]) for found in files.values() for doc in found)
    assert on_tokens == sum(sum(parts.values()) for parts in manifest["labels"].values())


odd_results = st.lists(
    st.builds(region, st.integers(-2, 32), st.integers(-2, 32), st.sampled_from(["ACTOR", "DATE", ""]))
    | st.builds(region, st.integers(0, 20), st.integers(5, 29), text=st.sampled_from(["Rebels", "Tadmor", "left\\n"]))
    | json_values,
    max_size=6,
)
odd_tasks = st.builds(
    task,
    text=st.sampled_from([TEXT, "No 😀 at all.\r\nNone.", "", "http://example.org/a"]),
    by=st.sampled_from([1, 2, None, "ann", {"email": "ann@example.org"}]),
    day=st.integers(1, 3),
    doc_id=st.sampled_from(["", "a", "b"]),
    was_cancelled=st.booleans(),
    ground_truth=st.booleans(),
).flatmap(
    lambda made: odd_results.map(
        lambda result: (
            made
            | {"annotations": [{**a, "result": result} for a in made["annotations"]], "drafts": [{"result": result}]}
        )
    )
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(odd_tasks | documents().map(reviewed) | json_values, min_size=1, max_size=6),
    st.sampled_from(["latest", "ground-truth", "all", "annotator=ann", "adjudicated"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["strict", "contract", "expand"]),
)
def test_convert_accounts_for_everything_in_any_input(
    tmp_path_factory, tasks, choose: str, anonymous: bool, drafts: bool, align: str
):
    folder = tmp_path_factory.mktemp("any")
    options = {"choice": Choice.parse(choose), "anonymous": anonymous, "drafts": drafts, "align": align}
    try:
        done = converted(folder, *tasks, **options, mapping={"DATE": "TIME"}, drop=frozenset({"ACTION"}))
    except InputError:
        return  # there was no task in it
    check_sums(done)
    assert done.manifest["tasks"]["in"] == len(tasks)


@settings(max_examples=25, deadline=None)
@given(st.lists(documents(), min_size=1, max_size=5))
def test_convert_gives_back_what_was_reviewed(tmp_path_factory, docs: list[LabeledDoc]):
    docs = [doc.model_copy(update={"doc_id": f"d{n}"}) for n, doc in enumerate(docs)]
    done = converted(tmp_path_factory.mktemp("same"), *map(reviewed, docs))
    assert docs_of(done) == docs
    assert done.manifest["annotations"]["used"] + done.manifest["annotations"]["empty"] == len(docs)


def test_convert_writes_the_same_whatever_the_number_of_processes(tmp_path: Path):
    tasks = [
        task(region(0, 6), region(12, 18, "LOCATION"), text=f"{TEXT} {n} times, {n * 7919} more.") for n in range(300)
    ]
    alone = converted(tmp_path, *tasks, jobs=1, formats=tuple(FORMATS))
    before = dict(alone.manifest["sha256"])
    together = converted(tmp_path, *tasks, jobs=2, formats=tuple(FORMATS))
    assert together.manifest["sha256"] == before
    assert len(before) > 600


@pytest.mark.parametrize(
    ("choose", "used"),
    [("latest", ["LOCATION"]), ("annotator=1", ["ACTOR"]), ("ground-truth", ["ACTOR"]), ("all", ["ACTOR", "LOCATION"])],
)
def test_convert_takes_the_annotations_that_are_asked_for_over_several_files(
    tmp_path: Path, choose: str, used: list[str]
):
    first = task(region(0, 6), by=1, day=1, ground_truth=True)
    second = task(region(12, 18, "LOCATION"), by=2, day=2)
    (tmp_path / "a.json").write_text(json.dumps([first]))
    (tmp_path / "b.json").write_text(json.dumps([second]))
    options = Options(choice=Choice.parse(choose))
    done = export_files(
        open_workspace(tmp_path), [tmp_path / "a.json", tmp_path / "b.json"], tmp_path / "out", options, schema=None
    )
    assert sorted(span.label for doc in docs_of(done) for span in doc.spans) == used
    check_sums(done)
    assert done.manifest["annotations"]["in"] == 2


def test_convert_of_annotations_that_gave_way_to_others_ends_with_0_and_lists_them(run, tmp_path: Path):
    made = task(region(0, 6), day=2)
    made["annotations"] += task(region(12, 18), by=2, day=1)["annotations"] + task(was_cancelled=True)["annotations"]
    made["drafts"] = [{"result": [region(0, 6)]}]
    (tmp_path / "export.json").write_text(json.dumps([made, task(region(0, 6), day=1)]))
    done = run("convert", "export.json", "-o", "out")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {name: n for name, n in manifest["annotations"].items() if n} == {
        "in": 3,
        "used": 1,
        "older": 1,
        "other-task": 1,
    }
    assert manifest["unsubmitted"] == {"skipped": 1, "draft": 1}
    listed = [json.loads(line) for line in (tmp_path / "out" / "problems.jsonl").read_text().splitlines()]
    assert {(p["reason"], p["action"]) for p in listed} == {
        ("older-annotation", "unused"),
        ("duplicate-document", "unused"),
    }
    assert "unused    older-annotation" in done.stderr
    assert "refused" not in done.stderr


def test_convert_where_no_annotation_counts_does_not_say_that_none_was_submitted(run, tmp_path: Path):
    (tmp_path / "export.json").write_text(json.dumps([task(region(0, 6))]))
    done = run("convert", "export.json", "-o", "out", "--choose", "annotator=nobody@example.org")
    assert "None of 1 submitted annotations was used" in done.stderr
    assert "Nothing has been reviewed" not in done.stderr


@pytest.mark.parametrize(
    ("server", "numbers", "url"),
    [
        ("", {"project": 3, "id": 7}, ""),
        ("https://studio.example.org/", {"project": 3, "id": 7}, "https://studio.example.org/projects/3/data?task=7"),
        (
            "https://ann:secret@studio.example.org",
            {"project": 3, "id": 7},
            "https://studio.example.org/projects/3/data?task=7",
        ),
        (
            "https://studio.example.org/{x}",
            {"project": 3, "id": 7},
            "https://studio.example.org/{x}/projects/3/data?task=7",
        ),
        ("https://studio.example.org", {"project": None, "id": 7}, ""),
        ("https://studio.example.org", {"project": 3, "id": "../../x"}, ""),
    ],
)
def test_convert_gives_the_address_of_a_task_only_where_it_is_known(
    tmp_path: Path, monkeypatch, server: str, numbers: dict[str, Any], url: str
):
    if server:
        monkeypatch.setenv("LABEL_STUDIO_URL", server)
    done = converted(tmp_path, task(region(0, 60)) | numbers)
    assert [problem.url for problem in done.problems] == [url]


def test_convert_keeps_apart_what_has_one_id_and_two_texts(tmp_path: Path):
    done = converted(tmp_path, task(doc_id="a"), task(doc_id="a", text="Another one."))
    first, second = docs_of(done)
    assert first.doc_id == "a"
    assert second.doc_id.startswith("a~")


def test_convert_takes_a_draft_as_partly_reviewed_only_where_asked_to(tmp_path: Path):
    drafted = {"data": {"text": TEXT}, "annotations": [], "drafts": [{"result": [region(0, 6)]}]}
    assert converted(tmp_path, drafted).manifest["documents"]["out"] == 0
    done = converted(tmp_path, drafted, drafts=True, split=Split(dev=0, test=0))
    (doc,) = DocBin().from_disk(done.folder / "train.spacy").get_docs(spacy.blank("en").vocab)
    assert [token.ent_iob for token in doc] == [3, 0, 0, 0, 0, 0]


def test_convert_leaves_unknown_what_a_refused_span_covered(tmp_path: Path):
    done = converted(tmp_path, task(region(0, 6), region(12, 18, " ")), split=Split(dev=0, test=0))
    (doc,) = DocBin().from_disk(done.folder / "train.spacy").get_docs(spacy.blank("en").vocab)
    assert [token.ent_iob for token in doc] == [3, 2, 0, 2, 2, 2]


def test_convert_maps_and_drops_labels_and_counts_them(tmp_path: Path):
    arrow = {"type": "relation", "from_id": "0-6-ACTOR", "to_id": "12-18-LOC", "direction": "right", "labels": ["at"]}
    made = task(region(0, 6), region(12, 18, "LOC"), region(22, 28, "WHEN"), arrow)
    done = converted(tmp_path, made, mapping={"LOC": "LOCATION", "at": "place"}, drop=frozenset({"WHEN"}))
    assert {span.label for doc in docs_of(done) for span in doc.spans} == {"ACTOR", "LOCATION"}
    assert [r.label for doc in docs_of(done) for r in doc.relations] == ["place"]
    assert done.manifest["spans"]["dropped"] == 1
    assert done.manifest["renamed"] == {"LOC=LOCATION": 1, "at=place": 1}
    assert done.manifest["dropped"] == {"WHEN": 1}
    check_sums(done)


def test_convert_takes_labels_with_spaces_by_a_schema_into_every_format(tmp_path: Path):
    names = ["Other weapon", "Other_weapon", "SHIP TO/人物", "=1+1"]
    toml = 'name = "x"\nversion = "1"\ntitle = "A title"\n' + "".join(f"[labels.{json.dumps(n)}]\n" for n in names)
    toml += '[relations."is at"]\nhead = ["Other weapon"]\ntail = ["SHIP TO/人物", "=1+1"]\n'
    arrow = {"type": "relation", "from_id": "0-6-Other weapon", "to_id": "12-18-SHIP TO/人物", "labels": ["is at"]}
    spans = [region(0, 6, names[0]), region(7, 11, names[1]), region(12, 18, names[2]), region(22, 28, names[3])]
    (tmp_path / "export.json").write_text(json.dumps([task(*spans, arrow)]))
    options = Options(formats=tuple(FORMATS), split=Split(dev=0, test=0))
    schema = LabelSchema.from_toml(toml)
    done = export_files(open_workspace(tmp_path), [tmp_path / "export.json"], tmp_path / "out", options, schema=schema)
    assert done.manifest["spans"]["exact"] == 4
    assert done.manifest["relations"]["exact"] == 1
    (doc,) = DocBin().from_disk(done.folder / "train.spacy").get_docs(spacy.blank("en").vocab)
    assert [entity.label_ for entity in doc.ents] == names
    tags = [line.split(" ") for line in (done.folder / "conll" / "train.conll").read_text().splitlines() if line]
    assert {len(columns) for columns in tags} == {4}
    spelled = [columns[3].removeprefix("B-") for columns in tags if columns[3].startswith("B-")]
    assert len(set(spelled)) == 4
    renamed = [p.detail for p in done.problems if p.reason == "renamed-label"]
    assert any("conll" in detail and "'Other weapon'" in detail and spelled[0] in detail for detail in renamed)
    (annotations,) = (done.folder / "brat" / "train").glob("*.ann")
    kinds = [line.split("\t")[1].split(" ")[0] for line in annotations.read_text().splitlines() if line[0] == "T"]
    assert len(set(kinds)) == 4
    assert all(kind.isascii() for kind in kinds)
    conf = (done.folder / "brat" / "train" / "annotation.conf").read_text()
    assert all(json.dumps(name, ensure_ascii=False) in conf or name in conf for name in names)


def test_convert_keeps_copies_in_one_part_and_a_document_where_it_was(tmp_path: Path):
    story = "The army said on Monday that rebels had left the town of Tadmor after days of shelling. " * 5
    texts = [f"{n} {story if n < 4 else f'{n} ' * 40}" for n in range(40)]
    done = converted(tmp_path, *(task(region(0, 1), text=text) for text in texts))
    assert done.manifest["split"]["clusters"] >= 1
    parts = {
        json.loads(line)["digest"]: json.loads(line)["part"]
        for line in (done.folder / "parts.jsonl").read_text().splitlines()
    }
    assert len({parts[doc.digest] for doc in docs_of(done)[:4]}) == 1
    again = converted(tmp_path, *(task(region(0, 1), text=text) for text in texts), split=Split(dev=45, test=45))
    assert again.manifest["split"]["kept"] == 40
    assert again.manifest["documents"] == done.manifest["documents"]
    other = converted(
        tmp_path, *(task(region(0, 1), text=text) for text in texts), split=Split(dev=45, test=45), resplit=True
    )
    assert other.manifest["split"]["kept"] == 0
    assert other.manifest["documents"]["dev"] > done.manifest["documents"]["dev"]


def test_convert_with_broken_memory_of_parts_says_what_to_do(tmp_path: Path):
    converted(tmp_path, task(region(0, 6)))
    (tmp_path / "out" / "parts.jsonl").write_text('{"digest": "x", "part": "exam"}\n')
    with pytest.raises(InputError, match="'exam' is not one of the parts") as caught:
        converted(tmp_path, task(region(0, 6)))
    assert "--resplit" in caught.value.hint


@pytest.mark.parametrize(("limit", "fails"), [(60.0, False), (50.0, False), (49.0, True), (0.0, True)])
def test_convert_fails_over_a_share_of_refused_spans_and_leaves_what_was_there(
    tmp_path: Path, limit: float, fails: bool
):
    good = converted(tmp_path, task(region(0, 6)))
    before = (good.folder / "manifest.json").read_bytes()
    tasks = [task(region(0, 6), region(50, 60))]
    if not fails:
        assert converted(tmp_path, *tasks, fail_over=limit).manifest["spans"]["refused"] == 1
        return
    with pytest.raises(InputError, match="1 of 2 spans"):
        converted(tmp_path, *tasks, fail_over=limit)
    assert (good.folder / "manifest.json").read_bytes() == before
    assert "out-of-range" in (good.folder / "problems.failed.jsonl").read_text()
    assert not list(good.folder.glob(".partial-*"))


def test_convert_of_a_file_that_is_cut_off_gives_what_stands_before_unless_strict(tmp_path: Path):
    whole = json.dumps([task(region(0, 6), text=f"{TEXT} {n}") for n in range(5)])
    file = tmp_path / "cut.json"
    file.write_text(whole[:-40])
    done = export_files(open_workspace(tmp_path), [file], tmp_path / "out", schema=None)
    assert done.manifest["documents"]["out"] == 4
    assert done.manifest["problems"]["cut-off"] == 1
    with pytest.raises(InputError, match="could not be read"):
        export_files(open_workspace(tmp_path), [file], tmp_path / "strict", Options(strict=True), schema=None)
    assert not (tmp_path / "strict").exists()


def test_convert_reads_archives_folders_and_standard_input(run, tmp_path: Path):
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps([task(region(0, 6))]))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(task(region(0, 6), text="Rebels came.")).encode()))
    with zipfile.ZipFile(folder / "c.zip", "w") as archive:
        archive.writestr("x/c.json", json.dumps([task(region(0, 6), text="Rebels went.")]))
    done = run("convert", "all", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["documents"]["out"] == 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--choose", "best"], "names no annotations"),
        (["--map", "ACTOR"], "--map PER=ACTOR"),
        (["--split", "80/30"], "adds up to 110"),
        (["--split", "most"], "is not a split"),
        (["--split-by", "author"], "'source', 'published'"),
        (["--format", "word"], "There are prodigy"),
        (["--fail-over", "many"], "--fail-over 5%"),
        (["--align", "loose"], "align"),
        (["--train", "parser"], "train"),
        (["--schema", "event", "--map", "PER=PERSON"], "no label or relation PERSON"),
    ],
)
def test_convert_names_an_option_that_cannot_be(run, tmp_path: Path, args: list[str], said: str):
    (tmp_path / "export.json").write_text(json.dumps([task(region(0, 6))]))
    done = run("convert", "export.json", "-o", "out", *args)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_convert_problem_has_the_document_both_texts_and_the_tasks_address(run, tmp_path: Path):
    made = task(region(0, 6, text="Army"), region(7, 11, text="left"))
    (tmp_path / "export.json").write_text(json.dumps([made]))
    done = run("convert", "export.json", "-o", "out", LABEL_STUDIO_URL="https://studio.example.org")
    assert done.returncode == 1
    (problem,) = [json.loads(line) for line in (tmp_path / "out" / "problems.jsonl").read_text().splitlines()]
    assert problem["url"] == "https://studio.example.org/projects/3/data?task=7"
    assert (problem["text"], problem["said"], problem["action"]) == ("Rebels", "Army", "refused")
    assert problem["doc_id"]
    assert problem["where"] == "export.json#1"


def test_convert_replaces_the_files_of_an_earlier_run_and_nothing_else(tmp_path: Path):
    first = converted(tmp_path, task(region(0, 6)), formats=("brat", "events"))
    (first.folder / "notes.txt").write_text("mine")
    second = converted(tmp_path, task(region(0, 6)))
    names = {path.name for path in second.folder.iterdir()}
    assert "brat" not in names
    assert "events.csv" not in names
    assert {"notes.txt", "train.spacy", "manifest.json", "parts.jsonl"} <= names
