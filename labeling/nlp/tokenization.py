"""Text → the tokens of spaCy's tokenizer as arrays, without a `Doc` for each text.

spaCy's tokenizer treats each stretch between white space separately. So the tokens of a stretch can be cached, and a
stretch that no rule applies to is one token. In a language whose tokenizer works differently, spaCy tokenizes each
text as a whole.
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

MAX_WORDS = 60_000  # in the cache of a tokenizer: about 20 MB
STRETCH = re.compile(r"\S+ ?|\s+")  # a space after a word belongs to its last token
RECORD = struct.Struct("<II")  # a token: the number of its text, and whether a space follows
UNSPACED, SPACED = (space.to_bytes(4, "little") for space in (0, 1))  # the end of a record
PARAGRAPH = "\n\n"
DTYPE = numpy.dtype([("number", "<u4"), ("space", "<u4")])


class OddSpaceError(Exception):
    """The words of a text are not separated by single spaces."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text: numbers of their texts, bounds `[start, end)` in code points, and if a space follows."""

    numbers: NDArray[Any]
    starts: NDArray[Any]
    ends: NDArray[Any]
    spaces: NDArray[Any]


class FastTokenizer(dict[str, bytes]):
    """A tokenizer that caches the tokens of each word, as records, as if a space followed it.

    Each token's text has a number, in order of first occurrence, which is its index in `texts`, `lengths` (code points)
    and `hashes` (spaCy's). The vocabulary would never forget them.
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
            tokenizer.max_cache_size = 0  # the cache is here
            vocab: Any = nlp.vocab
            # lexical attributes are not needed, except for those that a sentencizer asks for
            getters = vocab.lex_attr_getters
            vocab.lex_attr_getters = {attr: getters[attr] for attr in (IS_PUNCT, IS_SPACE) if attr in getters}

    def __call__(self, text: str) -> Tokens:
        """The tokens of a text."""
        records = numpy.frombuffer(self.records(text), DTYPE)
        numbers, spaces = records["number"], records["space"]
        lengths = numpy.frombuffer(self.lengths, "q")[numbers]
        ends = numpy.cumsum(lengths + spaces) - spaces
        return Tokens(numbers, ends - lengths, ends, spaces.astype(bool))

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
                if last.isspace():  # one token with the line ends after it
                    raise OddSpaceError
                records.extend(map(self.__getitem__, words))
                records += self.unspaced(last), between
            return b"".join(records[:-1])
        except OddSpaceError:  # takes twice as long
            return b"".join(map(self.stretch, STRETCH.findall(text)))

    def __missing__(self, word: str) -> bytes:
        """Raises OddSpaceError if the space before or after the word is not a single one."""
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
        """The tokens of a word without a space after it, or of white space."""
        if not stretch.isspace():
            return self[stretch][: -len(UNSPACED)] + UNSPACED
        key = f" {stretch}"  # no word has a space in it
        if key not in self:
            self[key] = self.by_spacy(stretch)
        return self[key]

    def by_spacy(self, text: str) -> bytes:
        """The tokens of a text by spaCy's tokenizer."""
        pieces = self.pieces(text)
        if len(pieces) == 1:
            return RECORD.pack(self.number(text), 0)
        if pieces:
            return b"".join(map(self.unspaced, pieces))
        doc = self.nlp.make_doc(text)
        return b"".join([RECORD.pack(self.number(token.text), bool(token.whitespace_)) for token in doc])

    def pieces(self, word: str) -> tuple[str, ...]:
        """The tokens of a word that can be tokenized without a `Doc`, as most can; else nothing.

        No rule of the tokenizer applies to such a word, or only one that splits a mark such as a comma off its letters.

        >>> tokenizer = FastTokenizer(spacy.blank("en"))
        >>> tokenizer.pieces("Kyiv"), tokenizer.pieces("Kyiv,"), tokenizer.pieces("can't")
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
        """The hash of a label, which is added to the vocabulary."""
        if name not in self.labels:
            self.labels[name] = int(self.nlp.vocab.strings.add(name))
        return self.labels[name]

    def number(self, token: str) -> int:
        """A new number for a token's text."""
        self.texts.append(token)
        self.lengths.append(len(token))
        self.hashes.append(IDS.get(token) or hash_string(token))
        return len(self.texts) - 1

    def orths(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """SpaCy's hashes of the texts with these numbers."""
        hashes: NDArray[Any] = numpy.frombuffer(self.hashes, "Q")[numbers]
        return hashes

    def distinct(self, numbers: NDArray[Any]) -> set[str]:
        """The distinct texts with these numbers."""
        is_there = numpy.zeros(len(self.texts), bool)
        is_there[numbers] = True
        return {self.texts[number] for number in numpy.flatnonzero(is_there).tolist()}

    def doc(self, tokens: Tokens) -> Doc:
        """The tokens as a spaCy document."""
        words = [self.texts[number] for number in tokens.numbers.tolist()]
        return Doc(self.nlp.vocab, words=words, spaces=tokens.spaces.tolist())


_tokenizers: dict[str, FastTokenizer] = {}


def tokenizer_for(language: str) -> FastTokenizer:
    """The tokenizer with the tokens of `spacy.blank(language)`; a new one when its cache has become too large.

    Raises:
        ModelError: spaCy does not know the language, or lacks a package for it.
    """
    found = _tokenizers.get(language)
    if found and max(len(found), len(found.texts)) > MAX_WORDS and len(found.nlp.vocab) < MAX_WORDS:
        found = _tokenizers[language] = FastTokenizer(found.nlp)
    elif found is None or len(found.nlp.vocab) >= MAX_WORDS:
        try:
            found = _tokenizers[language] = FastTokenizer(spacy.blank(language))
        except ImportError as error:
            detail = str(error).strip().splitlines()[0]
            raise ModelError(
                f"spaCy cannot tokenize the language {language!r}: {detail}",
                "Take another code with --language, or as the schema's `language`; `xx` fits any language whose words "
                "have spaces between them, `zh` makes a token of each character.",
            ) from error
    return found


# whether the rules of a tokenizer can apply to a word of letters


def _keeps_letters(tokenizer: Any) -> bool:
    """Whether it is certain that no affix rule applies to any word of ASCII letters, except for special cases."""
    rules = (tokenizer.prefix_search, tokenizer.suffix_search, tokenizer.infix_finditer)
    patterns = [getattr(rule, "__self__", None) for rule in rules]
    return all(
        isinstance(pattern, re.Pattern)
        and not pattern.flags & re.IGNORECASE
        and _needs_other(_parser.parse(pattern.pattern, pattern.flags))
        for pattern in patterns
    )


def _needs_other(pattern: Any) -> bool:
    """Whether every match of a parsed pattern certainly contains or borders on something other than ASCII letters."""
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
