import pytest

from labeling.core.labels import LabeledDoc
from labeling.nlp.learn.reviews import Reviews


def reviewed(documents: int, clusters: list[int] | None = None) -> Reviews:
    docs = tuple(LabeledDoc(doc_id=str(n), text=f"Report {n} of the day.") for n in range(documents))
    return Reviews(docs, tuple(clusters or range(documents)))


@pytest.mark.parametrize(("documents", "folds"), [(1, 1), (2, 2), (4, 4), (5, 5), (9, 5), (30, 5)])
def test_there_are_as_many_folds_as_there_can_be(documents, folds):
    found = reviewed(documents).folds(5, 0)
    assert len(found) == folds
    assert all(found)
    assert found == reviewed(documents).folds(5, 0)


def test_near_duplicates_stay_together():
    clusters = [n // 3 for n in range(60)]
    for fold in reviewed(60, clusters).folds(5, 3):
        assert all({3 * (n // 3), 3 * (n // 3) + 1, 3 * (n // 3) + 2} <= set(fold) for n in fold)
