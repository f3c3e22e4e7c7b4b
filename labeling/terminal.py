r"""The one way out: whatever leaves this process for a person or a pipe.

Titles, labels, addresses, versions, file names and errors come from servers and files of other people. So every text
that is printed has its secrets hidden (`labeling.secrets`), and its control characters shown as signs instead of
obeyed: an escape sequence as `␛[2J`, a mark that turns the writing direction as `\u202e`. What is printed as one line
is one line, whatever is in it.

`guard` puts the same before `sys.stdout`, `sys.stderr`, warnings and logs, for what other packages print.
"""

import io
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, TextIO, cast

from labeling.secrets import hidden, keep, keep_in_url

Colour = Literal["red", "green", "bold"]

CODES: dict[Colour, int] = {"bold": 1, "red": 31, "green": 32}
# Control characters, marks that change the direction of writing or cannot be seen, line ends of other kinds, and halves
# of characters. Joiners (U+200C, U+200D) are part of words and of emoji.
UNSEEN = (
    "\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f{UNSEEN}]")
NOT_ASCII = re.compile(r"[^\x20-\x7e\n\t]")
IN_JSON = re.compile(f"[{UNSEEN}]")
LINE_ENDS = {"\n": "␊", "\t": "␉"}
LONGEST = 2000  # characters of a line of talk
PICTURES = 0x2400  # U+2400 and what follows are pictures of U+0000 and what follows
# Bold, underlined and coloured; all that Typer's help and spaCy's tables use.
COLOURS = re.compile(r"\x1b\[(?:(?:[0-4]|2[1-4]|[34]\d|9\d|10\d|[34]8;5;\d{1,3})(?:;|(?=m)))*m")


class ReaderGone(BaseException):
    """Whoever reads our output has seen enough. It is not a fault, so no handler may stop it."""


def visible(text: str) -> str:
    r"""The text with secrets hidden and with signs for control characters; only line ends and tabs stay.

    >>> print(visible("\x1b]0;owned\x07 \u202etxt.exe"))
    ␛]0;owned␇ \u202etxt.exe
    """
    return CONTROL.sub(_sign, hidden(text))


def one_line(text: object) -> str:
    r"""The same in one line: a line end in a title must not begin a line that looks like one of ours.

    >>> print(one_line("Title\nError: all is lost"))
    Title␊Error: all is lost
    """
    return re.sub(r"[\n\t]", lambda end: LINE_ENDS[end[0]], visible(str(text)))


def say(text: str = "", colour: Colour | None = None) -> None:
    """One line of talk, on stderr. A very long one is cut: a server's error may be a whole page."""
    text = one_line(text)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… and {len(text) - LONGEST:,} more characters"
    _print(sys.stderr, _coloured(text, colour, sys.stderr))


def rewrite(text: str) -> None:
    """Talk in the place of what it said before, where somebody looks."""
    if sees(sys.stderr):
        _print(sys.stderr, f"\r{one_line(text)}", end="")


def put(text: str = "", colour: Colour | None = None, *, mark: str = "", secret: str = "") -> None:
    """One line of data, on stdout.

    The colour is that of the mark before it, where there is one. Behind it stands a secret, on purpose.

    Raises:
        ValueError: There is a secret, and nobody looks: it would end in a file.
    """
    if secret and not sees(sys.stdout):
        raise ValueError("a secret is for the eyes of a person only")
    if mark:
        mark, colour = _coloured(one_line(mark), colour, sys.stdout), None
    _print(sys.stdout, mark + _coloured(one_line(text), colour, sys.stdout) + CONTROL.sub(_sign, secret))


def put_json(value: Any, *, indent: int | None = 2) -> None:
    """The value (of JSON's types) as JSON, on stdout: the same content to a program, and safe to look at."""
    text = json.dumps(_hidden_in(value), ensure_ascii=not _takes_all(sys.stdout), indent=indent)
    _print(sys.stdout, IN_JSON.sub(_in_json, text))


def put_source(text: str, escape: Callable[[int], str]) -> None:
    """A file's content, on stdout, where people may look at it; `escape` writes a code point in its language."""
    unfit = CONTROL if _takes_all(sys.stdout) else NOT_ASCII
    _print(sys.stdout, unfit.sub(lambda found: escape(ord(found[0])), hidden(text)), end="")


def sees(stream: TextIO | None) -> bool:
    """Whether somebody looks at it: it is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def _takes_all(stream: TextIO | None) -> bool:
    """Whether its encoding has every character."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def for_rich(stream: TextIO | None) -> TextIO:
    """The stream as Rich needs it, with all that it takes to draw. Only texts that are one line may be drawn."""
    return cast(TextIO, Stream(_raw(stream), str))


def guarded(stream: TextIO | None) -> TextIO:
    """The stream, where what other packages write is shown as here; they may use colours."""
    return cast(TextIO, Stream(_raw(stream), _with_colours))


def guard() -> None:
    """Let everything that is printed, warned of or logged from now on pass here, and keep the environment's secrets."""
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
    """A stream whose texts are made fit first. It has no `buffer`, by which bytes could get past it."""

    def __init__(self, raw: TextIO, fit: Callable[[str], str]) -> None:
        self.raw = raw
        self.fit = fit

    def write(self, text: str) -> int:
        """Write the text, made fit; as many characters as it had."""
        _write(self.raw, self.fit(text))
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        if not self.raw.closed:
            _attempt(self.raw.flush)

    def isatty(self) -> bool:
        """Whether somebody looks."""
        return sees(self.raw)

    def fileno(self) -> int:
        """The number of the file behind it."""
        return self.raw.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream behind it."""
        return getattr(self.raw, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """True."""
        return True


class _Log(logging.Handler):
    """The last resort of a log record: a line of talk."""

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
    for part in warnings.formatwarning(message, category, filename, lineno, line).splitlines():
        say(part)


def _raw(stream: TextIO | None) -> TextIO:
    while isinstance(stream, Stream):
        stream = stream.raw
    return stream if stream is not None else _nowhere()  # it was closed before we began


def _nowhere() -> TextIO:
    return io.StringIO()


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
    return "".join(visible(part) + colour for part, colour in zip(texts, colours, strict=True))


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(PICTURES + code)
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _in_json(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if ord(found[0]) > 0x7F else f"\\u{ord(found[0]):04x}"


def _hidden_in(value: Any) -> Any:
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, dict):
        return {_hidden_in(key): _hidden_in(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden_in(item) for item in value]
    return value
