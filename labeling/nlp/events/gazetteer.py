"""Names of places in a document: those that lists know, those before the name of a region, and those of datelines."""

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
    """Names of places in lower case: of countries, states and provinces, also abbreviated; and of cities."""

    regions: frozenset[str]
    cities: frozenset[str]

    def found(self, doc: Doc) -> Iterator[tuple[int, int, bool]]:
        """Names of places: first token, the token behind the last, and whether a region follows ("Salem, Ore.")."""
        names = [(ent.start, ent.end) for ent in doc.ents if ent.label_ in NAMES]
        for start, end in names:
            after = end + 1
            is_followed = after < len(doc) and doc[end].text == "," and self._is_region(doc, after)
            if is_followed or self.knows(doc[start:end].text):
                yield start, end, is_followed

    def knows(self, name: str) -> bool:
        """Whether a name is that of a place."""
        name = name.lower().removeprefix("the ").replace("’", "'").removesuffix("'s")
        return name in self.regions or name in self.cities

    def _is_region(self, doc: Doc, start: int) -> bool:
        """Whether the name of a region begins at a token, which has at most three words."""
        if not doc[start].text[0].isupper():
            return False
        return any(
            doc[start:end].text.lower() in self.regions for end in range(start + 1, min(start + 4, len(doc) + 1))
        )


def datelines(doc: Doc, text: str) -> Iterator[tuple[int, int]]:
    """The datelines that open paragraphs: first token, and the token behind the last."""
    for match in DATELINE.finditer(text):
        if span := doc.char_span(*match.span(), alignment_mode="expand"):
            yield span.start, span.end
