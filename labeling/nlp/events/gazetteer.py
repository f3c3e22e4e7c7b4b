"""Place names in a document: those in lists, those before the name of a region, and those in datelines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spacy.tokens import Doc

NAMES = frozenset({"PERSON", "ORG", "NORP", "GPE", "FAC", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART"})
# "LA PAZ, Bolivia, 9 March —", "ADEN (Reuters) -"
CAPITALS = r"[A-Z\u00c0-\u00de][A-Z\u00c0-\u00de.'’-]{1,30}"
DATELINE = re.compile(
    rf"^[^\S\n]{{0,9}}{CAPITALS}(?: {CAPITALS}){{0,3}}(?:,[^\n,—–-]{{1,30}}){{0,3}}"
    r"(?: ?\([^)\n]{2,20}\))? ?(?:—|–|--| - )",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Gazetteer:
    """Lower-case place names: countries, states and provinces, with abbreviations; and cities."""

    regions: frozenset[str]
    cities: frozenset[str]

    def found(self, doc: Doc) -> Iterator[tuple[int, int, bool]]:
        """Place names as tokens `[start, end)`, and whether a region follows ("Salem, Ore.")."""
        names = [(ent.start, ent.end) for ent in doc.ents if ent.label_ in NAMES]
        for start, end in names:
            after = end + 1
            is_followed = after < len(doc) and doc[end].text == "," and self._is_region(doc, after)
            if is_followed or self.knows(doc[start:end].text):
                yield start, end, is_followed

    def knows(self, name: str) -> bool:
        """Whether a name is in the lists."""
        name = name.lower().removeprefix("the ").replace("’", "'").removesuffix("'s")
        return name in self.regions or name in self.cities

    def _is_region(self, doc: Doc, start: int) -> bool:
        """Whether the name of a region, of at most three words, begins at this token."""
        if not doc[start].text[0].isupper():
            return False
        return any(
            doc[start:end].text.lower() in self.regions for end in range(start + 1, min(start + 4, len(doc) + 1))
        )


def datelines(doc: Doc, text: str) -> Iterator[tuple[int, int]]:
    """The datelines at the start of paragraphs, as tokens `[start, end)`."""
    for match in DATELINE.finditer(text):
        if span := doc.char_span(*match.span(), alignment_mode="expand"):
            yield span.start, span.end
