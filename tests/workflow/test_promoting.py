"""The gate before a workspace's model, with pipelines that find what they are told to. No model is trained here."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from labeling.core.labels import LabeledDoc, Span
from labeling.errors import InputError, ModelError
from labeling.promoted import read_promoted
from labeling.settings import Workspace, open_workspace
from labeling.workflow import model_store
from labeling.workflow.card import Card
from labeling.workflow.cards import gold_of, schema_of, write_card
from labeling.workflow.doctor import examine
from labeling.workflow.known_models import find_card, known_models
from labeling.workflow.promoting import promote
from labeling.workflow.task_files import annotate_files

SCHEMA = """
name = "small"
version = "1.0.0"
title = "Small schema"
[labels.PERSON]
[labels.PLACE]
"""
RARE, SELDOM = "Kay Hunt", (3, 11, 19)  # so few documents have her that it may be chance
PEOPLE = ("Ann Bell", "Tom Reed", "Eve Stone", "Max Wood", "Ida Lake", RARE)
TOWNS = ("Tadmor", "Homs", "Doha", "Basra", "Aleppo")


def document(number: int) -> LabeledDoc:
    """An article with a person and a place, with words that no other one has."""
    person, town = RARE if number in SELDOM else PEOPLE[number % 5], TOWNS[number // 5 % 5]
    filling = " ".join(f"w{number}x{i}" for i in range(20))
    text = f"{person} left {town} because {filling}."
    spans = ((0, len(person), "PERSON"), (text.index(town), text.index(town) + len(town), "PLACE"))
    made = tuple(Span(id=f"s{i}", start=start, end=end, label=label) for i, (start, end, label) in enumerate(spans))
    return LabeledDoc(doc_id=f"a{number}", text=text, spans=made)


def export(folder: Path, **parts: Iterable[int | LabeledDoc]) -> Path:
    """An exported folder with these documents in its parts."""
    nlp = spacy.blank("en")
    folder.mkdir(exist_ok=True)
    for part in ("train", "dev", "test"):
        docs = []
        for each in parts.get(part, ()):
            labeled = document(each) if isinstance(each, int) else each
            doc = nlp.make_doc(labeled.text)
            doc.ents = [doc.char_span(span.start, span.end, span.label) for span in labeled.spans]
            doc.spans["sc"] = list(doc.ents)
            doc.user_data["labeling"] = labeled.model_dump_json()
            docs.append(doc)
        DocBin(docs=docs, store_user_data=True).to_disk(folder / f"{part}.spacy")
    manifest = {"schema": {"name": "small", "version": "1.0.0", "sha256": "", "labels": ["PERSON", "PLACE"]}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def pipeline(folder: Path, words: Iterable[str], trained_on: Path | None) -> Path:
    """A pipeline that finds these people and places, and says with its card that it was trained on that folder."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    labels = dict.fromkeys(PEOPLE, "PERSON") | dict.fromkeys(TOWNS, "PLACE")
    ruler.add_patterns([{"label": labels.get(word, "PERSON"), "pattern": word} for word in words])
    folder.mkdir(parents=True)
    nlp.to_disk(folder)
    if trained_on:
        write_card(folder, Card(gold=gold_of(trained_on), label_schema=schema_of(trained_on)))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose pipeline finds people, with an export of 25 test documents."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "small.toml").write_text(SCHEMA)
    stock = pipeline(tmp_path / "stock", PEOPLE, None)
    (tmp_path / "labeling.toml").write_text(f'schema = "small"\nmodel = "{stock}"\n')
    export(tmp_path / "exports", train=range(100, 110), dev=range(200, 203), test=range(25))
    return open_workspace(tmp_path)


def again(workspace: Workspace) -> Workspace:
    """The workspace as the next command sees it."""
    return open_workspace(workspace.folder)


@pytest.fixture
def better(workspace: Workspace) -> Path:
    return pipeline(workspace.folder / "models" / "better" / "model-best", PEOPLE + TOWNS, workspace.exports)


@pytest.fixture
def worse(workspace: Workspace) -> Path:
    return pipeline(workspace.folder / "models" / "worse" / "model-best", PEOPLE[:2], workspace.exports)


@pytest.fixture
def close(workspace: Workspace) -> Path:
    """Finds all places, and one person less."""
    return pipeline(workspace.folder / "models" / "close" / "model-best", PEOPLE[:-1] + TOWNS, workspace.exports)


def test_better_model_is_promoted_and_pre_annotates_from_then_on(workspace: Workspace, better: Path):
    done = promote(workspace, str(better), workspace.exports)
    assert done.promoted
    assert done.gate.outcome == "promote"
    assert [(row.label, row.gold, row.verdict) for row in done.gate.rows] == [
        ("all spans", 50, "better"),
        ("PERSON", 25, "as good"),
        ("PLACE", 25, "better"),
    ]
    (workspace.folder / "article.txt").write_text("Ann Bell left Tadmor.")
    annotated = annotate_files(again(workspace), [str(workspace.folder / "article.txt")], workspace.folder / "t.json")
    assert annotated.model_version == f"{done.model}+small-1.0.0"
    assert annotated.spans == {"PERSON": 1, "PLACE": 1}
    assert done.model in {finding.what: finding.seen for finding in examine(again(workspace))}["model"]


def test_promoted_model_stays_what_it_is_whatever_is_trained_into_its_folder(workspace: Workspace, better: Path):
    done = promote(workspace, str(better), workspace.exports)
    shutil.rmtree(better)
    assert spacy.load(again(workspace).model)("Ann Bell").ents
    assert find_card(again(workspace), f"{done.model}+small-1.0.0").name == done.model


@pytest.mark.parametrize("force", [False, True])
def test_worse_model_is_never_promoted(workspace: Workspace, worse: Path, force: bool):
    done = promote(workspace, str(worse), workspace.exports, force=force)
    assert (done.promoted, done.gate.outcome) == (False, "worse")
    assert read_promoted(workspace.state) is None
    assert again(workspace).model == str(workspace.folder / "stock")


def test_undecided_model_is_promoted_by_force_alone(workspace: Workspace, close: Path):
    done = promote(workspace, str(close), workspace.exports)
    assert (done.promoted, done.gate.outcome) == (False, "undecided")
    assert done.gate.reasons[0].label == "PERSON"
    assert again(workspace).model == str(workspace.folder / "stock")
    forced = promote(workspace, str(close), workspace.exports, force=True)
    assert (forced.promoted, forced.forced) == (True, True)
    assert Path(again(workspace).model).name == forced.model


def test_model_that_is_there_already_is_said_to_be(workspace: Workspace, better: Path):
    promote(workspace, str(better), workspace.exports)
    done = promote(again(workspace), str(better), workspace.exports)
    assert (done.promoted, done.gate) == (True, None)
    assert "already" in done.notes[0]


def test_option_and_edited_settings_win_over_the_promoted_model(workspace: Workspace, better: Path):
    promote(workspace, str(better), workspace.exports)
    assert open_workspace(workspace.folder, model="other").model == "other"
    settings = workspace.folder / "labeling.toml"
    settings.write_text(settings.read_text().replace("stock", "another"))
    assert again(workspace).model.endswith("another")
    settings.write_text(settings.read_text().replace("another", "stock"))
    assert ".labeling" in again(workspace).model


def test_pipeline_that_is_not_installed_is_as_good_as_none(workspace: Workspace, worse: Path):
    (workspace.folder / "labeling.toml").write_text('schema = "small"\nmodel = "xx_none"\n')
    done = promote(again(workspace), str(worse), workspace.exports)
    assert done.promoted
    assert done.there == "nothing (xx_none is not installed)"


# the test


def test_test_is_frozen_by_the_first_promotion_and_newer_documents_are_left_out(workspace: Workspace, better: Path):
    promote(workspace, str(better), workspace.exports)
    assert len(read_promoted(workspace.state).test) == 25
    export(workspace.exports, train=range(100, 110), dev=range(200, 203), test=range(40))
    best = pipeline(workspace.folder / "best", (*PEOPLE, *TOWNS, "because"), workspace.exports)
    done = promote(again(workspace), str(best), workspace.exports)
    assert done.gate.documents == 25
    assert "15 newer documents" in done.notes[0]
    done = promote(again(workspace), str(best), workspace.exports, new_test=True)
    assert done.gate.documents == 40


@pytest.mark.parametrize(
    ("test", "said"),
    [
        pytest.param([*range(20)], "5 of its 25 documents are not there", id="documents are missing"),
        pytest.param(
            [document(0).model_copy(update={"spans": ()}), *range(1, 25)], "1 have other labels", id="other labels"
        ),
    ],
)
def test_test_that_changed_is_refused_until_it_is_asked_for(
    workspace: Workspace, better: Path, close: Path, test, said
):
    promote(workspace, str(better), workspace.exports)
    export(workspace.exports, train=range(100, 110), dev=range(200, 203), test=test)
    before = read_promoted(workspace.state)
    with pytest.raises(InputError, match=said) as caught:
        promote(again(workspace), str(close), workspace.exports)
    assert "--new-test" in caught.value.hint
    assert read_promoted(workspace.state) == before
    assert promote(again(workspace), str(close), workspace.exports, new_test=True).gate.documents == len(test)


@pytest.mark.parametrize("part", ["train", "dev"])
def test_model_that_knows_texts_of_the_test_is_refused(workspace: Workspace, part: str):
    leaky = export(workspace.folder / "leaky", **{"train": [100], "dev": [200], part: [3, 4, 150]})
    model = pipeline(workspace.folder / "cheat", PEOPLE + TOWNS, leaky)
    with pytest.raises(InputError, match="trained or tuned on 2 of the 25 documents"):
        promote(workspace, str(model), workspace.exports, force=True)


def test_model_that_is_there_may_not_know_the_test_either(workspace: Workspace, better: Path, close: Path):
    promote(workspace, str(better), workspace.exports)
    other = export(workspace.folder / "other", train=range(300, 310), test=[*range(300, 310), 100])
    with pytest.raises(InputError, match="trained or tuned on 1 of the 11"):
        promote(again(workspace), str(close), other, new_test=True)


@pytest.mark.parametrize(
    ("test", "said"),
    [([], "no documents in its test part"), ([document(0).model_copy(update={"spans": ()})], "no spans")],
)
def test_test_with_nothing_in_it_is_refused(workspace: Workspace, better: Path, test, said: str):
    export(workspace.exports, train=range(100, 110), test=test)
    with pytest.raises(InputError, match=said):
        promote(workspace, str(better), workspace.exports)


def test_folder_without_an_export_is_refused(workspace: Workspace, better: Path):
    with pytest.raises(InputError, match="Cannot read"):
        promote(workspace, str(better), workspace.folder / "nowhere")


# models that cannot be


def test_folder_that_is_no_model_is_refused(workspace: Workspace):
    with pytest.raises(ModelError, match="is not a spaCy model"):
        promote(workspace, str(workspace.exports), workspace.exports)


def test_model_without_a_card_is_refused(workspace: Workspace):
    with pytest.raises(ModelError, match="has no card"):
        promote(workspace, str(workspace.folder / "stock"), workspace.exports)


def test_model_whose_card_was_tampered_with_is_refused(workspace: Workspace, better: Path):
    card = better / "card.json"
    card.write_text(card.read_text().replace('"documents": 10', '"documents": 9'))
    with pytest.raises(ModelError, match="was changed after it was written"):
        promote(workspace, str(better), workspace.exports)


def test_model_that_was_tampered_with_is_refused(workspace: Workspace, better: Path):
    (better / "entity_ruler" / "patterns.jsonl").write_text("")
    with pytest.raises(ModelError, match=r"not the one that its card describes: entity_ruler/patterns\.jsonl"):
        promote(workspace, str(better), workspace.exports)


def test_model_of_another_schema_is_refused(workspace: Workspace, better: Path):
    schema = workspace.folder / "schemas" / "small.toml"
    schema.write_text(schema.read_text().replace("PLACE", "VENUE"))
    with pytest.raises(ModelError, match="labels that the workspace does not have: PLACE; no label VENUE"):
        promote(again(workspace), str(better), workspace.exports)


def test_model_of_another_language_is_refused(workspace: Workspace, better: Path):
    schema = workspace.folder / "schemas" / "small.toml"
    schema.write_text(f'language = "fr"\n{schema.read_text()}')
    with pytest.raises(ModelError, match="French"):
        promote(again(workspace), str(better), workspace.exports)


# the disk


@pytest.mark.parametrize("place", ["shutil.copytree", "write_atomic", "keep_promoted"])
def test_full_disk_leaves_the_model_that_was_there(
    workspace: Workspace, better: Path, close: Path, monkeypatch: pytest.MonkeyPatch, place: str
):
    promote(workspace, str(better), workspace.exports)
    before = read_promoted(workspace.state)

    def full(source: Path, target: Path, **_: object) -> None:
        Path(target).mkdir()
        (Path(target) / "half").write_text("half")
        raise OSError(28, "No space left on device")

    def refused(*_: object, **__: object) -> None:
        raise InputError("Cannot write: No space left on device")

    if place == "keep_promoted":
        monkeypatch.setattr("labeling.workflow.promoting.keep_promoted", refused)
    else:
        monkeypatch.setattr(f"labeling.workflow.model_store.{place}", full if "copy" in place else refused)
    with pytest.raises(InputError, match="No space left on device"):
        promote(again(workspace), str(close), workspace.exports, force=True)
    monkeypatch.undo()
    assert read_promoted(workspace.state) == before
    assert spacy.load(again(workspace).model)("Ann Bell left Aleppo").ents[1].text == "Aleppo"
    assert not list((workspace.state / "models").glob(".*"))


def test_what_a_killed_promotion_left_is_removed(workspace: Workspace, better: Path):
    left = workspace.state / "models" / ".en_labeling-0.0.0+1.x.part"
    left.mkdir(parents=True)
    promote(workspace, str(better), workspace.exports)
    assert not left.exists()


def test_last_two_models_and_all_cards_are_kept(workspace: Workspace):
    names = []
    for number in range(3):
        folder = pipeline(workspace.folder / f"m{number}", (*PEOPLE, *TOWNS, f"v{number}"), workspace.exports)
        names.append(promote(again(workspace), str(folder), workspace.exports).model)
    assert {path.name for path in (workspace.state / "models").iterdir()} == set(names[1:])
    assert {path.stem for path in (workspace.state / "cards").iterdir()} == set(names)
    states = {each.name: each.state for each in known_models(again(workspace))}
    assert states == {names[0]: "was promoted", names[1]: "was promoted", names[2]: "promoted"}


def test_record_that_nobody_can_read_is_an_error_with_a_way_out(workspace: Workspace, better: Path):
    promote(workspace, str(better), workspace.exports)
    (workspace.state / "model.json").write_text("{")
    with pytest.raises(InputError, match=r"Cannot use .*model\.json") as caught:
        _ = again(workspace).model
    assert "Remove it" in caught.value.hint


def test_promoted_model_that_is_gone_is_an_error_with_a_way_out(workspace: Workspace, better: Path):
    promote(workspace, str(better), workspace.exports)
    shutil.rmtree(model_store.models(workspace.state))
    with pytest.raises(InputError, match="is gone") as caught:
        _ = again(workspace).model
    assert "model.json" in caught.value.hint


# what is known


def test_known_models_are_told_by_their_cards(workspace: Workspace, better: Path, worse: Path):
    done = promote(workspace, str(better), workspace.exports)
    found = {each.where: each for each in known_models(again(workspace))}
    assert found[str(better)].state == "promoted"
    assert found[str(worse)].state == "trained"
    assert found[str(worse)].documents == 10
    assert found[str(worse)].gold == gold_of(workspace.exports).sha256
    (worse / "card.json").write_text("{}")
    assert "cannot be read" in {each.where: each.state for each in known_models(again(workspace))}[str(worse)]
    assert find_card(again(workspace), done.model).name == done.model


def test_model_that_is_not_known_is_an_error_that_names_those_that_are(workspace: Workspace, better: Path):
    with pytest.raises(ModelError, match="No model 'en_labeling-9'") as caught:
        find_card(workspace, "en_labeling-9")
    assert "en_labeling-0.0.0+" in caught.value.hint


# by command


def test_promote_and_models_say_what_was_decided_and_what_there_is(
    run, workspace: Workspace, better: Path, close: Path
):
    done = run("promote", close, cwd=workspace.folder)
    assert done.returncode == 1, done.stderr
    assert "all spans" in done.stdout
    assert "Undecided" in done.stderr
    assert "--force" in done.stderr
    done = run("promote", better, "exports", "--json", cwd=workspace.folder)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["promoted"]
    assert said["gate"]["rows"][0]["difference"]["low"] > 0
    listed = run("models", cwd=workspace.folder)
    assert "promoted" in listed.stdout
    shown = run("models", f"{said['model']}+small-1.0.0", "--json", cwd=workspace.folder)
    assert json.loads(shown.stdout)["gold"]["parts"]["train"]["documents"] == 10
    assert f"# {said['model']}" in run("models", said["model"], cwd=workspace.folder).stdout
    refused = run("promote", "nowhere", cwd=workspace.folder)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
