"""LabelSchema → the instructions that Label Studio shows: mouse and keys, then what to mark, coloured as on the page.

Label Studio takes `style` attributes away and leaves `<style>` and classes; its own style takes bullets of lists away.
"""

from collections.abc import Iterable
from html import escape

from labeling.core.examples import pieces
from labeling.core.schema import LabelSchema, RelationLabel

STYLE = """
.labeling-keys { border-collapse: collapse; margin: 4px 0 12px; }
.labeling-keys td { padding: 2px 20px 2px 0; vertical-align: top; }
.labeling-keys td:first-child { white-space: nowrap; }
.labeling-example { padding-left: 12px; }
.labeling-keys kbd { border: 1px solid #8884; border-radius: 4px; padding: 0 5px; font-family: inherit;
  white-space: nowrap; }
.labeling-name { border-left: 4px solid; padding: 2px 8px; }
.labeling-span { padding: 1px 2px; }
.labeling-arrow { display: inline-block; min-width: 74px; margin: 0 5px; text-align: center; font-size: 11px;
  line-height: 13px; color: #9065e6; border-bottom: 1.5px solid #9065e6; position: relative; top: -4px; }
.labeling-arrow::after { content: "▸"; position: absolute; right: -5px; bottom: -8px; font-size: 13px; }
.labeling-relation { margin: 8px 0; }
.labeling-relation .labeling-what { margin-left: 10px; }
"""
TINT = "4d"  # the opacity of a span on the page, as the last two digits of a colour
# What annotators read of normal forms, by what they are of.
NORMAL_FORMS = {
    "date": "Normal form: the date in ISO 8601, as precise as the text (2024, 2024-03, 2024-03-01, 2024-03-01T06:00), "
    "or an interval (2024-03-01/2024-03-07); empty where it cannot be told.",
    "place": "Normal form: the country's code, and latitude and longitude of a city (UA 50.45,30.52); "
    "empty where it cannot be told.",
}
# Each was tried in a browser: tests/test_browser.py.
KEYS = (
    ("Mark", "{key} and drag over the words"),
    ("Change the label", "click the span, {other}"),
    ("Delete", "click the span, <kbd>Backspace</kbd>"),
    ("Draw an arrow", "click the first span, <kbd>Alt</kbd>+<kbd>R</kbd>, click the second"),
    ("Let go of a span", "<kbd>Esc</kbd>"),
    ("Undo", "<kbd>Ctrl</kbd>+<kbd>Z</kbd>"),
    ("Submit", "<kbd>Ctrl</kbd>+<kbd>Enter</kbd>"),
    ("Skip", "<kbd>Ctrl</kbd>+<kbd>Space</kbd>"),
)


def instructions(schema: LabelSchema) -> str:
    """What Label Studio shows the annotators as instructions: HTML made from the schema's prose."""
    classes = {name: f"labeling-{number}" for number, name in enumerate(schema.labels)}
    colors = [
        f".{classes[name]} {{ background: {label.color}{TINT}; border-color: {label.color}; }}\n"
        for name, label in schema.labels.items()
    ]
    parts = [f"<style>{STYLE}{''.join(colors)}</style>", _keys(schema), _prose(schema.instructions)]
    if schema.relations:
        parts.append("<br><h4>Arrows</h4>")
    for name, relation in schema.relations.items():
        parts.append(_picture(name, relation, classes))
    if schema.relations:
        parts.append("<p>An arrow needs no name if its ends and its direction leave one relation.</p>")
    for name, label in schema.labels.items():
        key = f" <kbd>{label.hotkey}</kbd>" if label.hotkey else ""
        parts.append(f'<br><h4><span class="labeling-name {classes[name]}">{escape(name)}{key}</span></h4>')
        parts += [_prose(label.description), _prose(label.guidance)]
        parts += [f'<p class="labeling-example">{_example(example, name, classes)}</p>' for example in label.examples]
        parts += [f"<p>{escape(NORMAL_FORMS[label.normal])}</p>"] if label.normal else []
    return "".join(parts)


def _keys(schema: LabelSchema) -> str:
    hotkeys = [f"<kbd>{label.hotkey}</kbd>" for label in schema.labels.values() if label.hotkey]
    key, other = f"press {hotkeys[0]}" if hotkeys else "click a label", hotkeys[1:2]
    if len(hotkeys) > 1:
        key = f"press the label's key ({' '.join(hotkeys)}),"
    words = {"key": key, "other": "press the other's key" if other else "click the other label"}
    rows = [
        f"<tr><td>{what}</td><td>{how.format(**words)}</td></tr>"
        for what, how in KEYS
        if schema.relations or "arrow" not in what
    ]
    return f'<table class="labeling-keys"><tbody>{"".join(rows)}</tbody></table>'


def _picture(name: str, relation: RelationLabel, classes: dict[str, str]) -> str:
    """The arrow of a relation, between the labels that it joins."""
    start, end = (
        " ".join(_span(label, classes[label]) for label in labels)
        for labels in relation.in_order(relation.head, relation.tail)
    )
    arrow = f'{start} <span class="labeling-arrow">{escape(name)}</span> {end}'
    return f'<p class="labeling-relation">{arrow} <span class="labeling-what">{escape(relation.description)}</span></p>'


def _example(example: str, own: str, classes: dict[str, str]) -> str:
    found = pieces(example, own, classes)
    return "".join(_span(piece.text, classes[piece.label]) if piece.label else escape(piece.text) for piece in found)


def _span(text: str, color: str) -> str:
    return f'<span class="labeling-span {color}">{escape(text)}</span>'


def _prose(text: str) -> str:
    """One paragraph a line; Label Studio's page takes the bullets of a list away, so they are written out."""
    lines: Iterable[str] = (line.strip() for line in text.splitlines())
    return "".join(f"<p>{escape(line.replace('- ', '• ', 1))}</p>" for line in lines if line)
