"""Texts → the language whose rules cut them into tokens, and why that one."""

from collections import Counter
from collections.abc import Iterable, Mapping

import spacy
from pydantic import Field
from spacy.util import get_lang_class

from labeling.core.value import Value
from labeling.nlp.language import language_of

ANY = "xx"  # spaCy's rules for every language whose words have spaces between them
CHARACTERS = "zh"  # each character is a token by spaCy's rules for Chinese
# Languages that write no spaces between words, so that the rules for any language make a token of a whole sentence.
SPACELESS = {"ja", "th", "lo", "km", "my", "bo", "dz"}
SPELLED = {"no": "nb"}  # what spaCy calls Norwegian
PACKAGES = {"ja": "sudachipy sudachidict_core", "ko": "natto-py", "th": "pythainlp", "vi": "pyvi"}
USUAL = "en"  # where no text says
MIXED = 0.1  # of the clear texts are in another language: worth a word


class Rules(Value):
    """Whose rules cut texts into tokens.

    Attributes:
        code: spaCy's language code.
        why: How it was chosen, in words.
        found: Language code → how many of the texts that were looked at are clearly in it; "" where it is not clear.
        notes: What else somebody should know of it.
    """

    code: str
    why: str
    found: dict[str, int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


def detect(texts: Iterable[str]) -> Rules:
    """The rules for the language that most of the texts are in.

    Where spaCy has none, or lacks packages for them: those for any language, or for one that writes no spaces between
    words those that make a token of each character.
    """
    texts = list(texts)
    found = Counter(map(language_of, texts))
    clear = {code: number for code, number in found.most_common() if code}
    if not clear and (together := language_of(" ".join(text[:200] for text in texts))):
        clear = {together: len(texts)}
    if not clear:
        why = "it is not clear which language the texts are in" if texts else "there is no text to tell by"
        return Rules(code=USUAL, why=why, found=dict(found))
    most = next(iter(clear))
    why = f"{clear[most]:,} of {len(texts):,} texts that were looked at are in {named(most)}"
    notes = tuple(_mixture(clear))
    code = SPELLED.get(most, most)
    lacks = _lacks(code)
    if not lacks:
        return Rules(code=code, why=why, found=dict(found), notes=notes)
    if most in SPACELESS:
        code, instead = CHARACTERS, f"each character became a token instead, by the rules for {named(CHARACTERS)}"
    else:
        code, instead = ANY, f"the rules for any language ({ANY}) were taken instead"
    remedy = f" `pip install {PACKAGES[most]}`, and convert again, for its own." if most in PACKAGES else ""
    return Rules(code=code, why=why, found=dict(found), notes=(f"{lacks}; {instead}.{remedy}", *notes))


def spoken(texts: Iterable[str]) -> str:
    """SpaCy's code of the language that most of the texts are in, whether or not spaCy can cut it."""
    clear = Counter(code for code in map(language_of, texts) if code)
    most = clear.most_common(1)
    return SPELLED.get(most[0][0], most[0][0]) if most else USUAL


def _lacks(code: str) -> str:
    """Why spaCy cannot cut a language into tokens; "" where it can."""
    try:
        spacy.blank(code)
    except ImportError:
        if code in PACKAGES:
            return f"spaCy's rules for {named(code)} need packages that are not installed"
        return f"spaCy has no rules for {named(code)}"
    return ""


def off(code: str, texts: Iterable[str]) -> str:
    """What is wrong with cutting the texts by the rules of this language, and what to do; "" where nothing is."""
    rules = detect(texts)
    if not rules.found.keys() - {""} or rules.code == code:
        return ""
    return f"{rules.why[:1].upper()}{rules.why[1:]}: take --language {rules.code}."


def _mixture(clear: Mapping[str, int]) -> list[str]:
    total = sum(clear.values())
    if sum(sorted(clear.values())[:-1]) < MIXED * total:
        return []
    shares = ", ".join(f"{named(code)} {number / total:.0%}" for code, number in clear.items() if 50 * number >= total)
    return [f"The texts are in several languages: {shares}. Convert each by itself, so that each has its own rules."]


def named(code: str) -> str:
    """The language as people call it, with its code.

    >>> named("fr")
    'French (fr)'
    """
    try:
        return f"{get_lang_class(SPELLED.get(code, code)).__name__} ({code})"
    except ImportError:
        return f"`{code}`"
