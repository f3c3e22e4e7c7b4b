"""Shares and folds of documents: nested, whole groups, the same whatever the order."""

import random

from hypothesis import given
from hypothesis import strategies as st

from labeling.core.shares import folds, nested

GROUPS = st.lists(st.integers(0, 12), min_size=1, max_size=40)
SHARES = [0.25, 0.5, 0.75, 1.0]


def keys_of(groups: list[int]) -> list[str]:
    return [f"{number:03}" for number in range(len(groups))]


@given(GROUPS, st.integers(0, 5))
def test_a_larger_share_has_all_of_the_smaller_and_whole_groups(groups: list[int], seed: int):
    found = nested(groups, keys_of(groups), SHARES, seed)
    assert found[-1] == list(range(len(groups)))
    for share, smaller, larger in zip(SHARES, [[], *found], found, strict=False):
        assert {*smaller} <= {*larger}
        assert len(larger) >= share * len(groups)
        for group in {groups[number] for number in larger}:
            assert {n for n, other in enumerate(groups) if other == group} <= {*larger}


@given(GROUPS, st.integers(0, 5), st.randoms(use_true_random=False))
def test_shares_do_not_depend_on_the_order_of_the_documents(groups: list[int], seed: int, chance: random.Random):
    keys, order = keys_of(groups), [*range(len(groups))]
    chance.shuffle(order)
    other = nested([groups[n] for n in order], [keys[n] for n in order], SHARES, seed)
    assert [sorted(order[n] for n in share) for share in other] == nested(groups, keys, SHARES, seed)


def test_another_seed_gives_another_order():
    groups = [*range(40)]
    assert len({tuple(nested(groups, keys_of(groups), [0.25], seed)[0]) for seed in range(5)}) == 5


@given(GROUPS, st.integers(1, 6))
def test_folds_have_every_document_once_and_whole_groups(groups: list[int], count: int):
    found = folds(groups, keys_of(groups), count, seed=0)
    assert len(found) == count
    assert sorted(number for fold in found for number in fold) == list(range(len(groups)))
    where = [{groups[number] for number in fold} for fold in found]
    assert sum(map(len, where)) == len(set(groups))


def test_folds_without_copies_are_about_the_same_size():
    sizes = [len(fold) for fold in folds([*range(29)], keys_of([*range(29)]), 5, seed=0)]
    assert sorted(sizes) == [5, 6, 6, 6, 6]
