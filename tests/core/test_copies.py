"""Near-duplicates: what a signature tells, and what clusters join."""

import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.core.bands import ROWS, find, join
from labeling.core.copies import SIZE, clusters
from labeling.core.copies import signature as signature_of
from labeling.core.words import words

WORDS = [f"word{n}" for n in range(400)]
TEXT = " ".join(WORDS)


def signature(text: str) -> bytes:
    return signature_of(words(text))


def likeness(one: str, other: str) -> float:
    """The share of rows that two texts have in common."""
    rows = [np.frombuffer(signature(text), dtype="<u4") for text in (one, other)]
    return float((rows[0] == rows[1]).mean())


def random_rows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**32, (n, ROWS), dtype=np.uint32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", "  \n"),
        ("Fire", "fire!"),
        ("Fire rages", "“FIRE” — rages."),
        ("Fire in Paris", "fire in: Paris"),
        ("Don't panic, said the U.S. envoy.", "DON’T PANIC said the U S envoy"),
        ("Straße gesperrt nach Brand", "STRASSE GESPERRT NACH BRAND"),
        ("火灾发生在巴黎，三人死亡。警方正在调查。", "火灾发生在巴黎 三人死亡 警方正在调查"),
        ("😀 😀", "😀\n😀"),
        ("\ud800", "\udfff"),  # neither can be written: both are a question mark
    ],
)
def test_copies_signature_does_not_see_case_punctuation_and_space(one: str, other: str):
    assert signature(one) == signature(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("", "a"), ("Fire", "Flood"), ("Fire rages", "rages fire"), ("😀", "😀😀"), ("!", "?"), ("a b c", "a c b")],
)
def test_copies_signature_tells_short_texts_apart(one: str, other: str):
    assert likeness(one, other) < 0.2


@given(st.text(st.characters()))
def test_copies_signature_takes_any_text(text: str):
    assert len(signature(text)) == SIZE == 256
    assert signature(text) == signature(text)


def test_copies_signature_of_a_text_with_many_odd_characters_is_the_same_as_with_few():
    odd = "".join(map(chr, range(0x2190, 0x2290)))  # 256 arrows and operators
    assert signature(f"{TEXT} {odd}") == signature(f"{TEXT} ←")


@pytest.mark.parametrize("kept", [200, 240, 300, 360, 396])
def test_copies_signature_estimates_the_similarity_of_shingles(kept: int):
    cut = " ".join(WORDS[:kept])
    assert likeness(TEXT, cut) == pytest.approx((kept - 2) / 398, abs=0.19)  # three standard errors


def test_copies_signature_is_the_same_in_another_process():
    program = "from labeling.core.copies import signature; from labeling.core.words import words; "
    program += f"print(signature(words({TEXT!r})).hex())"
    env = os.environ | {"PYTHONHASHSEED": "7"}
    found = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == signature(TEXT).hex()


def test_copies_clusters_are_numbered_by_their_first_member():
    texts = ["Alone.", TEXT, "Other.", f"Headline. {TEXT}", "other", " ".join(WORDS[:370]), "alone"]
    assert clusters([signature(text) for text in texts]).tolist() == [0, 1, 2, 1, 2, 1, 0]


@pytest.mark.parametrize(
    ("equal", "threshold", "joined"),
    [(39, 0.6, True), (38, 0.6, False), (32, 0.5, True), (31, 0.5, False), (64, 1.0, True), (63, 1.0, False)],
)
def test_copies_clusters_join_from_the_threshold_on(equal: int, threshold: float, joined: bool):
    rows = random_rows(2)
    rows[1, :equal] = rows[0, :equal]
    assert clusters(rows, threshold).tolist() == [0, 0 if joined else 1]


def test_copies_clusters_need_a_band_of_four_rows_in_common():
    rows = random_rows(2)
    rows[1] = rows[0]
    rows[1, ::4] += 1  # 48 of 64 rows are equal, but no band
    assert clusters(rows).tolist() == [0, 1]


def test_copies_clusters_are_transitive():
    rows = np.repeat(random_rows(1), 200, axis=0)
    fresh = random_rows(200, seed=1)
    for n in range(1, 200):  # each differs from the one before in one row, and from the first soon in all
        rows[n] = rows[n - 1]
        rows[n, n % ROWS] = fresh[n, 0]
    assert not (rows[0] == rows[-1]).any()
    shuffled = np.random.default_rng(2).permutation(200)
    assert set(clusters(rows[shuffled]).tolist()) == {0}


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(0, 9), kinds=st.integers(1, 3), edits=st.floats(0, 0.5))
def test_copies_clusters_are_the_pairs_that_share_a_band_and_enough_rows(seed: int, n: int, kinds: int, edits: float):
    random = np.random.default_rng(seed)
    rows = random_rows(kinds, seed)[random.integers(0, kinds, n)]
    rows[random.random(rows.shape) < edits] += 1
    number = list(range(n))
    for a, b in combinations(range(n), 2):
        equal = rows[a] == rows[b]
        if equal.sum() >= 39 and equal.reshape(16, 4).all(axis=1).any():
            low, high = sorted((number[a], number[b]))
            number = [low if x == high else x for x in number]
    assert clusters(rows).tolist() == number
    assert clusters([row.astype("<u4").tobytes() for row in rows]).tolist() == number
    assert clusters(rows.astype(np.int64)).tolist() == number


def test_copies_clusters_of_many_with_the_same_boilerplate_are_found_by_the_row_that_follows():
    rows = np.repeat(random_rows(2000), 5, axis=0)
    rows[:, 3::4] = random_rows(10_000, seed=1)[:, 3::4]  # no band is shared
    rows[:, :4] = rows[0, :4]  # but for the one that all have
    assert clusters(rows).tolist() == [n // 5 * 5 for n in range(10_000)]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), boilerplate=st.sampled_from([0, 4, 5, 36]))
def test_copies_clusters_do_not_depend_on_the_order(seed: int, boilerplate: int):
    random = np.random.default_rng(seed)
    rows = random_rows(20, seed)[random.integers(0, 20, 120)]
    rows[:, 3::4] = random_rows(120, seed + 1)[:, 3::4]
    rows[:, :boilerplate] = rows[0, :boilerplate]  # at 5, which pairs are looked at is up to a last tie
    order = random.permutation(120)
    one, other = clusters(rows), clusters(rows[order])
    for place, text in enumerate(order):
        assert set(np.flatnonzero(one == one[text])) == set(order[np.flatnonzero(other == other[place])])


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=3), max_size=4))
def test_copies_join_makes_the_lowest_the_root_of_each_set(batches: list[list[tuple[int, int]]]):
    root, expected = np.arange(6), list(range(6))
    for batch in batches:
        a, b = np.array(batch, dtype=np.int64).reshape(-1, 2).T
        join(root, a, b)
        for x, y in batch:
            low, high = sorted((expected[x], expected[y]))
            expected = [low if found == high else found for found in expected]
        assert find(root, np.arange(6)).tolist() == expected


@pytest.mark.parametrize("shared", [64, 40, 36, 4, 0])
def test_copies_clusters_stay_near_linear(shared: int):
    rows = random_rows(20_000)
    rows[:, :shared] = rows[0, :shared]  # 200 million pairs, if each were compared with each
    assert clusters(rows).tolist() == ([0] * 20_000 if shared >= 39 else list(range(20_000)))


@pytest.mark.parametrize(
    ("signatures", "threshold", "said"),
    [
        ([b"x" * 256, b"x" * 255], 0.6, "signature 1 has 255 bytes, not 256"),
        (np.zeros((2, 63), dtype=np.uint32), 0.6, "not integers"),
        (np.zeros(64, dtype=np.uint32), 0.6, "not integers"),
        (np.zeros((2, 64)), 0.6, "not integers"),
        ([], 0, "threshold 0 is not over 0 and up to 1"),
        ([], 1.01, "threshold"),
        ([], float("nan"), "threshold"),
    ],
)
def test_copies_clusters_refuse_what_is_no_signature(signatures: object, threshold: float, said: str):
    with pytest.raises(ValueError, match=said):
        clusters(signatures, threshold)


def test_copies_clusters_of_nothing_are_none():
    assert clusters([]).tolist() == clusters(np.empty((0, 64), dtype=np.uint32)).tolist() == []
    assert clusters([signature("a")]).tolist() == [0]
