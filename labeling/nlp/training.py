"""An exported folder → a trained pipeline, and its scores. Thin over spaCy's own training."""

import contextlib
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import spacy
from spacy.cli.train import train as spacy_train
from spacy.tokens import DocBin
from spacy.training import Example

from labeling.core.value import Value
from labeling.errors import InputError, ModelError
from labeling.files import json_text, write_atomic
from labeling.nlp.gold import SPANS_KEY
from labeling.nlp.load import load, model_name


class Score(Value):
    """Precision, recall and F (0 to 1) of exact spans, and how many gold spans there were."""

    precision: float
    recall: float
    f: float
    gold: int


class Scores(Value):
    """What a model finds of the gold spans in a part: over all labels, and per label."""

    model: str
    documents: int
    overall: Score
    labels: dict[str, Score]


def train(folder: Path, output: Path) -> Path:
    """The folder of the best model; spaCy's table of the training goes to stderr.

    Raises:
        InputError: The folder has no config, or nothing to train or to choose the best model on.
        ModelError: spaCy stopped.
    """
    overrides = {f"paths.{part}": str(part_file(folder, part)) for part in ("train", "dev")}
    for part in ("train", "dev"):
        if not any(_read(part_file(folder, part), spacy.blank("xx"))):
            raise InputError(
                f"{folder} has no documents in its {part} part.",
                "Review more articles, or enlarge the part by [split] in labeling.toml, and export again.",
            )
    config = folder / "config.cfg"
    if not config.is_file():
        raise InputError(f"{folder} has no config.cfg.", "`labeling export` writes one.")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spacy_train(config, output, overrides=overrides)
    except (ValueError, SystemExit, OSError) as error:
        raise ModelError(f"spaCy could not train: {error}", f"Try it by hand: {command(folder, output)}") from error
    return _stamped(output / "model-best", folder)


def _stamped(model: Path, folder: Path) -> Path:
    """The model, named after what it was trained on: predictions of two models must not carry one name."""
    hasher = hashlib.sha256()
    for part in ("train", "dev"):
        for file in _files(part_file(folder, part)):
            hasher.update(file.read_bytes())
    digest = hasher.hexdigest()
    meta = json.loads((model / "meta.json").read_text(encoding="utf-8"))
    meta |= {"name": "labeling", "version": f"0.0.0+{digest[:8]}"}
    write_atomic(model / "meta.json", json_text(meta))
    return model


def command(folder: Path, output: Path) -> str:
    """The plain spaCy command that trains the same model."""
    paths = " ".join(f"--paths.{part} {part_file(folder, part)}" for part in ("train", "dev"))
    return f"python -m spacy train {folder / 'config.cfg'} --output {output} {paths}"


def evaluate(model: str, folder: Path, part: str = "test") -> Scores:
    """How well a model finds the spans of a part; a span counts where both its edges are right.

    A model with an entity recogniser is measured on `doc.ents`, one with only a span categoriser on `doc.spans["sc"]`.
    Precision is the share of found spans that are gold, recall the share of gold spans that were found, F their
    harmonic mean; tokens whose label nobody knows are left out (spaCy's Scorer.score_spans).

    Raises:
        InputError: There is no such part, or it is empty.
        ModelError: There is no such model.
    """
    nlp = load(model)
    docs = list(_read(part_file(folder, part), nlp))
    if not docs:
        raise InputError(f"{folder} has no documents in its {part} part.", "Review more articles and export again.")
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    found: dict[str, Any] = nlp.evaluate(examples)
    has_entities = "ner" in nlp.pipe_names or "spancat" not in nlp.pipe_names
    layer = "ents" if has_entities else f"spans_{SPANS_KEY}"
    spans = (doc.ents if has_entities else doc.spans.get(SPANS_KEY, ()) for doc in docs)
    gold = Counter(span.label_ for group in spans for span in group)
    per_type = found.get(f"{layer}_per_type") or {}
    labels = {label: _score(per_type.get(label, {}), "", gold[label]) for label in sorted({*per_type, *gold})}
    overall = _score(found, f"{layer}_", gold.total())
    return Scores(model=model_name(nlp), documents=len(docs), overall=overall, labels=labels)


def part_file(folder: Path, part: str) -> Path:
    """The file of a part, or the folder of its files where it is a large one."""
    return folder / f"{part}.spacy"


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.spacy")) if path.is_dir() else [path]


def _score(found: dict[str, Any], prefix: str, gold: int) -> Score:
    precision, recall, f = (float(found.get(prefix + key) or 0.0) for key in ("p", "r", "f"))
    return Score(precision=precision, recall=recall, f=f, gold=gold)


def _read(path: Path, nlp: spacy.language.Language) -> Iterator[Any]:
    for file in _files(path):
        yield from _read_file(file, nlp)


def _read_file(file: Path, nlp: spacy.language.Language) -> Iterator[Any]:
    try:
        yield from DocBin().from_bytes(file.read_bytes()).get_docs(nlp.vocab)
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}", "`labeling export` writes it.") from error
    except Exception as error:  # whatever a file that is no DocBin makes zlib and msgpack raise
        raise InputError(f"{file} is not a DocBin: {error}", "`labeling export` writes it anew.") from error
