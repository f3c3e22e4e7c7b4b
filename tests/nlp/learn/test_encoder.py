"""Vectors of the shipped encoder, which computes with integers."""

from importlib.util import find_spec
from pathlib import Path

import numpy
import pytest
import spacy

from labeling.nlp.learn.encoder import MODEL, PACKAGE, Encoder, shipped

pytestmark = pytest.mark.train

TEXTS = (
    "Two people were killed in Mosul on Friday, Ann Bell said.\nNobody has claimed the attack.",
    "The bank raised its forecast.",
    "Storms cut power to 40,000 homes across northern Portugal, where rivers burst their banks and roads were closed.",
)


def test_vectors_do_not_depend_on_the_batch():
    docs = [spacy.blank("en")(text) for text in TEXTS]
    encoder = shipped()
    for doc, together in zip(docs, encoder.vectors(docs), strict=True):
        numpy.testing.assert_allclose(encoder.vectors([doc])[0], together, atol=0.1)


def test_vectors_are_close_to_those_of_the_stored_model():
    docs = [spacy.blank("en")(text) for text in TEXTS]
    encoder = shipped()
    origin = getattr(find_spec(PACKAGE), "origin", None)
    assert origin
    stored = Encoder((Path(origin).parent / MODEL).read_bytes(), encoder.tokenizer)
    for found, right in zip(encoder.vectors(docs), stored.vectors(docs), strict=True):
        has_pieces = right.any(axis=1)
        exact, last = right[has_pieces], found[has_pieces, : right.shape[1]]
        alike = (last * exact).sum(axis=1) / numpy.linalg.norm(last, axis=1) / numpy.linalg.norm(exact, axis=1)
        assert alike.min() > 0.97
        assert alike.mean() > 0.99
