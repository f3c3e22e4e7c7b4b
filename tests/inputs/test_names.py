"""Names of files, and ids of articles, in temporary databases."""

from collections.abc import Callable
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.core.article import Article
from labeling.errors import InputError
from labeling.ingest.known import Known
from labeling.inputs.names import Names

NAMES = st.lists(st.text("ab.\u00e9\U0001f600", min_size=1, max_size=3).filter(lambda n: n.strip(".")), min_size=1)


@given(st.lists(NAMES.map("/".join), max_size=30))
def test_names_come_once_and_in_the_order_of_paths(given_names: list[str]):
    names = Names()
    added = [name for name in given_names if names.add(name)]
    assert sorted(added) == sorted(set(given_names))
    assert [name for name, _, _ in names] == [str(path) for path in sorted(map(PurePosixPath, added))]
    names.close()


@pytest.mark.parametrize(
    ("database", "add"),
    [
        (Names(), lambda names, n: names.add(f"{n}" * 200)),
        (Known(), lambda known, n: known.add(Article(doc_id=f"a{n}", text=f"{n}"), "x" * 200)),
    ],
)
def test_a_full_disk_is_told(database: Names | Known, add: Callable[[object, int], object]):
    database._db.execute("PRAGMA max_page_count = 9")
    with pytest.raises(InputError, match="Cannot write to the folder for temporary files: database or disk is full"):
        for number in range(100_000):
            add(database, number)
    database.close()
