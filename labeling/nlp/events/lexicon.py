"""Word lists → the senses of nouns and verbs as numbers: a person, a group, an act, a place."""

from dataclasses import dataclass, field
from functools import lru_cache

from labeling.errors import SchemaError
from labeling.nlp.events.times import Grammar, read_grammar

NOUN_KINDS = (
    *("person", "group", "act", "event", "communication", "process", "phenomenon", "state", "feeling", "time"),
    *("location", "artifact", "attribute", "cognition", "object", "possession", "quantity", "place", "deverbal"),
    *("meeting", "contest", "conflict", "crime", "motion", "statement", "document", "occupation", "proceeding", "harm"),
    *("happening", "dealing"),
)
VERB_KINDS = (
    *("body", "change", "cognition", "communication", "competition", "consumption", "contact", "creation", "emotion"),
    *("motion", "perception", "possession", "social", "stative", "weather"),
)
SHORTEST_END = 4  # letters: an unknown "cyberattack" is an "attack", but an unknown "karting" is not a "ting"

Shares = tuple[float, ...]


@dataclass(frozen=True)
class Lexicon:
    """Word senses, word lists, and the grammar of time expressions.

    Attributes:
        nouns: Noun (one or two words) → the share of its uses in each of `NOUN_KINDS`, 0 to 1.
        verbs: Verb → the share of its uses in each of `VERB_KINDS`, 0 to 1.
        lists: Name of a list → its words, in lower case.
        grammar: The grammar of time expressions.
    """

    nouns: dict[str, Shares] = field(default_factory=dict)
    verbs: dict[str, Shares] = field(default_factory=dict)
    lists: dict[str, frozenset[str]] = field(default_factory=dict)
    grammar: Grammar = field(default_factory=Grammar)

    def noun(self, *forms: str) -> Shares | None:
        """The shares of the first known form, else of the first known ending of a form; else None."""
        for form in forms:
            if found := self.nouns.get(form):
                return found
        for form in forms:
            for start in range(1, len(form) - SHORTEST_END + 1):
                if found := self.nouns.get(form[start:]):
                    return found
        return None

    def named(self, name: str) -> frozenset[str]:
        """The words of a list; empty if there is no such list."""
        return self.lists.get(name, frozenset())


@lru_cache(maxsize=4)
def to_lexicon(nouns: str, verbs: str, lists: tuple[tuple[str, str], ...], times: str = "") -> Lexicon:
    """The lexicon from the texts of its files.

    A line of nouns or verbs is a word, a tab, and `kind:percentage …`; `lists` are (name, text) with one word a line;
    `times` is the text of times.tsv. `#` starts a comment.

    Raises:
        SchemaError: Lines do not have that form; the message names the first twenty of them.
    """
    faults: list[str] = []
    found = Lexicon(
        _shares("nouns.tsv", nouns, NOUN_KINDS, faults),
        _shares("verbs.tsv", verbs, VERB_KINDS, faults),
        {name: to_list(text) for name, text in lists},
        read_grammar(times),
    )
    if faults:
        raise SchemaError(f"{len(faults)} lines of word lists are not words\n" + "\n".join(faults[:20]))
    return found


def to_list(text: str) -> frozenset[str]:
    """The words of a list in lower case: one a line; `#` starts a comment."""
    words = (line.partition("#")[0].strip().lower() for line in text.splitlines())
    return frozenset(word for word in words if word)


def _shares(where: str, text: str, kinds: tuple[str, ...], faults: list[str]) -> dict[str, Shares]:
    index = {kind: number for number, kind in enumerate(kinds)}
    found: dict[str, Shares] = {}
    parsed: dict[str, Shares] = {}  # many words have the same shares
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        word, _, text_of_shares = line.partition("\t")
        if text_of_shares not in parsed:
            shares = [0.0] * len(kinds)
            try:
                for one in text_of_shares.split():
                    kind, _, share = one.partition(":")
                    if kind in index:
                        shares[index[kind]] = int(share) / 100
            except ValueError:
                faults.append(f"  {where}, line {number}: {line!r}")
            parsed[text_of_shares] = tuple(shares)
        found[word] = parsed[text_of_shares]
    return found
