"""Files that nobody should send: each is named, the others go on, and no command ends in a traceback."""

import gzip
import json
import os
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ROOT, zipped

TEXT = "Rebels attacked Tadmor on Friday, Angela Merkel said."
ARTICLE = json.dumps({"id": "good", "text": TEXT})
TASK = {
    "id": 7,
    "data": {"text": TEXT},
    "annotations": [
        {
            "id": 1,
            "completed_by": 3,
            "updated_at": "2026-01-01T00:00:00Z",
            "result": [
                {
                    "id": "r1",
                    "from_name": "label",
                    "to_name": "text",
                    "type": "labels",
                    "value": {"start": 0, "end": 6, "text": "Rebels", "labels": ["ACTOR"]},
                }
            ],
        }
    ],
}
DEEP = "[" * 200_000 + "]" * 200_000
DEEP_OBJECTS = '{"a":' * 200_000 + "1" + "}" * 200_000
Cases = dict[str, tuple[str | bytes, str]]  # name → content, reason


def bomb(start: bytes) -> bytes:
    """300 MB that are packed in 300 kB."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(start), *(packer.compress(b" " * 1_000_000) for _ in range(300)), packer.flush()]
    return b"".join(parts)


def locked(archive: bytes) -> bytes:
    changed = bytearray(archive)
    changed[changed.index(b"PK\1\2") + 8] |= 1
    return bytes(changed)


def common(good: str) -> Cases:
    """What is hostile to articles and to exports alike; `good` is what a file of either may hold."""
    half = gzip.compress(os.urandom(3000).hex().encode())[:-500]
    return {
        "deep.json": (DEEP, ""),
        "deep-objects.json": (DEEP_OBJECTS, ""),
        "deep.jsonl": (f"{DEEP_OBJECTS}\n{good}\n", ""),
        "deep-open.json": ("[" * 200_000, "cut-off"),
        "deep.json.gz": (gzip.compress(DEEP_OBJECTS.encode()), ""),
        "bomb.jsonl.gz": (bomb(b'{"a": "'), "archive-bomb"),
        "bomb.zip": (zipped({"bomb.jsonl.gz": bomb(b"[")}), "archive-bomb"),
        "half.json.gz": (half, ""),
        "half.zip": (zipped({"a.json": good})[:-30], "broken-archive"),
        "no.zip": (b"PK\3\4 and so on", "broken-archive"),
        "zip.zip": (zipped({"a.zip": zipped({"a.json": good})}), "nested-archive"),
        "gz.json.gz": (gzip.compress(gzip.compress(good.encode())), "nested-archive"),
        "up.zip": (zipped({"../../up.json": good, "/root.json": good, "C:\\c.json": good}), "odd-path"),
        "locked.zip": (locked(zipped({"a.json": good})), "encrypted"),
        "empty.json": ("", "empty"),
        "empty.zip": (zipped({}), "empty"),
        "open.json": (f"[{good}, ", "cut-off"),
        "digits.json": ('{"text": "a", "n": ' + "9" * 5000 + "}", ""),
        "latin.json": (f'[{good}, {{"text": "caf\xe9"}}]'.encode("latin-1"), ""),
        "nul.json": (b"\0" * 5000, ""),
        "nul-inside.json": (b'[{"text": "a\0b"}]', ""),
        "\x1b[2J\x1b]0;owned\x07.json": ("{", "cut-off"),
        "line\nend.json": ("{", "cut-off"),
        "caf\udce9.json": ("{", "cut-off"),
        "x" * 250 + ".json": ("{", "cut-off"),
    }


ARTICLES: Cases = {
    **common(ARTICLE),
    "twice.json": ('{"id": "twice", "text": "First.", "text": "Second."}', "duplicate-key"),
    "twice.csv": ("text,id,text\nFirst.,1,Second.\n", "duplicate-key"),
    "header.csv": ("id,text\n", "empty"),
    "other.csv": ("id;article_text\n1;One.\n", "empty"),
    "list.json": ("[]", "empty"),
    "keys.json": ('{"id": 1, "article_text": "One."}', "empty"),
    "object.json": ('{"id": 2, "text": {"en": "One."}}', "bad-row"),
    "lists.json": (f'{{"news": [{ARTICLE}], "drafts": [{ARTICLE}]}}', "several-lists"),
    "binary.txt": (b"%PDF-1.7\n\xe2\xe3", "unknown-format"),
    "long.txt": ("word " * 5_000_000, "record-too-large"),
    "long.csv": ('id,text\n1,"' + "word " * 5_000_000, "record-too-large"),
    "deep.html": ("<html><body>" + "<div>" * 100_000 + "x", ""),
    "task.json": (json.dumps(TASK), "task-not-article"),
    "what.xyz": ("One.", "unknown-format"),
}
EXPORTS: Cases = {
    **common(json.dumps(TASK)),
    "deep-data.json": (f'[{{"id": 8, "data": {{"text": "One.", "deep": {DEEP}}}}}]', ""),
    "deep-less.json": (f'[{{"id": 8, "data": {{"text": "One.", "deep": {"[" * 900 + "]" * 900}}}}}]', ""),
    "deep-result.json": (f'[{{"id": 8, "data": {{"text": "One."}}, "annotations": [{{"result": {DEEP}}}]}}]', ""),
    "page.json": ("<!doctype html><html><body>Log in</body></html>", "not-an-export"),
    "table.csv": ("id,text,label\n1,a,b\n", "not-an-export"),
}


def write(folder: Path, cases: Cases) -> list[Path]:
    folder.mkdir(exist_ok=True)
    files = []
    for name, (content, _) in cases.items():
        files.append(folder / name)
        files[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    return files


def no_crash(said: str) -> None:
    assert "Traceback" not in said
    assert "This is a bug" not in said


def check(done: "subprocess.CompletedProcess[str]", problems: list[dict[str, Any]], cases: Cases, code: int) -> None:
    no_crash(done.stderr + done.stdout)
    assert done.returncode == code
    assert "\x1b[2J" not in done.stderr + done.stdout
    for name, (_, reason) in cases.items():
        shown = "".join(c if c.isprintable() else "\ufffd" for c in name.replace("\udce9", "\ufffd"))
        found = {p["reason"] for p in problems if f"/{shown}" in p["where"] and p["action"] == "refused"}
        assert found, f"nobody said a word about {name!r}"
        assert not reason or reason in found, (name, reason, found)


def test_annotate_names_every_hostile_file_and_takes_the_good_one(run, tmp_path):
    files = write(tmp_path / "in", ARTICLES)
    good = tmp_path / "good.txt"
    good.write_text(TEXT)
    done = run("annotate", *files, good, "-o", "tasks.json", "--json")
    report = json.loads(done.stdout)
    check(done, report["problems"], ARTICLES, 1)
    texts = [task["data"]["text"] for task in json.loads((tmp_path / "tasks.json").read_text())]
    assert TEXT in texts
    assert not {"First.", "Second."} & set(texts)
    assert not list(tmp_path.parent.glob("up.json"))


def test_annotate_names_every_hostile_file_in_a_folder(run, tmp_path):
    folder = tmp_path / "in"
    write(folder, {name: case for name, case in ARTICLES.items() if "bomb" not in name and "long" not in name})
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "away.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.txt")
    (folder / ".hidden.txt").write_text("One.")
    (folder / "README.txt").write_text("One.")
    done = run("annotate", folder, "-o", "tasks.json", "--json", "--jobs", 1)
    no_crash(done.stderr)
    problems = {(Path(p["where"]).name, p["action"], p["reason"]) for p in json.loads(done.stdout)["problems"]}
    assert problems >= {
        ("away.txt", "refused", "unreadable"),
        ("pipe.txt", "skipped", "passed-over"),
        ("README.txt", "skipped", "passed-over"),
        ("in", "skipped", "hidden"),
        ("what.xyz", "refused", "unknown-format"),
    }
    assert done.returncode == 1


def test_convert_names_every_hostile_file_and_takes_the_good_one(run, tmp_path):
    files = write(tmp_path / "in", EXPORTS)
    good = tmp_path / "good.json"
    good.write_text(json.dumps([TASK]))
    done = run("convert", *files, good, "-o", "out", "--schema", "auto", "--json")
    problems = [json.loads(line) for line in (tmp_path / "out" / "problems.jsonl").read_bytes().splitlines()]
    check(done, problems, EXPORTS, 1)
    docs = (tmp_path / "out" / "docs.jsonl").read_text().splitlines()
    assert TEXT in [json.loads(line)["text"] for line in docs]


@pytest.mark.parametrize("name", ["deep.json", "bomb.zip", "empty.json"])
@pytest.mark.parametrize("command", ["annotate", "convert"])
def test_a_hostile_file_alone_is_an_error_and_not_a_crash(run, tmp_path, command, name):
    (file,) = write(tmp_path / "in", {name: ARTICLES[name]})
    done = run(command, file, "-o", "out.json" if command == "annotate" else "out")
    assert done.returncode == 2
    no_crash(done.stderr)
    assert name in done.stderr


def labeling(*args: object, cwd: Path, stdin: Any = None, given: bytes | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "labeling", *map(str, args)],
        cwd=cwd,
        stdin=stdin,
        input=given,
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    no_crash(done.stderr.decode())
    return done.returncode, done.stderr.decode()


def texts_of(file: Path) -> list[str]:
    return [task["data"]["text"] for task in json.loads(file.read_text())]


LINES = f'{ARTICLE}\n{{"id": "two", "text": "Two people died."}}\n'
FORMS: dict[str, bytes] = {
    "lines": LINES.encode(),
    "gz": gzip.compress(LINES.encode()),
    "zip": zipped({"a.jsonl": LINES.splitlines()[0], "b.csv": "id;text\ntwo;Two people died.\n"}),
    "utf16": f"[{LINES.strip().replace(chr(10), ',')}]".encode("utf-16-le"),
    "table": f'id;text\ngood;"{TEXT}"\ntwo;Two people died.\n'.encode(),
    "wrapped": json.dumps({"total": 2, "articles": [json.loads(line) for line in LINES.splitlines()]}).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_annotate_takes_each_form_from_a_pipe(tmp_path, form):
    assert labeling("annotate", "/dev/stdin", "-o", "t.json", cwd=tmp_path, given=FORMS[form])[0] == 0
    assert texts_of(tmp_path / "t.json") == [TEXT, "Two people died."]


def test_annotate_takes_a_fifo_a_substitution_and_a_redirection(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(FORMS["zip"],))
    writer.start()
    assert labeling("annotate", pipe, "-o", "t.json", cwd=tmp_path)[0] == 0
    writer.join()
    assert texts_of(tmp_path / "t.json") == [TEXT, "Two people died."]
    (tmp_path / "a.jsonl").write_bytes(FORMS["lines"])
    line = f"{sys.executable} -m labeling annotate <(head -1 a.jsonl) /dev/stdin -o t.json < <(tail -1 a.jsonl)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True, capture_output=True, env=environment)
    assert texts_of(tmp_path / "t.json") == [TEXT, "Two people died."]
    with (tmp_path / "a.jsonl").open("rb") as file:
        assert labeling("annotate", "-", "-o", "t.json", cwd=tmp_path, stdin=file)[0] == 0
    assert texts_of(tmp_path / "t.json") == [TEXT, "Two people died."]


def test_annotate_reads_half_of_a_pipe_that_breaks_and_says_so(tmp_path):
    data = gzip.compress(b"".join(f'{{"text": "Part {i} {os.urandom(40).hex()}"}}\n'.encode() for i in range(400)))
    code, said = labeling("annotate", "-", "-o", "t.json", cwd=tmp_path, given=data[:-4000])
    assert code == 1
    assert "it ends too early" in said
    assert len(texts_of(tmp_path / "t.json")) > 200


def test_nothing_read_is_no_success(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csv").write_text("id,text\n")
    (tmp_path / "t.json").write_text("as it was")
    for given in ("empty", "a.csv", "/dev/null"):
        assert labeling("annotate", given, "-o", "t.json", cwd=tmp_path)[0] == 2
    assert labeling("annotate", "-", "-o", "t.json", cwd=tmp_path, given=b"")[0] == 2
    assert (tmp_path / "t.json").read_text() == "as it was"
