import pytest

from labeling.core.wording import first_lines, listed


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, ""), (1, "0"), (2, "0, 1"), (3, "0, 1 and 1 more"), (12_345, "0, 1 and 12,343 more")],
)
def test_listed_names_two_and_counts_the_others(number: int, said: str):
    assert listed(map(str, range(number)), 2) == said


def test_listed_takes_what_stands_between():
    assert listed(["a is missing", "b is 3", "c is 4"], 2, "; ") == "a is missing; b is 3 and 1 more"


@pytest.mark.parametrize(
    ("number", "total", "said"),
    [
        (0, None, []),
        (2, None, ["0", "1"]),
        (3, None, ["0", "1", "… and 1 more"]),
        (2_000, None, ["0", "1", "… and 1,998 more"]),
        (2, 2, ["0", "1"]),
        (2, 9, ["0", "1", "… and 7 more"]),
        (1, 9, ["0", "… and 8 more"]),
        (0, 9, ["… and 9 more"]),
    ],
)
def test_first_lines_count_what_is_not_shown(number: int, total: int | None, said: list[str]):
    assert first_lines(map(str, range(number)), 2, total) == said
