"""Text as everything may trust it to be, and offsets in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.article import digest
from labeling.core.offsets import context, overlaps, trim, without_overlap
from labeling.core.text import MAX_DEPTH, is_storable, normalize, storable, with_storable


class Extent:
    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end

    def __repr__(self) -> str:
        return f"{self.start}-{self.end}"


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\nb"),
        ("a\r\r\nb", "a\n\nb"),
        ("\ufeffa", "a"),
        ("a\ufeffb", "a\ufeffb"),
        ("a\x00b", "a\ufffdb"),
        ("a\ud83db", "a\ufffdb"),
        ("e\u0301", "é"),
        ("Å", "Å"),
        ("👩\u200d👧 \u00a0 שלום", "👩\u200d👧 \u00a0 שלום"),
        ("", ""),
    ],
)
def test_text_normalize_gives_one_form(raw: str, normal: str):
    assert normalize(raw) == normal
    assert is_storable(normal)
    assert is_storable(raw) == (not set("\r\x00\ud83d") & set(raw))


def test_text_with_storable_leaves_bom_and_composition_alone():
    copy, moved = with_storable("\ufeffe\u0301\r\nx\x00")
    assert copy == "\ufeffe\u0301\nx\ufffd"
    assert [moved(i) for i in (0, 3, 5, 7)] == [0, 3, 4, 6]


@given(st.text(st.sampled_from("a😀\r\n\u0301\x00\ud800 ")), st.data())
def test_text_with_storable_maps_every_offset_outside_of_a_line_end(text: str, data: st.DataObject):
    copy, moved = with_storable(text)
    assert is_storable(copy)
    edges = [i for i in range(len(text) + 1) if text[max(0, i - 1) : i + 1] != "\r\n"]
    start, end = sorted(data.draw(st.tuples(st.sampled_from(edges), st.sampled_from(edges))))
    assert copy[moved(start) : moved(end)] == with_storable(text[start:end])[0]
    assert moved(len(text)) == len(copy)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("half \ud83d", "half \ufffd"),
        ({"\ud800": ["\x00", 1, True, None]}, {"\ufffd": ["\ufffd", 1, True, None]}),
        ([float("nan"), float("inf"), 0.5], [None, None, 0.5]),
        ("whole 😀\r\n", "whole 😀\r\n"),
    ],
)
def test_text_storable_replaces_what_cannot_be_written(value, kept):
    assert storable(value) == kept


def test_text_storable_refuses_what_is_nested_too_deeply():
    value: list = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert storable(value) == value
    with pytest.raises(RecursionError, match="nested too deeply"):
        storable([value])


def test_text_digest_never_changes():
    assert digest("Rebels said no.") == "e47430fef4c438a8"
    assert digest("") == "e3b0c44298fc1c14"
    assert digest("é") != digest("e\u0301")


@pytest.mark.parametrize(
    ("text", "start", "end", "trimmed"),
    [
        (" ab ", 0, 4, (1, 3)),
        ("ab", 0, 2, (0, 2)),
        ("a \n\u00a0\u2028\tb", 1, 6, (6, 6)),
        ("\u200bab", 0, 3, (0, 3)),  # a zero-width space is not white space
        ("ab", 1, 1, (1, 1)),
        ("\x0bab\x1f", 0, 4, (1, 3)),
    ],
)
def test_offsets_trim_cuts_white_space_only(text: str, start: int, end: int, trimmed: tuple[int, int]):
    assert trim(text, start, end) == trimmed


@pytest.mark.parametrize(
    ("a", "b", "shared"),
    [((0, 2), (2, 4), False), ((0, 3), (2, 4), True), ((0, 9), (3, 4), True), ((5, 6), (0, 5), False)],
)
def test_offsets_overlaps_needs_a_shared_code_point(a, b, shared: bool):
    assert overlaps(Extent(*a), Extent(*b)) is shared
    assert overlaps(Extent(*b), Extent(*a)) is shared


@pytest.mark.parametrize(
    ("given_extents", "kept", "shadowed"),
    [
        ([(0, 3), (2, 9)], [(2, 9)], [((0, 3), (2, 9))]),
        ([(4, 6), (3, 5)], [(3, 5)], [((4, 6), (3, 5))]),
        ([(5, 6), (0, 2)], [(0, 2), (5, 6)], []),
        ([(0, 4), (3, 6), (5, 9)], [(0, 4), (5, 9)], [((3, 6), (0, 4))]),
    ],
)
def test_offsets_without_overlap_keeps_the_longest_then_the_first(given_extents, kept, shadowed):
    made = [Extent(*e) for e in given_extents]
    winners, losers = without_overlap(made)
    assert [(e.start, e.end) for e in winners] == kept
    assert [((a.start, a.end), (b.start, b.end)) for a, b in losers] == shadowed


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)).map(lambda t: Extent(t[0], t[0] + t[1]))))
def test_offsets_without_overlap_gives_each_extent_back_once(extents: list[Extent]):
    kept, shadowed = without_overlap(extents)
    assert sorted(map(id, [*kept, *(a for a, _ in shadowed)])) == sorted(map(id, extents))
    assert not any(overlaps(a, b) for i, a in enumerate(kept) for b in kept[:i])
    assert all(winner in kept and winner.end - winner.start >= a.end - a.start for a, winner in shadowed)


def test_offsets_context_is_one_line_with_the_extent_marked():
    assert context("One\ntwo  three\nfour", 4, 7) == "One ⟦two⟧ three four"
    assert context("x" * 99 + "yes" + "z" * 99, 99, 102, width=2) == "xx⟦yes⟧zz"
