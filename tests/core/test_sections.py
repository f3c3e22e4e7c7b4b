"""Long articles in sections, and joined again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labeling.core.labels import LabeledDoc, Provenance, Relation, Span
from labeling.core.sections import Section, SectionLimits, divided, joined, section_starts

PARAGRAPHS = [f"Paragraph {n}. It has two sentences, and Rebels in it." for n in range(40)]
TEXT = "\n\n".join(PARAGRAPHS)


def rebels(text: str) -> tuple[Span, ...]:
    """A span for each time that the word occurs."""
    found, at = [], text.find("Rebels")
    while at >= 0:
        found.append(Span(id=f"s{at}", start=at, end=at + 6, label="ACTOR"))
        at = text.find("Rebels", at + 1)
    return tuple(found)


def pieces(text: str, starts: tuple[int, ...]) -> list[str]:
    return [text[a:b] for a, b in zip(starts, (*starts[1:], len(text)), strict=True)]


@pytest.mark.parametrize(
    ("limits", "count"),
    [
        (SectionLimits(), 1),
        (SectionLimits(characters=len(TEXT)), 1),
        (SectionLimits(characters=len(TEXT) - 1), 2),
        (SectionLimits(characters=520), 5),
        (SectionLimits(spans=10), 4),
        (SectionLimits(characters=520, spans=4), 10),
    ],
)
def test_sections_are_as_few_as_the_limits_allow_and_of_about_the_same_size(limits: SectionLimits, count: int):
    starts = section_starts(TEXT, rebels(TEXT), limits)
    found = pieces(TEXT, starts)
    assert len(found) == count and "".join(found) == TEXT
    assert all(piece.startswith("Paragraph") for piece in found)
    sizes = [piece.count("Paragraph") for piece in found]
    assert max(sizes) - min(sizes) <= 1


def test_a_paragraph_over_the_limit_is_divided_by_lines_and_a_line_by_sentences_but_not_within_a_span():
    text = "First line.\nSecond line is longer. It has a U.S. Army span in it. The end comes here.\n\nShort."
    at = text.index("U.S. Army")
    span = Span(id="a", start=at, end=at + 9, label="ACTOR")
    found = pieces(text, section_starts(text, (span,), SectionLimits(characters=42)))
    assert "".join(found) == text
    assert not any(piece.endswith("U.S. ") for piece in found)
    assert found[0] == "First line.\nSecond line is longer. "
    assert section_starts("a" * 100, (), SectionLimits(characters=10)) == (0,)  # nothing to divide it by


@given(
    st.lists(st.text(st.sampled_from("ab. \n…é😀"), max_size=30), max_size=12).map("\n\n".join),
    st.integers(0, 60),
    st.integers(0, 3),
)
def test_whatever_the_text_its_sections_make_it_up_and_none_is_blank(text: str, characters: int, most: int):
    text = text.strip() or "x"
    found = pieces(text, section_starts(text, (), SectionLimits(characters=characters, spans=most)))
    assert "".join(found) == text and all(piece.strip() for piece in found)


def test_sections_joined_again_are_the_document():
    spans = rebels(TEXT)
    near, far = Relation(head="s39", tail=spans[1].id, label="r"), Relation(head="s39", tail=spans[-1].id, label="r")
    doc = LabeledDoc(doc_id="a", text=TEXT, title="T", spans=spans, relations=(near, far))
    starts = section_starts(TEXT, spans, SectionLimits(characters=520))
    sections = list(divided(doc, starts))
    assert [s.text for s in sections] == pieces(TEXT, starts) and {s.doc_id for s in sections} == {"a"}
    assert sum(len(s.spans) for s in sections) == len(spans)
    again, ids = joined([(s.text, s) for s in sections])
    assert [list(names) for names in ids] == [[span.id for span in s.spans] for s in sections]
    assert again == doc.model_copy(update={"relations": (near,)})  # the other one had its ends in two sections


def test_what_was_not_reviewed_is_unknown_and_equal_ids_and_answers_are_told_apart():
    span = Span(id="a", start=0, end=2, label="ACTOR")
    one = LabeledDoc(doc_id="d", text="One. ", spans=(span,), relations=(), attributes={"sure": {"choices": ["yes"]}})
    two = LabeledDoc(
        doc_id="d",
        text="Two",
        spans=(span,),
        relations=(Relation(head="a", tail="a", label="r"),),
        attributes={"sure": {"choices": ["no"]}},
        unknown=((1, 2),),
    )
    by = {"by": ("ann", "ben"), "decided_by": "eva", "how": "adjudicated"}
    two = two.model_copy(
        update={"provenance": (Provenance(span="a", **by), Provenance(relation=("a", "a", "r"), **by))}
    )
    one = one.model_copy(update={"provenance": (Provenance(span="a", by=("ann",)),)})
    doc, ids = joined([(one.text, one), ("Not reviewed. ", None), (two.text, two)])
    assert ids == [{"a": "a"}, {}, {"a": "a-3"}]
    assert doc.text == "One. Not reviewed. Two"
    assert [(s.id, doc.slice(s)) for s in doc.spans] == [("a", "On"), ("a-3", "Tw")]
    assert doc.relations == (Relation(head="a-3", tail="a-3", label="r"),)
    assert doc.unknown == ((5, 19), (20, 21))
    assert doc.provenance == (
        Provenance(span="a", by=("ann",)),
        Provenance(span="a-3", **by),
        Provenance(relation=("a-3", "a-3", "r"), **by),
    )
    assert doc.attributes == {"sure": {"choices": ["yes"]}, "sure (part 3)": {"choices": ["no"]}}
    with pytest.raises(ValueError, match="no section was reviewed"):
        joined([("One.", None)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": 3, "starts": [0, 9], "digest": "d"},
        {"number": 0, "starts": [0, 9], "digest": "d"},
        {"number": 1, "starts": [0], "digest": "d"},
        {"number": 1, "starts": [1, 9], "digest": "d"},
        {"number": 1, "starts": [0, 9, 9], "digest": "d"},
        {"number": 1, "starts": [0, 9], "digest": ""},
    ],
)
def test_a_section_that_cannot_be_is_refused(wrong: dict[str, object]):
    assert str(Section(number=2, starts=(0, 9), digest="d")) == "part 2 of 2"
    with pytest.raises(ValidationError):
        Section.model_validate(wrong)
