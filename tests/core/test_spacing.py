"""Texts that differ only by white space."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Span
from labeling.core.spacing import respaced, unspaced
from tests.strategies import documents

SPACES = st.text(alphabet=" \n\t\u00a0\u202f\u2028\x0b", max_size=3)


@given(documents(), st.data())
def test_labels_go_to_a_text_with_other_white_space_and_come_back_as_they_were(doc: LabeledDoc, data: st.DataObject):
    text = "".join(data.draw(SPACES) + character for character in unspaced(doc.text)) + data.draw(SPACES)
    there = respaced(doc, text)
    assert there.text == text and there.relations == doc.relations
    for old, new in ((doc.by_id[span.id], span) for span in there.spans):
        assert unspaced(there.slice(new)) == unspaced(doc.slice(old))
        assert (new.label, new.attributes) == (old.label, old.attributes)
    assert respaced(there, doc.text) == doc


@pytest.mark.parametrize(
    ("text", "unknown", "moved"),
    [
        ("He  said no.", ((4, 8),), ((3, 7),)),
        ("He  said no.", ((2, 4),), ()),  # nothing but white space
        ("He  said no.", ((0, 12),), ((0, 11),)),
        ("He said no.  ", ((0, 13),), ((0, 11),)),
        ("He said no.", ((3, 8),), ((3, 7),)),
    ],
)
def test_what_is_not_known_moves_too(text: str, unknown: tuple[tuple[int, int], ...], moved: object):
    other = "He said no." if text != "He said no." else "He said\nno."
    assert respaced(LabeledDoc.of(Article(doc_id="d", text=text), unknown=unknown), other).unknown == moved


def test_other_texts_are_not_accepted():
    doc = LabeledDoc.of(Article(doc_id="d", text="He said no."), (Span(id="a", start=0, end=2, label="L"),))
    with pytest.raises(ValueError, match="more than white space"):
        respaced(doc, "He said yes.")
