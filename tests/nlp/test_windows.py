"""Long texts in windows, and their labels moved back."""

import time
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.nlp.windows import SIZE, in_windows, windows
from tests.strategies import texts

SIZES = st.integers(1, 60)


@given(texts, SIZES)
def test_windows_put_together_are_the_text(text: str, size: int):
    found = windows(text, size)
    assert "".join(window.text for window in found) == text
    assert all(text[w.start : w.start + len(w.text)] == w.text and 0 < len(w.text) <= size for w in found)


@given(texts, SIZES)
def test_windows_tear_no_word_that_fits_into_one(text: str, size: int):
    for window in windows(text, size)[1:]:
        before, after = text[: window.start], text[window.start :]
        if not before[-1].isspace() and not after[0].isspace():
            assert len(before.split()[-1]) + len(after.split()[0]) > size


@pytest.mark.parametrize(
    ("text", "size", "cut"),
    [
        ("", 5, [""]),
        ("short", 5, ["short"]),
        ("One. Two\nthree.\n\nFour five", 20, ["One. Two\nthree.\n\n", "Four five"]),
        ("One. Two three.\nFour five", 20, ["One. Two three.\n", "Four five"]),
        ("He left. “We go.” The end is", 20, ["He left. “We go.” ", "The end is"]),
        ("one two three four five six", 20, ["one two three four ", "five six"]),
        ("a paragraph\n\nends too early in here, so", 38, ["a paragraph\n\nends too early in here, ", "so"]),
        ("a supercalifragilistic", 15, ["a ", "supercalifragil", "istic"]),
        ("北京说了。北京说了。北京", 8, ["北京说了。", "北京说了。北京"]),
    ],
)
def test_windows_end_where_the_text_does(text: str, size: int, cut: list[str]):
    assert [window.text for window in windows(text, size)] == cut


def words(articles: Iterable[Article]) -> Iterator[LabeledDoc]:
    """Each capitalised word is a span, related to the one before; ids count from 0 in each text."""
    for article in list(articles):  # reads ahead
        spans, at = [], 0
        for word in article.text.split():
            at = article.text.index(word, at)
            if word[0].isupper():
                spans.append(Span(id=str(len(spans)), start=at, end=at + len(word), label="NAME", score=0.5))
            at += len(word)
        links = [Relation(head=a.id, tail=b.id, label="next") for a, b in pairwise(spans)]
        yield LabeledDoc.of(article, tuple(spans), tuple(links))


def test_in_windows_moves_the_labels_to_where_they_stand():
    long = "Ann met Bell.\n\nThen Carl came.\n\n" + " " * 50 + "\nDora"
    articles = [Article(doc_id=str(n), text=text, title="T") for n, text in enumerate(["Zoë left.", long, "No."])]
    short, doc, last = in_windows(words, articles, 20)
    assert [doc.slice(span) for span in doc.spans] == ["Ann", "Bell.", "Then", "Carl", "Dora"]
    assert [(doc.slice(doc.by_id[r.head]), doc.slice(doc.by_id[r.tail])) for r in doc.relations] == [
        ("Ann", "Bell."),
        ("Then", "Carl"),
    ]
    assert (doc.doc_id, doc.title, doc.text) == ("1", "T", long)
    assert [short, last] == list(words([articles[0], articles[2]]))


def test_in_windows_leaves_short_articles_as_they_are():
    articles = [Article(doc_id=str(n), text="Ann left. " * (n + 1)) for n in range(5)]
    assert list(in_windows(words, articles)) == list(words(articles))
    assert len(windows("Ann left. " * (SIZE // 10))) == 1


def test_in_windows_tells_how_far_the_article_is():
    told: list[tuple[int, float]] = []
    articles = [Article(doc_id="1", text="Ann met Bell.\n\nThen Carl came."), Article(doc_id="2", text="No.")]
    documents = in_windows(words, articles, 20, lambda characters, share: told.append((characters, share)))
    next(documents)
    assert told == [(15, 0.5), (15, 1.0)]
    next(documents)
    assert told[2:] == [(3, 1.0)]


@pytest.mark.parametrize("text", ["." * SIZE * 10, "! " * SIZE * 5, "\n \n" * SIZE * 3, " \n" * SIZE * 5 + "x"])
def test_windows_of_a_page_of_marks_take_no_time(text: str):
    started = time.process_time()
    assert "".join(window.text for window in windows(text)) == text
    assert time.process_time() - started < 1
