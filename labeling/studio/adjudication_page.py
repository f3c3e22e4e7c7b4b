"""LabelSchema → the page on which conflicts are decided, and a conflict's options → the cards on it."""

from collections.abc import Sequence
from html import escape
from itertools import chain, pairwise, repeat
from xml.etree import ElementTree as ET

from labeling.core.adjudication import Conflict, MarkedRelation, MarkedSpan, Option
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.core.sections import around
from labeling.studio.config import ARROWS_STYLE, CONTROL, TEXT
from labeling.studio.instructions import STYLE as KEYS_STYLE
from labeling.studio.instructions import TINT
from labeling.studio.page import Page

# The names that answers refer to; never to be changed.
DECISION, REASON, NOTE, NEITHER = "decision", "reason", "note", "neither"
REASONS = {"slip": "s", "ambiguous": "a", "guideline gap": "g"}  # each with its key
# Digits are keys of the cards, s, a and g of the reasons; u is Label Studio's own, and lets go of a region.
LABEL_KEYS = "qwertyiopdfhjklzxcvbnm"
SAID = (
    "Annotators differ about what the cards show. Take what is right: one card, several, or none.",
    "If something else is right, mark it in the text, or draw the arrow between two spans. What is marked there "
    "already is agreed: leave it as it is.",
    "If the card of the majority is taken already and is right, submit. Why people differed, and a note, are for those "
    "who write the guidance; leave them out if nothing is to be said.",
)
KEYS = (
    ("Take a card, or let it go", "<kbd>1</kbd> <kbd>2</kbd> … or click it"),
    ("None of the cards", "<kbd>0</kbd>"),
    ("Submit", "<kbd>Ctrl</kbd>+<kbd>Enter</kbd>"),
    ("Mark something else", "press the label's key and drag over the words"),
    ("Draw an arrow", "click the first span, <kbd>Alt</kbd>+<kbd>R</kbd>, click the second"),
    ("Why they differ", " ".join(f"<kbd>{key}</kbd> {name}" for name, key in REASONS.items())),
    ("Note", "click the field, write, <kbd>Enter</kbd>"),
    ("Undo", "<kbd>Ctrl</kbd>+<kbd>Z</kbd>"),
    ("Leave it to somebody else", "<kbd>Ctrl</kbd>+<kbd>Space</kbd>"),
)
NONE = ("Not right", "Neither", "None of these")  # by the number of options: one, two, more
ENDS = ("", *'\n.!?"”’»)')  # of sentences and paragraphs
DIGITS = 9  # options that have a key
CARD, MOST = 0, 220  # code points before and after a card's spans

# Cards side by side, as high as the highest, the one that was taken with a frame. Their keys stand in their corners,
# so Label Studio's own check boxes and hints of keys are hidden.
STYLE = (
    """
.labeling-cards .lsf-choices { display: flex; flex-wrap: wrap; gap: 10px; margin: 4px 0; }
.labeling-cards .lsf-choice { flex: 1 1 240px; margin: 0; display: flex; }
.labeling-cards .lsf-choice:last-child { flex: 0 0 auto; }
.labeling-cards .lsf-choice__item { width: 100%; display: flex; margin: 0; }
.labeling-cards .lsf-choice__checkbox { width: 100%; margin: 0; padding: 10px 12px; border-radius: 6px;
  font-weight: normal; line-height: 1.5; border: 1px solid var(--color-neutral-border, #8886); }
.labeling-cards .lsf-choice__checkbox:hover { border-color: #4c5fa9; }
.labeling-cards .ant-checkbox-wrapper-checked { border-color: #4c5fa9; box-shadow: 0 0 0 2px #4c5fa9;
  background: #4c5fa91f; }
.labeling-cards .ant-checkbox, .labeling-cards .lsf-hint { display: none; }
.labeling-cards .ant-checkbox + span { padding: 0; width: 100%; }
.labeling-cards p { margin: 4px 0 0; }
.labeling-cards .labeling-links { opacity: .8; font-size: 13px; }
.labeling-card { display: block; }
.labeling-card kbd { float: right; margin-left: 8px; border: 1px solid #8888; border-radius: 4px; padding: 0 6px;
  font-family: inherit; font-size: 12px; }
.labeling-name { border-left: 4px solid #8888; padding: 1px 8px; font-size: 13px; font-weight: 600; }
.labeling-span { padding: 1px 2px; border-radius: 2px; background: #8884; }
.labeling-tools { display: flex; align-items: center; padding: 2px 0; }
.labeling-article { max-width: 60em; padding-left: 12px; }
.labeling-article .lsf-richtext__container { font-size: 16px; line-height: 3; padding-top: 20px; }
"""
    + ARROWS_STYLE
    + """\
.labeling-why { display: flex; align-items: center; gap: 16px; margin-top: 12px; opacity: .85; }
.labeling-why .lsf-choices { margin: 0; white-space: nowrap; }
.labeling-why [data-testid="textarea-control"], .labeling-why .ant-form-item { margin: 0 !important; flex: 1; }
"""
)


def adjudication_page(schema: LabelSchema) -> Page:
    """The labeling config and the instructions of an adjudication project."""
    view = ET.Element("View")
    ET.SubElement(view, "Style").text = STYLE + _colors(schema)
    question = ET.SubElement(view, "View", className="labeling-cards")
    ET.SubElement(question, "Choices", name=DECISION, toName=TEXT, choice="multiple", value="$options")
    tools = ET.SubElement(view, "View", className="labeling-tools")
    labels = ET.SubElement(tools, "Labels", name=CONTROL, toName=TEXT)
    keys = chain(LABEL_KEYS, repeat(""))
    for (name, label), key in zip(schema.labels.items(), keys, strict=False):
        hotkey = {"hotkey": key} if key else {}
        ET.SubElement(labels, "Label", hotkey, value=name, background=label.color)
    if schema.relations:
        relations = ET.SubElement(view, "Relations", choice="single")
        for name in schema.relations:
            ET.SubElement(relations, "Relation", value=name)
    article = ET.SubElement(view, "View", className="labeling-article")
    ET.SubElement(article, "Header", value="$title", size="5")
    ET.SubElement(article, "Text", name=TEXT, value="$text", granularity="word")
    why = ET.SubElement(view, "View", className="labeling-why")
    reasons = ET.SubElement(why, "Choices", name=REASON, toName=TEXT, choice="single", showInline="true")
    for name, key in REASONS.items():
        ET.SubElement(reasons, "Choice", value=name, hotkey=key)
    ET.SubElement(why, "TextArea", name=NOTE, toName=TEXT, placeholder="Note", maxSubmissions="1", rows="1")
    ET.indent(view)
    return Page.marked(ET.tostring(view, encoding="unicode") + "\n", _instructions())


def _instructions() -> str:
    rows = "".join(f"<tr><td>{what}</td><td>{how}</td></tr>" for what, how in KEYS)
    return f"<style>{KEYS_STYLE}</style>{''.join(f'<p>{line}</p>' for line in SAID)}" + (
        f'<table class="labeling-keys"><tbody>{rows}</tbody></table>'
    )


def cards(
    conflict: Conflict, order: Sequence[int], doc: LabeledDoc, schema: LabelSchema | None
) -> list[dict[str, str]]:
    """The options of a conflict in this order, then that none is right, as dynamic Choices take them.

    Label Studio keeps nearly all HTML, so everything that is not ours is escaped.
    """
    card = _Cards(doc.text, schema)
    shown = [card.of(conflict.options[number]) for number in order]
    found = []
    for place, html in enumerate(shown, start=1):
        key = str(place) if place <= DIGITS else ""
        found.append({"value": str(place), "html": _with_key(html, key)} | ({"hotkey": key} if key else {}))
    none = NONE[min(len(order), len(NONE)) - 1]
    return [*found, {"value": NEITHER, "hotkey": "0", "html": _with_key(none, "0")}]


def _with_key(html: str, key: str) -> str:
    return f'<span class="labeling-card">{f"<kbd>{key}</kbd>" if key else ""}{html}</span>'


class _Cards:
    """The cards of options of a text."""

    def __init__(self, text: str, schema: LabelSchema | None) -> None:
        self.text, self.schema = text, schema
        self.classes = _classes(schema)

    def of(self, option: Option) -> str:
        marked = option.marked
        if isinstance(marked, MarkedRelation):
            title = f'<span class="labeling-name">{escape(marked.label)}</span>'
            return f"{title}{self.sentence(marked.head, marked.tail)}<p>{self.link(marked)}</p>"
        title = f'<span class="labeling-name {self.classes.get(marked.label, "")}">{escape(marked.label)}</span>'
        links = "<br>".join(self.role(each, marked) for each in option.relations)
        return title + self.sentence(marked) + (f'<p class="labeling-links">{links}</p>' if links else "")

    def sentence(self, *spans: MarkedSpan) -> str:
        """The sentence with the spans marked; what two of them share is marked as both."""
        start, end = around(self.text, min(s.start for s in spans), max(s.end for s in spans), CARD, MOST)
        cuts = sorted({start, end, *(place for span in spans for place in (span.start, span.end))})
        parts = [self.stretch(a, b, [s for s in spans if s.start <= a and b <= s.end]) for a, b in pairwise(cuts)]
        before = "" if self.text[:start].rstrip(" ")[-1:] in ENDS else "… "
        after = "" if self.text[end - 1 : end] in ENDS or end == len(self.text) else " …"
        return f'<p dir="auto">{before}{"".join(parts)}{after}</p>'

    def stretch(self, start: int, end: int, spans: Sequence[MarkedSpan]) -> str:
        html = escape(self.text[start:end])
        for span in spans:
            html = f'<span class="labeling-span {self.classes.get(span.label, "")}">{html}</span>'
        return html

    def quote(self, span: MarkedSpan) -> str:
        return f"<bdi>{self.stretch(span.start, span.end, [span])}</bdi>"

    def role(self, relation: MarkedRelation, span: MarkedSpan) -> str:
        """A relation as one says it of one of its ends: `agent of attacked`, `place: Tadmor`."""
        if relation.tail == span:
            return f"{escape(relation.label)} of {self.quote(relation.head)}"
        return f"{escape(relation.label)}: {self.quote(relation.tail)}"

    def link(self, relation: MarkedRelation) -> str:
        """A relation as its arrow is drawn: `Rebels —agent→ attacked`."""
        kind = self.schema.relations.get(relation.label) if self.schema else None
        first, second = kind.in_order(relation.head, relation.tail) if kind else (relation.head, relation.tail)
        return f"{self.quote(first)} —{escape(relation.label)}→ {self.quote(second)}"


def _classes(schema: LabelSchema | None) -> dict[str, str]:
    return {name: f"labeling-{number}" for number, name in enumerate(schema.labels if schema else ())}


def _colors(schema: LabelSchema) -> str:
    colors = ((name, schema.labels[label].color) for label, name in _classes(schema).items())
    return "".join(f".{name} {{ background: {color}{TINT}; border-color: {color}; }}\n" for name, color in colors)
