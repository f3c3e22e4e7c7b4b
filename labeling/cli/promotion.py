"""Printing the outcome of a promotion, and a model's card."""

from typing import Any

from labeling.cli import console
from labeling.cli.console import say, table

REASONS = {
    "worse": "Worse, and not by chance",
    "falls": "Worse by more than the margin, though perhaps by chance",
    "unclear": "Perhaps worse by more than the margin: the test is too small to tell",
}
FEW = 20  # documents; with fewer, intervals are too narrow


def show(done: Any) -> None:
    """Print the comparison label by label and its outcome, and if it is undecided, how large a test would decide it."""
    from labeling.workflow.card_page import figure, interval

    gate = done.gate
    for note in done.notes:
        say(f"Note: {note}")
    if gate is None:
        return
    rows = [
        (
            row.label,
            row.gold,
            figure(row.there),
            figure(row.new),
            interval(row.difference, signed=True),
            row.margin,
            row.verdict,
        )
        for row in gate.rows
    ]
    title = f"{done.model} against {done.there}, on {gate.documents} test documents"
    table(title, ["label", "gold", "F current", "F new", "difference [95%]", "margin", "verdict"], rows)
    for verdict, reason in REASONS.items():
        of = [
            row.label + (f" (about {row.documents:,} test documents would decide it)" if row.documents else "")
            for row in gate.reasons
            if row.verdict == verdict
        ]
        if of:
            say(f"{reason}: {', '.join(of)}.")
    if gate.documents < FEW:
        say(f"Note: with {gate.documents} test documents the intervals are rough, and mostly too narrow.")
    if done.promoted:
        forced = ", although the comparison is undecided" if done.forced else ""
        say(f"{done.model} is the workspace's model now{forced}: `labeling import` uses it from now on.")
    elif gate.outcome == "undecided":
        size = f" About {gate.needed:,} test documents would decide it; there are {gate.documents}."
        say(f"Undecided: {done.there} stays.{size if gate.needed else ''} --force promotes {done.model} anyway.")
    else:
        say(f"Not promoted: {done.there} stays.")


def show_card(found: Any) -> None:
    """Print a model's card."""
    from labeling.workflow.card_page import page

    for line in page(found).splitlines():
        console.put(line)
