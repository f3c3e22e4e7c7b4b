"""Nothing that comes from outside controls a terminal, and no secret leaves by any way."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling import terminal
from labeling.cli import console
from labeling.core.value import Value
from labeling.secrets import STARS, keep
from labeling.terminal import one_line, put, put_json, put_json_with, put_source, say, visible
from tests.hostile import TOKEN, Hostile

SECRET = "fortytwo-times-sesame"
HOSTILE = "\x1b]0;owned\x07\x1b[2Ja\u202etxt.exe\x9b31m\x7f\ud800\u2028[red]b[/red] :smile:\nError: fake\ttab\rover"
SHOWN = r"␛]0;owned␇␛[2Ja\u202etxt.exe\x9b31m␡\ud800\u2028[red]b[/red] :smile:␊Error: fake␉tab␍over"
DANGEROUS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – text 😀", "plain – text 😀"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "␛]8;;http://evil␇link␛]8;;␇"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        ("del\x7f nul\x00", "del␡ nul␀"),
        ("\u202eright\u2066left\u200f\u061c", r"\u202eright\u2066left\u200f\u061c"),
        ("one\r\ntwo\ttab", "one␍\ntwo\ttab"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("half \ud83d", r"half \ud83d"),
        ("zero\u200bwidth\ufeff \U000e0041", r"zero\u200bwidth\ufeff \U000e0041"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
    ],
)
def test_visible_shows_what_a_terminal_would_obey(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_one_line_has_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = one_line(text)

    assert not DANGEROUS.search(shown)
    assert len(shown.splitlines()) <= 1
    assert "\t" not in shown


def test_say_and_put_print_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    put(HOSTILE)

    assert capsys.readouterr() == (SHOWN + "\n", SHOWN + "\n")


def test_say_cuts_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    keep(SECRET)
    say("x" * 1990 + SECRET + "y" * 100_000)

    assert capsys.readouterr().err == "x" * 1990 + STARS + "yy… and 99,998 more characters\n"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda items: st.lists(items) | st.dictionaries(st.text(st.characters()), items),
)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@given(value=JSON)
def test_json_is_the_same_to_a_program_and_safe_to_look_at(encoding: str, value: object) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        put_json(value)

    out.seek(0)
    text = out.read()
    assert json.loads(text) == value
    assert not DANGEROUS.search(text)


@settings(max_examples=20)
@given(before=st.dictionaries(st.text(), JSON), items=st.lists(JSON), after=JSON)
def test_a_long_list_is_printed_item_by_item(before: dict[str, object], items: list[object], after: object) -> None:
    value = {**before, "items": items, "after": after}
    printed = []
    for put_it in (lambda: put_json(value), lambda: put_json_with({**value, "items": []}, "items", iter(items))):
        out = io.TextIOWrapper(io.BytesIO(), "utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            put_it()
        out.seek(0)
        printed.append(out.read())
    assert printed[0] == printed[1]


def test_json_stays_json_where_a_secret_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    keep("918273")
    put_json({"tasks": 918273, "918273": "the PIN 918273"})

    assert json.loads(capsys.readouterr().out) == {"tasks": 918273, STARS: f"the PIN {STARS}"}


def test_source_keeps_its_content(capsys: pytest.CaptureFixture[str]) -> None:
    put_source("<a b='\u202e\x9b'>\n", "&#x{:x};".format)

    assert capsys.readouterr().out == "<a b='&#x202e;&#x9b;'>\n"


def test_source_keeps_its_content_where_few_characters_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)

    put_source("<a b='café 😀'>\n", "&#x{:x};".format)

    out.seek(0)
    assert out.read() == "<a b='caf&#xe9; &#x1f600;'>\n"


def test_table_takes_data_as_they_are(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    console.table("", [HOSTILE, "n"], [[HOSTILE, 1], ["[bold]x[/bold]", 2]])

    printed = capsys.readouterr().out
    assert printed.count(SHOWN) == 2
    assert "[bold]x[/bold]" in printed
    assert not DANGEROUS.search(printed)


def test_table_that_is_folded_shows_no_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    keep(SECRET)
    console.table(SECRET, [SECRET, "b"], [[f"before {SECRET} after", SECRET]])

    assert "sesame" not in capsys.readouterr().out
    assert "fortytwo" not in capsys.readouterr().out


def test_report_hides_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    class Report(Value):
        detail: str

    keep(SECRET)
    console.json(Report(detail=f"Invalid token {SECRET}"))

    assert json.loads(capsys.readouterr().out) == {"detail": f"Invalid token {STARS}"}


def test_terminal_that_knows_few_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), "latin-1")
    monkeypatch.setattr(sys, "stdout", out)

    put("café 😀 → \x1b")

    out.seek(0)
    assert out.read() == "café \\U0001f600 \\u2192 \\u241b\n"


def test_secret_is_put_on_purpose_to_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(SECRET)
    with pytest.raises(ValueError, match="only printed on a terminal"):
        put("password ", secret=SECRET)

    monkeypatch.setattr(terminal, "sees", lambda _: True)
    put("password ", secret=SECRET)

    assert capsys.readouterr().out == f"password {SECRET}\n"


OTHERS = f"""
import logging, sys, threading, warnings
from labeling.secrets import keep
from labeling.terminal import guard, say
guard()
keep({SECRET!r})
hostile = "\\x1b]0;owned\\x07\\x9b2J {SECRET}"
print("print", hostile)
print("err", hostile, file=sys.stderr)
sys.stdout.write("write " + hostile + "\\n")
sys.stdout.writelines(["lines ", hostile, "\\n"])
warnings.warn("warning " + hostile)
logging.getLogger("other").error("log %s", hostile)
logging.basicConfig(force=True)
logging.getLogger("other").error("root %s", hostile)
from rich.console import Console
Console().print("rich", hostile)
import click, typer
click.echo("click " + hostile)
typer.echo("typer " + hostile)
sys.__stdout__ is sys.stdout or print("\\x1b[1;31mcolours of packages\\x1b[0m stay")
assert not hasattr(sys.stdout, "buffer")
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_other_packages_print_is_made_harmless(encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    done = subprocess.run([sys.executable, "-c", OTHERS], capture_output=True, env=environment, check=True)

    said = done.stdout + done.stderr
    for what in ("print", "err", "write", "lines", "warning", "log", "root", "rich", "click", "typer"):
        assert re.search(rf"{what}.*\]0;owned.*\*{{8}}".encode(), said), what
    assert b"sesame" not in said
    assert b"\x1b]" not in said
    assert b"\x07" not in said
    assert b"\x1b[1;31mcolours of packages\x1b[0m stay" in said


BAR = f"""
import sys, warnings
from labeling.secrets import keep
from labeling.terminal import guard, say
guard()
keep({SECRET!r})
from labeling.cli import console
hostile = "\\x1b]0;owned\\x07[red]x[/red] {SECRET}\\nError: fake"
for n in console.track(range(3), hostile):
    say("said " + hostile)
    warnings.warn(f"warned {{n}} " + hostile)
    print("printed " + hostile, file=sys.stderr)
with console.meter(hostile, 10) as advance:
    advance(5, 1)
say("after " + hostile)
"""


def test_bar_draws_and_data_do_not() -> None:
    said = _in_a_terminal([sys.executable, "-c", BAR]).decode()

    assert "\x1b[?25l" in said  # the bar itself may
    assert "\x1b]" not in said
    assert "\x07" not in said
    assert "sesame" not in said
    assert "[red]x[/red]" in said
    for what in ("said", "warned 0", "printed", "after"):
        assert re.search(rf"{what} ␛\]0;owned␇\[red\]x\[/red\] \*{{8}}", said), what


def _in_a_terminal(command: list[str], **environment: str) -> bytes:
    """All that the command prints to a terminal of its own, stdout and stderr together."""
    number, name = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=name,
        stdout=name,
        stderr=name,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"} | environment,
    )
    os.close(name)
    said = b""
    try:
        while chunk := os.read(number, 65536):
            said += chunk
    except OSError:  # Linux's end of file of a terminal
        pass
    process.wait()
    os.close(number)
    return said


@pytest.mark.parametrize("mode", ["escape codes", "escape codes in an error", "a token in a detail"])
def test_server_draws_nothing_on_a_terminal(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Hostile() as server:
        server.add(2)
        Path("labeling.toml").write_text(f'[studio]\nurl = "{server.url}"\nproject = 1\n', encoding="utf-8")
        server.mode = mode
        program = str(Path(sys.executable).with_name("labeling"))
        said = b"".join(
            _in_a_terminal([program, command], LABEL_STUDIO_API_KEY=TOKEN) for command in ("doctor", "pull", "status")
        ).decode()

    for signs in ("\x1b]", "\x07", "\x1b[2J", "\u202e", "\u2066", TOKEN[:12], "Traceback", "bug"):
        assert signs not in said
    assert ("␛]0;owned␇␛[2J" in said) == mode.startswith("escape")
    assert (STARS in said) == (mode == "a token in a detail")


def test_line_reaches_a_pipe_at_once() -> None:
    code = "import sys, time; from labeling.terminal import guard, put; guard(); put('line'); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout

    assert process.stdout.readline() == "line\n"  # long before its end
    assert process.poll() is None
    process.kill()
    process.wait()
    process.stdout.close()


def test_only_the_terminal_prints() -> None:
    ways = re.compile(
        r"\bprint\(|\becho\(|\bsecho\(|\bstyle\(|\bConsole\(|sys\.(?:__)?std(?:out|err)(?:__)?\.(?:write|buffer)"
    )
    allowed = {
        "terminal.py": ways,
        # a program of its own, in Label Studio's Django, which answers the one that started it
        "studio/accounts_in_django.py": re.compile(r"sys\.stdout\.write"),
        "cli/console.py": re.compile(r"Console\(file=for_rich\(sys\.std(?:out|err)\)\)(?:\.print\()?"),
    }
    package = Path(terminal.__file__).parent
    found = [
        f"{file.relative_to(package)}:{number}: {line.strip()}"
        for file in sorted(package.rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if ways.search(_less(line, allowed.get(str(file.relative_to(package)))))
        and not line.strip().startswith((">>> ", "... "))
    ]

    assert found == []


def _less(line: str, allowed: "re.Pattern[str] | None") -> str:
    return allowed.sub("", line) if allowed else line
