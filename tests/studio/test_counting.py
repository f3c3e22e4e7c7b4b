"""How offsets were counted: another way is taken only where all regions prove it, and only one does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.labels import LabeledDoc
from labeling.core.offsets import trim
from labeling.studio.counting import Claim, count, difference
from tests.strategies import documents

EMOJI, LINES, WINDOWS = "😀 Kyiv fell, 😀 Lviv held", "Kyiv fell.\nLviv held.\nEnd", "Kyiv fell.\r\nLviv held."


@pytest.mark.parametrize(
    ("text", "claims", "way", "found"),
    [
        (EMOJI, [(2, 6, "Kyiv"), (15, 19, "Lviv")], "", ["Kyiv", "Lviv"]),
        (EMOJI, [(3, 7, "Kyiv"), (17, 21, "Lviv")], "UTF-16", ["Kyiv", "Lviv"]),
        (EMOJI, [(3, 6, "Kyiv"), (17, 20, "Lviv")], "UTF-16 code units; the end is the last", ["Kyiv", "Lviv"]),
        (EMOJI, [(2, 5, "Kyiv"), (15, 18, "Lviv")], "the end is the last", ["Kyiv", "Lviv"]),
        (LINES, [(0, 4, "Kyiv"), (12, 16, "Lviv"), (24, 27, "End")], "twice", ["Kyiv", "Lviv", "End"]),
        (WINDOWS, [(0, 4, "Kyiv"), (11, 15, "Lviv")], "once", ["Kyiv", "Lviv"]),
        # one region that fits by no way spoils the proof
        (EMOJI, [(3, 7, "Kyiv"), (17, 21, "Oslo")], "", None),
        # nothing says what it holds
        (EMOJI, [(3, 7, ""), (90, 94, "")], "", None),
    ],
)
def test_counting_take_the_one_way_that_fits_all(text: str, claims, way: str, found: list[str] | None):
    counted = count(text, [Claim(*claim) for claim in claims])
    assert way in counted.way
    assert bool(counted.way) == bool(way)
    if found:
        assert [text[start:end] for start, end in counted.offsets] == found
        assert not counted.unfit
    else:
        assert counted.offsets == tuple((start, end) for start, end, _ in claims)
        assert counted.unfit


def test_counting_take_none_of_two_ways_that_lead_elsewhere():
    # by UTF-16 it is the first "a", by line ends counted twice the second
    counted = count("😀😀\naab", [Claim(5, 6, "a")])
    assert (counted.way, counted.ambiguous, counted.unfit) == ("", True, {0})


def utf16(text: str, offset: int) -> int:
    return len(text[:offset].encode("utf-16-le")) // 2


WAYS = {
    "utf-16": lambda text, start, end: (utf16(text, start), utf16(text, end)),
    "inclusive": lambda text, start, end: (start, end - 1),
    "twice": lambda text, start, end: (start + text[:start].count("\n"), end + text[:end].count("\n")),
    "both": lambda text, start, end: (utf16(text, start), utf16(text, end - 1)),
}


@given(documents(relations=False, attributed=False), st.sampled_from(sorted(WAYS)))
def test_counting_never_lead_to_another_text_than_was_said(doc: LabeledDoc, way: str):
    claims = [Claim(*WAYS[way](doc.text, span.start, span.end), doc.slice(span)) for span in doc.spans]
    counted = count(doc.text, claims)
    for i, (pair, claim) in enumerate(zip(counted.offsets, claims, strict=True)):
        if i not in counted.unfit:
            assert difference(claim.text, doc.text[slice(*pair)]) is not None
    meant = [(span.start, span.end) for span in doc.spans]
    if counted.way and way in {"utf-16", "twice"} and not counted.ambiguous:
        texts = [doc.text[slice(*trim(doc.text, *pair))] for pair in counted.offsets]
        assert [difference(a, doc.text[slice(*b)]) is not None for a, b in zip(texts, meant, strict=True)]
