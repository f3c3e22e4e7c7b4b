"""`labeling evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from labeling.cli import console, differences, scores
from labeling.cli.options import HERE, JsonOption
from labeling.errors import InputError
from labeling.terminal import put_json

STDOUT = Path("-")


def command(
    model: Annotated[str, typer.Argument(help="A spaCy package, or the folder of a trained model.")],
    folder: Annotated[Path, typer.Argument(help="A folder that `labeling export` or `convert` wrote.")],
    against: Annotated[
        str | None, typer.Option("--against", metavar="MODEL", help="Compare with another model on the same documents.")
    ] = None,
    errors: Annotated[bool, typer.Option("--errors", help="List every difference in its sentence.")] = False,
    errors_to: Annotated[
        Path | None,
        typer.Option(
            "--errors-to", metavar="FILE", help="Write every difference as a line of JSON; - prints only these lines."
        ),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option("--schema", help="Also measure the whole pre-annotation by this schema: a name or .toml file."),
    ] = None,
    part: Annotated[str, typer.Option("--part", help="The part to evaluate on: train, dev or test.")] = "test",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
    effort: Annotated[bool, typer.Option("--effort", hidden=True)] = False,
    json: JsonOption = False,
) -> None:
    """Measure how well a model does on the exported test part: per label with 95% intervals, relations, every error.

    Example: `labeling evaluate models/monday/model-best exports --errors`

    Example: `labeling evaluate models/tuesday/model-best exports --against models/monday/model-best`
    """
    if effort:
        raise InputError(
            "`labeling evaluate --effort` is a command of its own now.", f"labeling effort {model} {folder}"
        )
    from labeling.core.split import PARTS

    if part not in PARTS:
        raise InputError(f"There is no part {part!r}.", f"There are {', '.join(PARTS)}.")
    from labeling.nlp.evaluation.scores import Bootstrap
    from labeling.settings import read_schema, schema_file
    from labeling.workflow.evaluating import evaluate, write_errors

    found = evaluate(
        model,
        folder,
        part,
        against=against,
        schema=read_schema(schema_file(schema, HERE)) if schema else None,
        with_errors=errors or errors_to is not None,
        bootstrap=Bootstrap(seed=seed),
        track=console.track,
    )
    if errors_to == STDOUT:
        for error in found.errors or ():
            put_json(error.model_dump(mode="json"), indent=None)
        return
    if errors_to:
        write_errors(found.errors or (), errors_to)
    if json:
        console.json(found if errors else found.model_copy(update={"errors": None}))
    else:
        scores.show(found, part)
        if errors:
            differences.show_errors(found.errors or ())
    if errors_to:
        console.say(f"{len(found.errors or ()):,} differences: {errors_to}")
