r"""Safe output: everything that this process prints, for a person or a pipe, goes through here.

Titles, labels, addresses, versions, file names and errors come from other people's servers and files. So in every
text that is printed, secrets are hidden (`labeling.secrets`) and control characters are shown as visible signs instead
of taking effect: an escape sequence as `␛[2J`, a character that changes the writing direction as `\u202e`. What is
printed as one line stays one line, whatever it contains.

`guard` does the same for `sys.stdout`, `sys.stderr`, warnings and logs, which other packages write to.
"""

import io
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal, TextIO, cast

from labeling.secrets import hidden, keep, keep_in_url

Colour = Literal["red", "green", "bold"]

CODES: dict[Colour, int] = {"bold": 1, "red": 31, "green": 32}
# Control characters, invisible characters and those that change the writing direction, unusual line ends, and lone
# surrogates. Joiners (U+200C, U+200D) are part of words and of emoji.
UNSEEN = (
    "\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f{UNSEEN}]")
NOT_ASCII = re.compile(r"[^\x20-\x7e\n\t]")
IN_JSON = re.compile(f"[{UNSEEN}]")
LINE_ENDS = {"\n": "␊", "\t": "␉"}
LONGEST = 2000  # characters of a message
PICTURES = 0x2400  # U+2400 and what follows are pictures of U+0000 and what follows
# Bold, underlined and coloured text: all that Typer's help and spaCy's tables use.
COLOURS = re.compile(r"\x1b\[(?:(?:[0-4]|2[1-4]|[34]\d|9\d|10\d|[34]8;5;\d{1,3})(?:;|(?=m)))*m")


class ReaderGone(BaseException):
    """Whoever read our output closed the pipe. This is not an error, so no `except Exception` may catch it."""


def visible(text: str) -> str:
    r"""The text with secrets hidden, and visible signs for control characters other than line ends and tabs.

    >>> print(visible("\x1b]0;owned\x07 \u202etxt.exe"))
    ␛]0;owned␇ \u202etxt.exe
    """
    return CONTROL.sub(_sign, hidden(text))


def one_line(text: object) -> str:
    r"""The text as `visible` shows it, on one line: a line end in a title must not start a line that looks like ours.

    >>> print(one_line("Title\nError: all is lost"))
    Title␊Error: all is lost
    """
    return re.sub(r"[\n\t]", lambda end: LINE_ENDS[end[0]], visible(str(text)))


def say(text: str = "", colour: Colour | None = None) -> None:
    """Print a message as one line on stderr; a very long one is cut, since a server's error may be a whole page."""
    text = one_line(text)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… and {len(text) - LONGEST:,} more characters"
    _print(sys.stderr, _coloured(text, colour, sys.stderr))


def rewrite(text: str) -> None:
    """Print a message over the last one, on stderr, if it is a terminal."""
    if sees(sys.stderr):
        _print(sys.stderr, f"\r{one_line(text)}", end="")


def put(text: str = "", colour: Colour | None = None, *, mark: str = "", secret: str = "") -> None:
    """Print a line of data on stdout.

    Args:
        text: The line.
        colour: The colour of the mark if there is one, else of the line.
        mark: What is printed before the text.
        secret: A secret that is printed after the text, on purpose.

    Raises:
        ValueError: There is a secret, and stdout is not a terminal, so that it would end up in a file.
    """
    if secret and not sees(sys.stdout):
        raise ValueError("a secret is only printed on a terminal")
    if mark:
        mark, colour = _coloured(one_line(mark), colour, sys.stdout), None
    _print(sys.stdout, mark + _coloured(one_line(text), colour, sys.stdout) + CONTROL.sub(_sign, secret))


def put_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value of JSON's types as JSON on stdout: the same to a program, and safe to look at."""
    _print(sys.stdout, _json(value, indent))


def put_json_with(value: Mapping[str, Any], key: str, items: Iterable[Any]) -> None:
    """Print an object as `put_json` does, with the items in its list under the key, of which one is in memory."""
    before, key, after = _json({**value, key: []}, 2).partition(f"\n  {json.dumps(key)}: [")
    _print(sys.stdout, before + key, end="")
    lead, end = "\n    ", ""
    for item in items:
        _print(sys.stdout, lead + _json(item, 2).replace("\n", "\n    "), end="")  # strings have no line ends
        lead, end = ",\n    ", "\n  "
    _print(sys.stdout, end + after)


def put_source(text: str, escape: Callable[[int], str]) -> None:
    """Print the content of a file on stdout; `escape` gives the escape sequence of a code point in its language."""
    unfit = CONTROL if _takes_all(sys.stdout) else NOT_ASCII
    _print(sys.stdout, unfit.sub(lambda found: escape(ord(found[0])), hidden(text)), end="")


def sees(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def _takes_all(stream: TextIO | None) -> bool:
    """Whether the stream's encoding has every character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def for_rich(stream: TextIO | None) -> TextIO:
    """The stream for Rich, which writes escape sequences of its own; what Rich draws has to be `one_line` already."""
    return cast(TextIO, Stream(_raw(stream), str))


def guarded(stream: TextIO | None) -> TextIO:
    """The stream for other packages: what they write is made `visible`, except for colours."""
    return cast(TextIO, Stream(_raw(stream), _with_colours))


def guard() -> None:
    """Make everything printed, warned of or logged from now on go through here, and hide the environment's secrets."""
    for name in ("LABEL_STUDIO_API_KEY", "PGPASSWORD"):
        keep(os.environ.get(name, ""))
    for url in (*sys.argv, os.environ.get("LABEL_STUDIO_URL", ""), os.environ.get("LABELING_DATABASE", "")):
        keep_in_url(url)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stdout, sys.stderr = guarded(sys.stdout), guarded(sys.stderr)
    warnings.showwarning = _warn
    logging.lastResort = _Log(logging.WARNING)


class Stream(io.TextIOBase):
    """A stream that passes each text through `fit` first. It has no `buffer`, by which bytes could bypass that."""

    def __init__(self, raw: TextIO, fit: Callable[[str], str]) -> None:
        self.raw = raw
        self.fit = fit

    def write(self, text: str) -> int:
        """Write the text; its number of characters, before `fit`."""
        _write(self.raw, self.fit(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind it."""
        if not self.raw.closed:
            _attempt(self.raw.flush)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return sees(self.raw)

    def fileno(self) -> int:
        """The file descriptor of the stream behind it."""
        return self.raw.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream behind it."""
        return getattr(self.raw, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """True."""
        return True


class _Log(logging.Handler):
    """Prints log records that nothing else handles, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            say(line)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    for each in warnings.formatwarning(message, category, filename, lineno, line).splitlines():
        say(each)


def _raw(stream: TextIO | None) -> TextIO:
    while isinstance(stream, Stream):
        stream = stream.raw
    return io.StringIO() if stream is None else stream  # None if it was closed before we began


def _print(stream: TextIO, text: str, end: str = "\n") -> None:
    raw = _raw(stream)
    _write(raw, text + end)
    _attempt(raw.flush)  # whoever reads a pipe waits for the line


def _write(raw: TextIO, text: str) -> None:
    try:
        _attempt(raw.write, text)
    except UnicodeEncodeError:
        encoding = raw.encoding or "ascii"
        _attempt(raw.write, text.encode(encoding, "backslashreplace").decode(encoding))


def _attempt(action: Callable[..., object], *given: str) -> None:
    try:
        action(*given)
    except BrokenPipeError:
        raise ReaderGone from None


def _coloured(text: str, colour: Colour | None, stream: TextIO) -> str:
    if colour is None or not sees(stream) or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{CODES[colour]}m{text}\x1b[0m"


def _with_colours(text: str) -> str:
    if "\x1b" not in text:
        return visible(text)
    texts, colours = COLOURS.split(text), [*COLOURS.findall(text), ""]
    return "".join(visible(piece) + colour for piece, colour in zip(texts, colours, strict=True))


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(PICTURES + code)
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _in_json(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if ord(found[0]) > 0x7F else f"\\u{ord(found[0]):04x}"


def _json(value: Any, indent: int | None) -> str:
    text = json.dumps(_hidden_in(value), ensure_ascii=not _takes_all(sys.stdout), indent=indent)
    return IN_JSON.sub(_in_json, text)


def _hidden_in(value: Any) -> Any:
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, dict):
        return {_hidden_in(key): _hidden_in(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden_in(item) for item in value]
    return value
