"""Text → a spaCy document, in time that is linear in the length of the text."""

import re
from collections.abc import Iterator

from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

# spaCy's tokenizer takes 0.1 s for a word of so many emoji, quotes or brackets, and a hundred times as long for one of
# ten times the length: each mark is split off by a search through the rest of the word.
LONGEST = 1_000
LONG = re.compile(rf"\S{{{LONGEST + 1},}}")
MARK = re.compile(r"[\W_]")


def make_doc(nlp: Language, text: str) -> Doc:
    """The text as tokenized by the pipeline, with words of more than 1,000 characters split beforehand.

    A word is a stretch without white space: emoji, base64, or text in a language without spaces. It is split after
    punctuation if there is any. Tokenizers other than spaCy's usual one, as for Chinese, get the text as a whole.
    """
    if type(nlp.tokenizer) is not Tokenizer or not LONG.search(text):
        return nlp.make_doc(text)
    return Doc.from_docs([nlp.make_doc(piece) for piece in pieces(text)], ensure_whitespace=False)


def pieces(text: str) -> Iterator[str]:
    """The text in consecutive pieces, in which no word is too long."""
    start = 0
    for word in LONG.finditer(text):
        at = word.start()
        while word.end() - at > LONGEST:
            marks = [mark.end() for mark in MARK.finditer(text, at + LONGEST // 2, at + LONGEST)]
            at = marks[-1] if marks else at + LONGEST
            yield text[start:at]
            start = at
    yield text[start:]
