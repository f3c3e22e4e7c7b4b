"""The figures of an evaluation as tables: rates, relations, confusion, a comparison."""

from typing import TYPE_CHECKING, Any

from labeling.cli.console import NONE, put, say, table

if TYPE_CHECKING:
    from labeling.core.bootstrap import Interval
    from labeling.nlp.evaluation.comparison import Comparison, Row
    from labeling.nlp.evaluation.confusion import Confusion
    from labeling.nlp.evaluation.report import Scores
    from labeling.nlp.evaluation.scores import Layer, Relations, Score

FIGURES = {"all": "all labels", "relations": "all relations", "effort": "effort saved", "preannotation": "effort saved"}


def show(found: "Scores", part: str) -> None:
    """Print all tables of an evaluation, and its notes on stderr."""
    level = f"{found.bootstrap.level:.0%}"
    for number, (name, layer) in enumerate(found.layers.items()):
        if number:
            put()
        documents = f"{found.documents:,} {part} document{'s' * (found.documents != 1)}"
        _show_spans(f"{found.model} on {documents}: {name}", layer, level)
        if layer.relations:
            _show_relations(layer.relations, level)
        if len(layer.confusion.labels) > 1:
            _show_confusion(layer.confusion)
    if found.preannotation:
        put()
        saved = _with_interval(found.preannotation.effort_saved)
        put(f"Effort saved by the whole pre-annotation with {found.preannotation.schema_key}: {saved}")
    if found.against:
        put()
        show_comparison(f"{found.against.model} against {found.against.other}", found.against, level)
        put(sentence(found.against))
    for note in found.notes:
        say(f"Note: {note}")


def _show_spans(title: str, layer: "Layer", level: str) -> None:
    header = ["label", "gold", "found", "P", "R", "F", level, "F overlap"]
    rows = [(label, score.gold, score.found, *_rates(score), _overlap(score)) for label, score in layer.labels.items()]
    overall, macro = layer.overall, layer.macro_f
    rows += [
        ("all", overall.gold, overall.found, *_rates(overall), _overlap(overall)),
        ("mean of labels", NONE, NONE, NONE, NONE, _figure(macro.point), _bounds(macro.low, macro.high), NONE),
    ]
    table(title, header, rows)
    put(f"Effort saved by these spans: {_with_interval(layer.effort_saved)}")
    if layer.calibration:
        found = layer.calibration
        put(
            f"Calibration error of their scores: {found.error:.3f} "
            f"(mean score {found.score:.3f}, right {found.right:.3f}, {found.spans:,} spans)"
        )


def _show_relations(found: "Relations", level: str) -> None:
    put()
    rows = [
        (label, score.gold, score.found, *_rates(score))
        for label, score in [*found.labels.items(), ("all", found.overall)]
    ]
    table("Relations: label and both ends right", ["relation", "gold", "found", "P", "R", "F", level], rows)


def _show_confusion(found: "Confusion") -> None:
    put()
    header = ["gold ↓ found →", *found.labels, "missed"]
    names = [*found.labels, "spurious"]
    rows: list[list[Any]] = [[name, *numbers] for name, numbers in zip(names, found.matrix, strict=True)]
    rows[-1][-1] = NONE  # spans that are neither gold nor found cannot be counted
    table("Confusion of labels, on any overlap", header, rows)


def show_comparison(title: str, found: "Comparison", level: str, columns: tuple[str, str] = ("model", "other")) -> None:
    """Print the table of a comparison; `columns` names its two sides."""
    rows = [
        (
            _name(row),
            _figure(row.model),
            _figure(row.other),
            _signed(row.difference.point),
            _bounds(row.difference.low, row.difference.high, signed=True),
            "the same" if row.difference.low == row.difference.high == 0 else row.verdict,
        )
        for row in found.rows
    ]
    table(title, ["F", *columns, "difference", level, "verdict"], rows)


def sentence(found: "Comparison") -> str:
    """The outcome of a comparison, in a sentence."""
    overall = found.rows[0]
    bounds = _bounds(overall.difference.low, overall.difference.high, signed=True)
    figures = (
        f"F {_text(overall.model)} against {_text(overall.other)}, {_signed(overall.difference.point)} ({bounds})"
        f" on {found.documents:,} documents."
    )
    if found.verdict != "undecided":
        return f"{found.model} is {found.verdict} than {found.other}: {figures}"
    more = (
        f" A difference of this size takes about {found.documents_to_decide:,} documents to decide."
        if found.documents_to_decide
        else ""
    )
    return f"Undecided whether {found.model} is better than {found.other}: {figures}{more}"


def _name(row: "Row") -> str:
    if row.of == "preannotation":
        return "effort saved, whole pre-annotation"
    return row.name or FIGURES[row.of]


def _rates(score: "Score") -> tuple[Any, ...]:
    low, high = score.intervals.get("f", (None, None))
    return _figure(score.precision), _figure(score.recall), _figure(score.f), _bounds(low, high)


def _overlap(score: "Score") -> float | str:
    return _figure(score.overlap.f if score.overlap else None)


def _figure(number: float | None) -> float | str:
    return NONE if number is None else number


def _text(number: float | None) -> str:
    return NONE if number is None else f"{number:.3f}"


def _signed(number: float | None) -> str:
    return NONE if number is None else f"{number:+.3f}".replace("-", "−")


def _bounds(low: float | None, high: float | None, *, signed: bool = False) -> str:
    if low is None or high is None:
        return NONE
    return f"{_signed(low)} to {_signed(high)}" if signed else f"{low:.3f}–{high:.3f}"


def _with_interval(found: "Interval") -> str:
    if found.point is None:
        return NONE
    bounds = "" if found.low is None or found.high is None else f" ({found.low:.1%} to {found.high:.1%})"
    return f"{found.point:.1%}{bounds}".replace("-", "−")
