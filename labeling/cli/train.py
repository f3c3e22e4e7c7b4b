"""`labeling train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from labeling.workflow.training import Trained


def train(
    folder: Annotated[Path, typer.Argument(help="A folder that `labeling export` or `convert` wrote.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The model's folder.", show_default="DIR/model")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Skip the neural recogniser, which takes longest.")] = False,
    schema: Annotated[
        str | None,
        typer.Option("--schema", help="The schema of the reviews: a name or .toml file.", show_default="the export's"),
    ] = None,
    base: Annotated[
        str,
        typer.Option(
            "--base",
            metavar="PIPELINE",
            help="A pipeline whose transformer or word vectors the recogniser uses, or `none`.",
        ),
    ] = "auto",
    encoder: Annotated[
        str,
        typer.Option(
            "--encoder",
            metavar="DIR",
            help="A frozen encoder for it to use: a folder with model.onnx and tokenizer.json, or `none`.",
        ),
    ] = "auto",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Run a transformer on a GPU: the one that is installed, or --base.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Use only spaCy's own training, with the exported config.cfg.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same model.")] = 0,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Train a model on reviewed documents: spans, relations, and how much to trust each component.

    The model is one spaCy pipeline. It learns from the train and dev parts; test stays unseen.

    Example: `labeling train exports -o models/monday`

    Example: `labeling train exports -o models/monday --quick`
    """
    from labeling.workflow import training
    from labeling.workflow.card_page import interval

    output = output or folder / "model"
    if not plain and not training.can_learn():
        console.say(f"Only spaCy's own training is installed; `{training.how_to_learn()}` installs the rest.")
        plain = True
    if plain:
        from labeling.nlp.training import command

        console.say(f"$ {command(folder, output)}")
        made = training.train(folder, output)
    else:
        from labeling.nlp.learn.training import Options
        from labeling.settings import open_workspace

        options = Options(quick=quick, base=base, encoder=encoder, gpu=gpu, seed=seed)
        reviewed_with = training.schema_for(folder, open_workspace(workspace), schema, console.say)
        with console.working("Training") as advance:
            made = training.learn(folder, output, reviewed_with, options, advance, named=schema)
    if json:
        console.json(made)
        return
    _report(made)
    if figures := made.card.figures:
        on = f"On the {figures.documents} documents of the {figures.part} part"
        relations = figures.found.relations
        of_relations = f", of relations {interval(relations.overall.interval('f'))}" if relations else ""
        console.say(f"{on} F is {interval(figures.found.overall.interval('f'))}{of_relations}.")
    console.put(str(made.model))
    console.say(f"Next: labeling evaluate {made.model} {folder}; labeling import ARTICLES --model {made.model}")


def _report(made: "Trained") -> None:
    """Print what was learned, on stderr."""
    if not made.base:
        return
    console.say(made.base)
    before, after = made.effort_before, made.effort_after
    trusted = ", ".join(f"{name} {weight:.2f}" for name, weight in sorted(made.weights.items(), key=lambda w: -w[1]))
    number = f"{made.documents:,} document{'s' * (made.documents != 1)}"
    if before is None or after is None:
        console.say(f"{number}: too few to tell whether training helped.")
        return
    console.say(
        f"{number}. In cross-validation, pre-annotation saves {after:.1%} of the work with what was learned, and "
        f"{before:.1%} without."
    )
    if before > after:
        console.say("So spans still come from the untrained pre-annotation; more reviews will change that.")
    elif trusted:
        console.say(f"Trust in each component: {trusted}.")
    if made.relations and not any(one.gold for one in made.relations):
        console.say("No relation was reviewed, so none was learned.")
        return
    for one in made.relations:
        learned = "too few to learn" if one.learned is None else f"learned F {one.learned:.2f}"
        console.say(f"  {one.label}: {one.gold:,} reviewed, {learned}, rules F {one.rules:.2f}; used: {one.source}")
