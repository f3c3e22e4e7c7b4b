"""The card of a model: it says what it was made of, and a change of either is noticed. No model is trained here."""

import json
import shutil
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from labeling.core.article import digest
from labeling.core.bootstrap import Interval
from labeling.errors import InputError, ModelError
from labeling.nlp.evaluation.confusion import Confusion
from labeling.nlp.evaluation.scores import Layer, Relations, Score
from labeling.nlp.load import model_version
from labeling.workflow.card import Base, Card, Figures, Gold, PartStamp, SchemaStamp
from labeling.workflow.card_page import page
from labeling.workflow.cards import gold_of, read_card, schema_of, write_card
from labeling.workflow.training import add_card
from tests.builders import EVENT

TEXTS = {"train": ("Rebels attacked Tadmor.", "Ann Bell resigned."), "dev": ("Talks broke down.",), "test": ()}
MANIFEST = {
    "source": "http://127.0.0.1:8080/projects/1/data",
    "schema": {"name": "event", "version": "1.0.0", "sha256": "5c", "labels": ["ACTOR"], "relations": ["agent"]},
    "split": {"by": "text"},
    "predicted_by": {"en_core_web_sm-3.8.0+event-1.0.0": 3},
}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """An exported folder of three documents, without a test part."""
    folder = tmp_path / "exports"
    folder.mkdir()
    nlp = spacy.blank("en")
    for part, texts in TEXTS.items():
        DocBin(docs=map(nlp.make_doc, texts)).to_disk(folder / f"{part}.spacy")
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A pipeline of one component, in a folder."""
    return pipeline(tmp_path / "model-best")


def pipeline(folder: Path, punctuation: str = "!") -> Path:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer", config={"punct_chars": [punctuation]})
    nlp.to_disk(folder)
    return folder


def test_gold_is_known_by_the_hash_of_each_part_and_the_digest_of_each_text(exported: Path):
    gold = gold_of(exported)
    assert set(gold.parts) == {"train", "dev"}
    assert gold.parts["train"].texts == tuple(map(digest, TEXTS["train"]))
    assert gold.holds("train", "dev", "test") == {digest(text) for texts in TEXTS.values() for text in texts}
    assert gold.predicted_by == MANIFEST["predicted_by"]
    assert schema_of(exported) == SchemaStamp(**MANIFEST["schema"])


def test_gold_of_a_large_part_is_that_of_its_files(exported: Path):
    (exported / "train.spacy").rename(exported / "one.spacy")
    (exported / "train.spacy").mkdir()
    shutil.copy(exported / "one.spacy", exported / "train.spacy" / "00000.spacy")
    shutil.copy(exported / "dev.spacy", exported / "train.spacy" / "00001.spacy")
    assert gold_of(exported).parts["train"].texts == tuple(map(digest, TEXTS["train"] + TEXTS["dev"]))


def test_gold_changes_its_hash_with_a_part(exported: Path):
    before = gold_of(exported)
    shutil.copy(exported / "train.spacy", exported / "test.spacy")
    assert gold_of(exported).sha256 != before.sha256


def test_gold_without_a_manifest_is_known_all_the_same(exported: Path):
    (exported / "manifest.json").unlink()
    assert gold_of(exported).parts["dev"].documents == 1
    assert schema_of(exported) == SchemaStamp()


def test_gold_that_is_no_docbin_is_an_error(exported: Path):
    (exported / "dev.spacy").write_text("not a DocBin")
    with pytest.raises(InputError, match=r"dev\.spacy is not a DocBin"):
        gold_of(exported)


def test_card_names_model_and_gold_and_reads_back(model: Path, exported: Path):
    card = add_card(model, exported, command="labeling train exports -o model", seeds={"training": 0})
    assert read_card(model) == card
    assert card.name.startswith("en_labeling-0.0.0+")
    assert card.gold.sha256 == gold_of(exported).sha256
    assert card.trained_on == {digest(text) for part in ("train", "dev") for text in TEXTS[part]}
    assert card.versions["spacy"] == spacy.__version__
    assert spacy.load(model).meta["version"] == card.name.removeprefix("en_labeling-")


def test_card_knows_the_predictions_of_its_model(model: Path, exported: Path):
    schema = EVENT
    card = add_card(model, exported, command="")
    assert card.made(model_version(str(model), schema))
    assert not card.made("en_core_web_sm-3.8.0+event-1.0.0")


def test_models_are_called_after_what_they_do_and_not_after_where_they_stand(tmp_path: Path, exported: Path):
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    names = [
        add_card(pipeline(folder, mark), exported, command="").name
        for folder, mark in ((one, "!"), (same, "!"), (other, "?"))
    ]
    assert names[0] == names[1] != names[2]
    assert add_card(one, exported, command="again").name == names[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda m: edit(m / "card.json", '"test"', '"dev"'), "was changed after", id="figures"),
        pytest.param(lambda m: edit(m / "card.json", "{", "[", 1), "cannot be read", id="not JSON"),
        pytest.param(lambda m: edit(m / "card.json", '"kind"', '"sort"'), "cannot be read", id="unknown field"),
        pytest.param(lambda m: edit(m / "card.json", "[", "[" * 100_000, 1), "nested too deeply", id="deep"),
        pytest.param(lambda m: (m / "card.json").write_bytes(b"\xff\xfe"), "cannot be read", id="not UTF-8"),
        pytest.param(lambda m: (m / "card.json").write_text("[1]"), "cannot be read", id="a list"),
        pytest.param(lambda m: (m / "card.json").unlink(), "has no card", id="no card"),
        pytest.param(lambda m: edit(m / "config.cfg", "!", "?"), "config.cfg was changed", id="a setting"),
        pytest.param(lambda m: (m / "vocab" / "strings.json").unlink(), "strings.json is missing", id="a file less"),
        pytest.param(lambda m: (m / "hook.py").write_text(""), "hook.py was added", id="a file more"),
    ],
)
def test_change_of_card_or_model_is_noticed(model: Path, exported: Path, change, said: str):
    write_card(model, Card(gold=gold_of(exported), figures=figures("ACTOR")))
    change(model)
    with pytest.raises(ModelError, match=said) as caught:
        read_card(model)
    assert caught.value.hint


def edit(file: Path, old: str, new: str, count: int = -1) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, count), encoding="utf-8")


def test_page_may_be_edited(model: Path, exported: Path):
    add_card(model, exported, command="")
    (model / "README.md").write_text("My notes.")
    read_card(model)


def test_folder_that_is_no_model_gets_no_card(tmp_path: Path, exported: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is not a spaCy model"):
        add_card(tmp_path / "empty", exported, command="")
    assert not list((tmp_path / "empty").iterdir())


BOUNDS = {"precision": (0.75, 0.85), "recall": (0.65, 0.75), "f": (0.697, 0.797)}
SCORE = Score(gold=40, found=35, right=28, precision=0.8, recall=0.7, f=0.747, intervals=BOUNDS)
UNKNOWN = Interval(point=None, low=None, high=None)


def figures(*labels: str) -> Figures:
    found = Layer(
        overall=SCORE,
        macro_f=UNKNOWN,
        labels=dict.fromkeys(labels, SCORE),
        confusion=Confusion(labels=labels, matrix=()),
        relations=Relations(overall=SCORE, labels={"agent": SCORE}),
        effort_saved=UNKNOWN,
    )
    return Figures(documents=9, layer="events", found=found, notes=("With 9 documents the intervals are rough.",))


def test_page_says_in_words_what_the_card_holds():
    card = Card(
        name="en_labeling-0.0.0+1a2b3c4d",
        language="en",
        gold=Gold(
            parts={"train": PartStamp(documents=2, sha256="ab" * 32, texts=("1", "2"))},
            predicted_by={"en_core_web_sm-3.8.0+event-1.0.0": 2},
        ),
        label_schema=SchemaStamp(**MANIFEST["schema"]),
        bases=(Base(kind="vectors", name="en_core_web_md", version="3.7.1", sha256="cd" * 32),),
        figures=figures("ACTOR"),
        command="labeling train exports -o models/first",
    )
    text = page(card)
    assert "# en_labeling-0.0.0+1a2b3c4d" in text
    assert "| ACTOR | 40 | .800 [.750, .850] | .700 [.650, .750] | .747 [.697, .797] |" in text
    assert "| agent | 40 |" in text
    assert "On the 9 documents of the test part, measured on `events`" in text
    assert "With 9 documents the intervals are rough." in text
    assert "| vectors | en_core_web_md | 3.7.1 | `cdcdcdcdcdcd…` |" in text
    assert "pre-annotated by: `en_core_web_sm-3.8.0+event-1.0.0` (2)" in text
    assert "\n    labeling train exports -o models/first\n" in text


def test_page_takes_no_markdown_from_names():
    names = ("[a](http://x)|b", "c`d\n# e")
    schema = SchemaStamp(name="s", version="1", labels=names)
    card = Card(gold=Gold(parts={}), label_schema=schema, figures=figures(*names))
    text = page(card)
    assert "](http" not in text.replace("\\](http", "").replace("`[a](http", "")
    assert "\n# e" not in text


def test_card_that_cannot_be_written_is_an_error(model: Path, exported: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labeling.files.os.fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_card(model, Card(gold=gold_of(exported)))
    monkeypatch.undo()
    spacy.load(model)
    with pytest.raises(ModelError, match="has no card"):
        read_card(model)
