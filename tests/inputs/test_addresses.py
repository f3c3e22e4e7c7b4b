"""Addresses in place of paths: refused by name, without what may be secret in them."""

from pathlib import Path

import pytest

from labeling.inputs.broken import shown

ADDRESSES = {
    "https://user:hunter2@127.0.0.1:9/a.json?sig=SECRET#top": "https://127.0.0.1:9/a.json",
    "https://example.org/a.json": "https://example.org/a.json",
    "s3://key:pw@bucket/a@b.json": "s3://bucket/a@b.json",
    "file:///data/a.json": "file:///data/a.json",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_secrets_of_an_address_are_left_out(address: str):
    assert shown(address) == ADDRESSES[address]


@pytest.mark.parametrize("command", [("annotate", "-o", "t.jsonl"), ("convert", "-o", "out", "--schema", "auto")])
def test_an_address_is_refused_and_says_what_to_do(run, tmp_path: Path, command: tuple[str, ...]):
    verb, *options = command
    done = run(verb, "https://user:hunter2@127.0.0.1:9/a.json?sig=SECRET", *options)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "https://127.0.0.1:9/a.json: it is an address; only files are read. Download it" in done.stderr
    assert "hunter2" not in done.stderr and "SECRET" not in done.stderr


def test_an_address_is_no_output(run, tmp_path: Path):
    (tmp_path / "a.txt").write_text("Rebels left Tadmor.", encoding="utf-8")
    done = run("annotate", "a.txt", "-o", "s3://key:pw@bucket/out/")
    assert done.returncode == 2 and "Tasks are not written to s3://bucket/out/." in done.stderr
