"""Shares and folds of documents in which near-duplicates stay together; the same for the same seed and documents."""

import hashlib
from collections.abc import Hashable, Iterable, Sequence


def nested(groups: Sequence[Hashable], keys: Sequence[str], shares: Iterable[float], seed: int) -> list[list[int]]:
    """The numbers of the documents that make each share, in order; a larger share has all of the smaller ones.

    Documents of one group are taken together. The order of the groups follows from a hash of the seed and their least
    key, so that it depends neither on the order of the documents nor on the others. A share is reached by the fewest
    groups that have as many documents; there is at least one.

    Args:
        groups: Of each document, which group of near-duplicates it belongs to.
        keys: Of each document, something that stays: the digest of its text.
        shares: Over 0 and up to 1.
        seed: Another one gives another order.
    """
    order = _shuffled(groups, keys, seed)
    found = []
    for share in shares:
        taken: list[int] = []
        for members in order:
            if taken and len(taken) >= share * len(groups) - 1e-9:
                break
            taken += members
        found.append(sorted(taken))
    return found


def folds(groups: Sequence[Hashable], keys: Sequence[str], count: int, seed: int) -> list[list[int]]:
    """The numbers of the documents in each of so many folds, about as many documents in each; groups stay together.

    With fewer groups than folds, some are empty.
    """
    found: list[list[int]] = [[] for _ in range(count)]
    for members in _shuffled(groups, keys, seed):
        min(found, key=len).extend(members)
    return [sorted(fold) for fold in found]


def _shuffled(groups: Sequence[Hashable], keys: Sequence[str], seed: int) -> list[list[int]]:
    """The numbers of each group's documents, the groups in an order that follows from the seed and their least key."""
    members: dict[Hashable, list[int]] = {}
    for number, group in enumerate(groups):
        members.setdefault(group, []).append(number)
    least = {group: min(keys[number] for number in numbers) for group, numbers in members.items()}
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed}:{least[group]}".encode()).digest())
    return [members[group] for group in order]
