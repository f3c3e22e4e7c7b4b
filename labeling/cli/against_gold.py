"""Tables of each person against the adjudicated gold."""

from typing import Any

from labeling.cli import console
from labeling.cli.console import NONE

WORST = 3  # mistakes of a person in the terminal; `--json` has more
WORDS = {
    "missed": "missed {label}",
    "invented": "invented {label}",
    "label": "{label} marked as {said}",
    "edges": "{label} {said}",
    "missed relation": "missed relation {label}",
    "invented relation": "invented relation {label}",
}


def show(found: Any) -> None:
    """Print the figures as tables, what people get wrong, and what the guidelines leave open."""
    rows = [
        [who, *map(_figure, _rates(one)), _interval(one.trimmed), _figure(one.relations.f if one.relations else None)]
        for who, one in found.people.items()
    ]
    title = f"{len(found.people)} people against the gold of {found.texts:,} texts: F of spans"
    console.table(title, ["annotator", "exact", "adjudicated", "trimmed", "95%", "relations"], rows)
    spans = [[who, one.texts, one.kept, one.missed, one.invented] for who, one in found.people.items()]
    _table("Spans", ["annotator", "texts", "as in the gold", "missed", "invented"], spans)
    _labels("By label, edges trimmed", "label", found, "labels")
    _labels("Relations", "relation", found, "relation_labels")
    periods = [
        [who, each.name, each.texts, _figure(each.f), _interval(each)]
        for who, one in found.people.items()
        for each in one.periods
    ]
    _table("Over time: F of spans, edges trimmed", ["annotator", "period", "texts", "F", "95%"], periods)
    mistakes = [(who, each) for who, one in found.people.items() for each in one.mistakes[:WORST]]
    _table(
        "What people get wrong most",
        ["annotator", "what", "times", "for example"],
        [[who, WORDS[m.kind].format(label=m.label, said=m.said), m.count, m.example] for who, m in mistakes],
    )
    meanings = dict.fromkeys((each.label, each.meaning) for _, each in mistakes if each.meaning)
    _table("What the schema says of these labels", ["label", "meaning"], [list(each) for each in meanings])
    if found.gaps:
        console.put()
        console.put("Guideline gaps that adjudicators noted", "bold")
        for gap in found.gaps:  # a line each, since a cell of a table would break the link
            labels, what = ", ".join(gap.labels), gap.note or "no note"
            console.put(f"{gap.url or gap.doc_id}  {labels}: {what}  {gap.text}")


def _rates(one: Any) -> tuple[float | None, ...]:
    return one.exact.f, one.adjudicated.f, one.trimmed.f


def _labels(title: str, heading: str, found: Any, field: str) -> None:
    rows = [
        [who, label, *map(_figure, (each.precision, each.recall, each.f)), _interval(each)]
        for who, one in found.people.items()
        for label, each in getattr(one, field).items()
    ]
    _table(title, ["annotator", heading, "precision", "recall", "F", "95%"], rows)


def _table(title: str, header: list[str], rows: list[list[Any]]) -> None:
    if rows:
        console.put()
        console.table(title, header, rows)


def _figure(value: float | None) -> Any:
    return NONE if value is None else value


def _interval(rate: Any) -> str:
    return NONE if rate.low is None else f"{rate.low:.3f} to {rate.high:.3f}"
