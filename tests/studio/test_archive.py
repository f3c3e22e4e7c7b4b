"""Archives that somebody forged: one message each, exit code 2, bounded memory and disk, nothing changed."""

import gzip
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labeling.errors import InputError
from labeling.studio import archive
from labeling.studio.archive import unpack

ZEROS = bytes(tarfile.BLOCKSIZE)


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % tarfile.BLOCKSIZE)


def file(name: str, data: bytes = b"x") -> bytes:
    return header(name, len(data)) + padded(data)


def record(key: str, value: bytes) -> bytes:
    """A record of the pax format, whose length counts its own digits."""
    rest = b" " + key.encode() + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def pax(data: bytes, kind: bytes = tarfile.XHDTYPE, size: int | None = None) -> bytes:
    return header("././@PaxHeader", len(data) if size is None else size, kind) + padded(data)


def whole(*members: tuple[str, bytes]) -> bytes:
    """An archive that is as it should be, without its end."""
    return b"".join(file(name, data) for name, data in members) + file("manifest.json", manifest(dict(members)))


def manifest(contents: dict[str, bytes]) -> bytes:
    found = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()}
    said = {"made": "2026-03-01T06:00:00Z", "label_studio": "", "database": "sqlite", "counts": {}, "members": found}
    return json.dumps(said).encode()


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[bytes], str]:
    """Why an archive of these bytes is refused."""

    def why(content: bytes) -> str:
        (tmp_path / "a.tar.gz").write_bytes(gzip.compress(content, 1))
        (tmp_path / "stage").mkdir()
        with pytest.raises(InputError) as caught:
            unpack(tmp_path / "a.tar.gz", tmp_path / "stage")
        assert "is not a valid backup: " in caught.value.message
        assert len(caught.value.message) < 500
        return caught.value.message.rpartition("backup: ")[2]

    return why


def test_what_tarfile_writes_is_read(tmp_path: Path) -> None:
    """Long names, names in any script, empty files and files of many blocks."""
    contents = {
        archive.DATABASE: b"database",
        "data/empty": b"",
        "data/media/" + "n" * 200: b"1" * 511,
        "data/media/Ω å 中文 👩‍👩‍👧": b"2" * 1025,
        "data/" + "d" * 90 + "/" + "f" * 90: b"3" * 512,
        "data/large": os.urandom(3 << 20),
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as made:
        found = {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()
        }
        manifest = {
            "made": "2026-03-01T06:00:00Z",
            "label_studio": "",
            "database": "sqlite",
            "counts": {},
            "members": found,
        }
        for name, data in {**contents, "manifest.json": json.dumps(manifest).encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
    (tmp_path / "a.tar.gz").write_bytes(out.getvalue())
    (tmp_path / "stage").mkdir()
    unpack(tmp_path / "a.tar.gz", tmp_path / "stage")
    assert {name: (tmp_path / "stage" / name).read_bytes() for name in contents} == contents


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pax(record("path", b"data/a\0b")) + file("x"), r"it has a file 'data/a\x00b'"),
        (pax(b"\0" * 40) + file("x"), "one of its headers is damaged"),
        (pax(b"9999999999 path=data/a\n") + file("x"), "one of its headers is damaged"),
        (pax(b"0 path=data/a\n") + file("x"), "one of its headers is damaged"),
        (pax(b"-5 path=data/a\n") + file("x"), "one of its headers is damaged"),
        (pax(b"\xd9\xa1 path=data/a\n") + file("x"), "one of its headers is damaged"),
        (pax(record("GNU.sparse.size", b"9")) + file("x"), "not one that `labeling` writes"),
        (pax(record("linkpath", b"/etc")) + file("x"), "not one that `labeling` writes"),
        (pax(record("path", b"/etc/evil")) + file("x"), "it has a file '/etc/evil'"),
        (pax(record("path", b"data/../../evil")) + file("x"), "it has a file 'data/../../evil'"),
        (pax(record("size", b"-1")) + file("data/x"), "no valid size"),
        (pax(record("size", b"1" * 30)) + file("data/x"), "no valid size"),
        (pax(record("size", "²".encode())) + file("data/x"), "no valid size"),
        (pax(b"", size=500 << 20), "one of its headers has 524,288,000 bytes"),
        (pax(b"", tarfile.XGLTYPE) + file("x"), "is not a file"),
        (pax(b"", tarfile.GNUTYPE_LONGNAME, 500 << 20), "is not a file"),
        (pax(b"", tarfile.GNUTYPE_LONGLINK, 500 << 20), "is not a file"),
        (pax(b"", tarfile.SOLARIS_XHDTYPE, 500 << 20), "is not a file"),
        (pax(record("path", b"data/a")) * 2 + file("x"), "is not a file"),
        (pax(record("path", b"data/a")) + ZEROS * 2, "a header has no file"),
        (header("data/x", kind=tarfile.GNUTYPE_SPARSE), "is not a file"),
        (header("manifest.json", 65 << 20), "'manifest.json' has 68,157,440 bytes"),
        (header("credentials.json", 1 << 30), "'credentials.json' has"),
        (file("data/x") + file("data/x"), "it has 'data/x' twice"),
        (file("data/x") + file("data/x/y"), "or as a folder too"),
        (file("data/x/y") + file("data/x"), "or as a folder too"),
        (file("data/label_studio.sqlite3-wal"), "it has a file 'data/label_studio.sqlite3-wal'"),
        (b"x" * 512, "it is damaged or cut off"),
        (file("data/x"), "it is damaged or cut off"),
        (header("data/x", 1 << 20) + b"x" * 1000, "it is damaged or cut off"),
        (b"", "it is damaged or cut off"),
        (ZEROS * 2, "it has no manifest"),
        (whole(("data/x", b"x")) + ZEROS * 2, "it has no database"),
        (whole((archive.DATABASE, b"x"), ("database.sql", b"x")) + ZEROS * 2, "it has no database"),
        (whole((archive.DATABASE, b"x")) + file("data/more") + ZEROS * 2, "not what its manifest says: 'data/more'"),
        (whole((archive.DATABASE, b"x")) + ZEROS * 2 + b"more", "something behind its end"),
        (whole((archive.DATABASE, b"x")) + ZEROS * 3000, "something behind its end"),
        (file("manifest.json", b"[" * 100_000) + ZEROS * 2, "its manifest is unknown"),
        (file("manifest.json", b'{"members": {"a": ') + ZEROS * 2, "its manifest is unknown"),
    ],
)
def test_forged_archive_is_refused_in_one_sentence(refused: Callable[[bytes], str], content: bytes, said: str) -> None:
    assert said in refused(content)


def test_number_of_files_has_a_limit(refused: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    assert refused(b"".join(file(f"data/{n}") for n in range(4))) == "it has more than 3 files."


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size >> 20):
        yield bytes(1 << 20)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (header("././@PaxHeader", 500 << 20, tarfile.XHDTYPE), "one of its headers has 524,288,000 bytes"),
        (header("././@LongLink", 500 << 20, tarfile.GNUTYPE_LONGNAME), "is not a file"),
        (header("data/bomb", 2 << 30), "it expands to more than 200 times its size"),
        (whole((archive.DATABASE, b"x")) + ZEROS * 2, "something behind its end"),
    ],
)
def test_bomb_takes_neither_memory_nor_disk(tmp_path: Path, head: bytes, said: str) -> None:
    """500 MB of zeros behind a header, in half a megabyte: the command has 400 MB of memory."""
    with gzip.open(tmp_path / "bomb.tar.gz", "wb", 6) as out:
        out.write(head)
        for chunk in chunks(500 << 20):
            out.write(chunk)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (300 << 20, resource.RLIM_INFINITY))

    program = Path(sys.executable).with_name("labeling")
    done = subprocess.run(
        [program, "studio", "restore", "bomb.tar.gz", "-w", "w"],
        cwd=tmp_path, capture_output=True, text=True, preexec_fn=limit, timeout=60, check=False,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
    assert not (tmp_path / "w" / ".labeling" / "studio" / "restoring").exists()
