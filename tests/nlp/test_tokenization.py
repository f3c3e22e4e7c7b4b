"""Texts in tokens: exactly those of spaCy, in every language."""

import contextlib
import pkgutil
from importlib import import_module
from itertools import islice

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokenizer import Tokenizer

from labeling.errors import ModelError
from labeling.nlp import tokenization
from labeling.nlp.tokenization import FastTokenizer, tokenizer_for
from tests.strategies import texts

LANGUAGES = ("en", "de", "fr", "xx", "zh")
PLAIN = {language: spacy.blank(language) for language in LANGUAGES}
TOKENIZERS = {language: FastTokenizer(spacy.blank(language)) for language in LANGUAGES}
EVERY_LANGUAGE = sorted(module.name for module in pkgutil.iter_modules(spacy.lang.__path__) if module.ispkg)
SPACES = st.text(" \n\t\u00a0\u2028ab.", max_size=12)


def check(language: str, text: str) -> None:
    doc, tokenizer = PLAIN[language].make_doc(text), TOKENIZERS[language]
    found = tokenizer(text)
    assert tokenizer.orths(found.numbers).tolist() == [token.orth for token in doc]
    assert found.starts.tolist() == [token.idx for token in doc]
    assert found.ends.tolist() == [token.idx + len(token) for token in doc]
    assert found.spaces.tolist() == [bool(token.whitespace_) for token in doc]
    assert tokenizer.doc(found).text == text


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(LANGUAGES), texts | st.text(max_size=40) | SPACES)
def test_tokenizer_gives_the_tokens_of_spacy(language: str, text: str):
    check(language, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  a",
        "a  b",
        "a \n b ",
        "\t\n\nRebels",
        "a \t\n\nb",
        "a \t",
        "They can't: he'll go at 8a.m., U.S. time :-) : )",
        "don’t “go” (U.K.)!",
        "北京 好",
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_tokenizer_gives_the_tokens_of_spacy_at_each_oddity(language: str, text: str):
    check(language, text)


@pytest.mark.parametrize("language", EVERY_LANGUAGE)
def test_tokenizer_gives_the_tokens_of_spacy_in_every_language(language: str):
    try:
        nlp = spacy.blank(language)
    except (ImportError, ValueError) as error:  # its tokenizer is a package of its own
        pytest.skip(str(error).splitlines()[0])
    texts = [
        "Kyiv, 10km from U.S.-bases: l'eau 5.000€ (§12) C++ #tag :-) a.b@c.org ‘don’t’ ...end.Next 東京-Tōkyō über"
    ]
    with contextlib.suppress(ImportError):
        texts += import_module(f"spacy.lang.{language}.examples").sentences
    if isinstance(nlp.tokenizer, Tokenizer):
        rules = islice(sorted(nlp.tokenizer.rules), 0, None, 7)
        texts += [text for rule in rules for text in (rule, f"({rule})", f"{rule}. a", f"x{rule}", rule.title())]
    tokenizer = FastTokenizer(spacy.blank(language))
    for text in texts:
        doc, found = nlp.make_doc(text), tokenizer(text)
        assert [(token.orth, token.idx, bool(token.whitespace_)) for token in doc] == list(
            zip(tokenizer.orths(found.numbers).tolist(), found.starts.tolist(), found.spaces.tolist(), strict=True)
        )


def test_tokenizer_looks_at_the_whole_text_where_a_rule_has_a_space():
    nlp = spacy.blank("en")
    nlp.tokenizer.add_special_case("New York", [{"ORTH": "New York"}])
    assert len(FastTokenizer(nlp)("in New York").starts) == len(nlp.make_doc("in New York"))


def test_tokenizer_is_made_anew_before_it_grows_too_large(monkeypatch: pytest.MonkeyPatch):
    first = tokenizer_for("en")
    assert tokenizer_for("en") is first
    monkeypatch.setattr(tokenization, "MAX_WORDS", 0)
    first("word")
    assert tokenizer_for("en") is not first


def test_tokenizer_names_a_language_that_spacy_does_not_know():
    with pytest.raises(ModelError, match="'qq'"):
        tokenizer_for("qq")
