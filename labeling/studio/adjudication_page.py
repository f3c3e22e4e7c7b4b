"""LabelSchema → the page on which conflicts are decided, and a conflict's options → the cards on it."""

from collections.abc import Sequence
from html import escape
from xml.etree import ElementTree as ET

from labeling.core.adjudication import Conflict, MarkedRelation, MarkedSpan, Option
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.core.sections import around
from labeling.studio.config import CONTROL, TEXT
from labeling.studio.page import Page

# The names that answers refer to; never to be changed.
DECISION, REASON, NOTE, NEITHER = "decision", "reason", "note", "neither"
REASONS = {"slip": "s", "ambiguous": "a", "guideline gap": "g"}  # each with its key
LABEL_KEYS = "qwertyuiopdfhjklzxcvbnm"
NONE = ("Not right", "Neither", "None of these")  # by the number of options: one, two, more
CARD, MOST = 60, 220  # code points before and after a card's spans
TINT = "4d"

STYLE = """
.labeling-cards .lsf-choices { display: flex; flex-wrap: wrap; gap: 12px; }
.labeling-tools { padding: 8px 0; }
"""


def adjudication_page(schema: LabelSchema) -> Page:
    """The labeling config and the instructions of an adjudication project."""
    view = ET.Element("View")
    ET.SubElement(view, "Style").text = STYLE + _colors(schema)
    question = ET.SubElement(view, "View", className="labeling-cards")
    ET.SubElement(question, "Choices", name=DECISION, toName=TEXT, choice="multiple", value="$options")
    why = ET.SubElement(view, "View", className="labeling-why")
    reasons = ET.SubElement(why, "Choices", name=REASON, toName=TEXT, choice="single", showInline="true")
    for name, key in REASONS.items():
        ET.SubElement(reasons, "Choice", value=name, hotkey=key)
    ET.SubElement(why, "TextArea", name=NOTE, toName=TEXT, placeholder="Note", maxSubmissions="1", rows="1")
    tools = ET.SubElement(view, "View", className="labeling-tools")
    labels = ET.SubElement(tools, "Labels", name=CONTROL, toName=TEXT)
    for (name, label), key in zip(schema.labels.items(), LABEL_KEYS, strict=False):
        ET.SubElement(labels, "Label", value=name, background=label.color, hotkey=key)
    if schema.relations:
        relations = ET.SubElement(view, "Relations", choice="single")
        for name in schema.relations:
            ET.SubElement(relations, "Relation", value=name)
    article = ET.SubElement(view, "View", className="labeling-article")
    ET.SubElement(article, "Header", value="$title", size="3")
    ET.SubElement(article, "Text", name=TEXT, value="$text", granularity="word")
    ET.indent(view)
    return Page.marked(ET.tostring(view, encoding="unicode") + "\n", "<p>Take what is right.</p>")


def cards(
    conflict: Conflict, order: Sequence[int], doc: LabeledDoc, schema: LabelSchema | None
) -> list[dict[str, str]]:
    """The options of a conflict in this order, then that none is right, as dynamic Choices take them."""
    classes = _classes(schema)
    found = [
        {"value": str(place), "hotkey": str(place), "html": _card(conflict.options[number], doc.text, classes, schema)}
        for place, number in enumerate(order, start=1)
    ]
    for each in found[9:]:
        del each["hotkey"]
    none = NONE[min(len(order), len(NONE)) - 1]
    return [*found, {"value": NEITHER, "hotkey": "0", "html": escape(none)}]


def _card(option: Option, text: str, classes: dict[str, str], schema: LabelSchema | None) -> str:
    marked = option.marked
    if isinstance(marked, MarkedRelation):
        return f"{_sentence((marked.head, marked.tail), text, classes)}<p>{_link(marked, text, classes, schema)}</p>"
    lines = "".join(
        f"<p>{escape(each.label)} of {_quote(each.head, text, classes)}</p>"
        if each.tail == marked
        else f"<p>{escape(each.label)}: {_quote(each.tail, text, classes)}</p>"
        for each in option.relations
    )
    return f"<b>{escape(marked.label)}</b>{_sentence((marked,), text, classes)}{lines}"


def _sentence(spans: Sequence[MarkedSpan], text: str, classes: dict[str, str]) -> str:
    start, end = around(text, min(s.start for s in spans), max(s.end for s in spans), CARD, MOST)
    parts, at = [], start
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        parts.append(escape(text[at : max(at, span.start)]))
        parts.append(_quote(span, text, classes))
        at = max(at, span.end)
    parts.append(escape(text[at:end]))
    return f"<p>{''.join(parts)}</p>"


def _link(marked: MarkedRelation, text: str, classes: dict[str, str], schema: LabelSchema | None) -> str:
    kind = schema.relations.get(marked.label) if schema else None
    first, second = kind.in_order(marked.head, marked.tail) if kind else (marked.head, marked.tail)
    return f"{_quote(first, text, classes)} —{escape(marked.label)}→ {_quote(second, text, classes)}"


def _quote(span: MarkedSpan, text: str, classes: dict[str, str]) -> str:
    return f'<span class="labeling-span {classes.get(span.label, "")}">{escape(text[span.start : span.end])}</span>'


def _classes(schema: LabelSchema | None) -> dict[str, str]:
    return {name: f"labeling-{number}" for number, name in enumerate(schema.labels if schema else ())}


def _colors(schema: LabelSchema) -> str:
    return "".join(
        f".{name} {{ background: {schema.labels[label].color}{TINT}; }}\n" for label, name in _classes(schema).items()
    )
