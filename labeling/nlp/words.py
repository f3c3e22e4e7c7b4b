"""Text → tokens, in time that grows with the text alone."""

import re
from collections.abc import Iterator

from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

# Of a word of so many emoji, quotes or brackets spaCy's tokenizer takes 0.1 s, and of one ten times as long a hundred
# times that: each mark is taken off by a search through all of the rest.
LONGEST = 1_000
LONG = re.compile(rf"\S{{{LONGEST + 1},}}")
MARK = re.compile(r"[\W_]")


def make_doc(nlp: Language, text: str) -> Doc:
    """The text as the pipeline's tokenizer cuts it; words of more than 1,000 characters are cut into such ones before.

    A word is what stands between white space: of emoji, base64, or a language without spaces. It is cut behind a mark
    where there is one. Tokenizers of their own, as Chinese has, get every text whole.
    """
    if type(nlp.tokenizer) is not Tokenizer or not LONG.search(text):
        return nlp.make_doc(text)
    return Doc.from_docs([nlp.make_doc(piece) for piece in pieces(text)], ensure_whitespace=False)


def pieces(text: str) -> Iterator[str]:
    """The text in pieces in which no word is too long; put together they are the text."""
    start = 0
    for word in LONG.finditer(text):
        at = word.start()
        while word.end() - at > LONGEST:
            marks = [mark.end() for mark in MARK.finditer(text, at + LONGEST // 2, at + LONGEST)]
            at = marks[-1] if marks else at + LONGEST
            yield text[start:at]
            start = at
    yield text[start:]
