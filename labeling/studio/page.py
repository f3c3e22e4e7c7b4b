"""What annotators see of a project, its labeling config and instructions: what a schema makes of it, what changes.

A mark in the labeling config, a comment that Label Studio keeps, has the digests of what `labeling` wrote. So any
workspace can tell whether somebody has edited the page since then.
"""

import hashlib
import re
from collections.abc import Iterator
from difflib import unified_diff
from html import unescape
from typing import Literal, Self
from xml.etree import ElementTree as ET

from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.studio.config import CONTROL, to_xml
from labeling.studio.instructions import instructions

MARK = re.compile(r"<!-- made by labeling: ([0-9a-f]{16}) ([0-9a-f]{16}); edit the schema instead -->\s*")
LOOKS = {"background": "colour", "hotkey": "key", "hint": "hint"}
SHOWN = {"label": "Label", "relation": "Relation"}
STYLE = re.compile(r"<style>.*?</style>", re.DOTALL | re.IGNORECASE)
BREAK, TAG = re.compile(r"<br\s*/?>|</(?:p|h\d|li|tr|div)>", re.IGNORECASE), re.compile(r"<[^>]*>")

Part = Literal["label", "relation", "layout", "instructions"]


class Change(Value):
    """One way in which a project's page would change.

    Attributes:
        part: What changes.
        name: Of a label or relation.
        what: `colour`, `key` or `hint` of a label, or another attribute; "" where the whole label is new.
        old: What the page shows now; a line of the layout or of the instructions, or "".
        new: What it would show.
    """

    part: Part
    name: str = ""
    what: str = ""
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        if self.part in SHOWN:
            about = " ".join(filter(None, (self.part, self.name, self.what)))
            return f"{about}: {self.old or 'none'} → {self.new or 'none'}" if self.what else f"{about}: new"
        return f"{self.part}: " + (f"- {self.old}" if self.old else f"+ {self.new}")


class Page(Value):
    """The labeling config and the instructions of a project."""

    config: str
    instructions: str = ""

    @classmethod
    def of(cls, schema: LabelSchema) -> Self:
        """The page that a schema makes, with its mark."""
        return cls.marked(to_xml(schema), instructions(schema))

    @classmethod
    def marked(cls, config: str, instructions: str) -> Self:
        """A page that `labeling` made, with its mark."""
        made = cls(config=config, instructions=instructions)
        config, said = made.digests
        mark = f"<!-- made by labeling: {config} {said}; edit the schema instead -->"
        return made.model_copy(update={"config": f"{made.config.rstrip().removesuffix('</View>')}  {mark}\n</View>\n"})

    @property
    def digests(self) -> tuple[str, str]:
        """Of the labeling config and of the instructions, the same however Label Studio spells them."""
        try:
            config = ET.canonicalize(self.config, strip_text=True)
        except ET.ParseError:
            config = self.config
        return _digest(config), _digest("".join(unescape(self.instructions).split()))

    @property
    def edited(self) -> tuple[str, ...] | None:
        """What somebody has edited since `labeling` wrote the page; None where `labeling` did not write it."""
        mark = MARK.search(self.config)
        if mark is None:
            return None
        parts = ("labeling config", "instructions")
        return tuple(part for part, ours, now in zip(parts, mark.groups(), self.digests, strict=True) if ours != now)

    def changes(self, wanted: "Page") -> tuple[Change, ...]:
        """What annotators would see change if this page became the wanted one. Both configs have to be valid XML."""
        ours, theirs = ET.fromstring(self.config), ET.fromstring(wanted.config)  # noqa: S314 - see config.differences
        found = [*_changed("label", ours, theirs), *_changed("relation", ours, theirs)]
        found += _lines("layout", _layout(ours), _layout(theirs))
        said = _lines("instructions", _text(self.instructions), _text(wanted.instructions))
        if not found and not said and self.digests[1] != wanted.digests[1]:
            said = [Change(part="instructions", new="(their form, not their words)")]
        return (*found, *said)


def with_missing(schema: LabelSchema, config: str) -> str:
    """A labeling config that somebody edited, with the labels, relations and field for normal forms that it lacks.

    What is in it stays, its mark too.
    """
    keeping = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))  # noqa: S314 - see config.differences
    root, made = ET.fromstring(config, keeping), ET.fromstring(to_xml(schema))  # noqa: S314
    if root.find(".//Relations") is None and (relations := made.find(".//Relations")) is not None:
        root.append(ET.Element("Relations", relations.attrib))
    for kind, place in (("Label", f".//Labels[@name='{CONTROL}']"), ("Relation", ".//Relations")):
        known = {each.get("value") for each in root.iter(kind)}
        if (parent := root.find(place)) is not None:
            parent.extend(each for each in made.iter(kind) if each.get("value") not in known)
    field = made.find(".//View[@className='labeling-normal']")
    if field is not None and root.find(f".//TextArea[@name='{field[0].get('name')}']") is None:
        root.insert(0, field)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _changed(part: Part, ours: ET.Element, theirs: ET.Element) -> Iterator[Change]:
    now = {str(each.get("value")): each.attrib for each in ours.iter(SHOWN[part])}
    for each in theirs.iter(SHOWN[part]):
        name = str(each.get("value"))
        if name not in now:
            yield Change(part=part, name=name)
            continue
        for attribute in {**LOOKS, **now[name], **each.attrib}:
            old, new = now[name].get(attribute, ""), each.get(attribute, "")
            if old != new:
                yield Change(part=part, name=name, what=LOOKS.get(attribute, attribute), old=old, new=new)


def _layout(root: ET.Element) -> list[str]:
    """The lines of a labeling config without its labels and relations."""
    for parent in list(root.iter()):
        for child in [each for each in parent if each.tag in SHOWN.values()]:
            parent.remove(child)
    ET.indent(root)
    return [line for raw in ET.tostring(root, encoding="unicode").splitlines() if (line := raw.strip())]


def _text(html: str) -> list[str]:
    text = unescape(TAG.sub("", BREAK.sub("\n", STYLE.sub("", html))))
    return [line for raw in text.splitlines() if (line := " ".join(raw.split()))]


def _lines(part: Part, old: list[str], new: list[str]) -> list[Change]:
    lines = list(unified_diff(old, new, n=0, lineterm=""))[2:]
    return [Change(part=part, **{"old" if line[0] == "-" else "new": line[1:]}) for line in lines if line[0] in "-+"]
