"""Marked text → `LabeledDoc`s: the French gold documents, readable as they are written."""

import re
from pathlib import Path

from labeling.core.article import Article, digest
from labeling.core.labels import LabeledDoc, Relation, Span

FILE = Path(__file__).parent / "gold.txt"
LABELS = {"E": "EVENEMENT", "A": "PERSONNE_OU_GROUPE", "L": "LIEU", "D": "DATE", "B": "BILAN"}
RELATIONS = {"A": "acteur", "L": "lieu", "D": "date", "B": "bilan"}
MARK = re.compile(r"\{(?P<letter>[EALDB])(?P<number>\d*)(?:>(?P<heads>\d+(?:,\d+)*))?:(?P<text>[^{}]+)\}")


def french_gold() -> list[LabeledDoc]:
    """The documents of `gold.txt`, with spans and relations."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [read(article) for article in re.split(r"^= ", "\n".join(lines), flags=re.MULTILINE)[1:]]


def read(marked: str) -> LabeledDoc:
    """One article: its title in the first line, its marked text in those that follow."""
    title, body = marked.strip().split("\n", maxsplit=1)
    text, last = "", 0
    spans: list[Span] = []
    events: dict[str, str] = {}
    ends: list[tuple[str, str, str]] = []
    for number, mark in enumerate(MARK.finditer(body)):
        text += body[last : mark.start()]
        span = Span(id=f"s{number}", start=len(text), end=len(text + mark["text"]), label=LABELS[mark["letter"]])
        spans.append(span)
        if mark["letter"] == "E":
            events[mark["number"]] = span.id
        ends += [(head, span.id, mark["letter"]) for head in (mark["heads"] or "").split(",") if head]
        text += mark["text"]
        last = mark.end()
    text += body[last:]
    article = Article(doc_id=digest(text), text=text, title=title)
    relations = [Relation(head=events[head], tail=tail, label=RELATIONS[letter]) for head, tail, letter in ends]
    return LabeledDoc.of(article, tuple(spans), tuple(relations))
