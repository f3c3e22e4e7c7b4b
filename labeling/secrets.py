"""The secrets that this process knows, and how they are hidden in texts.

Code that obtains a secret calls `keep`; code that prints, logs or reports calls `hidden`. A secret is found by its
value, however it got into a text: a server repeats tokens in its errors, a library shows a whole URL.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from threading import Lock
from urllib.parse import quote, quote_plus, unquote

STARS = "********"
SHORTEST = 6  # characters; hiding `admin` would blank out half of every message, and it is easily guessed anyway
# Pieces of a token are hidden, too, since messages are cut and tables folded; other passwords only as a whole.
TOKEN = re.compile(r"[\w.+/=~-]{20,}", re.ASCII)
PIECE = 12  # characters: a shorter piece of a token is not hidden
BLOCK = PIECE // 2  # a piece has at least one whole block of the token in it

_lock = Lock()
_kept: dict[str, None] = {}
_forms: tuple[str, ...] = ()
_coded: tuple[str, ...] = ()
_tokens: tuple[str, ...] = ()


def keep(value: str) -> None:
    """Hide this secret from now on, in this process. One of fewer than 6 characters is not hidden."""
    global _forms, _coded, _tokens  # noqa: PLW0603
    value = value.strip()
    with _lock:
        if len(value) < SHORTEST or value in _kept:
            return
        _kept[value] = None
        _forms = _longest_first((*_forms, *_written(value)))
        _coded = _longest_first((*_coded, *_in_base64(value)))
        if TOKEN.fullmatch(value):
            _tokens = (*_tokens, value)


def keep_in_url(url: str) -> None:
    """Hide the password in a URL; in a web address also a user name without a password, which is a token.

    In the URL of a database, that is only a user name, such as `labeling`, which would blank out half of every message.
    """
    user, at, _ = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")
    name, _, password = user.partition(":")
    is_web = url.partition("://")[0].lower() in ("http", "https")
    if at:
        keep(unquote(password or (name if is_web else "")))


def hidden(text: str) -> str:
    """The text with asterisks in place of each kept secret.

    It is found as it is, as URLs, JSON, HTML and Python's `repr` write it, and as Base64 of it or of `user:secret`. Of
    a token, 12 or more consecutive characters are found, too.
    """
    for form in _forms:
        if form in text:
            text = text.replace(form, STARS)
    for code in _coded:
        if code in text:
            # the characters at both edges hold some bits of the secret
            text = re.sub(rf"[\w+/-]?{re.escape(code)}[\w+/-]?=*", STARS, text, flags=re.ASCII)
    for token in _tokens:
        text = _without_pieces(text, token)
    return text


def _longest_first(forms: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(forms), key=len, reverse=True))


def _written(value: str) -> Iterator[str]:
    yield value
    data = value.encode("utf-8", "surrogatepass")
    for coded in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield coded
        yield re.sub("%..", lambda code: code[0].lower(), coded)
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        yield text[1:-1]
        yield json.dumps(text[1:-1])[1:-1]  # a response in JSON that repeats a request in JSON
    yield repr(value)[1:-1]
    yield repr(data)[2:-1]
    yield html.escape(value)
    yield html.escape(value, quote=False)


def _in_base64(value: str) -> Iterator[str]:
    """The value in Base64, whatever comes before and after it: three bytes make four characters."""
    data = value.encode("utf-8", "surrogatepass")
    for before in range(3):
        size = before + len(data)
        code = base64.b64encode(bytes(before) + data)[-(-before * 8 // 6) : size * 8 // 6].decode()
        yield code
        yield code.replace("+", "-").replace("/", "_")


def _without_pieces(text: str, token: str) -> str:
    for start in range(0, len(token) - BLOCK + 1, BLOCK):
        block = token[start : start + BLOCK]
        place = text.find(block)
        while place >= 0:
            left, right = start, start + BLOCK
            while left and place and text[place - 1] == token[left - 1]:
                place, left = place - 1, left - 1
            end = place + right - left
            while right < len(token) and text[end : end + 1] == token[right]:
                end, right = end + 1, right + 1
            if right - left >= PIECE:
                text = f"{text[:place]}{STARS}{text[end:]}"
                end = place + len(STARS)
            place = text.find(block, end)
    return text
