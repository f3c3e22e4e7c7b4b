"""English time expressions → dates and intervals in ISO 8601, where they are clear."""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

Tense = Literal["past", "future", ""]
Match = re.Match[str]

DAY_LENGTH, WEEK, HALF_DAY, MONTHS = len("2024-03-01"), 7, 12, 12
# A day or month without a year needs no tense if it is as near as this: its namesake is most of a year away.
NEAR_DAYS, NEAR_MONTHS = 60, 2
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TO_FIFTEEN = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
NUMBERS = {word: number for number, word in enumerate(TO_FIFTEEN.split(), start=1)}
NUMBERS |= {"a": 1, "an": 1, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90}
CLOCK_UNITS = ("minute", "hour")
LONGEST = 100  # characters
WORDS = ("may", "march")  # in lower case they are not months

# The building blocks of the patterns below.
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
DURATION = rf"(?P<count>{COUNT}) (?P<unit>{UNIT})"
ONE_UNIT = "(?P<count>)(?P<unit>day|week|month|year)"
DURING = "(?:(?:in|over|during|for|within) )?"
CALENDAR_DATE = (
    rf"(?:(?:{DAY},? )?(?:the )?{NTH} (?:day )?(?:of )?{MONTH}(?:,? {YEAR})?"
    rf"|(?:{DAY},? )?{MONTH} (?:the )?{NTH}(?:,? {YEAR})?"
    rf"|{MONTH}(?:,? (?:of )?{YEAR})?)"
)

# Words at the start that do not change the day, month or year.
EDGE = re.compile(
    r"(?:on|in|at|by|since|until|till|to|into|from|during|of|for|before|after|through|throughout|as of|as early as"
    r"|(?:the )?(?:early|late|small) hours of|(?:very )?(?:early|earlier|late|later|mid)(?: on| in)?"
    r"|(?:the )?(?:start|beginning|middle|end|morning|afternoon|evening|night) of|the)[ -]"
)
PART_OF_DAY = re.compile(r",? (?:(?:in the|at) )?(?:early |late |mid-?)?(?:morning|afternoon|evening|night|dawn|dusk)$")
# A clock time, unless it could be in either half of the day; and what may stand before it.
CLOCK = re.compile(
    r"\b(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5][0-9]))? ?(?P<half>[ap])\.?m\b\.?"
    r"|\b(?P<hour24>0[0-9]|1[3-9]|2[0-3]):(?P<minute24>[0-5][0-9])\b"
    r"|\bnoon\b"
)
LEAD = re.compile(r"(?:\b(?:at|about|around|sometime|just|shortly|soon|before|after|by|until|from|since) )+$")
EXACT = ("", "at ")
# It means a day of 2001, whenever the article was published.
NAMED_DAY = re.compile(r"sept?(?:ember)? 11(?:th)?|(?:the )?11(?:th)? (?:of )?sept?(?:ember)?")


class Base:
    """The context of an expression: when the article was published, and the tense of the clause."""

    def __init__(self, published: date | None, tense: Tense) -> None:
        self._published = published
        self.tense = tense

    @property
    def moment(self) -> date:
        """When the article was published: a datetime if the time is known.

        Raises:
            ValueError: It is not known at all.
        """
        if self._published is None:
            raise ValueError("the article does not say when it was published")
        return self._published

    @property
    def day(self) -> date:
        """The day of publication."""
        return self.moment.date() if isinstance(self.moment, datetime) else self.moment

    @property
    def monday(self) -> date:
        """The first day of the week of publication."""
        return self.day - timedelta(self.day.weekday())

    def after(self, days: int) -> str:
        """The date so many days after the day of publication."""
        return (self.day + timedelta(days)).isoformat()


def iso(expression: str, published: str, tense: Tense = "") -> str:
    """The date or interval of an English expression in ISO 8601; "" if it is not clear.

    It is as precise as the expression: `2024`, `2024-03`, `2024-03-01`, `2024-03-01T06:00` (local time), or an interval
    `2024-03-01/2024-03-07` that includes both ends. Weeks start on Monday. Relative expressions need `published`, an
    ISO 8601 date, or date and time; `tense` is that of the clause. Without a tense, a weekday is not clear, nor is a
    day or month without a year, unless it is near the date of publication. A mere duration is not a date.

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
    except (OverflowError, ValueError):  # 31 June, a year after 9999, an unknown date of publication
        return ""


def _normal(expression: str) -> str:
    """The expression in lower case, with plain quotes, dashes and spaces, without possessive and outer punctuation."""
    text = " ".join(expression.lower().replace("’", "'").replace("–", "-").replace("—", "-").split())
    text = re.sub(r"\b([0-9]{4})'s$", r"\1s", text.strip(" ,;:.()[]\"'")).removesuffix("'s")
    text = re.sub(rf"\b({MONTH})\.", r"\1 ", text)
    return " ".join(text.replace(" local time", "").split())


def _moment(published: str) -> date | None:
    try:
        if len(published) == DAY_LENGTH:
            return date.fromisoformat(published)
        return datetime.fromisoformat(published).replace(tzinfo=None)  # local time
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
    """The day of the rest of the expression, with the clock time; "" if the rest is not a day."""
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


# what the expressions mean


def _calendar_date(match: Match, base: Base) -> str:
    """A calendar date; if it has no year, in the year that fits."""
    text = match[0]
    if re.search(YEAR, text):
        day, period = _parsed(text)
        return _period(day, period) if _weekday_fits(text, day) else ""
    if NAMED_DAY.fullmatch(text):
        return ""
    found = [
        (day, period)
        for year in range(base.day.year - 1, base.day.year + 2)
        for day, period in _parsed_if_valid(f"{text} {year}")
        if _fits(day, period, base) and _weekday_fits(text, day)
    ]
    # if one fits the tense and another is near, one of the two clues is wrong
    return _period(*found[0]) if len(found) == 1 else ""


def _fits(day: date, period: str, base: Base) -> bool:
    """Whether a day or month without a year may be the one in this year."""
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


def _numeric(match: Match, base: Base) -> str:
    """Day, month and year in figures, if it is clear which is the day."""
    first, second = int(match["first"]), int(match["second"])
    if first <= MONTHS and second <= MONTHS and first != second:
        return ""
    return date(int(match["year"]), min(first, second), max(first, second)).isoformat()


def _date_of_year(match: Match, base: Base) -> str:
    """A date of this, last or next year: "May last year"."""
    return _resolve(f"{match['date']} {base.day.year + _step(match)}", base)


def _weekday(match: Match, base: Base) -> str:
    """In the past the last such day, today included; in the future the next one, but if today is one, it is unclear."""
    ahead = _ahead(match, base)
    if base.tense == "past":
        return base.after(ahead - WEEK if ahead else 0)
    return base.after(ahead) if base.tense == "future" and ahead else ""


def _stepped_weekday(match: Match, base: Base) -> str:
    """Last, this or next Friday, if the nearest one is also in that week; otherwise usage differs."""
    ahead, step = _ahead(match, base), _step(match)
    nearest = base.day + timedelta(ahead - WEEK if step < 0 else ahead or WEEK)
    monday = base.monday + timedelta(step * WEEK)
    return nearest.isoformat() if monday <= nearest < monday + timedelta(WEEK) else ""


def _weekday_of_week(match: Match, base: Base) -> str:
    return (base.monday + timedelta(_step(match) * WEEK + WEEKDAYS.index(match["day"]))).isoformat()


def _weekend(match: Match, base: Base) -> str:
    which, saturday = match["which"] or "this", base.monday + timedelta(WEEK - 2)
    if base.day >= saturday:  # it is weekend
        return _days(saturday + timedelta(_step(match) * WEEK), 2)
    if which == "last" or (which == "this" and base.tense == "past"):
        return _days(saturday - timedelta(WEEK), 2)
    # "next weekend" is the coming one to some people, and the one after it to others
    return _days(saturday, 2) if which == "coming" or (which == "this" and base.tense == "future") else ""


def _stepped_month(match: Match, base: Base) -> str:
    """Last May or next May, if the nearest one is also in that year."""
    year = base.day.year + _step(match)
    month = _parsed(f"{match['month']} {year}")[0].month
    return f"{year}-{month:02}" if (month - base.day.month) * _step(match) < 0 else ""


def _ago(match: Match, base: Base) -> str:
    """The day, week, month or year that lies so long before the publication."""
    count, unit = _length(match)
    if unit not in CLOCK_UNITS:
        return _period(*_parsed(f"{count} {unit} ago", base.day))
    if not isinstance(base.moment, datetime):
        return ""
    return (base.moment - timedelta(**{f"{unit}s": count})).date().isoformat()


def _from_now(match: Match, base: Base) -> str:
    """The day, week, month or year that lies so long after the publication; "in three days" only in future tense."""
    count, unit = _length(match)
    if unit in CLOCK_UNITS or not (match["now"] or base.tense == "future"):
        return ""
    return _period(*_parsed(f"in {count} {unit}", base.day))


def _until(match: Match, base: Base) -> str:
    """The time from the publication on; in the past tense, it starts at something else in the text."""
    return _stretch(match, base, 1) if base.tense != "past" else ""


def _stretch(match: Match, base: Base, direction: int) -> str:
    """The time before (-1) or after (1) the publication."""
    count, unit = _length(match)
    start: date = base.day
    if unit in CLOCK_UNITS:
        gap, start = timedelta(**{f"{unit}s": count}), base.moment
        if gap % timedelta(1) and not isinstance(start, datetime):
            return ""  # the day on which it ends depends on the time of publication
        end = start + direction * gap
    elif unit in ("day", "week"):
        end = start + direction * timedelta(count * (WEEK if unit == "week" else 1))
    else:
        end = _shifted(start, direction * count * (MONTHS if unit == "year" else 1))
    return "/".join(_stamp(moment) for moment in sorted((start, end)))


def _range(first: str, last: str, base: Base) -> str:
    """From one date to another, if both are clear and equally precise; each may lack the other's month or year."""
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
# Each kind of expression, and the date or interval that it means; the first one that matches counts.
MEANINGS: tuple[tuple[str, Rule], ...] = (
    (
        r"(?:earlier |later |early |late )?(?:today|tonight|this (?:morning|afternoon|evening))",
        lambda _, base: base.after(0),
    ),
    (r"(?:early |late )?(?:yesterday|last night)", lambda _, base: base.after(-1)),
    (r"the day before yesterday", lambda _, base: base.after(-2)),
    (r"(?:early |late )?tomorrow", lambda _, base: base.after(1)),
    (r"the day after tomorrow", lambda _, base: base.after(2)),
    (rf"(?:(?:the )?year )?(?P<year>{YEAR})", lambda match, _: match["year"]),
    (
        rf"(?P<decade>{DECADE})s(?: and (?:the )?(?P<last>{DECADE})s)?",
        lambda match, _: f"{match['decade']}/{int(match['last'] or match['decade']) + 9}",
    ),
    (CALENDAR_DATE, _calendar_date),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", lambda match, _: date.fromisoformat(match[0]).isoformat()),
    (rf"(?P<first>[0-9]{{1,2}})(?P<mark>[./-])(?P<second>[0-9]{{1,2}})(?P=mark)(?P<year>{YEAR})", _numeric),
    (rf"(?P<date>{CALENDAR_DATE}),? (?:of )?(?P<which>this|last|next) year", _date_of_year),
    (rf"(?P<day>{DAY})", _weekday),
    (
        rf"(?:the |this )?(?:coming|upcoming) (?P<day>{DAY})",
        lambda match, base: base.after(_ahead(match, base) or WEEK),
    ),
    (rf"(?:the |this )?past (?P<day>{DAY})", lambda match, base: base.after(_ahead(match, base) - WEEK)),
    (rf"(?P<which>this|last|next) (?P<day>{DAY})", _stepped_weekday),
    (rf"(?P<day>{DAY}),? (?:of )?(?P<which>this|last|next) week", _weekday_of_week),
    (r"(?P<which>this|last|next) week", lambda match, base: _days(base.monday + timedelta(_step(match) * WEEK), WEEK)),
    (r"(?:the )?(?:(?P<which>this|last|next|coming) )?weekend", _weekend),
    (r"(?P<which>this|last|next) month", lambda match, base: f"{_shifted(base.day, _step(match)):%Y-%m}"),
    (r"(?P<which>this|last|next) year", lambda match, base: f"{base.day.year + _step(match):04}"),
    (rf"(?P<which>last|next) (?P<month>{MONTH})", _stepped_month),
    (rf"(?:exactly )?{DURATION} ago", _ago),
    (rf"(?:in )?{DURATION}'? (?P<now>from now|time)", _from_now),
    (rf"in {DURATION}(?P<now>)", _from_now),
    (rf"{DURING}(?:the )?(?:within|next|coming) {DURATION}", _until),
    (rf"{DURING}the coming {ONE_UNIT}", _until),
    (rf"{DURING}(?:the )?(?:last|past) {DURATION}", lambda match, base: _stretch(match, base, -1)),
    (rf"{DURING}the past {ONE_UNIT}", lambda match, base: _stretch(match, base, -1)),
)
RULES = tuple((re.compile(pattern), rule) for pattern, rule in MEANINGS)
RANGES = (re.compile(r"between (.+?) and (.+)"), re.compile(r"(.+?)(?: ?- ?| to | until | through )(.+)"))


def _step(match: Match) -> int:
    return {"last": -1, "next": 1}.get(match["which"], 0)


def _ahead(match: Match, base: Base) -> int:
    """The number of days until that weekday, 0 to 6."""
    return (WEEKDAYS.index(match["day"]) - base.day.weekday()) % WEEK


def _length(match: Match) -> tuple[int, str]:
    """The count and the unit."""
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
    """The day, or its week, month or year."""
    if period == "week":
        return _days(day - timedelta(day.weekday()), WEEK)
    return day.isoformat()[: {"month": len("2024-03"), "year": len("2024")}.get(period, DAY_LENGTH)]


# what dateparser parses: calendar dates, and "three weeks ago"


def _parsed_if_valid(text: str) -> list[tuple[date, str]]:
    try:
        return [_parsed(text)]
    except ValueError:  # 29 February in most years
        return []


@lru_cache(maxsize=10_000)
def _parsed(text: str, base: date = date(2000, 1, 1)) -> tuple[date, str]:
    """The day that dateparser finds, and the precision of the text: day, week, month or year.

    Raises:
        ValueError: There is no such day.
    """
    data = _parser(base).get_date_data(text)
    if data.date_obj is None:
        raise ValueError(f"{text!r} is not a date")
    return data.date_obj.date(), data.period


@lru_cache(maxsize=100)
def _parser(base: date) -> Any:
    from dateparser.date import DateDataParser  # slow to import

    moment = datetime(base.year, base.month, base.day)
    return DateDataParser(
        languages=["en"], settings={"RELATIVE_BASE": moment, "PARSERS": ["relative-time", "absolute-time"]}
    )
