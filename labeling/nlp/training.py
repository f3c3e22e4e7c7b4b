"""An exported folder → a trained pipeline, and its scores. Thin over spaCy's own training."""

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import spacy
from spacy.cli.train import train as spacy_train
from spacy.tokens import DocBin
from spacy.util import load_config

from labeling.core.parsing import parse_json
from labeling.errors import InputError, ModelError
from labeling.files import json_text, write_atomic
from labeling.nlp.load import load
from labeling.nlp.pipelines import fits, named
from labeling.nlp.scores import Scores, measured


def train(folder: Path, output: Path) -> Path:
    """The folder of the best model; spaCy's table of the training goes to stderr.

    Raises:
        InputError: The folder has no config, or nothing to train or to choose the best model on.
        ModelError: The config is for another language than the documents, or spaCy stopped.
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
        _check_language(folder, str(config), str(load_config(config).get("nlp", {}).get("lang")))
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

    An entity recogniser is measured on `doc.ents`, a span categoriser on `doc.spans["sc"]`, a model with both on both.
    Precision is the share of found spans that are gold, recall the share of gold spans that were found, F their
    harmonic mean. Tokens whose label nobody knows, and labels that the gold does not have, are left out.

    Raises:
        InputError: There is no such part, it is empty or has no spans, or the model knows none of its labels.
        ModelError: There is no such model, or it is for another language than the documents.
    """
    nlp = load(model)
    _check_language(folder, f"The model {model}", str(nlp.lang))
    gold = list(_read(part_file(folder, part), nlp))
    if not gold:
        raise InputError(f"{folder} has no documents in its {part} part.", "Review more articles and export again.")
    found = list(nlp.pipe([nlp.make_doc(doc.text) for doc in gold]))
    return measured(nlp, found, gold, f"the {part} part of {folder}")


def _check_language(folder: Path, what: str, language: str) -> None:
    """Nothing, where something for this language can be used with the tokens of an exported folder.

    Raises:
        ModelError: Those are of another language.
    """
    try:
        exported = parse_json((folder / "manifest.json").read_bytes())["language"]["code"]
    except (OSError, ValueError, KeyError, TypeError):  # of an older version, or made by hand
        return
    if not fits(language, exported):
        raise ModelError(
            f"{what} is for {named(language)}, and the documents in {folder} are for {named(exported)}.",
            f"Name what was made for {named(exported)}; or, where the language of the documents is wrong, set "
            "`language` in the schema and export again.",
        )


def part_file(folder: Path, part: str) -> Path:
    """The file of a part, or the folder of its files where it is a large one."""
    return folder / f"{part}.spacy"


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*.spacy")) if path.is_dir() else [path]


def _read(path: Path, nlp: spacy.language.Language) -> Iterator[Any]:
    for file in _files(path):
        yield from _read_file(file, nlp)


def _read_file(file: Path, nlp: spacy.language.Language) -> Iterator[Any]:
    try:
        yield from DocBin().from_bytes(file.read_bytes()).get_docs(nlp.vocab)
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}", "`labeling export` writes it.") from error
    except MemoryError:
        raise
    except Exception as error:  # whatever a file that is no DocBin makes zlib and msgpack raise
        raise InputError(f"{file} is not a DocBin: {error}", "`labeling export` writes it anew.") from error
