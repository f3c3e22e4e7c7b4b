"""What a region says of the experts that found it."""

from types import SimpleNamespace

import numpy
import pytest

from labeling.nlp.events.candidates import Candidate
from labeling.nlp.events.spans import Found
from labeling.nlp.learn.component import sources
from labeling.nlp.learn.mixture import as_logs
from labeling.nlp.learn.tags import ScoredSpan, Tags

TAGS = Tags((("ACTOR", "DATE"),), 4)
KNOWN = SimpleNamespace(shown=[Found(Candidate("actor noun", 1, 0, 2), "ACTOR", 0.82)])


def opinion(*tokens: tuple[float, ...]) -> numpy.ndarray:
    """Log-probabilities of O, B and I of ACTOR, B and I of DATE."""
    return numpy.log(numpy.array(tokens, dtype="float32"))


CONFIDENCE = opinion((0.05, 0.9, 0.01, 0.02, 0.02), (0.04, 0.02, 0.9, 0.02, 0.02), (0.4, 0.1, 0.3, 0.1, 0.1))
TORN = opinion((0.4, 0.5, 0.04, 0.03, 0.03), (0.4, 0.03, 0.5, 0.03, 0.04), (0.05, 0.02, 0.01, 0.9, 0.02))


def test_parts_are_named_with_the_probability_that_each_alone_gives_a_span():
    shipped = as_logs([ScoredSpan(0, 2, "ACTOR", 0.82)], 3, TAGS)
    opinions = {"shipped": shipped, "knowledge": TORN, "encoder": CONFIDENCE}
    spans = [ScoredSpan(0, 2, "ACTOR", 0.9), ScoredSpan(2, 3, "DATE", 0.7)]
    assert sources(spans, opinions, KNOWN, TAGS) == [  # .9 · .9 · (1 − .3), .5 · .5 · (1 − .01)
        "actor noun .82, encoder .57, knowledge .25",
        "knowledge .90, encoder .10",
    ]


def test_the_shipped_pre_annotation_alone_says_its_kind():
    assert sources([ScoredSpan(0, 2, "ACTOR", 0.82)], {}, KNOWN, TAGS) == ["actor noun"]


def test_another_extent_of_what_the_shipped_pre_annotation_shows_is_called_after_it():
    shipped = as_logs([ScoredSpan(0, 2, "ACTOR", 0.82)], 3, TAGS)
    assert sources([ScoredSpan(0, 1, "ACTOR", 0.4)], {"shipped": shipped}, KNOWN, TAGS) == ["shipped"]


def test_a_part_gives_what_all_tags_of_a_span_have_under_it():
    """The experts by themselves and the lattice agree where every sequence of tags is legal."""
    single = Tags((("DATE",),), 4)
    logs = numpy.log(numpy.array([[0.3, 0.7, 1e-9], [0.8, 0.2, 1e-9]], dtype="float32"))
    (likely,) = [one for one in single.candidates(logs) if one[:2] == (0, 1)]
    (said,) = sources([likely], {"encoder": logs}, SimpleNamespace(shown=[]), single)
    assert float(said.removeprefix("encoder ")) == pytest.approx(likely.p, abs=0.006)
