"""Any labeling config → the labels and relations that its page shows."""

import re
from xml.etree import ElementTree as ET

from pydantic import Field

from labeling.core.schema import COLOR, KEY
from labeling.core.value import Value

TEXTS = {"Text", "HyperText", "Paragraphs"}  # the controls whose regions are spans of text
# Colours that configs, and Label Studio's own templates, give by their CSS names.
NAMED = {
    "aqua": "#00ffff",
    "black": "#000000",
    "blue": "#0000ff",
    "brown": "#a52a2a",
    "coral": "#ff7f50",
    "crimson": "#dc143c",
    "cyan": "#00ffff",
    "darkblue": "#00008b",
    "darkgreen": "#006400",
    "darkorange": "#ff8c00",
    "darkred": "#8b0000",
    "deeppink": "#ff1493",
    "fuchsia": "#ff00ff",
    "gold": "#ffd700",
    "gray": "#808080",
    "green": "#008000",
    "grey": "#808080",
    "indigo": "#4b0082",
    "khaki": "#f0e68c",
    "lightblue": "#add8e6",
    "lightgreen": "#90ee90",
    "lime": "#00ff00",
    "magenta": "#ff00ff",
    "maroon": "#800000",
    "navy": "#000080",
    "olive": "#808000",
    "orange": "#ffa500",
    "orangered": "#ff4500",
    "orchid": "#da70d6",
    "pink": "#ffc0cb",
    "plum": "#dda0dd",
    "purple": "#800080",
    "red": "#ff0000",
    "royalblue": "#4169e1",
    "salmon": "#fa8072",
    "silver": "#c0c0c0",
    "skyblue": "#87ceeb",
    "steelblue": "#4682b4",
    "tan": "#d2b48c",
    "teal": "#008080",
    "tomato": "#ff6347",
    "turquoise": "#40e0d0",
    "violet": "#ee82ee",
    "white": "#ffffff",
    "yellow": "#ffff00",
}


class Look(Value):
    """How a label is shown: its colour as `#rrggbb`, its hotkey and its hint; each "" if missing or invalid."""

    color: str = ""
    hotkey: str = ""
    hint: str = ""


class Shown(Value):
    """What an annotator can pick: the labels of spans with their looks, and the relations, in the page's order."""

    labels: dict[str, Look] = Field(default_factory=dict)
    relations: tuple[str, ...] = ()


def shown(xml: str) -> Shown:
    """What the page of a labeling config shows.

    Raises:
        ValueError: It is not valid XML; the message says where.
    """
    try:
        root = ET.fromstring(xml)  # noqa: S314 - expat limits entity expansion itself since 2.4.1
    except ET.ParseError as error:
        raise ValueError(f"the labeling config is not valid XML: {error}") from error
    kinds = {element.get("name"): element.tag for element in root.iter() if element.get("name")}
    labels: dict[str, Look] = {}
    for control in root.iter():
        targets = [kinds.get(name.strip(), "Text") for name in (control.get("toName") or "").split(",")]
        if control.tag.endswith("Labels") and TEXTS & set(targets):
            for label in control.iter("Label"):
                if name := label.get("alias") or label.get("value"):  # an alias is what annotations have
                    labels.setdefault(name, _look(label))
    relations = (element.get("value") or "" for element in root.iter("Relation"))
    return Shown(labels=labels, relations=tuple(dict.fromkeys(filter(None, relations))))


def _look(label: ET.Element) -> Look:
    color = (label.get("background") or "").strip()
    color = NAMED.get(color.lower(), color)
    if re.fullmatch("#[0-9a-fA-F]{3}", color):
        color = "#" + "".join(2 * digit for digit in color[1:])
    hotkey = (label.get("hotkey") or "").strip().lower()
    return Look(
        color=color if re.fullmatch(COLOR, color) else "",
        hotkey=hotkey if re.fullmatch(KEY, hotkey) else "",
        hint=(label.get("hint") or "").strip(),
    )
