"""A secret leaves in no form that a server, a library or a file may give it."""

import base64
import html
import json
import re
from threading import Thread
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import secrets
from labeling.secrets import SHORTEST, STARS, hidden, keep, keep_in_url

PASSWORD = "p4ss/wörd \"&' <#>\\%"
TOKEN = "3fa9c0d2b7e14856a1d09cbe77f2a4651c0b8d3e"


FORMS = {
    "itself": lambda s: s,
    "in a URL": quote,
    "in the userinfo of a URL": lambda s: quote(s, safe=""),
    "in lower case escapes": lambda s: re.sub("%..", lambda code: code[0].lower(), quote(s, safe="")),
    "in a form": quote_plus,
    "in JSON": lambda s: json.dumps({"token": s}),
    "in JSON as it is": lambda s: json.dumps({"token": s}, ensure_ascii=False),
    "in JSON in JSON": lambda s: json.dumps({"detail": json.dumps({"token": s})}),
    "in repr": lambda s: repr({"token": s}),
    "in repr of bytes": lambda s: repr(s.encode()),
    "in HTML": html.escape,
    "in Base64": lambda s: base64.b64encode(s.encode()).decode(),
    "in Base64 for URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "as basic authentication": lambda s: base64.b64encode(f"me@example.org:{s}".encode()).decode(),
    "as basic authentication of another": lambda s: base64.b64encode(f"you@example.org:{s}".encode()).decode(),
    "as basic authentication of a third": lambda s: base64.b64encode(f"us@example.org:{s}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [PASSWORD, TOKEN])
def test_hidden_finds_a_secret_in_every_form(form: str, secret: str) -> None:
    written = FORMS[form](secret)
    keep(secret)

    shown = hidden(f"before {written} after")

    assert STARS in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert secret[4:12] not in shown
    if "ase64" in form or "basic" in form:
        assert written[-14:-6] not in shown


def test_hidden_pieces_of_a_token() -> None:
    keep(TOKEN)

    assert hidden(f"Invalid token: {TOKEN[:30]}…") == f"Invalid token: {STARS}…"
    assert hidden(f"{TOKEN[:20]}\n{TOKEN[20:]}") == f"{STARS}\n{STARS}"
    assert hidden(f"…{TOKEN[7:19]}…{TOKEN[20:25]}") == f"…{STARS}…{TOKEN[20:25]}"


def test_hidden_longest_first() -> None:
    keep("secret")
    keep("secret-of-secrets")

    assert hidden("secret-of-secrets") == STARS


def test_keep_of_a_short_password_blanks_nothing_out() -> None:
    for short in ("", "a", "admin"):
        keep(short)

    assert hidden("an admin's data") == "an admin's data"


def test_keep_of_a_password_in_words_hides_it_as_a_whole() -> None:
    keep("correct horse battery staple")

    assert hidden("a horse battery, correct horse battery staple") == f"a horse battery, {STARS}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:se%2Fcret@host/path", f"https://me:{STARS}@host/path"),
        ("https://tokentoken@host", f"https://{STARS}@host"),
        ("postgresql://labeling@localhost/labeling", "postgresql://labeling@localhost/labeling"),
        ("postgresql://labeling:geheim@localhost/labeling", f"postgresql://labeling:{STARS}@localhost/labeling"),
        ("postgresql://me:p@ss:w0rd@host/name?sslmode=require", f"postgresql://me:{STARS}@host/name?sslmode=require"),
        ("https://host/path?to=me@example.org", "https://host/path?to=me@example.org"),
        ("me@example.org", "me@example.org"),
        ("", ""),
    ],
)
def test_keep_in_url_hides_the_password_of_a_url_and_nothing_else(url: str, shown: str) -> None:
    keep_in_url(url)

    assert hidden(url) == shown


def test_keep_in_threads() -> None:
    values = [f"secret-{n}-of-many" for n in range(50)]
    threads = [Thread(target=keep, args=[value]) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert hidden(" ".join(values)) == " ".join([STARS] * 50)


@given(st.text(min_size=SHORTEST).filter(lambda s: len(s.strip()) >= SHORTEST), st.text(), st.text())
def test_hidden_takes_any_secret(secret: str, before: str, after: str) -> None:
    secrets._kept, secrets._forms, secrets._coded, secrets._tokens = {}, (), (), ()
    keep(secret)

    assert secret.strip() not in hidden(f"{before}{secret}{after}") or secret.strip() in STARS
