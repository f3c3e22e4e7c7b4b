"""The examples in docstrings are so, in every module that has any."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from tests.builders import ROOT

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted(ROOT.glob("labeling/**/*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_give_what_they_say(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(import_module(module))
    assert (results.failed, results.attempted > 0) == (0, True)
