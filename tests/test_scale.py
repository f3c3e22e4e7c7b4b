"""The plan to 10^8 articles says what its script reckons, from figures that were measured."""

import runpy
from typing import Any

import pytest

from tests.builders import ROOT

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
FIGURES = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "scale.py"))


def test_tables_of_the_plan_are_those_that_the_script_prints(script: dict[str, Any]):
    tables = script["tables"]()
    assert len(tables) == 6
    for table in tables:
        assert table in PAGE, f"docs/scale.md lacks this table of benchmarks/scale.py:\n{table}"


def test_rates_of_the_plan_are_figures_of_the_benchmarks(script: dict[str, Any]):
    for words in script["QUOTED"]:
        assert words in FIGURES, words
    runs = script["RUNS"]
    assert f"with {', '.join(map(str, list(runs)[:-1]))} and 16 workers" in script["QUOTED"][0]
    assert f"{', '.join(map(str, list(runs.values())[:-1]))} and 14.4 s" in script["QUOTED"][0]
    assert f"${script['CORE_HOUR']}" in PAGE and f"{script['HOURS']} hours" in PAGE
    assert script["TRAINED"] == pytest.approx((4.4 + 4.4 + 4.9) / (7.9 + 8.6 + 8.3), abs=0.03)


@pytest.mark.parametrize(("seconds", "said"), [(3600, "1.0 hours"), (47 * 3600, "47.0 hours"), (49 * 3600, "2.0 days")])
def test_plan_words_its_amounts(script: dict[str, Any], seconds: float, said: str):
    assert script["days"](seconds) == said
    assert [script["amount"](size) for size in (5, 1_580, 25.6e9, 999.6e6)] == ["5 B", "1.58 kB", "25.6 GB", "1 GB"]
