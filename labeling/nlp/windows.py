"""Long texts ↔ windows that a pipeline processes one by one.

The memory of a parser and an entity recogniser grows with the text, by about 3.5 kB per character in en_core_web_sm,
and spaCy refuses texts of more than a million characters. So a long article is split between sentences, each window is
annotated like an article, and its labels are shifted by the window's start.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span

# About 100 MB of memory; longer than nearly all news articles, which stay whole.
SIZE = 30_000
# Where a text may be split, best first: after a paragraph, a line, a sentence, a word.
ENDS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n\s*\n",
        r"\n",
        # a run of marks is matched from its start only: otherwise a page of dots would take a second
        r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+\s+|[。！？]+[”’」』）]*\s*",
        r"\s+",
    )
)

# The fields of shifted values: one set for all of them, since a set of its own would be half of a value's memory.
OF_SPAN, OF_RELATION = set(Span.model_fields), set(Relation.model_fields)

Annotate = Callable[[Iterable[Article]], Iterator[LabeledDoc]]
Advance = Callable[[int, float], None]


def untracked(characters: int, share: float) -> None:
    """Track nothing."""


class Window(NamedTuple):
    """A window of a longer text, and its start in that text (code points)."""

    start: int
    text: str


def windows(text: str, size: int = SIZE) -> list[Window]:
    r"""The text in windows of at most `size` characters (code points), without gaps or overlaps.

    A window ends after the last paragraph that ends in its second half; if there is none, after such a line, sentence
    or word. Only a word that is longer than a window is split.

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
    """The end of the window that starts at `start`, at most `limit`."""
    middle = (start + limit) // 2
    for pattern in ENDS:
        if ends := [match.end() for match in pattern.finditer(text, middle, limit)]:
            return ends[-1]
    if text[limit].isspace():
        return limit
    ends = [match.end() for match in ENDS[-1].finditer(text, start, middle)]
    return ends[-1] if ends else limit


def in_windows(
    annotate: Annotate, articles: Iterable[Article], size: int = SIZE, advance: Advance = untracked
) -> Iterator[LabeledDoc]:
    """Each article, in order, as labelled by `annotate`, which gets long ones window by window.

    Spans and relations are shifted by the start of their window, which is also added to the ids of the spans, so that
    they stay unique. Windows of white space alone are skipped. `advance` is called for each window with the number of
    its characters and the share of the article that is done.
    """
    waiting: deque[tuple[Article, list[Window]]] = deque()

    def pieces() -> Iterator[Article]:
        for article in articles:
            cut = [window for window in windows(article.text, size) if window.text.strip()]
            waiting.append((article, cut))
            yield from (_piece(article, window) for window in cut)

    # `annotate` may read ahead of what it returns
    annotated = annotate(pieces())
    for first in annotated:
        article, cut = waiting.popleft()
        yield _joined(article, cut, chain([first], islice(annotated, len(cut) - 1)), advance)


def _piece(article: Article, window: Window) -> Article:
    """A window as an article, without the extra fields, which need not be sent to another process."""
    return article if window.text == article.text else article.model_copy(update={"text": window.text, "extra": {}})


def _joined(article: Article, cut: list[Window], docs: Iterable[LabeledDoc], advance: Advance) -> LabeledDoc:
    """The article with the labels of its windows, of which only one is in memory at a time."""
    spans: list[Span] = []
    relations: list[Relation] = []
    attributes: dict[str, Any] = {}
    scored = characters = 0.0
    for number, (window, doc) in enumerate(zip(cut, docs, strict=True), 1):
        advance(len(doc.text), number / len(cut))
        if doc.text == article.text:
            return doc
        ids = {span.id: f"{span.id}-{window.start}" for span in doc.spans}
        spans += (
            Span.model_construct(
                OF_SPAN,
                **vars(span) | {"id": ids[span.id], "start": span.start + window.start, "end": span.end + window.start},
            )
            for span in doc.spans
        )
        relations += (
            Relation.model_construct(OF_RELATION, head=ids[r.head], tail=ids[r.tail], label=r.label)
            for r in doc.relations
        )
        attributes |= doc.attributes
        if doc.score is not None:
            scored, characters = scored + doc.score * len(doc.text), characters + len(doc.text)
    mean = scored / characters if characters else None
    return LabeledDoc.of(article, tuple(spans), tuple(relations), attributes=attributes, score=mean)
