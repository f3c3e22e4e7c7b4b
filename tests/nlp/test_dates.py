"""Expressions of time → ISO 8601: what news says, and what stays empty."""

import re
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.nlp.dates import iso

WEDNESDAY = "2024-05-08"
AFTERNOON = "2024-05-08T15:20:00+02:00"
ISO = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d)?)?)?")

# expression → what it means, whatever the tense, in an article of Wednesday, 8 May 2024
EVER = {
    # the same in every article
    "14 February 2022": "2022-02-14",
    "on 14 February 2022": "2022-02-14",
    "February 14, 2022": "2022-02-14",
    "Sept. 4, 2020": "2020-09-04",
    "Sept. 11, 2001": "2001-09-11",
    "Feb.14, 2022": "2022-02-14",
    "the 4th of May, 2021": "2021-05-04",
    "May 4th 2021": "2021-05-04",
    "Saturday 8 October 2011": "2011-10-08",
    "on Saturday, October 8, 2011": "2011-10-08",
    "2022-03-14": "2022-03-14",
    "14/02/2022": "2022-02-14",
    "02/14/2022": "2022-02-14",
    "5.5.2021": "2021-05-05",
    "October 2011": "2011-10",
    "in Oct. 2011": "2011-10",
    "late October 2011": "2011-10",
    "the end of October 2011": "2011-10",
    "2014": "2014",
    "since 2014": "2014",
    "early 2014": "2014",
    "the year 2014": "2014",
    "the 1990s": "1990/1999",
    "mid-1990s": "1990/1999",
    "in the 1940's": "1940/1949",
    "the 1940s and 1950s": "1940/1959",
    "between 2019 and 2021": "2019/2021",
    "from 1995-99": "1995/1999",
    "2019–2021": "2019/2021",
    "March 3 to 5, 2021": "2021-03-03/2021-03-05",
    "between 3 and 7 March 2021": "2021-03-03/2021-03-07",
    "from 3 March to 7 April 2021": "2021-03-03/2021-04-07",
    "9 p.m. on 14 February 2022": "2022-02-14T21:00",
    # by the publication
    "today": "2024-05-08",
    "Today": "2024-05-08",
    "tonight": "2024-05-08",
    "early this morning": "2024-05-08",
    "6 a.m. today": "2024-05-08T06:00",
    "yesterday": "2024-05-07",
    "yesterday evening": "2024-05-07",
    "last night": "2024-05-07",
    "the day before yesterday": "2024-05-06",
    "tomorrow": "2024-05-09",
    "tomorrow morning": "2024-05-09",
    "last week": "2024-04-29/2024-05-05",
    "this week": "2024-05-06/2024-05-12",
    "earlier this week": "2024-05-06/2024-05-12",
    "next week": "2024-05-13/2024-05-19",
    "last weekend": "2024-05-04/2024-05-05",
    "last month": "2024-04",
    "late last month": "2024-04",
    "earlier this month": "2024-05",
    "next month": "2024-06",
    "last year": "2023",
    "later this year": "2024",
    "next year": "2025",
    "three days ago": "2024-05-05",
    "ten days ago": "2024-04-28",
    "two weeks ago": "2024-04-22/2024-04-28",
    "a month ago": "2024-04",
    "41 years ago": "1983",
    "three weeks from now": "2024-05-27/2024-06-02",
    "last Friday": "2024-05-03",
    "next Monday": "2024-05-13",
    "Friday last week": "2024-05-03",
    "this Friday": "2024-05-10",
    "the coming Friday": "2024-05-10",
    "last August": "2023-08",
    "next March": "2025-03",
    "May last year": "2023-05",
    "December 15 of this year": "2024-12-15",
    "Thursday, May 2": "2024-05-02",
    "in March": "2024-03",
    "July": "2024-07",
    "late May": "2024-05",
    "the last three weeks": "2024-04-17/2024-05-08",
    "the past week": "2024-05-01/2024-05-08",
    "the past two months": "2024-03-08/2024-05-08",
}
PAST = {
    "Friday": "2024-05-03",
    "on Friday": "2024-05-03",
    "Friday's": "2024-05-03",
    "Wednesday": "2024-05-08",
    "Thursday": "2024-05-02",
    "early Tuesday": "2024-05-07",
    "Friday night": "2024-05-03",
    "the early hours of Sunday morning": "2024-05-05",
    "late on Tuesday night": "2024-05-07",
    "6 a.m. on Friday": "2024-05-03T06:00",
    "10:24 a.m. Friday": "2024-05-03T10:24",
    "5.12 p.m. on Thursday": "2024-05-02T17:12",
    "noon Friday": "2024-05-03T12:00",
    "17:40 on Friday": "2024-05-03T17:40",
    "12 a.m. on Friday": "2024-05-03T00:00",
    "shortly after 8:30 p.m. Thursday": "2024-05-02",
    "Early Friday morning, around 1:30 a.m": "2024-05-03",
    "the weekend": "2024-05-04/2024-05-05",
    "Feb. 14": "2024-02-14",
    "15 July": "2023-07-15",
    "9 March": "2024-03-09",
    "October": "2023-10",
    "3-5 March": "2024-03-03/2024-03-05",
    "Saturday to Monday": "2024-05-04/2024-05-06",
}
FUTURE = {
    "Friday": "2024-05-10",
    "by Friday": "2024-05-10",
    "Monday morning": "2024-05-13",
    "6 a.m. on Friday": "2024-05-10T06:00",
    "the weekend": "2024-05-11/2024-05-12",
    "15 July": "2024-07-15",
    "1 June": "2024-06-01",
    "October": "2024-10",
    "in two weeks": "2024-05-20/2024-05-26",
    "within 48 hours": "2024-05-08/2024-05-10",
    "within three days": "2024-05-08/2024-05-11",
    "the next 48 hours": "2024-05-08/2024-05-10",
    "the coming month": "2024-05-08/2024-06-08",
}
NEVER = [
    *("40", "second", "may", "march", "the day", "the same evening", "a day", "once", "time", "when", "1", "a", ""),
    *("24 hours", "two weeks", "for three weeks", "three weeks", "eight-year", "a 90-day", "hours", "several days"),
    *("decades", "33-year-old", "aged 40", "two hours later", "minutes later", "a day after", "the following week"),
    *("dawn", "noon", "midnight", "6 a.m.", "at around 9 a.m", "4.45am", "17:40", "overnight", "the previous day"),
    *("season", "summer", "last autumn", "Christmas", "the first half", "Week 16", "the fourth quarter", "7:41"),
    *("a few days ago", "several weeks ago", "more than a week ago", "half a year ago", "the next day", "last day"),
    *("30 February 2022", "31 June", "3/4/2022", "2022-13-01", "Sunday 8 October 2011", "Wednesday, May 2"),
    *("last May", "next June", "last Tuesday", "next Friday", "this Monday", "next weekend"),
    *(
        "Sept. 11",
        "the 11th of September",
        "fiscal 2014",
        "the 2012 season",
        "3 March or 5 March",
        "Sun",
        "2999 years ago",
    ),
]


@pytest.mark.parametrize("tense", ["past", "future", ""])
@pytest.mark.parametrize(("expression", "meaning"), EVER.items())
def test_dates_iso_reads_what_needs_no_tense(expression: str, meaning: str, tense: str):
    clashes = (tense == "past" and expression == "July") or (tense == "future" and expression == "in March")
    assert iso(expression, WEDNESDAY, tense) == ("" if clashes else meaning)


@pytest.mark.parametrize(("expression", "meaning"), PAST.items())
def test_dates_iso_looks_back_in_the_past(expression: str, meaning: str):
    assert iso(expression, WEDNESDAY, "past") == meaning


@pytest.mark.parametrize(("expression", "meaning"), FUTURE.items())
def test_dates_iso_looks_ahead_in_the_future(expression: str, meaning: str):
    assert iso(expression, WEDNESDAY, "future") == meaning


@pytest.mark.parametrize("tense", ["past", "future", ""])
@pytest.mark.parametrize("expression", NEVER)
def test_dates_iso_leaves_empty_what_it_cannot_tell(expression: str, tense: str):
    assert iso(expression, AFTERNOON, tense) == ""


@pytest.mark.parametrize("expression", ["Friday", "early Friday", "the weekend", "14 February", "October", "by Friday"])
def test_dates_iso_needs_the_tense_for_what_comes_again(expression: str):
    assert iso(expression, WEDNESDAY) == ""


@pytest.mark.parametrize(
    ("expression", "published", "tense", "meaning"),
    [
        ("Friday", "2024-05-10", "past", "2024-05-10"),
        ("Friday", "2024-05-10", "future", ""),  # today, or in a week
        ("Friday", "", "past", ""),
        ("yesterday", "", "", ""),
        ("14 February", "", "past", ""),
        ("yesterday", "some day in May", "", ""),
        ("yesterday", "2024-03-01", "", "2024-02-29"),
        ("last week", "2024-01-01", "", "2023-12-25/2023-12-31"),
        ("last month", "2024-01-31", "", "2023-12"),
        ("next month", "2024-01-31", "", "2024-02"),
        ("a month ago", "2024-03-31", "", "2024-02"),
        ("the past month", "2024-03-31", "", "2024-02-29/2024-03-31"),
        ("29 February", "2024-03-05", "past", "2024-02-29"),
        ("29 February", "2025-03-05", "past", ""),  # more than a year ago
        ("January", "2024-01-20", "past", "2024-01"),
        ("December", "2024-01-20", "", "2023-12"),
        ("last weekend", "2024-05-11", "", "2024-05-04/2024-05-05"),
        ("this weekend", "2024-05-11", "", "2024-05-11/2024-05-12"),
        ("within 48 hours", AFTERNOON, "", "2024-05-08T15:20/2024-05-10T15:20"),
        ("within 48 hours", AFTERNOON, "past", ""),
        ("within three hours", AFTERNOON, "", "2024-05-08T15:20/2024-05-08T18:20"),
        ("within three hours", WEDNESDAY, "", ""),  # perhaps after midnight
        ("the last 24 hours", AFTERNOON, "past", "2024-05-07T15:20/2024-05-08T15:20"),
        ("two hours ago", AFTERNOON, "past", "2024-05-08"),
        ("two hours ago", WEDNESDAY, "past", ""),
        ("20 hours ago", AFTERNOON, "past", "2024-05-07"),
        ("in two weeks", WEDNESDAY, "past", ""),  # as long as it took
        ("today", "2024-05-08T23:30:00-05:00", "", "2024-05-08"),
        ("today", "2024-05-08T15:20:00Z", "", "2024-05-08"),
    ],
)
def test_dates_iso_counts_from_the_publication(expression: str, published: str, tense: str, meaning: str):
    assert iso(expression, published, tense) == meaning


def is_iso(text: str) -> bool:
    ends = text.split("/")
    for end in ends:
        if not ISO.fullmatch(end):
            return False
        if len(end) >= len("2024-05-08"):
            datetime.fromisoformat(end)
    return len(ends) == 1 or (len(ends) == 2 and len(ends[0]) == len(ends[1]) and ends[0] <= ends[1])


WORDS = st.sampled_from(
    [*" ".join([*EVER, *PAST, *FUTURE, *NEVER]).split(), "to", "-", "/", "99", "31", "0", "9999", "'s", "12:61", "1800"]
)


@given(
    st.one_of(st.text(), st.lists(WORDS, max_size=6).map(" ".join)),
    st.one_of(st.dates().map(date.isoformat), st.datetimes().map(datetime.isoformat), st.text(), st.just(WEDNESDAY)),
    st.sampled_from(["past", "future", ""]),
)
def test_dates_iso_never_raises_and_what_it_says_is_iso(expression: str, published: str, tense: str):
    said = iso(expression, published, tense)
    assert said == "" or is_iso(said)
