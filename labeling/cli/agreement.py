"""`labeling agreement`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labeling.cli import against_gold, console
from labeling.cli.console import NONE
from labeling.cli.options import HERE, JsonOption, OfflineOption, ProjectOption, WorkspaceOption

KINDS = {"exact": "exact", "trimmed": "edges trimmed", "iou50": "IoU ≥ .5", "overlap": "overlap"}


def command(
    exports: Annotated[
        list[str] | None, typer.Argument(metavar="[EXPORT]...", help="Exports of Label Studio; else the project.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    schema: Annotated[
        str, typer.Option(metavar="NAME", help="The schema whose labels are legal; `auto` takes every label.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write every disagreement: .csv or .parquet.")
    ] = None,
    gold: Annotated[
        bool, typer.Option("--gold", help="Compare each person with the adjudicated gold instead of with each other.")
    ] = False,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Call annotators and adjudicators by pseudonyms: `annotator 1`.")
    ] = False,
    project: ProjectOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Measure how far annotators agree on the texts that at least two of them annotated.

    One file has everybody, or each person has a file. Without a file, the workspace's project is pulled.

    Example: `labeling agreement ann.json ben.json --schema auto`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.agreement import agreement

    opened = open_workspace(workspace, project=project, schema=schema if schema not in ("", "auto") else None)
    if offline and not exports:
        console.as_pulled(opened)
    legal = None if schema == "auto" else opened.label_schema
    found = agreement(
        opened,
        exports or (),
        schema=legal,
        output=output,
        gold=gold,
        anonymous=anonymous,
        offline=offline,
        track=console.track,
        say=console.say,
    )
    if json:
        console.json(found)
    else:
        if found.gold:
            against_gold.show(found.gold)
        else:
            _show(found)
        for warning in (*(found.gold.warnings if found.gold else ()), *found.warnings):
            console.say(f"Note: {warning}")
        console.problems(found.problems)
    console.exit_if_refused(found.problems)


def _show(found: Any) -> None:
    """Print the figures as tables, and where people disagree."""
    rows = [[label, *_kinds(each), _figure(each.alpha_u)] for label, each in found.labels.items()]
    rows.append(["all", *_kinds(found.spans), _figure(found.spans.alpha_u)])
    title = f"Agreement of {len(found.annotators)} people on {found.documents:,} texts: F of spans"
    console.table(title, ["label", *KINDS.values(), "alpha_u"], rows)
    console.put(
        f"95% over other texts: {', '.join(_interval(getattr(found.spans, kind), KINDS[kind]) for kind in KINDS)}"
    )
    console.put(f"Whatever the label, exact: {_number(found.spans.unlabelled.f)}")
    if found.relations:
        events = found.events
        figures = (found.relations.f, found.relations.f_given_ends, events.trigger_f, events.argument_f, events.exact)
        header = ["relations", "where both ends agree", "triggers", "arguments where they agree", "whole events"]
        console.put()
        console.table("F of relations and events", header, [list(map(_figure, figures))])
    console.put()
    pairs = [[p.a, p.b, p.documents, *map(_figure, (p.exact, p.trimmed, p.overlap))] for p in found.pairs]
    console.table("Pairs", ["one", "other", "texts", "exact", "edges trimmed", "overlap"], pairs)
    if len(found.annotators) > 2:
        people = [
            [name, p.documents, *(_figure(rate.f) for rate in (p.exact, p.trimmed, p.overlap))]
            for name, p in found.people.items()
        ]
        console.put()
        console.table("Each against the others", ["annotator", "texts", "exact", "edges trimmed", "overlap"], people)
    if found.arms:
        arms = [
            [name.replace("_", " "), arm.documents, *_with_interval(arm.exact), *_with_interval(arm.trimmed)]
            for name, arm in found.arms.items()
        ]
        console.put()
        header = ["start", "texts", "exact", "95%", "edges trimmed", "95%"]
        console.table("By what people started from: F of spans", header, arms)
    confusions = [(" / ".join(each.labels), each.count, each.example) for each in found.confusions]
    edges = [(each.words, each.count, each.example) for each in found.edge_words]
    _examples("Different labels on the same words", "labels", confusions)
    _examples("Words that only one of two has at the edge", "words", edges)
    if found.least:
        console.put()
        console.put("Least agreement: F with edges trimmed, task, annotators", "bold")
        for each in found.least:  # a line each, since a cell of a table would break the link
            console.put(f"{each.trimmed:.2f}  {each.where}  {', '.join(each.annotators)}")


def _examples(title: str, heading: str, rows: list[tuple[str, int, str]]) -> None:
    if rows:
        console.put()
        console.table(title, [heading, "times", "for example"], rows)


def _kinds(found: Any) -> list[Any]:
    return [_figure(getattr(found, kind).f) for kind in KINDS]


def _interval(rate: Any, name: str) -> str:
    return f"{name} {_number(rate.low)} to {_number(rate.high)}"


def _with_interval(rate: Any) -> tuple[Any, str]:
    return _figure(rate.f), f"{_number(rate.low)} to {_number(rate.high)}"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _figure(value: float | None) -> Any:
    return NONE if value is None else value
