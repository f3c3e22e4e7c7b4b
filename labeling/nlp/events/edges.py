"""The head of a span in a parsed document → the bounds of the name, group, phrase or action around it."""

from collections.abc import Iterator
from unicodedata import category

from spacy.tokens import Doc

from labeling.nlp.events.features import AT, Features
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.events.times import split
from labeling.nlp.hashes import hash_of

NOUN, PROPN = hash_of("NOUN"), hash_of("PROPN")
COMPOUND = hash_of("compound")
MODIFIERS = frozenset({"compound", "amod", "nmod"})
ARTICLES = frozenset({"the", "a", "an"})
POSSESSIVE = ("'s", "’s")
APOSTROPHES = "'’"
CONJUNCTIONS = frozenset({"and", "or", "&"})
HYPHENS = frozenset("-‐‑–")
EDGE = " \t\n\"'“”‘’.,;:()[]-–—"
PREPOSITIONS = frozenset(["on", "in", "at", "of", "since", "from", "until", "by", "for", "during", "before", "after"])
ABOUT = frozenset(
    ["about", "around", "approximately", "roughly", "nearly", "almost", "some", "just", "only", "at", "by"]
)
PLACED = frozenset(["of", "in", "at", "near", "on"])
SURELY = 0.5
UNKNOWN = AT["unknown noun"]
WHO, TIME, HYPHEN = [AT["noun person"], AT["noun group"]], AT["noun time"], AT["hyphen"]


def whole(doc: Doc, start: int) -> int:
    """The first token of the hyphenated word that ends with this token: "co-workers" is three tokens."""
    while (
        start > 1 and doc[start - 1].text in HYPHENS and not (doc[start - 1].whitespace_ or doc[start - 2].whitespace_)
    ):
        start -= 2
    return start


def _is_edge(text: str) -> bool:
    """Whether a token does not belong to a name at its edge: punctuation or a pictogram."""
    return text in EDGE or _is_pictogram(text)


def _is_pictogram(text: str) -> bool:
    return any(category(character) == "So" for character in text)


def grown(doc: Doc, features: Features, start: int, end: int) -> tuple[int, int]:
    """A name extended by adjacent unknown words that form a compound with it: by "Idris" before "Hassan"."""

    def is_name(i: int) -> bool:
        is_free = features.pos[i] == PROPN and not doc[i].ent_type_ and "\n" not in doc[max(i - 1, 0)].text
        return bool(is_free and features.numbers[i, UNKNOWN])

    while start and is_name(start - 1) and features.dep[start - 1] == COMPOUND:
        if features.heads[start - 1] not in range(start, end):
            break
        start -= 1
    while end < len(doc) and is_name(end) and features.dep[end - 1] == COMPOUND and features.heads[end - 1] == end:
        end += 1
    return start, end


class Edges:
    """Finds the bounds of names, groups, phrases and actions around a head."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.quantities = lexicon.named("quantity_adjectives") | ARTICLES
        self.fragments, self.titles = lexicon.named("fragments"), lexicon.named("titles")
        self.directions, self.particles = lexicon.named("directions"), lexicon.named("particles")
        self.phrasal = lexicon.named("phrasal_verbs")

    def is_fragment(self, doc: Doc, i: int) -> bool:
        """Whether a token is a fragment of a word: "’m", "re-", "s" of "Omar’ s", "weren" of "weren’ t"."""
        text = doc[i].lower_
        if text not in self.fragments:
            return False
        follows = i > 0 and doc[i - 1].text[-1] in APOSTROPHES
        return not text.isalpha() or follows or (i + 1 < len(doc) and doc[i + 1].text[0] in APOSTROPHES)

    def is_one(self, doc: Doc, features: Features, head: int, after: int) -> bool:
        """Whether a verb and the next word are one action: "broke off", "walked out", "opened fire"."""
        word = doc[after]
        if features.heads[after] != head:
            return False
        if word.dep_ == "prt" or (word.dep_ == "advmod" and word.lower_ in self.particles) or word.lower_ == "out":
            return True
        return f"{doc[head].lemma_.lower()} {word.lower_}" in self.phrasal

    def is_direction(self, doc: Doc, features: Features, start: int, end: int) -> bool:
        """Whether the word before a name says which part of the place it is: "southern Lebanon"."""
        if not start or doc[start - 1].lower_ not in self.directions:
            return False
        return bool(start <= features.heads[start - 1] < end)

    def event(self, doc: Doc, features: Features, head: int) -> int:
        """The first token of an event noun with its compound nouns, except those that name who acts, or when."""
        start = head
        while start and features.heads[start - 1] in range(start, head + 1) and features.pos[start - 1] == NOUN:
            numbers = features.numbers[start - 1]
            is_agent = numbers[WHO].sum() >= SURELY
            if features.dep[start - 1] != COMPOUND or is_agent or numbers[TIME] >= SURELY:
                break
            if numbers[HYPHEN] or not doc[start - 1].is_alpha:
                break
            start -= 1
        return min(start, head - (head in features.pairs))

    def group(self, doc: Doc, features: Features, head: int) -> int:
        """The first token of a noun with the adjectives and nouns that modify it."""
        start = head
        while start and features.heads[start - 1] in range(start, head + 1):
            token = doc[start - 1]
            if features.pos[head] == PROPN and token.pos_ != "PROPN":
                break  # in "rail operator SNCB" only SNCB is the name
            if token.dep_ not in MODIFIERS or token.tag_ in ("CD", "VBG", "VBN", "_SP"):
                break
            if _is_pictogram(token.text) or token.lower_ in self.quantities or self.is_fragment(doc, start - 1):
                break
            start -= 1
        return start

    def phrase(self, doc: Doc, start: int, head: int) -> tuple[int, int]:
        """The bounds of a noun phrase without its article, but with prepositional phrases."""
        left = min((t.i for t in doc[head].subtree), default=start)
        while left < start and doc[left].dep_ in ("det", "predet", "punct", "cc", "mark", "prep", "advmod"):
            left += 1
        if any("\n" in doc[i].text for i in range(left, start)):
            left = start
        return min(left, start), self.right(doc, head, head + 1)

    def right(self, doc: Doc, head: int, end: int) -> int:
        """The token after the prepositional phrases and place names that follow a noun."""
        for child in doc[head].rights:
            if child.i == end and child.dep_ == "prep" and child.lower_ in PLACED:
                inner = next((c.i for c in child.rights if c.dep_ == "pobj"), None)
                if inner is None or any("\n" in doc[i].text for i in range(end, inner)):
                    return end
                end = self.right(doc, inner, inner + 1)
        after = end + 1
        if after < len(doc) and doc[end].text == "," and doc[after].ent_iob_ == "B" and doc[after].ent_type_ == "GPE":
            end = next(ent.end for ent in doc.ents if ent.start == after)
        return end

    def name(self, doc: Doc, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The bounds of a name without article, title, possessive and punctuation, up to the line's end; or nothing."""
        end = next((i for i in range(start, end) if "\n" in doc[i].text), end)
        while start < end and (
            _is_edge(doc[start].text)
            or self.is_fragment(doc, start)
            or (start + 1 < end and (doc[start].lower_ in ARTICLES or doc[start].lower_ in self.titles))
        ):
            start += 1
        while start < end and (
            _is_edge(doc[end - 1].text)
            or (start + 1 < end and (doc[end - 1].text in POSSESSIVE or doc[end - 1].lower_ in CONJUNCTIONS))
        ):
            end -= 1
        if start < end and not (start + 1 == end and doc[start].lower_ in self.titles):
            yield start, end


def pieces(doc: Doc, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A time expression without "about" and the like, split at prepositions."""
    while start + 1 < end and doc[start].lower_ in ABOUT:
        start += 1
    return split(start, end, lambda i: doc[i].lower_ in PREPOSITIONS and doc[i].dep_ == "prep")
