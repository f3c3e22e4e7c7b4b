"""`labeling curve`: a model that only remembers words stands for trained ones, so that a curve takes seconds."""

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin

from labeling.cli import curve as command
from labeling.core.labels import LabeledDoc
from labeling.core.learning_curve import Curve, signed
from labeling.core.split import Split
from labeling.errors import InputError, ModelError
from labeling.workflow.curves import learning_curve
from labeling.workflow.pictures import check_picture, write_picture
from tests import builders
from tests.builders import exported


@pytest.fixture(scope="module")
def seeds() -> list[LabeledDoc]:
    return builders.seeds()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, seeds: list[LabeledDoc]) -> Path:
    """The seeds, with a test part that is too small."""
    return exported(tmp_path_factory.mktemp("seeds"), seeds, Split(dev=20, test=20))


def texts(folder: Path, *parts: str) -> list[str]:
    vocab = spacy.blank("en").vocab
    return [doc.text for part in parts for doc in DocBin().from_disk(folder / f"{part}.spacy").get_docs(vocab)]


def remember(folder: Path, model: Path) -> None:
    """A pipeline that marks what was marked in the train part: the more documents, the more it knows."""
    nlp = spacy.blank("en")
    docs = DocBin().from_disk(folder / "train.spacy").get_docs(nlp.vocab)
    known = {(ent.text, ent.label_) for doc in docs for ent in doc.ents}
    patterns: Any = [{"label": label, "pattern": text} for text, label in sorted(known)]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.to_disk(model)


class Watched:
    """A trainer that says on what it trained."""

    def __init__(self) -> None:
        self.seen: list[dict[str, list[str]]] = []

    def __call__(self, folder: Path, model: Path) -> None:
        self.seen.append({part: texts(folder, part) for part in ("train", "dev", "test")})
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["documents"]["train"] == len(self.seen[-1]["train"])
        assert len((folder / "docs.jsonl").read_text().splitlines()) == manifest["documents"]["out"]
        assert (folder / "config.cfg").is_file()
        remember(folder, model)


@pytest.fixture(scope="module")
def watched(folder: Path) -> tuple[Curve, Watched]:
    train = Watched()
    return learning_curve(folder, train), train


def test_a_small_test_part_gives_folds_and_nothing_judged_was_learned_from(
    folder: Path, watched: tuple[Curve, Watched]
):
    done, train = watched
    everything = texts(folder, "train", "dev", "test")
    assert done.folds == 5
    assert done.judged == len(everything) == 29
    assert len(train.seen) == 5 * 4
    judged = dict.fromkeys(everything, 0)
    for seen in train.seen:
        assert seen["train"]
        assert seen["dev"]
        assert not {*seen["train"], *seen["dev"]} & {*seen["test"]}
        assert not {*seen["train"]} & {*seen["dev"]}
        for text in seen["test"]:
            judged[text] += 1
    assert set(judged.values()) == {4}  # once for each share
    assert [point.share for point in done.points] == [25, 50, 75, 100]
    f = [point.f.point for point in done.points]
    assert f == sorted(f)
    assert done.f.gain
    assert done.f.gain.point > 0
    assert "The next 100 documents bring about +." in done.sentence()


def test_the_test_part_judges_where_that_is_wanted_and_shares_are_nested(folder: Path):
    train = Watched()
    done = learning_curve(folder, train, orders=2, fold_count=0, shares=[50, 100])
    assert done.folds == 0
    assert [point.models for point in done.points] == [2, 1]
    assert any("rougher than they look" in note for note in done.notes)
    whole, *halves = train.seen
    assert sorted(whole["train"]) == sorted(texts(folder, "train"))
    assert sorted(whole["dev"]) == sorted(texts(folder, "dev"))
    assert sorted(whole["test"]) == sorted(texts(folder, "test"))
    assert len({tuple(half["train"]) for half in halves}) == 2
    for half in halves:
        assert {*half["train"]} < {*whole["train"]}
        assert len(half["train"]) == 7  # of 14
    assert done.f.curve is None  # two points
    assert done.f.last
    assert done.sentence() == ""


def test_the_same_figures_again(folder: Path):
    first = learning_curve(folder, remember, shares=[50, 100], fold_count=2)
    assert first == learning_curve(folder, remember, shares=[50, 100], fold_count=2)


def test_no_copy_of_a_judged_article_is_learned_from(tmp_path: Path, seeds: list[LabeledDoc]):
    """Each article twice, the second time with another beginning: no copy of a judged one is learned from."""
    copies = [
        LabeledDoc.model_validate(
            doc.model_dump()
            | {"doc_id": f"{doc.doc_id}-copy", "text": "Update: " + doc.text}
            | {"spans": [s.model_dump() | {"start": s.start + 8, "end": s.end + 8} for s in doc.spans]}
        )
        for doc in seeds
    ]
    train = Watched()
    learning_curve(exported(tmp_path, [*seeds, *copies], Split(dev=10, test=10)), train, shares=[50, 100], fold_count=3)
    for seen in train.seen:
        learned, judged = ({text.removeprefix("Update: ") for text in part} for part in (seen["train"], seen["test"]))
        assert not learned & judged
        assert len(seen["train"]) % 2 == len(seen["dev"]) % 2 == 0


def test_a_share_that_cannot_be_trained_on_is_left_out_and_said(folder: Path):
    def picky(folder: Path, model: Path) -> None:
        if len(texts(folder, "train")) < 6:
            raise ModelError("spaCy could not train: too little")
        remember(folder, model)

    done = learning_curve(folder, picky, orders=1, fold_count=0)
    assert [point.share for point in done.points] == [50, 75, 100]
    assert any(note.startswith("25%, ") and "too little" in note for note in done.notes)


def test_what_cannot_be_trained_on_at_all_is_an_error(folder: Path):
    def broken(folder: Path, model: Path) -> None:
        raise ModelError("spaCy could not train: nothing goes")

    with pytest.raises(ModelError, match="nothing goes"):
        learning_curve(folder, broken)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_documents_are_refused(tmp_path: Path, seeds: list[LabeledDoc], count: int):
    few = exported(tmp_path, seeds[:count], Split(dev=10, test=10))
    with pytest.raises(InputError, match="too few documents"):
        learning_curve(few, remember)


def test_progress_is_told_with_what_is_left(folder: Path):
    from contextlib import contextmanager

    told: list[tuple[int, float | None]] = []

    @contextmanager
    def bar(what: str, total: int):
        assert total == 2
        yield lambda done, seconds: told.append((done, seconds))

    learning_curve(folder, remember, orders=1, fold_count=0, shares=[50, 100], bar=bar)
    assert told[0] == (0, None)
    assert told[1][0] == 1
    assert told[1][1] > 0


# the picture


@pytest.fixture
def drawn(watched: tuple[Curve, Watched]) -> Curve:
    return watched[0]


@pytest.mark.parametrize(("name", "head"), [("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("A.PDF", b"%PDF")])
def test_pictures_are_what_their_name_says_and_the_same_again(drawn: Curve, tmp_path: Path, name: str, head: bytes):
    pytest.importorskip("matplotlib")
    first = write_picture(drawn, tmp_path / name).read_bytes()
    assert first.startswith(head)
    assert write_picture(drawn, tmp_path / "again" / name).read_bytes() == first


def test_a_picture_without_a_fitted_curve(drawn: Curve, tmp_path: Path):
    pytest.importorskip("matplotlib")
    bare = drawn.model_copy(update={"f": drawn.f.model_copy(update={"gain": None, "curve": None})})
    assert write_picture(bare, tmp_path / "bare.svg").stat().st_size > 1000


def test_other_endings_are_refused():
    with pytest.raises(InputError, match="not a picture"):
        check_picture(Path("curve.docx"))


def test_without_matplotlib_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("labeling.workflow.pictures.find_spec", lambda name: None)
    assert "plot" in check_picture(Path("curve.svg"))


# the command


def test_the_command_prints_table_sentence_and_draws(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(command, "_trainer", lambda *given: remember)
    command.command(folder, tmp_path / "curve.png", folds=2)
    out, err = capsys.readouterr()
    assert "evaluated on 2 folds of 29" in out
    assert "The next 100 documents bring about" in out
    assert "8 models are trained" in err
    assert "optimistic, all the more with only" in err
    assert (tmp_path / "curve.png").is_file()
    command.command(folder, tmp_path / "curve.svg", shares="50,100", orders=1, folds=0, json=True)
    found = json.loads(capsys.readouterr().out)
    assert [point["share"] for point in found["points"]] == [50, 100]


@pytest.mark.train
def test_the_command_learns_as_train_quick_does(run, folder: Path, tmp_path: Path):
    pytest.importorskip("matplotlib")
    given = ["--shares", "50,100", "--folds", "0", "--orders", "1", "-w", folder.parent, "-o", tmp_path / "curve.svg"]
    done = run("curve", folder, *given, "--json")
    assert done.returncode == 0, done.stderr
    assert "2 models are trained" in done.stderr
    points = json.loads(done.stdout)["points"]
    assert [point["share"] for point in points] == [50, 100]
    assert all(point["f"]["point"] > 0.6 for point in points)
    assert (tmp_path / "curve.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shares", "0,50"], "not a list of percentages"),
        (["--shares", "many"], "not a list of percentages"),
        (["-o", "curve.gif"], "not a picture"),
        (["--folds", "1"], "one fold"),
    ],
)
def test_bad_options_are_named(run, folder: Path, arguments: list[str], said: str):
    done = run("curve", folder, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_no_export(run, tmp_path: Path):
    done = run("curve", tmp_path)
    assert done.returncode == 2
    assert "no documents to learn from" in done.stderr


@pytest.mark.parametrize(("number", "words"), [(0.0121, "+.012"), (-0.5, "−.500"), (0, "+.000"), (1.2, "+1.200")])
def test_signed_has_three_decimals_and_a_sign(number: float, words: str):
    assert signed(number) == words
