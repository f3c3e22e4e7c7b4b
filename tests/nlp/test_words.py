"""Texts with words that are too long for a tokenizer."""

import time

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from labeling.nlp.words import LONGEST, make_doc, pieces
from tests.strategies import texts

ENGLISH = spacy.blank("en")
REPEATED = st.builds(lambda text, times: text * times, texts, st.integers(1, 300))


@given(st.builds("".join, st.lists(REPEATED, max_size=4)))
def test_make_doc_keeps_the_text(text: str):
    assert make_doc(ENGLISH, text).text == text
    cut = list(pieces(text))
    assert "".join(cut) == text
    assert all(len(word) <= LONGEST for piece in cut for word in piece.split())


@given(texts)
def test_make_doc_cuts_usual_texts_as_spacy_does(text: str):
    assert [token.text_with_ws for token in make_doc(ENGLISH, text)] == [t.text_with_ws for t in ENGLISH(text)]


def test_make_doc_cuts_what_stands_around_a_long_word_as_spacy_does():
    text = f"Rebels left. See data:{'Qk1/' * 1000}= now,  and don't \n wait."
    tokens = [token.text_with_ws for token in make_doc(ENGLISH, text)]
    plain = [token.text_with_ws for token in ENGLISH(text)]
    assert tokens[:4] == plain[:4]
    assert tokens[-9:] == plain[-9:]


@pytest.mark.parametrize("word", ["😀🎉", "😀", '"', "(", "can't", "a-b", "...", "http://a.b/c?d=e&", "a", "1", "ไทย"])
def test_make_doc_of_a_word_of_marks_takes_no_time(word: str):
    text = (word * 30_000)[:30_000]
    started = time.process_time()
    assert make_doc(ENGLISH, text).text == text
    assert time.process_time() - started < 10


def test_make_doc_leaves_languages_without_spaces_to_their_tokenizer():
    chinese = spacy.blank("zh")
    text = "中国外交部发言人周五在北京表示双方同意恢复谈判" * 100
    assert [token.text for token in make_doc(chinese, text)] == [token.text for token in chinese.make_doc(text)]
