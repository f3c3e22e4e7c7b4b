"""Shares and folds of documents that keep near-duplicates together, and follow from the seed and the documents."""

import hashlib
import re
from collections.abc import Hashable, Iterable, Sequence

PER_CENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?) ?%")


def per_cent(said: str) -> float | None:
    """The number that a share such as "12.5%" names; None if it names none from 0 to 100."""
    found = PER_CENT.fullmatch(said.strip())
    return float(found[1]) if found and float(found[1]) <= 100 else None


def is_in_share(doc_id: str, share: float, of: str) -> bool:
    """Whether an article is in a share, in per cent; shares of different things have nothing to do with each other.

    The answer depends on nothing else, and a larger share has all articles of a smaller one.
    """
    digest = hashlib.sha256(f"{of} {doc_id}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * 100 < share


def nested(groups: Sequence[Hashable], keys: Sequence[str], shares: Iterable[float], seed: int) -> list[list[int]]:
    """The indices of the documents in each share, sorted; a larger share includes the smaller ones.

    Documents of a group stay together. Groups are ordered by a hash of the seed and their least key, so that the order
    does not depend on that of the documents, nor on other documents. A share takes as few groups as give it enough
    documents, but at least one.

    Args:
        groups: The group of near-duplicates of each document.
        keys: A stable key of each document: the digest of its text.
        shares: Over 0 and up to 1.
        seed: Another seed gives another order.
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
    """The indices of the documents in each of `count` folds of about equal size; groups stay together.

    With fewer groups than folds, some folds are empty.
    """
    found: list[list[int]] = [[] for _ in range(count)]
    for members in _shuffled(groups, keys, seed):
        min(found, key=len).extend(members)
    return [sorted(fold) for fold in found]


def _shuffled(groups: Sequence[Hashable], keys: Sequence[str], seed: int) -> list[list[int]]:
    """The indices of each group's documents, with groups in an order that follows from the seed and their least key."""
    members: dict[Hashable, list[int]] = {}
    for number, group in enumerate(groups):
        members.setdefault(group, []).append(number)
    least = {group: min(keys[number] for number in numbers) for group, numbers in members.items()}
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed}:{least[group]}".encode()).digest())
    return [members[group] for group in order]
