"""An exported folder → a trained pipeline, and its scores. Thin over spaCy's own training."""

import contextlib
import sys
import warnings
from pathlib import Path

import spacy
from spacy.cli.train import train as spacy_train
from spacy.util import load_config

from labeling.errors import InputError, ModelError
from labeling.nlp.config import WITHOUT_VECTORS
from labeling.nlp.folder import check_language, part_file, read_docs
from labeling.nlp.lineage import call_by_content
from labeling.nlp.load import model_stamp


def train(folder: Path, output: Path) -> Path:
    """The folder of the best model; spaCy's table of the training goes to stderr.

    Raises:
        InputError: The folder has no config, or nothing to train or to choose the best model on.
        ModelError: The config is for another language than the documents, or spaCy stopped.
    """
    overrides = {f"paths.{part}": str(part_file(folder, part)) for part in ("train", "dev")}
    for part in ("train", "dev"):
        if not any(read_docs(part_file(folder, part), spacy.blank("xx"))):
            raise InputError(
                f"{folder} has no documents in its {part} part.",
                "Review more articles, or enlarge the part by [split] in labeling.toml, and export again.",
            )
    config = folder / "config.cfg"
    if not config.is_file():
        raise InputError(f"{folder} has no config.cfg.", "`labeling export` writes one.")
    try:
        check_language(folder, str(config), str(load_config(config).get("nlp", {}).get("lang")))
        _check_vectors(folder)
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\[W095\]", UserWarning)  # vectors that were made with an earlier 3.x
            spacy_train(config, output, overrides=overrides)
    except (ValueError, SystemExit, OSError) as error:
        raise ModelError(f"spaCy could not train: {error}", f"Try it by hand: {command(folder, output)}") from error
    call_by_content(output / "model-best")
    return output / "model-best"


def _check_vectors(folder: Path) -> None:
    read = vectors(folder)
    if not read:
        return
    try:
        model_stamp(read)
    except ModelError as error:
        raise ModelError(
            f"{folder / 'config.cfg'} reads the word vectors of {read}, which is not here.",
            "Name the place that they have here as `vectors` under [paths] in that file; or train without them: "
            f"`{command(folder, Path('MODEL'))} {WITHOUT_VECTORS}`.",
        ) from error


def command(folder: Path, output: Path) -> str:
    """The plain spaCy command that trains the same model."""
    paths = " ".join(f"--paths.{part} {part_file(folder, part)}" for part in ("train", "dev"))
    return f"python -m spacy train {folder / 'config.cfg'} --output {output} {paths}"


def vectors(folder: Path) -> str | None:
    """The pipeline whose static vectors the config of an exported folder reads, a package or a folder."""
    found = load_config(folder / "config.cfg", interpolate=True).get("initialize", {}).get("vectors")
    return str(found) if found else None


def seeds(folder: Path) -> dict[str, int]:
    """The seeds that the config of an exported folder names, by what they are for."""
    training = load_config(folder / "config.cfg", interpolate=True).get("training", {})
    return {"training": int(seed)} if (seed := training.get("seed")) is not None else {}
