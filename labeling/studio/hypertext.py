"""A page of HTML that was labelled in Label Studio's HyperText → its text, and a region's offsets in it. Pure.

The editor stores the XPath of a text node and an offset in it; newer versions also store offsets in the page's whole
text (`globalOffsets`). The region's copy of its text tells later whether they are right.
"""

import re
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from labeling.studio.counting import difference
from labeling.studio.regions import Offsets, RefusedError, in_text, is_relation, items_of

Json = dict[str, Any]

# What a browser's parser does and lxml's does not: it drops a line end after these tags, and puts rows into a tbody.
LINE_END_AFTER = re.compile(r"(<(?:pre|listing|textarea)\b[^>]*>)\r?\n", re.IGNORECASE)
IMPLIED = re.compile(r"/tbody(?:\[1\])?(?=/)")
HIDDEN = {"script", "style"}  # their text is not shown, though `globalOffsets` count it
EVENTS = ("start", "end", "comment", "pi")  # a comment has no text of the page, but there may be text after it
STEPS = re.compile(r"(?:/[A-Za-z][\w:-]*(?:\[\d+\])?)*(?:/text\(\)(?:\[\d+\])?)?")


def is_page(raw: str, result: Any) -> bool:
    """Whether the regions of a result are in a page of HTML."""
    has_tags = "<" in raw
    for item in items_of(result):
        value = item.get("value") if isinstance(item, dict) else None
        if isinstance(value, dict):
            start = value.get("start")
            if type(start) is int and not has_tags:  # most regions
                continue
            is_path = isinstance(start, str) and start.startswith("/")
            if (is_path or (has_tags and "hypertextlabels" in value)) and not is_relation(item):
                return True
    return False


class Page:
    """A page's text as the editor counts it: a browser's `textContent`, with a line end for each `<br>`."""

    def __init__(self, source: str) -> None:
        try:
            self.root = lxml_html.fragment_fromstring(LINE_END_AFTER.sub(r"\1", source), create_parent="div")
        except (etree.LxmlError, ValueError):  # lxml refuses control characters, and text that declares an encoding
            self.root = None
        self.text = ""
        self.node_at: dict[tuple[Any, bool], tuple[int, str]] = {}
        for event, element in etree.iterwalk(self.root, events=EVENTS) if self.root is not None else ():
            if event == "start":
                text = "\n" if element.tag == "br" else "" if element.tag in HIDDEN else element.text
                self._add(element, text, is_tail=False)
            elif element is not self.root:
                self._add(element, element.tail, is_tail=True)

    def _add(self, element: Any, text: str | None, *, is_tail: bool) -> None:
        if text:
            self.node_at[element, is_tail] = (len(self.text), text)
            self.text += text

    def located(self, value: Json) -> Offsets:
        """The offsets of a region in the page's text, in code points.

        Raises:
            RefusedError: Its path names no text of the page.
        """
        said = value.get("text")
        whole = value.get("globalOffsets")
        if isinstance(whole, dict):
            start, end = in_text(whole)
            if not isinstance(said, str) or self._holds(start, end, said):
                return start, end
        if not isinstance(value.get("start"), str):
            return in_text(value)
        return self._point(value["start"], value.get("startOffset")), self._point(value["end"], value.get("endOffset"))

    def _holds(self, start: int, end: int, said: str) -> bool:
        return 0 <= start < end <= len(self.text) and difference(said, self.text[start:end]) is not None

    def _point(self, path: Any, offset: Any) -> int:
        if self.root is None or not isinstance(path, str) or not STEPS.fullmatch(path) or type(offset) is not int:
            raise RefusedError("bad-offsets", f"{str(path)[:60]!r}, {offset!r} is not a valid place of a region")
        found: list[Any] = self.root.xpath("." + path) if path else []
        found = found or (self.root.xpath("." + IMPLIED.sub("", path)) if path else [])
        node: Any = found[0] if found else None
        place = self.node_at.get((node.getparent(), node.is_tail)) if hasattr(node, "is_tail") else None
        if place is None:
            raise RefusedError("bad-offsets", f"the page has no text at {path[:60]!r}")
        start, text = place
        return start + _code_points(text, offset)


def _code_points(text: str, units: int) -> int:
    """The number of code points in the first `units` UTF-16 code units of a text: browsers count those."""
    if text.isascii() or not any(character > "\uffff" for character in text):
        return units
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))
