"""Exported files → a trained model with its card: what `labeling train` does.

`train` is two steps that can be taken alone: `labeling.nlp.training.train` makes the pipeline, and `with_card` writes
its card, for a pipeline of any origin that was trained on an exported folder.
"""

from pathlib import Path
from typing import Any

from labeling.core.value import Value
from labeling.workflow.cards import Base, Card, Figures, gold_of, schema_of, write_card


class Trained(Value):
    """A trained model: its folder, which spaCy loads, and its card."""

    model: Path
    card: Card


def train(folder: Path, output: Path) -> Trained:
    """The best model that spaCy's own training makes of an exported folder, with its card.

    Raises:
        InputError: The folder has no config, or nothing to train or to choose the best model on; or a file cannot be
            written.
        ModelError: The config is for another language than the documents, or spaCy stopped.
    """
    from labeling.nlp import training

    model = training.train(folder, output)
    return with_card(model, folder, command=training.command(folder, output), seeds=training.seeds(folder))


def with_card(
    model: Path,
    folder: Path,
    *,
    command: str,
    bases: tuple[Base, ...] = (),
    seeds: dict[str, int] | None = None,
    options: dict[str, Any] | None = None,
    figures: Figures | None = None,
) -> Trained:
    """The model with its card, which has everything that follows from the model and the exported folder by itself.

    Args:
        model: The folder of the pipeline; its meta.json is changed, since it is called after its files from now on.
        folder: What it was trained on.
        command: The plain command that made it.
        bases: What it was built on.
        seeds: What for → seed.
        options: How the training was asked for.
        figures: What it is worth on the test part.

    Raises:
        ModelError: The folder is no model.
        InputError: The gold cannot be read, or the card cannot be written.
    """
    card = Card(
        gold=gold_of(folder),
        label_schema=schema_of(folder),
        bases=bases,
        seeds=seeds or {},
        options=options or {},
        command=command,
        figures=figures,
    )
    return Trained(model=model, card=write_card(model, card))
