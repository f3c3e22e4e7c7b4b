"""An exported folder → a pipeline that spaCy's own training loop has trained."""

import contextlib
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import spacy
from spacy.cli.train import train as spacy_train
from spacy.util import load_config

from labeling.errors import InputError, ModelError
from labeling.nlp.config import WITHOUT_VECTORS
from labeling.nlp.folder import check_exported_language, part_file, read_docs
from labeling.nlp.gold import SPANS_KEY
from labeling.nlp.lineage import call_by_content
from labeling.nlp.load import model_stamp


def train(folder: Path, model: Path) -> None:
    """Train by the folder's config, and write the best model into a new folder `model`; spaCy's table goes to stderr.

    Raises:
        InputError: The folder has no config, or no spans in its train or dev part.
        ModelError: The config is for another language than the documents, or spaCy's training failed.
        OSError: The model cannot be written.
    """
    overrides = {f"paths.{part}": str(part_file(folder, part)) for part in ("train", "dev")}
    for part in ("train", "dev"):
        docs = list(read_docs(part_file(folder, part), spacy.blank("xx")))
        if not docs or not any(doc.ents or doc.spans.get(SPANS_KEY) for doc in docs):
            raise InputError(
                f"{folder} has no {'spans' if docs else 'documents'} in its {part} part.",
                "Review more articles, or enlarge the part by [split] in labeling.toml, and export again.",
            )
    config = folder / "config.cfg"
    if not config.is_file():
        raise InputError(f"{folder} has no config.cfg.", "`labeling export` writes one.")
    try:
        check_exported_language(folder, str(config), str(load_config(config).get("nlp", {}).get("lang")))
        _check_vectors(folder)
        with tempfile.TemporaryDirectory(dir=model.parent) as output, _printing_to_stderr():
            spacy_train(config, output, overrides=overrides)
            (Path(output) / "model-best").rename(model)
    except (ValueError, SystemExit, OSError) as error:
        if isinstance(error, OSError) and (error.errno or isinstance(error, shutil.Error)):
            raise  # an error of the disk, not of spaCy
        by_hand = command(folder, Path("MODEL"))
        raise ModelError(f"spaCy could not train: {error}", f"Try it by hand: {by_hand}") from error
    call_by_content(model)


@contextlib.contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """Redirect what spaCy prints to stderr, without the harmless W095 about vectors of an earlier spaCy 3.x."""
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\[W095\]", UserWarning)
        yield


def _check_vectors(folder: Path) -> None:
    try:
        if name := vectors(folder):
            model_stamp(name)
    except ModelError as error:
        raise ModelError(
            f"{folder / 'config.cfg'} reads the word vectors of {name}, which is not here.",
            "Set `vectors` under [paths] in that file to where they are; or train without them: "
            f"`{command(folder, Path('MODEL'))} {WITHOUT_VECTORS}`.",
        ) from error


def command(folder: Path, output: Path) -> str:
    """The spaCy command that trains the same model."""
    paths = " ".join(f"--paths.{part} {part_file(folder, part)}" for part in ("train", "dev"))
    return f"python -m spacy train {folder / 'config.cfg'} --output {output} {paths}"


def vectors(folder: Path) -> str | None:
    """The pipeline whose static vectors the config of an exported folder uses, a package or a folder; None without."""
    found = load_config(folder / "config.cfg", interpolate=True).get("initialize", {}).get("vectors")
    return str(found) if found else None


def seeds(folder: Path) -> dict[str, int]:
    """The seeds in the config of an exported folder, by purpose."""
    training = load_config(folder / "config.cfg", interpolate=True).get("training", {})
    return {"training": int(seed)} if (seed := training.get("seed")) is not None else {}
