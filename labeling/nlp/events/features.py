"""A parsed document → the features of its tokens, as arrays, by which spans are scored."""

from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from labeling.nlp.events import times
from labeling.nlp.events.gazetteer import Gazetteer, datelines
from labeling.nlp.events.layout import headlines, hyphened, lengths
from labeling.nlp.events.lexicon import NOUN_KINDS, VERB_KINDS, Lexicon
from labeling.nlp.events.roles import Roles, roles_of
from labeling.nlp.events.times import Expression, expressions
from labeling.nlp.hashes import hash_of, joined

# Categorical features of a token, its head and its neighbours; two names stand for a joint feature.
NAMES = (
    *("pos", "tag", "dep", "pos dep", "head pos", "head dep", "prep", "prep head", "next", "previous"),
    *("det", "closed", "entity", "entity dep", "suffix"),
    # like `dep` and `prep`, but conjuncts have those of the first one; and the preposition that follows the token
    *("role", "role prep", "head entity", "own prep"),
)
# Dependencies of children; a numeric feature each.
CHILDREN = (
    *("det", "poss", "nummod", "amod", "compound", "prep", "relcl", "appos", "prt", "dobj", "nsubj", "nsubjpass"),
    *("aux", "auxpass", "neg", "acomp", "attr", "xcomp", "ccomp"),
)
LISTS = ("light_verbs", "aspect_verbs", "reporting_verbs", "state_verbs", "place_verbs", "event_nouns", "place_names")
WORD_NUMBERS = (
    *(f"noun {kind}" for kind in NOUN_KINDS),
    "unknown noun",
    *(f"verb {kind}" for kind in VERB_KINDS),
    "known verb",
    *LISTS,
)
# Features of the verb or noun that governs the token, by its role.
UNDER_VERB, UNDER_NOUN = ("subject", "object", "oblique"), ("oblique", "within")
VERB_SAYS = (*(f"verb {kind}" for kind in VERB_KINDS), *LISTS[:5])
NOUN_SAYS = tuple(f"noun {kind}" for kind in NOUN_KINDS)
OWN = ("argument", "starts", "capital", "headline", "length", "hyphen", "dateline", "known place", "before place")
NUMBERS = (
    *(f"has {dep}" for dep in CHILDREN),
    *WORD_NUMBERS,
    *OWN,
    *(f"time {kind}" for kind in times.KINDS),
    "time by grammar",
    *(f"{role} of {what}" for role in UNDER_VERB for what in VERB_SAYS),
    *(f"{role} of {what}" for role in UNDER_NOUN for what in NOUN_SAYS),
)
AT = {name: column for column, name in enumerate(NUMBERS)}

PREPOSITION = (
    "in on at near from to into outside inside of by with for against between over off through across around after"
    " before since until during within along under behind about as"
)
DETERMINER = "the a an this that these those no some any every each all both another"
SUFFIX = "er or ist ing tion sion ment ism ship ness ance ence al ure man men ee ian ant ent ity age sis th"
SUFFIXES = tuple(SUFFIX.split())
MAX_WORDS = 30_000  # in the cache of word features, about 15 MB
ATTRIBUTES = (
    *("POS", "TAG", "DEP", "HEAD", "ENT_TYPE", "ENT_IOB", "LEMMA", "LOWER", "IS_ALPHA", "IS_SPACE", "LENGTH"),
    *("SENT_START", "PREFIX", "SPACY"),
)

Ids = NDArray[Any]

WORDS = frozenset(map(hash_of, ("NOUN", "PROPN", "ADJ", "VERB")))
NOUNS = frozenset(map(hash_of, ("NOUN", "PROPN", "ADJ")))
CLOSED = frozenset(map(hash_of, ("PRON", "DET", "ADV", "SCONJ")))
ARGUMENTS = frozenset(map(hash_of, ("nsubj", "nsubjpass", "dobj", "pobj", "agent")))
PREPOSITIONS, DETERMINERS = (frozenset(map(hash_of, words.split())) for words in (PREPOSITION, DETERMINER))
COLUMN = {hash_of(dep): column for column, dep in enumerate(CHILDREN)}
POBJ, DET, PREP, OTHER = map(hash_of, ("pobj", "det", "prep", "other"))


@dataclass(frozen=True)
class Features:
    """The features of a document's n tokens.

    Attributes:
        names: The categorical features `NAMES` as hashes, 0 if not applicable; shape (names, n).
        numbers: The numeric features `NUMBERS`; shape (n, numbers).
        pairs: Tokens that form one noun with the token before them ("prime minister").
        pos, dep, heads: The part of speech and dependency of each token as hashes, and the index of its head.
        times: The time expressions.
    """

    names: Ids
    numbers: NDArray[numpy.float32]
    pairs: frozenset[int]
    pos: Ids
    dep: Ids
    heads: Ids
    times: tuple[Expression, ...] = ()


class Describer:
    """Computes the features of documents; caches those of words."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.capitals: dict[int, bool] = {}
        self.rows: dict[tuple[int, int, int], int] = {}
        self.table: Any = numpy.zeros((1024, len(WORD_NUMBERS)), dtype=numpy.float32)
        self.suffixes: list[int] = []
        self.lists = [lexicon.named(name) for name in LISTS]
        self.places = Gazetteer(lexicon.named("regions"), lexicon.named("cities"))

    def __call__(self, doc: Doc) -> Features:
        """The features of the document's tokens."""
        n = len(doc)
        columns: Any = doc.to_array(list(ATTRIBUTES)).T
        pos, tag, dep, head, ent, iob, lemma, lower, is_alpha, is_space, length, starts, first, spaced = columns
        heads = numpy.arange(n) + head.astype(numpy.int64)
        roles = roles_of(dep, heads)
        strings = doc.vocab.strings
        pobj = numpy.flatnonzero(dep == POBJ)
        names = numpy.zeros((len(NAMES), n), dtype=numpy.uint64)
        names[0], names[1], names[2] = pos, tag, dep
        names[3] = joined(pos, dep)
        names[4], names[5] = pos[heads], dep[heads]
        names[6, pobj] = _among(lower[heads[pobj]], PREPOSITIONS)
        names[7, pobj] = pos[heads[heads[pobj]]]
        names[8, :-1], names[9, 1:] = pos[1:], pos[:-1]
        determiners = numpy.flatnonzero(dep == DET)
        names[10, heads[determiners]] = _among(lower[determiners], DETERMINERS)
        kinds = pos.tolist()
        closed = [i for i, kind in enumerate(kinds) if kind in CLOSED]
        names[11, closed] = lower[closed]
        names[12], names[13] = ent, numpy.where(ent > 0, joined(ent, dep), 0)
        names[15] = roles.dep
        governed = numpy.flatnonzero(roles.preposition >= 0)
        names[16, governed] = _among(lower[roles.preposition[governed]], PREPOSITIONS)
        names[17] = ent[roles.head]
        own = numpy.flatnonzero(dep == PREP)[::-1]  # so that the first of several wins
        names[18, heads[own]] = _among(lower[own], PREPOSITIONS)
        numbers = numpy.zeros((n, len(NUMBERS)), dtype=numpy.float32)
        deps = dep.tolist()
        children = [(i, column) for i, name in enumerate(deps) if (column := COLUMN.get(name)) is not None]
        if children:
            at, column = numpy.array(children).T
            numbers[heads[at], column] = 1
        pairs = self._words(strings, kinds, lemma, lower, names[14], numbers)
        capital = numpy.array([self._is_capital(strings, letter) for letter in first.tolist()], dtype=bool)
        numbers[[i for i, name in enumerate(deps) if name in ARGUMENTS], AT["argument"]] = 1
        numbers[:, AT["starts"]] = starts == 1
        numbers[:, AT["capital"]] = capital
        numbers[:, AT["headline"]] = headlines(
            doc, capital & (is_alpha > 0), (is_alpha > 0) & (length > 3), is_space > 0
        )
        numbers[:, AT["length"]] = lengths(ent, iob)
        numbers[:, AT["hyphen"]] = hyphened(lower, spaced)
        text = doc.text
        for start, end in datelines(doc, text):
            numbers[start:end, AT["dateline"]] = 1
        for start, end, is_followed in self.places.found(doc):
            numbers[start:end, AT["known place"]] = 1
            numbers[start:end, AT["before place"]] = is_followed
        found = expressions(doc, text, self.lexicon.grammar)
        for one in found:
            numbers[one.start : one.end, AT[f"time {one.kind}"]] = 1
            numbers[one.start : one.end, AT["time by grammar"]] = one.by_grammar
        _govern(numbers, roles)
        return Features(names, numbers, pairs, pos, dep, heads, found)

    def _words(
        self, strings: Any, poses: list[int], lemma: Ids, lower: Ids, suffixes: Ids, numbers: NDArray[numpy.float32]
    ) -> frozenset[int]:
        if len(self.rows) > MAX_WORDS:
            self.rows.clear()
            self.suffixes.clear()
        pairs: set[int] = set()
        first = len(CHILDREN)
        wanted = [i for i, p in enumerate(poses) if p in WORDS]
        lemmas, lowers = lemma.tolist(), lower.tolist()
        rows = []
        for i in wanted:
            before = lowers[i - 1] if i and poses[i] in NOUNS and poses[i - 1] in NOUNS else 0
            key = (lemmas[i], lowers[i], before)
            row = self.rows.get(key)
            if row is None:
                row = self._learn(strings, *key)
                self.rows[key] = row
            rows.append(row >> 1)
            if row & 1:
                pairs.add(i)
        if wanted:
            numbers[wanted, first : first + len(WORD_NUMBERS)] = self.table[rows]
            suffixes[wanted] = [self.suffixes[row] for row in rows]
        return frozenset(pairs)

    def _is_capital(self, strings: Any, letter: int) -> bool:
        """Whether a first letter, given by its hash, is a capital."""
        found = self.capitals.get(letter)
        if found is None:
            found = self.capitals[letter] = strings[letter].isupper()
        return found

    def _learn(self, strings: Any, lemma: int, lower: int, before: int) -> int:
        """Twice the row of a new word in the table, plus 1 if it forms one noun with the word before."""
        forms = (strings[lemma].lower(), strings[lower])
        pair = 0
        nouns = None
        if before:
            nouns = next((self.lexicon.nouns.get(f"{strings[before]} {form}") for form in forms), None)
            pair = int(nouns is not None)
        nouns = nouns or self.lexicon.noun(*forms)
        verbs = self.lexicon.verbs.get(forms[0]) or self.lexicon.verbs.get(forms[1])
        row = [*(nouns or (0.0,) * len(NOUN_KINDS)), float(nouns is None)]
        row += [*(verbs or (0.0,) * len(VERB_KINDS)), float(verbs is not None)]
        row += [float(forms[0] in words or forms[1] in words) for words in self.lists]
        number = len(self.suffixes)
        if number == len(self.table):
            self.table = numpy.concatenate((self.table, numpy.zeros_like(self.table)))
        self.table[number] = row
        self.suffixes.append(0 if nouns else _suffix(forms[0]))
        return 2 * number + pair


def _govern(numbers: NDArray[numpy.float32], roles: Roles) -> None:
    """Fill in the features of each token's governor, by the token's role."""
    for governing, names in ((VERB_SAYS, UNDER_VERB), (NOUN_SAYS, UNDER_NOUN)):
        columns = [AT[name] for name in governing]
        for name in names:
            mine = numpy.flatnonzero(getattr(roles, name))
            first = AT[f"{name} of {governing[0]}"]
            numbers[mine, first : first + len(governing)] = numbers[roles.head[mine]][:, columns]


def _among(hashes: Ids, words: frozenset[int]) -> Ids:
    """The hashes, with that of "other" in place of those that are not among the words."""
    return numpy.array([number if number in words else OTHER for number in hashes.tolist()], dtype=numpy.uint64)


def _suffix(word: str) -> int:
    return next((hash_of(s) for s in SUFFIXES if word.endswith(s) and len(word) > len(s) + 2), 0)
