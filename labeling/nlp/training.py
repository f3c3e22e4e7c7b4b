"""An exported folder → a trained pipeline, and its scores. Thin over spaCy's own training."""

import contextlib
import sys
from pathlib import Path

import spacy
from spacy.cli.train import train as spacy_train
from spacy.util import load_config

from labeling.errors import InputError, ModelError
from labeling.nlp.folder import check_language, part_file, read_docs
from labeling.nlp.lineage import call_by_content


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
        with contextlib.redirect_stdout(sys.stderr):
            spacy_train(config, output, overrides=overrides)
    except (ValueError, SystemExit, OSError) as error:
        raise ModelError(f"spaCy could not train: {error}", f"Try it by hand: {command(folder, output)}") from error
    call_by_content(output / "model-best")
    return output / "model-best"


def command(folder: Path, output: Path) -> str:
    """The plain spaCy command that trains the same model."""
    paths = " ".join(f"--paths.{part} {part_file(folder, part)}" for part in ("train", "dev"))
    return f"python -m spacy train {folder / 'config.cfg'} --output {output} {paths}"


def seeds(folder: Path) -> dict[str, int]:
    """The seeds that the config of an exported folder names, by what they are for."""
    training = load_config(folder / "config.cfg", interpolate=True).get("training", {})
    return {"training": int(seed)} if (seed := training.get("seed")) is not None else {}
