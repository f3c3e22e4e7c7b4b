"""Headlines in sentence case: a parser, trained on sentences, takes "Checks" in a headline for a name."""

import re

from labeling.nlp.events.lexicon import Lexicon

WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
LONG = 4  # letters; many headlines do not capitalize shorter words
FEW = 3  # long words; a line of fewer may be a name
ENDINGS = (("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("d", ""), ("ing", ""), ("ing", "e"))


def in_sentence_case(text: str, lexicon: Lexicon) -> str:
    """The text with its headlines in sentence case; offsets do not change.

    A headline is a line most of whose words are capitalized. Its words are lower-cased if they are in the lexicon,
    unless the rest of the text capitalizes them, as it does names.

    >>> from labeling.nlp.events.lexicon import to_lexicon
    >>> lexicon = to_lexicon("pirate\\tperson:100", "capture\\tsocial:100", ())
    >>> in_sentence_case("Navy Captures Pirates\\nThe navy captured them.", lexicon)
    'Navy captures pirates\\nThe navy captured them.'
    """
    lines = text.split("\n")
    headlines = [is_headline(line) for line in lines]
    if not any(headlines):
        return text
    names: set[str] = set()
    small: set[str] = set()
    for line, is_head in zip(lines, headlines, strict=True):
        if not is_head:
            words = [(match.start(), match[0]) for match in WORD.finditer(line)]
            small.update(word for _, word in words if word.islower())
            names.update(word.lower() for start, word in words if word[0].isupper() and _is_inside(line, start))
    names -= small
    return "\n".join(
        WORD.sub(lambda match: _recased(match, names, small, lexicon), line) if is_head else line
        for line, is_head in zip(lines, headlines, strict=True)
    )


def is_headline(line: str) -> bool:
    """Whether a line has at least three longer words, and more than 70 % of them are capitalized."""
    words = [word for word in WORD.findall(line) if len(word) >= LONG]
    return len(words) >= FEW and sum(word[0].isupper() for word in words) > 0.7 * len(words)


def _is_inside(line: str, start: int) -> bool:
    """Whether a word is not at the start of a sentence, where any word is capitalized."""
    before = line[:start].rstrip()
    return bool(before) and before[-1] not in ".!?:“\"‘'–—-"


def _recased(match: re.Match[str], names: set[str], small: set[str], lexicon: Lexicon) -> str:
    word, lower = match[0], match[0].lower()
    if lower in names:
        return word
    if lower in small or _is_known(lower, lexicon):
        return word[0] + lower[1:] if match.start() == 0 else lower
    return word.capitalize() if word.isupper() else word


def _is_known(word: str, lexicon: Lexicon) -> bool:
    if word in lexicon.named("function_words") or word in lexicon.nouns or word in lexicon.verbs:
        return True
    stems = (word.removesuffix(ending) + instead for ending, instead in ENDINGS if word.endswith(ending))
    return any(stem in lexicon.nouns or stem in lexicon.verbs for stem in stems)
