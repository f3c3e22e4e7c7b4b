"""Text → tokens as arrays: those of spaCy's tokenizer, without a `Doc` for each text.

spaCy's tokenizer looks at each stretch between white space by itself, and so what became of a stretch once can be
remembered whole; and one that none of its rules fits is a token as it stands. A language whose tokenizer works
otherwise is cut by spaCy text by text.
"""

import re
import struct
from dataclasses import dataclass
from typing import Any

import numpy
import spacy
from numpy.typing import NDArray
from spacy.attrs import IS_PUNCT, IS_SPACE
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from labeling.errors import ModelError

MAX_WORDS = 150_000  # that a cutter remembers: some 40 MB
STRETCH = re.compile(r"\S+ ?|\s+")  # a space behind a word belongs to its last token
RECORD = struct.Struct("<QII")  # a token: the hash of its text, its length in code points, whether a space follows
DTYPE = numpy.dtype([("orth", "<u8"), ("length", "<u4"), ("space", "<u4")])


@dataclass(frozen=True, slots=True)
class Cut:
    """A text's tokens: hashes of their texts, extents `[start, end)` in code points, whether a space follows each."""

    orths: NDArray[Any]
    starts: NDArray[Any]
    ends: NDArray[Any]
    spaces: NDArray[Any]


class Cutter(dict[str, bytes]):
    """The tokens of each stretch of text that was seen, as records; call it to cut a text."""

    def __init__(self, nlp: Language) -> None:
        super().__init__()
        self.nlp = nlp
        tokenizer: Any = nlp.tokenizer
        self.tokenizer = tokenizer
        is_usual = type(tokenizer) is Tokenizer
        self.special: dict[str, Any] = tokenizer.rules if is_usual else {}
        self.by_stretch = is_usual and not any(len(rule.split()) > 1 for rule in self.special)
        if self.by_stretch:
            tokenizer.max_cache_size = 0  # it is remembered here
            vocab: Any = nlp.vocab
            # nobody asks what a word looks like; a sentencizer asks for these
            getters = vocab.lex_attr_getters
            vocab.lex_attr_getters = {attr: getters[attr] for attr in (IS_PUNCT, IS_SPACE) if attr in getters}

    def __call__(self, text: str) -> Cut:
        """The tokens of a text."""
        stretches = STRETCH.findall(text) if self.by_stretch else [text]
        records = numpy.frombuffer(b"".join([self[stretch] for stretch in stretches]), DTYPE)
        ends = numpy.cumsum(records["length"] + records["space"], dtype=numpy.int64)
        starts = numpy.concatenate((ends[:0] if not len(ends) else [0], ends[:-1])).astype(numpy.int64)
        return Cut(records["orth"], starts, starts + records["length"], records["space"].astype(bool))

    def __missing__(self, stretch: str) -> bytes:
        has_space = self.by_stretch and stretch[-1] == " " and not stretch.isspace()
        word = stretch[:-1] if has_space else stretch
        if self.by_stretch and self.is_token(word):
            records = RECORD.pack(self.label(word), len(word), has_space)
        else:
            doc = self.nlp.make_doc(word)
            spaces = [bool(token.whitespace_) for token in doc]
            if has_space:
                spaces[-1] = True
            tokens = zip(doc, spaces, strict=True)
            records = b"".join(RECORD.pack(token.orth, len(token), space) for token, space in tokens)
        if self.by_stretch:
            self[stretch] = records
        return records

    def is_token(self, stretch: str) -> bool:
        """Whether no rule of the tokenizer fits a stretch, so that it is one token; most words are, and need no `Doc`.

        >>> Cutter(spacy.blank("en")).is_token("Kyiv"), Cutter(spacy.blank("en")).is_token("U.S.")
        (True, False)
        """
        rules = self.tokenizer
        is_split = rules.find_prefix(stretch) or rules.find_suffix(stretch) or rules.find_infix(stretch)
        return stretch not in self.special and not is_split

    def label(self, name: str) -> int:
        """The hash of a label or word, which the vocabulary knows from now on."""
        return int(self.nlp.vocab.strings.add(name))

    def doc(self, cut: Cut) -> Doc:
        """The tokens as a spaCy document."""
        words = [self.nlp.vocab.strings[orth] for orth in cut.orths.tolist()]
        return Doc(self.nlp.vocab, words=words, spaces=cut.spaces.tolist())


_cutters: dict[str, Cutter] = {}


def cutter(language: str) -> Cutter:
    """The cutter of a language, whose tokens are those of `spacy.blank(language)`; made anew before it grows too large.

    Raises:
        ModelError: spaCy does not know the language, or lacks a package for it.
    """
    found = _cutters.get(language)
    if found is None or len(found) > MAX_WORDS or len(found.nlp.vocab) > 2 * MAX_WORDS:
        try:
            found = _cutters[language] = Cutter(spacy.blank(language))
        except ImportError as error:
            detail = str(error).strip().splitlines()[0]
            raise ModelError(f"spaCy cannot cut {language!r} into tokens: {detail}") from error
    return found
