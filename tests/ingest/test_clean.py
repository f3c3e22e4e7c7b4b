"""Boilerplate goes, sentences stay."""

import time

import pytest

from labeling.ingest.clean import BOILERPLATE, paragraphs, split_headline, without_boilerplate, without_breadcrumb

TITLE = "Army retakes the port of Lenz"
BODY = "The army retook the port on Monday, a spokesman said, after three days of fighting in the old town."


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Also read: What the port is worth", "link-line"),
        ("Read more – the siege in maps", "link-line"),
        ("RELATED STORIES: the siege", "link-line"),
        ("More on this: the siege", "link-line"),
        ("File photo: the gate", "caption"),
        ("Image credit: Ann Roe", "caption"),
        ("Photo/AFP", "caption"),
        ("The gate on Monday / Getty Images", "caption"),
        ("The gate on Monday (Reuters/Ann Roe)", "caption"),
        ("Source: U.S. Geological Survey", "caption"),
        ("Share this story", "share-line"),
        ("Share on WhatsApp", "share-line"),
        ("Follow us on X and Facebook", "share-line"),
        ("Follow us: @lenzpost", "share-line"),
        ("Follow us", "share-line"),
        ("Tweet", "share-line"),
        ("Email this", "share-line"),
        ("Sign up for our daily briefing", "newsletter"),
        ("Subscribe to our newsletter: Lenz in your inbox every Friday", "newsletter"),
        ("--- ADVERTISEMENT ---", "advertisement"),
        ("Sponsored content", "advertisement"),
        ("Story continues below advertisement", "advertisement"),
        ("(c) 2026 The Lenz Post", "copyright"),
        ("Copyright 2026 The Lenz Post", "copyright"),
        ("Copyright © The Lenz Post", "copyright"),
        ("Home > World > Lenz", "breadcrumb"),
        ("ARMY retakes the port of Lenz", "title-repeated"),
    ],
)
def test_clean_takes_a_line_of_boilerplate_out(line: str, reason: str):
    text, removed = without_boilerplate(f"{BODY}\n\n{line}\n\nThe end.", TITLE)
    assert text == f"{BODY}\n\nThe end."
    assert removed == [(reason, line)]
    assert reason in BOILERPLATE or reason == "title-repeated"


@pytest.mark.parametrize(
    "line",
    [
        "Home Secretary Ann Bell said the port would open.",
        "Source: of the river there were many tales, and of the war more.",
        "Source: two officers, both of whom asked not to be named.",
        "Read more than the headline, she told her pupils.",
        "Copyright law changed on Monday.",
        "Follow us, the soldiers shouted.",
        "“Follow us!” they shouted.",
        "Share this burden, the minister told his colleagues.",
        "Sign up for updates, the ministry told people in the valley.",
        "Sponsored by the state, the militia grew.",
        "Advertising revenue fell.",
        "Tweets were deleted.",
        "Print workers went on strike.",
        "Photographs of the port were shown on Monday.",
        "Image is everything, said the mayor.",
        "The envoy met reporters (among them two of AFP).",
        "Related charges were dropped.",
        "See also the army's own report, he said.",
        "Sources: three.",
        "Homes were burned > and rebuilt.",
        f"Photo: {'a sentence that goes on and on, ' * 6}and ends.",
    ],
)
def test_clean_leaves_a_sentence_that_looks_like_boilerplate(line: str):
    for text in (f"{BODY}\n\n{line}\n\nThe end.", f"{BODY}\n\n{BODY} {line} It ended.\n\nThe end."):
        assert without_boilerplate(text, TITLE) == (text, [])


def test_clean_takes_a_headline_told_in_other_words_only_from_above_the_prose():
    again = "Army retakes port of Lenz"
    long = BODY + " " + BODY
    assert without_boilerplate(f"{again}\n\n{long}", TITLE) == (long, [("title-repeated", again)])
    assert without_boilerplate(f"{long}\n\n{again}", TITLE) == (f"{long}\n\n{again}", [])


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (f"{TITLE}\n\n{BODY}", TITLE),
        (f"“{TITLE}?”\n\n{BODY}", f"“{TITLE}?”"),
        (f"It was over.\n\n{BODY}", ""),
        (f"“It is over.”\n\n{BODY}", ""),
        (f"- {TITLE}\n\n{BODY}", ""),
        (f"LENZ — {TITLE}\n\n{BODY}", ""),
        (f"{TITLE}\nby Ann Roe\n\n{BODY}", ""),
        (f"{'x' * 151}\n\n{BODY}", ""),
        (TITLE, ""),
        (f"{TITLE}\n\n ", ""),
        ("", ""),
    ],
)
def test_clean_split_headline_takes_a_first_line_that_is_no_sentence(text: str, title: str):
    found, rest = split_headline(text)
    assert found == title
    assert rest == (BODY if title else text)


@pytest.mark.parametrize(
    ("first", "is_trail"),
    [
        (f"Home News {TITLE}", True),
        ("Home / World", True),
        ("Home | War", True),
        ("Home Secretary resigns", False),
        (TITLE, False),
        ("Home\nNews > War", False),
    ],
)
def test_clean_without_breadcrumb_takes_a_trail_above_the_headline(first: str, is_trail: bool):
    text, removed = without_breadcrumb(f"{first}\n\n{TITLE}\n\n{BODY}")
    assert text == (f"{TITLE}\n\n{BODY}" if is_trail else f"{first}\n\n{TITLE}\n\n{BODY}")
    assert removed == ([("breadcrumb", first)] if is_trail else [])


def test_clean_without_breadcrumb_leaves_a_headline_that_begins_with_home():
    text = "Home of mayor burns\n\nHome of mayor burns\n\nIt burned."
    assert without_breadcrumb(text) == (text, [])


def test_clean_paragraphs_are_one_empty_line_apart():
    assert paragraphs("\n a \u00a0\n \t\n\nb\nc  \n\n\n\nd\n") == " a\n\nb\nc\n\nd"


@pytest.mark.parametrize("between", [" ", "\t ", "\u00a0", " \n", "\n", "\n \n"])
def test_a_megabyte_of_white_space_took_hours(between: str):
    text = f"Rebels left.{between * (1_000_000 // len(between))}Talks began."
    started = time.process_time()
    cleaned = paragraphs(text)
    assert time.process_time() - started < 5
    assert cleaned.split() == text.split()
    assert cleaned == paragraphs(cleaned)
