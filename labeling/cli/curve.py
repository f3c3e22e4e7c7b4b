"""`labeling curve`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, WorkspaceOption
from labeling.errors import InputError


def command(
    folder: Annotated[Path, typer.Argument(help="A folder that `labeling export` or `convert` wrote.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The picture: .svg, .png or .pdf.", show_default="DIR/curve.svg"),
    ] = None,
    shares: Annotated[
        str, typer.Option("--shares", help="Shares of the reviewed documents, in per cent.")
    ] = "25,50,75,100",
    orders: Annotated[
        int,
        typer.Option(
            "--orders", min=1, help="In how many random orders documents are added; each trains models of its own."
        ),
    ] = 3,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            min=0,
            help="Evaluate by cross-validation with this many folds; with 0, on the test part.",
            show_default="0 if the test part has 20 documents, else 5",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Train the neural recogniser too, as `labeling train` does without --quick.")
    ] = False,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show how much better models get with more reviewed documents, and what the next 100 would bring.

    Example: `labeling curve exports -o curve.png`
    """
    from labeling.workflow.curves import learning_curve
    from labeling.workflow.pictures import check_picture, write_picture

    if folds == 1:
        raise InputError("With one fold there is nothing to train on.", "Give 2 or more, or 0 for the test part.")
    picture = output or folder / "curve.svg"
    missing = check_picture(picture)
    if missing:
        console.say(f"Note: {missing}")
    curve = learning_curve(
        folder,
        _trainer(folder, workspace, full),
        shares=_numbers(shares),
        orders=orders,
        fold_count=folds,
        bar=console.trainings,
        say=console.say,
    )
    if json:
        console.json(curve)
    else:
        _show(curve)
    if not missing:
        console.say(f"Picture: {write_picture(curve, picture)}")


def _trainer(folder: Path, workspace: Path, full: bool) -> Callable[[Path, Path], None]:
    from labeling.nlp.training import train
    from labeling.workflow import training

    if not training.can_learn():
        console.say(f"Only spaCy's own training is installed; `{training.how_to_learn()}` installs the rest.")
        return train
    from labeling.nlp.learn.training import Options
    from labeling.settings import open_workspace

    schema = training.schema_for(folder, open_workspace(workspace), say=console.say)
    return training.trainer(schema, Options(quick=not full))


def _numbers(shares: str) -> list[int]:
    try:
        found = [int(share) for share in shares.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < share <= 100 for share in found):
        raise InputError(
            f"--shares {shares} is not a list of percentages.", "Give numbers from 1 to 100: --shares 25,50,75,100"
        )
    return found


def _show(curve: Any) -> None:
    on = f"{curve.folds} folds of {curve.judged}" if curve.folds else f"the {curve.judged} documents of the test part"
    rows = [(f"{point.share}%", point.documents, *_cells(point.f), *_cells(point.effort)) for point in curve.points]
    header = ["share", "documents", "F", "95%", "effort", "95%"]
    console.table(f"{curve.folder}, evaluated on {on}", header, rows)
    if sentence := curve.sentence():
        console.put(sentence)
        beyond = curve.f.gain.more > curve.documents
        few = f", all the more with only {curve.documents} documents" if beyond else ""
        console.say(f"The interval is optimistic{few}: it assumes that the fitted curve continues.")
    last = curve.f.last
    if last and len(curve.points) > 1:
        before, after = curve.points[-2:]
        console.say(f"From {before.share}% to {after.share}%, F changed by {_between(last)}.")
    for note in curve.notes:
        console.say(f"Note: {note}")


def _cells(interval: Any) -> tuple[Any, str]:
    if interval.low is None:
        return (console.NONE if interval.point is None else interval.point), console.NONE
    return interval.point, f"{interval.low:.3f} to {interval.high:.3f}"


def _between(interval: Any) -> str:
    from labeling.core.learning_curve import signed

    bounds = "" if interval.low is None else f" ({signed(interval.low)} to {signed(interval.high)})"
    return f"{signed(interval.point)}{bounds}"
