"""`labeling effort`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labeling.cli import console
from labeling.cli.options import JsonOption


def command(
    gold: Annotated[Path, typer.Argument(help="Gold documents (.jsonl), such as an export's docs.jsonl.")],
    tasks: Annotated[Path, typer.Argument(help="Label Studio tasks with predictions on the same texts.")],
    json: JsonOption = False,
) -> None:
    """Measure how much of an annotator's work the pre-annotation saves, and its precision, recall and F per label.

    Example: `labeling effort seeds/gold.jsonl tasks.json`
    """
    from labeling.workflow.measuring import measure_effort

    measured = measure_effort(gold, tasks)
    if json:
        console.json(measured)
    else:
        _show(measured)


def _show(measured: Any) -> None:
    """Print the effort saved, and precision, recall and F per label, and per relation if the gold has any."""
    documents = f"{measured.documents} gold documents"
    if measured.documents_without_task:
        documents += f", {measured.documents_without_task} without a task"
    saved = f"Effort saved: {measured.effort_saved:.1%}"
    if measured.effort_saved_with_relations is not None:
        saved += f" for spans, {measured.effort_saved_with_relations:.1%} for spans and relations"
    rates = ("P", "R", "F")
    console.table(
        f"{saved} ({documents})",
        ["label", "gold spans", *rates, *(f"{name} overlap" for name in rates)],
        [(label, each.gold, *_rates(each.core), *_rates(each.overlap)) for label, each in measured.labels.items()],
    )
    if measured.relations:
        links = {**measured.relations.labels, "all": measured.relations}
        rows = [(label, each.gold, *_rates(each)) for label, each in links.items()]
        console.put()
        console.table("Relations", ["label", "gold relations", *rates], rows)


def _rates(found: Any) -> tuple[float, float, float]:
    return found.p, found.r, found.f
