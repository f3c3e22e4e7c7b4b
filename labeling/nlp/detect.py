"""Texts → the language whose tokenizer rules fit them, and why that one."""

from collections import Counter
from collections.abc import Iterable, Mapping

import spacy
from pydantic import Field

from labeling.core.value import Value
from labeling.nlp.language import language_of
from labeling.nlp.pipelines import named

ANY = "xx"  # spaCy's rules for every language whose words have spaces between them
CHARACTERS = "zh"  # each character is a token by spaCy's rules for Chinese
# Languages that write no spaces between words, so that the rules for any language make a token of a whole sentence.
SPACELESS = {"ja", "th", "lo", "km", "my", "bo", "dz"}
SPELLED = {"no": "nb"}  # spaCy's code for Norwegian
PACKAGES = {"ja": "sudachipy sudachidict_core", "ko": "natto-py", "th": "pythainlp", "vi": "pyvi"}
USUAL = "en"  # where no text is clear
MIXED = 0.1  # from this share of texts in other languages on, there is a note


class Rules(Value):
    """The language whose rules split texts into tokens.

    Attributes:
        code: spaCy's language code.
        why: Why it was chosen, in words.
        found: Language code → how many of the sampled texts are clearly in it; "" → how many are not clear.
        notes: Caveats for the user.
    """

    code: str
    why: str
    found: dict[str, int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


def detect(texts: Iterable[str]) -> Rules:
    """The rules for the language that most of the texts are in.

    If spaCy has none, or lacks packages for them, they are the rules for any language; or, for a language without
    spaces between words, those that make a token of each character.
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
    """SpaCy's code of the language that most of the texts are in, whether or not spaCy has rules for it."""
    clear = Counter(filter(None, map(language_of, texts))).most_common(1)
    return SPELLED.get(clear[0][0], clear[0][0]) if clear else USUAL


def _lacks(code: str) -> str:
    """Why spaCy cannot tokenize a language; "" if it can."""
    try:
        spacy.blank(code)
    except ImportError:
        if code in PACKAGES:
            return f"spaCy's rules for {named(code)} need packages that are not installed"
        return f"spaCy has no rules for {named(code)}"
    return ""


def off(code: str, texts: Iterable[str]) -> str:
    """What is wrong with tokenizing the texts by the rules for this language, and what to do; "" if nothing is."""
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
