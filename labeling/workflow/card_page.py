"""A model's card as a page for people."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from labeling.core.bootstrap import Interval
from labeling.terminal import one_line

if TYPE_CHECKING:
    from labeling.nlp.evaluation.scores import Score
    from labeling.workflow.card import Card

SHORT = 12  # hex digits of a hash on the page; the card has all


def page(card: "Card") -> str:
    """The README.md of a model: what it finds, how well, how it was made, and how to use it."""
    return "\n".join(_lines(card)) + "\n"


def interval(found: Interval | None, *, signed: bool = False) -> str:
    """A figure with its interval: `.652 [.601, .700]`.

    >>> interval(Interval(point=0.65217, low=0.6, high=1.0)), interval(Interval(point=None, low=None, high=None))
    ('.652 [.600, 1.000]', '–')
    >>> interval(Interval(point=0.02, low=-0.01, high=0.05), signed=True)
    '+.020 [-.010, +.050]'
    """
    if found is None or found.point is None:
        return "–"
    point, low, high = (figure(number, "+" if signed else "") for number in (found.point, found.low, found.high))
    return point + (f" [{low}, {high}]" if found.low is not None else "")


def figure(number: float | None, sign: str = "") -> str:
    """A figure without an interval: `.652`."""
    return "–" if number is None else re.sub(r"^([+-]?)0\.", r"\1.", f"{number:{sign}.3f}")


def _lines(card: "Card") -> Iterator[str]:
    schema = card.label_schema
    what = f" by the schema {_said(f'{schema.name}-{schema.version}')}" if schema.name else ""
    yield f"# {_said(card.name)}"
    yield ""
    yield f"A spaCy pipeline for the language {_code(card.language)}. It finds {_names(schema.labels)}{what}."
    if schema.relations:
        yield f"Relations: {_names(schema.relations)}."
    yield ""
    yield "This page was generated from `card.json`, which is complete."
    yield from _figures(card)
    yield from _gold(card)
    yield from _how(card)
    yield from _use(card)


def _figures(card: "Card") -> Iterator[str]:
    figures = card.figures
    if figures is None:
        why = "." if "test" in card.gold.parts else ": the gold had no test part."
        yield from ("", "## How well", "", f"It was not measured{why}")
        return
    found = figures.found
    yield from ("", "## How well", "")
    yield f"On the {figures.documents} documents of the {figures.part} part, measured on {_code(figures.layer)}, with"
    yield "95% intervals (bootstrap over documents). A span is right where both edges and the label are; a relation"
    yield "where its label and both spans are."
    for note in figures.notes:
        yield _said(note)
    yield from _table("label", found.labels, found.overall)
    if found.relations:
        yield from _table("relation", found.relations.labels, found.relations.overall)
    yield from ("", f"Share of an annotator's work that its spans save: {interval(found.effort_saved)}.")
    if found.calibration:
        yield f"Calibration error of its scores: {found.calibration.error:.3f}."


def _table(what: str, rows: "Mapping[str, Score]", overall: "Score") -> Iterator[str]:
    yield from ("", f"| {what} | gold | precision | recall | F |", "|---|---:|---|---|---|")
    for name, score in [*((_said(name), score) for name, score in rows.items()), ("**all**", overall)]:
        cells = (
            interval(score.interval("precision")),
            interval(score.interval("recall")),
            interval(score.interval("f")),
        )
        yield f"| {name} | {score.gold} | {' | '.join(cells)} |"


def _gold(card: "Card") -> Iterator[str]:
    yield from ("", "## Made of", "", "| part of the gold | documents | SHA-256 |", "|---|---:|---|")
    for name, part in card.gold.parts.items():
        yield f"| {_said(name)} | {part.documents} | `{part.sha256[:SHORT]}…` |"
    yield from ("", f"All parts: `{card.gold.sha256}`.")
    if card.gold.source:
        yield f"Reviewed in: {_said(card.gold.source)}."
    if by := card.gold.split.get("by"):
        yield f"Documents were split by {_said(by)}; near-duplicates are in the same part."
    if card.gold.predicted_by:
        named = (f"{_code(model)} ({number})" for model, number in card.gold.predicted_by.items())
        yield from ("", f"Its documents were pre-annotated by: {', '.join(named)}.")
    if card.bases:
        yield from ("", "| built on | name | version | SHA-256 |", "|---|---|---|---|")
        for base in card.bases:
            digest = f"`{base.sha256[:SHORT]}…`" if base.sha256 else "–"
            yield f"| {_said(base.kind)} | {_said(base.name)} | {_said(base.version) or '–'} | {digest} |"
    if card.label_schema.sha256:
        yield from ("", f"Schema: `{card.label_schema.sha256}`.")


def _how(card: "Card") -> Iterator[str]:
    yield from ("", "## How it was made", "", f"On {_said(card.created)}, with {_pairs(card.versions)}.")
    if card.seeds:
        yield f"Seeds: {_pairs(card.seeds)}."
    if card.options:
        yield f"Options: {_pairs(card.options)}."
    if card.command:
        yield from ("", f"    {one_line(card.command)}")


def _use(card: "Card") -> Iterator[str]:
    yield from ("", "## How to use it", "")
    yield "With `labeling-loop` installed, in Python (`PATH` is this folder):"
    yield from ("", "    import spacy", "", '    nlp = spacy.load("PATH")', "")
    yield "or before a batch of articles is reviewed: `labeling import ARTICLES --model PATH`."


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"{_code(name)}" for name in names) or "nothing"


def _pairs(said: Mapping[str, Any]) -> str:
    return ", ".join(f"{_said(key)} {_said(value)}" for key, value in said.items())


def _code(value: object) -> str:
    """The value as Markdown code; backticks and bars in it cannot end the code or a table's cell."""
    return f"`{one_line(value).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _said(value: object) -> str:
    """A value that somebody else may have chosen, as one line of text, with its Markdown escaped."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", one_line(value)).replace("\\_", "_")
