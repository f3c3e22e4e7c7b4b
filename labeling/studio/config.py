"""LabelSchema → the labeling config that Label Studio draws its page from, and what another config lacks of it."""

from xml.etree import ElementTree as ET

from labeling.core.normal import NORMAL
from labeling.core.schema import Label, LabelSchema
from labeling.core.value import Value

# The names that regions refer to; never to be changed, since submitted annotations carry them.
CONTROL = "label"
TEXT = "text"

# Arrows are quiet until Label Studio highlights them; their names have the page's colour around them.
ARROWS_STYLE = """.relations-overlay path[stroke] { stroke: #9065e6; stroke-width: 1.5px; opacity: .45; }
.relations-overlay marker path { fill: #9065e6; }
.relations-overlay g g { translate: 0 -8px; }
.relations-overlay g g rect { fill: none; stroke: none; }
.relations-overlay g g text { font-size: 11px !important; fill: #9065e6; paint-order: stroke; stroke-width: 2px;
  stroke: var(--color-neutral-background, #fff); }
"""

# A column made for reading. Arrows are drawn above the lines, so the lines stand far enough apart for an arrow and its
# name; both are quiet until Label Studio highlights those of a span that is hovered or selected. The names have the
# page's colour around them, so that no line strikes them through. The labels stay in sight while an article scrolls.
STYLE = (
    """
.labeling-tools { position: sticky; top: 0; z-index: 200; padding: 8px 0;
  background: var(--color-neutral-background, #fff); border-bottom: 1px solid var(--color-neutral-border, #e1e4e8); }
.labeling-article { max-width: 60em; padding-left: 12px; }
.labeling-article .lsf-richtext__container { font-size: 17px; line-height: 3; padding-top: 26px; }
"""
    + ARROWS_STYLE
    + """\
.labeling-byline { opacity: .7; margin-top: -8px; }
.labeling-byline h4:empty { display: none; }
"""
)

# The field for normal forms stands beside the labels, so that the text stays where it is when it appears.
NORMAL_STYLE = """
.labeling-tools { display: flex; flex-wrap: wrap; align-items: center; min-height: 64px; gap: 8px; }
.labeling-normal { margin-left: auto; width: 20em; max-width: 100%; }
.labeling-normal [data-testid="textarea-control"], .labeling-normal [data-testid="textarea-regions"],
.labeling-normal .ant-form-item { margin: 0 !important; }
"""


def to_xml(schema: LabelSchema) -> str:
    """The labeling config of a schema: title and byline above the text, one Labels control, one Relations list.

    Where labels have normal forms, a selected region of theirs shows its own in a field that can be edited.
    """
    normal = [name for name, label in schema.labels.items() if label.normal]
    view = ET.Element("View")
    ET.SubElement(view, "Style").text = STYLE + (NORMAL_STYLE if normal else "")
    tools = ET.SubElement(view, "View", className="labeling-tools")
    labels = ET.SubElement(tools, "Labels", name=CONTROL, toName=TEXT)
    for name, label in schema.labels.items():
        ET.SubElement(labels, "Label", _label_attributes(name, label))
    if normal:
        when = {"visibleWhen": "region-selected", "whenTagName": CONTROL, "whenLabelValue": ",".join(normal)}
        field = ET.SubElement(tools, "View", when, className="labeling-normal")
        ET.SubElement(
            field,
            "TextArea",
            name=NORMAL,
            toName=TEXT,
            perRegion="true",
            editable="true",
            maxSubmissions="1",
            placeholder="Normal form (ISO date; country lat,lon)",
        )
    if schema.relations:
        relations = ET.SubElement(view, "Relations", choice="single")
        for name in schema.relations:
            ET.SubElement(relations, "Relation", value=name)
    article = ET.SubElement(view, "View", className="labeling-article")
    ET.SubElement(article, "Header", value="$title", size="3")
    byline = ET.SubElement(article, "View", className="labeling-byline")
    ET.SubElement(byline, "Header", value="$byline", size="6")
    ET.SubElement(article, "Text", name=TEXT, value="$text", granularity="word")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def _label_attributes(name: str, label: Label) -> dict[str, str]:
    attributes = {"value": name, "background": label.color}
    if label.hotkey:
        attributes["hotkey"] = label.hotkey
    if label.description:
        attributes["hint"] = label.description
    return attributes


class Difference(Value):
    """One way in which a project does not show a schema; `missing` where the project only lacks something of it."""

    detail: str
    missing: bool


def differences(schema: LabelSchema, xml: str) -> tuple[Difference, ...]:
    """Why tasks and annotations of this schema do not fit a project with this labeling config; empty where they do.

    Only what data depends on counts: the text control, the labels, the relations, the field for normal forms where the
    schema has some. Colours, hotkeys, layout and additional controls are free.
    """
    try:
        root = ET.fromstring(xml)  # noqa: S314 - expat limits entity expansion itself since 2.4.1
    except ET.ParseError as error:
        return (Difference(detail=f"the project's labeling config is not valid XML: {error}", missing=False),)
    found: list[Difference] = []
    text = root.find(f".//Text[@name='{TEXT}']")
    if text is None or text.get("value") != "$text":
        found.append(Difference(detail=f'the project has no <Text name="{TEXT}" value="$text">', missing=False))
    control = root.find(f".//Labels[@name='{CONTROL}']")
    if control is None or control.get("toName") != TEXT:
        found.append(Difference(detail=f'the project has no <Labels name="{CONTROL}" toName="{TEXT}">', missing=False))
    labels = {str(e.get("value")) for e in control.iter("Label")} if control is not None else set()
    relations = {str(e.get("value")) for e in root.iter("Relation")}
    for kind, ours, theirs in (
        ("label", set(schema.labels), labels),
        ("relation", set(schema.relations), relations),
    ):
        found += [
            Difference(detail=f"{kind} {name} is in the schema, not in the project", missing=True)
            for name in sorted(ours - theirs)
        ]
        found += [
            Difference(detail=f"{kind} {name} is in the project, not in the schema", missing=False)
            for name in sorted(theirs - ours)
        ]
    if any(label.normal for label in schema.labels.values()) and root.find(f".//TextArea[@name='{NORMAL}']") is None:
        found.append(Difference(detail="the field for normal forms is in the schema, not in the project", missing=True))
    return tuple(found)
