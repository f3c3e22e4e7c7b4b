"""Word lists → what a noun or a verb names, as numbers: a person, a group, an act, a place."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from labeling.errors import SchemaError

NOUN_KINDS = (
    *("person", "group", "act", "event", "communication", "process", "phenomenon", "state", "feeling", "time"),
    *("location", "artifact", "attribute", "cognition", "object", "possession", "quantity", "place", "deverbal"),
)
VERB_KINDS = (
    *("body", "change", "cognition", "communication", "competition", "consumption", "contact", "creation", "emotion"),
    *("motion", "perception", "possession", "social", "stative", "weather"),
)
SHORTEST_END = 4  # letters: an unknown "cyberattack" is an "attack", but an unknown "karting" is no "ting"

Shares = tuple[float, ...]


@dataclass(frozen=True)
class Lexicon:
    """What words name.

    Attributes:
        nouns: Noun (one word or two) → the share of each of `NOUN_KINDS` in its uses, 0 to 1.
        verbs: Verb → the share of each of `VERB_KINDS` in its uses, 0 to 1.
        lists: Name of a list → its words, in lower case.
    """

    nouns: dict[str, Shares] = field(default_factory=dict)
    verbs: dict[str, Shares] = field(default_factory=dict)
    lists: dict[str, frozenset[str]] = field(default_factory=dict)

    def noun(self, *forms: str) -> Shares | None:
        """The shares of the first of the forms that is known, or of what the last of them ends with; else None."""
        for form in forms:
            if found := self.nouns.get(form):
                return found
        for form in forms:
            for start in range(1, len(form) - SHORTEST_END + 1):
                if found := self.nouns.get(form[start:]):
                    return found
        return None

    def named(self, name: str) -> frozenset[str]:
        """The words of a list; none where there is no such list."""
        return self.lists.get(name, frozenset())


@lru_cache(maxsize=4)
def read_lexicon(folder: Path) -> Lexicon:
    """The lists of a folder: `nouns.tsv`, `verbs.tsv` (word, tab, `kind:per cent …`) and `NAME.txt` (a word a line).

    Raises:
        SchemaError: A line is not of that form; the message names all of them.
    """
    faults: list[str] = []
    nouns = _shares(folder / "nouns.tsv", NOUN_KINDS, faults)
    verbs = _shares(folder / "verbs.tsv", VERB_KINDS, faults)
    lists = {path.stem: read_list(path) for path in sorted(folder.glob("*.txt"))}
    if faults:
        raise SchemaError(f"{folder}: {len(faults)} lines that are no words\n" + "\n".join(faults[:20]))
    return Lexicon(nouns, verbs, lists)


def read_list(path: Path) -> frozenset[str]:
    """The words of a list, in lower case: one a line; what stands behind `#` is a comment.

    Raises:
        SchemaError: There is no such file, or it is no UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"The word list {path} cannot be read: {error}") from error
    words = (line.partition("#")[0].strip().lower() for line in text.splitlines())
    return frozenset(word for word in words if word)


def _shares(path: Path, kinds: tuple[str, ...], faults: list[str]) -> dict[str, Shares]:
    if not path.is_file():
        return {}
    place = {kind: number for number, kind in enumerate(kinds)}
    found: dict[str, Shares] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        word, _, said = line.partition("\t")
        shares = [0.0] * len(kinds)
        try:
            for one in said.split():
                kind, _, share = one.partition(":")
                if kind in place:
                    shares[place[kind]] = int(share) / 100
        except ValueError:
            faults.append(f"  {path.name}, line {number}: {line!r}")
        found[word] = tuple(shares)
    return found
