"""A long text ↔ windows that a pipeline can take one by one.

A parser and an entity recogniser need memory that grows with the text, about 3.5 kB a character with en_core_web_sm,
and spaCy refuses texts of more than a million characters. So a long article is cut where no sentence is torn, each
window is annotated like an article of its own, and its labels are moved to where the window stands.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span

# About 100 MB of memory; and longer than nearly all news, which thus stays whole.
SIZE = 30_000
# Where a text may be cut, the best first: behind a paragraph, a line, a sentence, a word.
ENDS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n\s*\n",
        r"\n",
        # a run of marks is looked at from its first one alone: a page of dots would take a second else
        r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+\s+|[。！？]+[”’」』）]*\s*",
        r"\s+",
    )
)

# Which fields a moved value has: one set for all of them, since of its own it would be half of the value's memory.
OF_SPAN, OF_RELATION = set(Span.model_fields), set(Relation.model_fields)

Annotate = Callable[[Iterable[Article]], Iterator[LabeledDoc]]
Advance = Callable[[int, float], None]


def unseen(characters: int, share: float) -> None:
    """Nobody looks."""


class Window(NamedTuple):
    """A stretch of a longer text, and where it starts there (code points)."""

    start: int
    text: str


def windows(text: str, size: int = SIZE) -> list[Window]:
    r"""The text in windows of at most `size` characters (code points), which put together are the text.

    A window ends behind a paragraph where one ends in its second half, else behind a line, else behind a sentence, else
    behind any word. Only a word that is longer than a window is cut.

    >>> [window.text for window in windows("Rebels left. Talks began.\n\nAll agreed.", 30)]
    ['Rebels left. Talks began.\n\n', 'All agreed.']
    """
    found, start = [], 0
    while len(text) - start > size:
        end = _end(text, start, start + size)
        found.append(Window(start, text[start:end]))
        start = end
    return [*found, Window(start, text[start:])]


def _end(text: str, start: int, limit: int) -> int:
    """Where the window ends that starts at `start` and goes no further than to `limit`."""
    middle = (start + limit) // 2
    for pattern in ENDS:
        if ends := [match.end() for match in pattern.finditer(text, middle, limit)]:
            return ends[-1]
    if text[limit].isspace():
        return limit
    ends = [match.end() for match in ENDS[-1].finditer(text, start, middle)]
    return ends[-1] if ends else limit


def in_windows(
    annotate: Annotate, articles: Iterable[Article], size: int = SIZE, advance: Advance = unseen
) -> Iterator[LabeledDoc]:
    """What `annotate` says of each article, in order; of long ones it sees only the windows.

    Spans and relations of a window are moved to where it stands, and the ids of its spans get the window's start, so
    that they stay unique. Windows of nothing but white space are passed over. `advance` is told of each window: its
    characters, and the share of its article that is done.
    """
    waiting: deque[tuple[Article, list[Window]]] = deque()

    def pieces() -> Iterator[Article]:
        for article in articles:
            cut = [window for window in windows(article.text, size) if window.text.strip()]
            waiting.append((article, cut))
            yield from (_piece(article, window) for window in cut)

    # `annotate` may read ahead, so it is asked for the windows of one article after the other
    annotated = annotate(pieces())
    for first in annotated:
        article, cut = waiting.popleft()
        docs = chain([first], islice(annotated, len(cut) - 1))
        yield _joined(article, cut, _advancing(docs, len(cut), advance))


def _piece(article: Article, window: Window) -> Article:
    """A window as an article; what else was known of the article would only be carried from process to process."""
    return article if window.text == article.text else article.model_copy(update={"text": window.text, "extra": {}})


def _advancing(docs: Iterable[LabeledDoc], count: int, advance: Advance) -> Iterator[LabeledDoc]:
    for number, doc in enumerate(docs, 1):
        advance(len(doc.text), number / count)
        yield doc


def _joined(article: Article, cut: list[Window], docs: Iterable[LabeledDoc]) -> LabeledDoc:
    """The article with the labels of its windows; each window's document is forgotten before the next one comes."""
    spans: list[Span] = []
    relations: list[Relation] = []
    attributes: dict[str, Any] = {}
    scored = characters = 0.0
    for window, doc in zip(cut, docs, strict=True):
        if doc.text == article.text:
            return doc
        ids = {span.id: f"{span.id}-{window.start}" for span in doc.spans}
        spans += (_moved(span, ids[span.id], window.start) for span in doc.spans)
        relations += (
            Relation.model_construct(OF_RELATION, head=ids[r.head], tail=ids[r.tail], label=r.label)
            for r in doc.relations
        )
        attributes |= doc.attributes
        if doc.score is not None:
            scored, characters = scored + doc.score * len(doc.text), characters + len(doc.text)
    mean = scored / characters if characters else None
    return LabeledDoc.of(article, tuple(spans), tuple(relations), attributes=attributes, score=mean)


def _moved(span: Span, span_id: str, by: int) -> Span:
    place = {"id": span_id, "start": span.start + by, "end": span.end + by}
    return Span.model_construct(OF_SPAN, **(vars(span) | place))
