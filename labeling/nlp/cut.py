"""Text → tokens as arrays: those of spaCy's tokenizer, without a `Doc` for each text.

spaCy's tokenizer looks at each stretch between white space by itself, and so what became of a stretch once can be
remembered whole; and one that none of its rules fits is a token as it stands. A language whose tokenizer works
otherwise is cut by spaCy text by text.
"""

import re
import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from string import ascii_letters
from typing import Any

import numpy
import spacy
from numpy.typing import NDArray
from spacy.attrs import IS_PUNCT, IS_SPACE
from spacy.language import Language
from spacy.strings import hash_string  # type: ignore[attr-defined]
from spacy.symbols import IDS  # type: ignore[import-not-found]
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from labeling.errors import ModelError

MAX_WORDS = 60_000  # that a cutter remembers: some 20 MB
STRETCH = re.compile(r"\S+ ?|\s+")  # a space behind a word belongs to its last token
RECORD = struct.Struct("<II")  # a token: the number that a cutter gives to its text, whether a space follows
UNSPACED, SPACED = (space.to_bytes(4, "little") for space in (0, 1))  # the end of a record
PARAGRAPH = "\n\n"  # what divides paragraphs
DTYPE = numpy.dtype([("number", "<u4"), ("space", "<u4")])


class OddSpaceError(Exception):
    """A text is not words with one space between them."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A text's tokens: their numbers in the cutter, their extents `[start, end)` in code points, and spaces behind."""

    numbers: NDArray[Any]
    starts: NDArray[Any]
    ends: NDArray[Any]
    spaces: NDArray[Any]


class Cutter(dict[str, bytes]):
    """The tokens of each word that was seen, as records, as if a space came behind it; call it to cut a text.

    Tokens have numbers here, in the order in which they were met, under which their text, length (code points) and
    spaCy's hash are kept: `texts`, `lengths`, `hashes`. The vocabulary would keep them for ever.
    """

    def __init__(self, nlp: Language) -> None:
        super().__init__()
        self.nlp = nlp
        tokenizer: Any = nlp.tokenizer
        self.tokenizer = tokenizer
        self.texts: list[str] = []
        self.lengths, self.hashes = array("q"), array("Q")
        self.labels: dict[str, int] = {}
        is_usual = type(tokenizer) is Tokenizer
        self.special: dict[str, Any] = tokenizer.rules if is_usual else {}
        self.by_stretch = is_usual and not any(len(rule.split()) > 1 for rule in self.special)
        self.keeps_letters = is_usual and _keeps_letters(tokenizer)
        if self.by_stretch:
            tokenizer.max_cache_size = 0  # it is remembered here
            vocab: Any = nlp.vocab
            # nobody asks what a word looks like; a sentencizer asks for these
            getters = vocab.lex_attr_getters
            vocab.lex_attr_getters = {attr: getters[attr] for attr in (IS_PUNCT, IS_SPACE) if attr in getters}

    def __call__(self, text: str) -> Cut:
        """The tokens of a text."""
        records = numpy.frombuffer(self.records(text), DTYPE)
        numbers, spaces = records["number"], records["space"]
        lengths = numpy.frombuffer(self.lengths, "q")[numbers]
        ends = numpy.cumsum(lengths + spaces) - spaces
        return Cut(numbers, ends - lengths, ends, spaces.astype(bool))

    def records(self, text: str) -> bytes:
        """The tokens of a text, as records."""
        if not self.by_stretch:
            return self.by_spacy(text)
        between = self.unspaced(PARAGRAPH)
        records: list[bytes] = []
        try:
            for paragraph in text.split(PARAGRAPH):
                words = paragraph.split(" ")
                last = words.pop()
                if last.isspace():  # it is one token with the line ends behind it
                    raise OddSpaceError
                records.extend(map(self.__getitem__, words))
                records += self.unspaced(last), between
            return b"".join(records[:-1])
        except OddSpaceError:  # such a text takes twice as long
            return b"".join(map(self.stretch, STRETCH.findall(text)))

    def __missing__(self, word: str) -> bytes:
        """Raises OddSpaceError where a space before or behind the word is not by itself."""
        if self.keeps_letters and word.isascii() and word.isalpha() and word not in self.special:  # most words
            self[word] = records = RECORD.pack(self.number(word), 1)
            return records
        if not word or word[0].isspace() or word[-1].isspace():
            raise OddSpaceError
        *others, last = STRETCH.findall(word)
        if others:  # with a line end in it
            return b"".join(map(self.unspaced, others)) + self[last]
        self[word] = records = self.by_spacy(word)[: -len(SPACED)] + SPACED
        return records

    def stretch(self, stretch: str) -> bytes:
        """The tokens of a word, with or without the space behind it, or of white space."""
        has_space = stretch[-1] == " " and not stretch.isspace()
        return self[stretch[:-1]] if has_space else self.unspaced(stretch)

    def unspaced(self, stretch: str) -> bytes:
        """The tokens of a word or of white space that no space follows."""
        if not stretch.isspace():
            return self[stretch][: -len(UNSPACED)] + UNSPACED
        key = f" {stretch}"  # no word has a space in it
        if key not in self:
            self[key] = self.by_spacy(stretch)
        return self[key]

    def by_spacy(self, text: str) -> bytes:
        """The tokens as spaCy cuts them."""
        pieces = self.pieces(text)
        if len(pieces) == 1:
            return RECORD.pack(self.number(text), 0)
        if pieces:
            return b"".join(map(self.unspaced, pieces))
        doc = self.nlp.make_doc(text)
        return b"".join([RECORD.pack(self.number(token.text), bool(token.whitespace_)) for token in doc])

    def pieces(self, word: str) -> tuple[str, ...]:
        """The tokens of a word that needs no `Doc`, as most need none; nothing where it does.

        No rule of the tokenizer fits such a word, or one alone, which cuts a mark such as a comma off letters.

        >>> cut = Cutter(spacy.blank("en"))
        >>> cut.pieces("Kyiv"), cut.pieces("Kyiv,"), cut.pieces("can't")
        (('Kyiv',), ('Kyiv', ','), ())
        """
        rules, letters = self.tokenizer, word[:-1]
        if not self.by_stretch or word in self.special:
            return ()
        prefix, suffix = rules.find_prefix(word), rules.find_suffix(word)
        if not prefix and not suffix and not rules.find_infix(word):
            return (word,)
        is_marked = not prefix and suffix == 1 and self.keeps_letters and letters.isascii() and letters.isalpha()
        return (letters, word[-1]) if is_marked and not rules.token_match and letters not in self.special else ()

    def label(self, name: str) -> int:
        """The hash of a label, which the vocabulary knows from now on."""
        if name not in self.labels:
            self.labels[name] = int(self.nlp.vocab.strings.add(name))
        return self.labels[name]

    def number(self, token: str) -> int:
        """A number for a token, whose text is remembered."""
        self.texts.append(token)
        self.lengths.append(len(token))
        self.hashes.append(IDS.get(token) or hash_string(token))
        return len(self.texts) - 1

    def orths(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """The hashes that spaCy has for the texts with these numbers."""
        hashes: NDArray[Any] = numpy.frombuffer(self.hashes, "Q")[numbers]
        return hashes

    def distinct(self, numbers: NDArray[Any]) -> set[str]:
        """The texts with these numbers, each once."""
        is_there = numpy.zeros(len(self.texts), bool)
        is_there[numbers] = True
        return {self.texts[number] for number in numpy.flatnonzero(is_there).tolist()}

    def doc(self, cut: Cut) -> Doc:
        """The tokens as a spaCy document."""
        words = [self.texts[number] for number in cut.numbers.tolist()]
        return Doc(self.nlp.vocab, words=words, spaces=cut.spaces.tolist())


_cutters: dict[str, Cutter] = {}


def cutter(language: str) -> Cutter:
    """The cutter of a language, whose tokens are those of `spacy.blank(language)`; made anew where it is large.

    Raises:
        ModelError: spaCy does not know the language, or lacks a package for it.
    """
    found = _cutters.get(language)
    if found and max(len(found), len(found.texts)) > MAX_WORDS and len(found.nlp.vocab) < MAX_WORDS:
        found = _cutters[language] = Cutter(found.nlp)
    elif found is None or len(found.nlp.vocab) >= MAX_WORDS:
        try:
            found = _cutters[language] = Cutter(spacy.blank(language))
        except ImportError as error:
            detail = str(error).strip().splitlines()[0]
            raise ModelError(
                f"spaCy cannot cut the language {language!r} into tokens: {detail}",
                "Take another code with --language, or as the schema's `language`; `xx` fits any language whose words "
                "have spaces between them, `zh` makes a token of each character.",
            ) from error
    return found


# which words need no look at the tokenizer's rules


def _keeps_letters(tokenizer: Any) -> bool:
    """Whether it is certain that no affix rule fits anywhere in a word of ASCII letters; special cases aside."""
    rules = (tokenizer.prefix_search, tokenizer.suffix_search, tokenizer.infix_finditer)
    patterns = [getattr(rule, "__self__", None) for rule in rules]
    return all(
        isinstance(pattern, re.Pattern)
        and not pattern.flags & re.IGNORECASE
        and _needs_other(_parser.parse(pattern.pattern, pattern.flags))
        for pattern in patterns
    )


def _needs_other(pattern: Any) -> bool:
    """Whether every match of a parsed pattern has, or sees beside it, a character that is not an ASCII letter.

    Where it is not certain, it says no.
    """
    return any(_is_other(kind, value) for kind, value in pattern)


def _is_other(kind: Any, value: Any) -> bool:
    tests: dict[Any, Callable[[Any], bool]] = {
        op.LITERAL: lambda code: chr(code) not in ascii_letters,
        op.RANGE: lambda ends: not any(ends[0] <= ord(letter) <= ends[1] for letter in ascii_letters),
        op.CATEGORY: lambda name: name in {op.CATEGORY_DIGIT, op.CATEGORY_SPACE},
        op.IN: lambda members: all(_is_other(*member) for member in members),
        op.BRANCH: lambda branch: all(map(_needs_other, branch[1])),
        op.SUBPATTERN: lambda group: not group[1] & re.IGNORECASE and _needs_other(group[-1]),
        op.ASSERT: lambda around: _needs_other(around[1]),
        op.MAX_REPEAT: lambda repeat: repeat[0] > 0 and _needs_other(repeat[2]),
    }
    return kind in tests and tests[kind](value)
