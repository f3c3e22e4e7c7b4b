"""Expressions of time → ISO 8601, as far as they can be told."""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

Tense = Literal["past", "future", ""]
Match = re.Match[str]

DAY_LENGTH, WEEK, HALF_DAY, MONTHS = len("2024-03-01"), 7, 12, 12
# A day or month without year that is as near as this needs no tense: its namesake is most of a year away.
NEAR_DAYS, NEAR_MONTHS = 60, 2
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS = {
    name: number
    for number, name in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), start=1
    )
} | {
    "a": 1,
    "an": 1,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "ninety": 90,
}
CLOCK_UNITS = ("minute", "hour")
LONGEST = 100  # characters
WORDS = ("may", "march")  # months are written with a capital

# What the rules below are made of.
DAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
MONTH = (
    "(?:january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
YEAR = "(?:1[89][0-9]{2}|20[0-9]{2})"
DECADE = "(?:1[89]|20)[0-9]0"
NTH = "[0-9]{1,2}(?:st|nd|rd|th)?"
COUNT = rf"(?:[0-9]{{1,3}}|{'|'.join(NUMBERS)})"
UNIT = "(?:minute|hour|day|week|month|year)s?"
CALENDAR_DATE = (
    rf"(?:(?:{DAY},? )?(?:the )?{NTH} (?:day )?(?:of )?{MONTH}(?:,? {YEAR})?"
    rf"|(?:{DAY},? )?{MONTH} (?:the )?{NTH}(?:,? {YEAR})?"
    rf"|{MONTH}(?:,? (?:of )?{YEAR})?)"
)

# Words at the start that do not change which day, month or year is meant.
EDGE = re.compile(
    r"(?:on|in|at|by|since|until|till|to|into|from|during|of|for|before|after|through|throughout|as of|as early as"
    r"|(?:the )?(?:early|late|small) hours of|(?:very )?(?:early|earlier|late|later|mid)(?: on| in)?"
    r"|(?:the )?(?:start|beginning|middle|end|morning|afternoon|evening|night) of|the)[ -]"
)
PART_OF_DAY = re.compile(r",? (?:(?:in the|at) )?(?:early |late |mid-?)?(?:morning|afternoon|evening|night|dawn|dusk)$")
# A clock time that says which half of the day it is in, and what may stand before it.
CLOCK = re.compile(
    r"\b(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5][0-9]))? ?(?P<half>[ap])\.?m\b\.?"
    r"|\b(?P<hour24>0[0-9]|1[3-9]|2[0-3]):(?P<minute24>[0-5][0-9])\b"
    r"|\bnoon\b"
)
LEAD = re.compile(r"(?:\b(?:at|about|around|sometime|just|shortly|soon|before|after|by|until|from|since) )+$")
EXACT = ("", "at ")
# Said of one day of one year, whenever an article appeared.
NAMED_DAY = re.compile(r"sept?(?:ember)? 11(?:th)?|(?:the )?11(?:th)? (?:of )?sept?(?:ember)?")


class Base:
    """What an expression is relative to: when the article was published, and in which tense it tells of it."""

    def __init__(self, published: date | None, tense: Tense) -> None:
        self._published = published
        self.tense = tense

    @property
    def moment(self) -> date:
        """The publication: a datetime where its time is known."""
        if self._published is None:
            raise ValueError("the article does not say when it was published")
        return self._published

    @property
    def day(self) -> date:
        """The day of the publication."""
        return self.moment.date() if isinstance(self.moment, datetime) else self.moment

    @property
    def monday(self) -> date:
        """The first day of the week of the publication."""
        return self.day - timedelta(self.day.weekday())


def iso(expression: str, published: str, tense: Tense = "") -> str:
    """The date or interval that an English expression means in ISO 8601, or "" where that cannot be told.

    It is as precise as the expression: `2024`, `2024-03`, `2024-03-01`, `2024-03-01T06:00` (local time), or an interval
    `2024-03-01/2024-03-07` with both ends in it. Weeks go from Monday to Sunday. What is relative needs `published`, an
    ISO 8601 date or date and time. `tense` says whether the text tells of the past or the future there; without it, a
    bare weekday, and a day or month without a year that is far from the publication, stay empty. So does what only says
    how long something lasts.

    >>> iso("late last month", "2024-03-05")
    '2024-02'
    >>> iso("Friday night", "2024-03-05", "past")
    '2024-03-01'
    >>> iso("within 48 hours", "2024-03-05")
    '2024-03-05/2024-03-07'
    >>> iso("three weeks", "2024-03-05")
    ''
    """
    if len(expression) > LONGEST or expression.strip() in WORDS:
        return ""
    return _iso(_normal(expression), published, tense)


@lru_cache(maxsize=10_000)
def _iso(text: str, published: str, tense: Tense) -> str:
    try:
        return _resolve(text, Base(_moment(published), tense))
    except (OverflowError, ValueError):  # 31 June, a year after 9999, a publication that is not known
        return ""


def _normal(expression: str) -> str:
    """In lower case, with plain quotes, dashes and spaces, without possessive and punctuation at the edges."""
    text = " ".join(expression.lower().replace("’", "'").replace("–", "-").replace("—", "-").split())
    text = re.sub(r"\b([0-9]{4})'s$", r"\1s", text.strip(" ,;:.()[]\"'")).removesuffix("'s")
    text = re.sub(rf"\b({MONTH})\.", r"\1 ", text)
    return " ".join(text.replace(" local time", "").split())


def _moment(published: str) -> date | None:
    try:
        if len(published) == DAY_LENGTH:
            return date.fromisoformat(published)
        # as the clock of its place shows it
        return datetime.fromisoformat(published).replace(tzinfo=None)
    except ValueError:
        return None


def _resolve(text: str, base: Base) -> str:
    for pattern, rule in RULES:
        if match := pattern.fullmatch(text):
            return rule(match, base)
    if found := CLOCK.search(text):
        return _at_clock(text, found, base)
    for shorter in (EDGE.sub("", text, count=1) if EDGE.match(text) else text, PART_OF_DAY.sub("", text)):
        if shorter != text:
            return _resolve(shorter.strip(" ,"), base)
    match = next(filter(None, (pattern.fullmatch(text) for pattern in RANGES)), None)
    return _range(match[1], match[2], base) if match else ""


def _at_clock(text: str, found: Match, base: Base) -> str:
    """The day that the rest of the expression says, with the time of the clock; a time alone says nothing."""
    before = text[: found.start()]
    lead = LEAD.search(before)
    rest = f"{LEAD.sub('', before)} {text[found.end() :]}".strip(" ,.")
    day = _resolve(" ".join(rest.split()), base) if rest else ""
    if len(day) != DAY_LENGTH or (lead and lead[0] not in EXACT):
        return day if len(day) == DAY_LENGTH else ""
    if found["hour24"]:
        return f"{day}T{found['hour24']}:{found['minute24']}"
    if found["hour"]:
        hour = int(found["hour"]) % HALF_DAY + (HALF_DAY if found["half"] == "p" else 0)
        return f"{day}T{hour:02}:{found['minute'] or '00'}"
    return f"{day}T12:00"


# the rules: what an expression looks like, and what it means


def _today(match: Match, base: Base) -> str:
    return base.day.isoformat()


def _yesterday(match: Match, base: Base) -> str:
    return (base.day - timedelta(2 if "before" in match[0] else 1)).isoformat()


def _tomorrow(match: Match, base: Base) -> str:
    return (base.day + timedelta(2 if "after" in match[0] else 1)).isoformat()


def _year(match: Match, base: Base) -> str:
    return match["year"]


def _decade(match: Match, base: Base) -> str:
    return f"{match['decade']}/{int(match['last'] or match['decade']) + 9}"


def _calendar_date(match: Match, base: Base) -> str:
    """A date by the calendar; where it has no year, of the year in which it fits."""
    text = match[0]
    if re.search(YEAR, text):
        day, period = _read(text)
        return _period(day, period) if _weekday_fits(text, day) else ""
    if NAMED_DAY.fullmatch(text):
        return ""
    found = [
        (day, period)
        for year in range(base.day.year - 1, base.day.year + 2)
        for day, period in _read_if_any(f"{text} {year}")
        if _fits(day, period, base) and _weekday_fits(text, day)
    ]
    # where one fits the tense and another is near, one of the two clues is wrong
    return _period(*found[0]) if len(found) == 1 else ""


def _fits(day: date, period: str, base: Base) -> bool:
    """Whether a day or month of some year is the one that was meant when no year was said."""
    if period == "day":
        gap, near, year = (day - base.day).days, NEAR_DAYS, 365
    else:
        gap, near, year = (day.year - base.day.year) * MONTHS + day.month - base.day.month, NEAR_MONTHS, MONTHS
    if abs(gap) <= near:
        return True
    return -year < gap < 0 if base.tense == "past" else 0 < gap < year and base.tense == "future"


def _weekday_fits(text: str, day: date) -> bool:
    said = re.match(DAY, text)
    return not said or said[0] == WEEKDAYS[day.weekday()]


def _year_first(match: Match, base: Base) -> str:
    return date.fromisoformat(match[0]).isoformat()


def _numeric(match: Match, base: Base) -> str:
    """Day, month and year in figures, where it can be told which is which."""
    first, second = int(match["first"]), int(match["second"])
    if first <= MONTHS and second <= MONTHS and first != second:
        return ""
    return date(int(match["year"]), min(first, second), max(first, second)).isoformat()


def _date_of_year(match: Match, base: Base) -> str:
    """A date of this, last or next year: "May last year"."""
    return _resolve(f"{match['date']} {base.day.year + _step(match)}", base)


def _weekday(match: Match, base: Base) -> str:
    """A bare weekday: the last one, today's included, or the next one. In the future, today's may be a week off."""
    ahead = _ahead(match, base)
    if base.tense == "past":
        return (base.day + timedelta(ahead - WEEK if ahead else 0)).isoformat()
    return (base.day + timedelta(ahead)).isoformat() if base.tense == "future" and ahead else ""


def _coming_weekday(match: Match, base: Base) -> str:
    return (base.day + timedelta(_ahead(match, base) or WEEK)).isoformat()


def _past_weekday(match: Match, base: Base) -> str:
    return (base.day + timedelta(_ahead(match, base) - WEEK)).isoformat()


def _stepped_weekday(match: Match, base: Base) -> str:
    """Last, this or next Friday, where the nearest one is in that week too; people differ about the others."""
    ahead, step = _ahead(match, base), _step(match)
    nearest = base.day + timedelta(ahead - WEEK if step < 0 else ahead or WEEK)
    monday = base.monday + timedelta(step * WEEK)
    return nearest.isoformat() if monday <= nearest < monday + timedelta(WEEK) else ""


def _weekday_of_week(match: Match, base: Base) -> str:
    return (base.monday + timedelta(_step(match) * WEEK + WEEKDAYS.index(match["day"]))).isoformat()


def _week(match: Match, base: Base) -> str:
    return _days(base.monday + timedelta(_step(match) * WEEK), WEEK)


def _weekend(match: Match, base: Base) -> str:
    which, saturday = match["which"] or "this", base.monday + timedelta(WEEK - 2)
    if base.day >= saturday:  # it is weekend
        return _days(saturday + timedelta(_step(match) * WEEK), 2)
    if which == "last" or (which == "this" and base.tense == "past"):
        return _days(saturday - timedelta(WEEK), 2)
    # the next weekend is the coming one to some, the one after that to others
    return _days(saturday, 2) if which == "coming" or (which == "this" and base.tense == "future") else ""


def _month(match: Match, base: Base) -> str:
    return f"{_shifted(base.day, _step(match)):%Y-%m}"


def _other_year(match: Match, base: Base) -> str:
    return f"{base.day.year + _step(match):04}"


def _stepped_month(match: Match, base: Base) -> str:
    """Last May, next May, where the nearest one is in that year too."""
    year = base.day.year + _step(match)
    month = _read(f"{match['month']} {year}")[0].month
    return f"{year}-{month:02}" if (month - base.day.month) * _step(match) < 0 else ""


def _ago(match: Match, base: Base) -> str:
    """Some time before the publication, to the day, week, month or year, as it was said."""
    count, unit = _length(match)
    if unit not in CLOCK_UNITS:
        return _period(*_read(f"{count} {unit} ago", base.day))
    if not isinstance(base.moment, datetime):
        return ""
    return (base.moment - timedelta(**{f"{unit}s": count})).date().isoformat()


def _from_now(match: Match, base: Base) -> str:
    """Some time after the publication. "In three days" is that only where something is still to happen."""
    count, unit = _length(match)
    if unit in CLOCK_UNITS or not (match["now"] or base.tense == "future"):
        return ""
    return _period(*_read(f"in {count} {unit}", base.day))


def _until(match: Match, base: Base) -> str:
    """From the publication on; in the past, it is within two hours of something that the text told before."""
    return _stretch(match, base, 1) if base.tense != "past" else ""


def _up_to(match: Match, base: Base) -> str:
    return _stretch(match, base, -1)


def _stretch(match: Match, base: Base, direction: int) -> str:
    count, unit = _length(match)
    start: date = base.day
    if unit in CLOCK_UNITS:
        gap, start = timedelta(**{f"{unit}s": count}), base.moment
        if gap % timedelta(1) and not isinstance(start, datetime):
            return ""  # on which day it ends depends on the time of the publication
        end = start + direction * gap
    elif unit in ("day", "week"):
        end = start + direction * timedelta(count * (WEEK if unit == "week" else 1))
    else:
        end = _shifted(start, direction * count * (MONTHS if unit == "year" else 1))
    return "/".join(_stamp(moment) for moment in sorted((start, end)))


def _range(first: str, last: str, base: Base) -> str:
    """From the one to the other, where both can be told and are of one kind; each may lack what the other says."""
    if re.fullmatch(NTH, first) and (rest := re.fullmatch(rf"{NTH} ({MONTH}.*)", last)):
        first = f"{first} {rest[1]}"
    elif re.fullmatch(rf"{MONTH} {NTH}", first) and (rest := re.fullmatch(rf"{NTH}(,? {YEAR})?", last)):
        first, last = f"{first}{rest[1] or ''}", f"{first.split()[0]} {last}"
    elif re.fullmatch(rf"(?:{NTH} )?{MONTH}(?: {NTH})?", first) and (rest := re.search(rf",? {YEAR}$", last)):
        first = f"{first}{rest[0]}"
    elif re.fullmatch(YEAR, first) and re.fullmatch("[0-9]{2}", last):
        last = first[:2] + last
    start, end = _resolve(first, base), _resolve(last, base)
    return f"{start}/{end}" if "/" not in start + end and len(start) == len(end) and start < end else ""


Rule = Callable[[Match, Base], str]
RULES: tuple[tuple[re.Pattern[str], Rule], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"(?:earlier |later |early |late )?(?:today|tonight|this (?:morning|afternoon|evening))", _today),
        (r"(?:early |late )?(?:yesterday|last night)|the day before yesterday", _yesterday),
        (r"(?:early |late )?tomorrow|the day after tomorrow", _tomorrow),
        (rf"(?:(?:the )?year )?(?P<year>{YEAR})", _year),
        (rf"(?P<decade>{DECADE})s(?: and (?:the )?(?P<last>{DECADE})s)?", _decade),
        (CALENDAR_DATE, _calendar_date),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _year_first),
        (rf"(?P<first>[0-9]{{1,2}})(?P<mark>[./-])(?P<second>[0-9]{{1,2}})(?P=mark)(?P<year>{YEAR})", _numeric),
        (rf"(?P<date>{CALENDAR_DATE}),? (?:of )?(?P<which>this|last|next) year", _date_of_year),
        (rf"(?P<day>{DAY})", _weekday),
        (rf"(?:the |this )?(?:coming|upcoming) (?P<day>{DAY})", _coming_weekday),
        (rf"(?:the |this )?past (?P<day>{DAY})", _past_weekday),
        (rf"(?P<which>this|last|next) (?P<day>{DAY})", _stepped_weekday),
        (rf"(?P<day>{DAY}),? (?:of )?(?P<which>this|last|next) week", _weekday_of_week),
        (r"(?P<which>this|last|next) week", _week),
        (r"(?:the )?(?:(?P<which>this|last|next|coming) )?weekend", _weekend),
        (r"(?P<which>this|last|next) month", _month),
        (r"(?P<which>this|last|next) year", _other_year),
        (rf"(?P<which>last|next) (?P<month>{MONTH})", _stepped_month),
        (rf"(?:exactly )?(?P<count>{COUNT}) (?P<unit>{UNIT}) ago", _ago),
        (rf"(?:in )?(?P<count>{COUNT}) (?P<unit>{UNIT})'? (?P<now>from now|time)", _from_now),
        (rf"in (?P<count>{COUNT}) (?P<unit>{UNIT})(?P<now>)", _from_now),
        (
            rf"(?:(?:in|over|during|for|within) )?(?:the )?(?:within|next|coming) (?P<count>{COUNT}) (?P<unit>{UNIT})",
            _until,
        ),
        (r"(?:(?:in|over|during|for|within) )?the coming (?P<count>)(?P<unit>day|week|month|year)", _until),
        (rf"(?:(?:in|over|during|for|within) )?(?:the )?(?:last|past) (?P<count>{COUNT}) (?P<unit>{UNIT})", _up_to),
        (r"(?:(?:in|over|during|for|within) )?the past (?P<count>)(?P<unit>day|week|month|year)", _up_to),
    )
)
RANGES = (re.compile(r"between (.+?) and (.+)"), re.compile(r"(.+?)(?: ?- ?| to | until | through )(.+)"))


def _step(match: Match) -> int:
    return {"last": -1, "next": 1}.get(match["which"], 0)


def _ahead(match: Match, base: Base) -> int:
    """In how many days it is that weekday: 0 to 6."""
    return (WEEKDAYS.index(match["day"]) - base.day.weekday()) % WEEK


def _length(match: Match) -> tuple[int, str]:
    """How many of which unit."""
    count = match["count"] or "one"
    return NUMBERS[count] if count in NUMBERS else int(count), match["unit"].rstrip("s")


def _shifted(day: date, months: int) -> date:
    year, month = divmod(day.year * MONTHS + day.month - 1 + months, MONTHS)
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


def _days(first: date, count: int) -> str:
    return f"{first.isoformat()}/{(first + timedelta(count - 1)).isoformat()}"


def _stamp(moment: date) -> str:
    return moment.isoformat(timespec="minutes") if isinstance(moment, datetime) else moment.isoformat()


def _period(day: date, period: str) -> str:
    """The day, or the week, month or year that it is in."""
    if period == "week":
        return _days(day - timedelta(day.weekday()), WEEK)
    return day.isoformat()[: {"month": len("2024-03"), "year": len("2024")}.get(period, DAY_LENGTH)]


# what dateparser reads: dates by the calendar, and "three weeks ago"


def _read_if_any(text: str) -> list[tuple[date, str]]:
    try:
        return [_read(text)]
    except ValueError:  # 29 February in most years
        return []


@lru_cache(maxsize=10_000)
def _read(text: str, base: date = date(2000, 1, 1)) -> tuple[date, str]:
    """The day that dateparser finds, and whether the day, week, month or year was said: it fills in what was not.

    Raises:
        ValueError: There is no such day.
    """
    data = _reader(base).get_date_data(text)
    if data.date_obj is None:
        raise ValueError(f"{text!r} is not a date")
    return data.date_obj.date(), data.period


@lru_cache(maxsize=100)
def _reader(base: date) -> Any:
    # it is slow to import
    from dateparser.date import DateDataParser

    moment = datetime(base.year, base.month, base.day)
    return DateDataParser(
        languages=["en"], settings={"RELATIVE_BASE": moment, "PARSERS": ["relative-time", "absolute-time"]}
    )
