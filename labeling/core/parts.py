"""Splitting documents into train, dev and test, so that no copy of a test document is trained on."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from labeling.core.article import digest
from labeling.core.copies import clusters, signature
from labeling.core.split import PARTS, By, Part, Split, position
from labeling.core.value import Value
from labeling.core.words import words

PRECEDENCE: tuple[Part, ...] = ("test", "dev", "train")
YEAR_OR_MONTH = re.compile(r"[0-9]{4}(-[0-9]{2})?")


@dataclass(frozen=True, slots=True)
class Candidate:
    """The properties of a document that decide its part; `candidate` makes one.

    Attributes:
        digest: The digest of its text.
        position: Its text's position between 0 and 100 (`labeling.core.split.position`).
        signature: The MinHash of its text (`labeling.core.copies.signature`).
        source: The outlet that it came from, or "".
        published: An ISO 8601 date or date and time, or "".
    """

    digest: str
    position: float
    signature: bytes
    source: str = ""
    published: str = ""


class SplitReport(Value):
    """How the documents were split.

    Attributes:
        by: What decided the part: text, source or date.
        wanted: Each part's requested share, in per cent.
        got: Each part's share of the documents, in per cent.
        documents: Each part's number of documents.
        kept: Documents that keep their part from an earlier export.
        new: The other documents.
        clusters: Clusters of near-duplicates, of more than one document each.
        in_clusters: Documents in them.
        exact_copies: Documents with the same text as another one, beyond the first.
        conflicts: Clusters that an earlier export has in several parts. Their new members go to test, else to dev.
        moved_with_copies: New documents that are in another part than they would be without their copies.
        divided_sources: By source: sources in several parts, because of copies or an earlier export.
        undated: By date: new documents without a valid date.
        borders: By date: the dates from which new documents belong to dev, and to test, in UTC.
    """

    by: By
    wanted: dict[Part, int]
    got: dict[Part, float]
    documents: dict[Part, int]
    kept: int
    new: int
    clusters: int
    in_clusters: int
    exact_copies: int
    conflicts: int
    moved_with_copies: int
    divided_sources: int = 0
    undated: int = 0
    borders: dict[Part, str]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Each candidate's part and cluster, in order, and a report. A cluster's number is the index of its first text."""

    parts: list[Part]
    clusters: list[int]
    report: SplitReport


def candidate(text: str, source: str = "", published: str = "") -> Candidate:
    """The candidate of a document with this text."""
    found = words(text)
    return Candidate(digest(text), position(found), signature(found), source, published)


def assign(
    items: Sequence[Candidate],
    split: Split,
    frozen: Mapping[str, Part] | None = None,
    signatures: NDArray[np.integer] | None = None,
) -> Assignment:
    """The part of each document; `frozen` are the parts of an earlier export, by the digests of its texts.

    `signatures` are those of the items in one array, (n, 64), if the items do not have them, which takes less memory.

    A document of the earlier export keeps its part. Near-duplicates stay together: new copies of such a document join
    it (if its copies are in different parts, test comes before dev, dev before train), and one member decides for a
    cluster of new documents:

    - by text, the member with the smallest digest, by its text's position between 0 and 100. A document never moves
      when others are added, unless they are copies of it.
    - by source, the same member, by the position of its source's name, whatever its case, spacing and punctuation. So
      all documents of a source stay together, and with few sources the shares are rough. Without one, the text decides.
    - by published, the newest member: the oldest go to train, the newest to test, with borders that bring the shares
      of all documents, including kept ones, as close to the wanted shares as possible. Equal dates are never divided.
      A date without a time is midnight, a time without a zone is UTC, a year or a month is its first day. A cluster
      without a date goes to train.

    The order of the items does not matter.

    Raises:
        ValueError: `frozen` names an unknown part.
    """
    frozen = frozen or {}
    if unknown := sorted({str(part) for part in frozen.values()} - {*PARTS}):
        raise ValueError(f"the earlier export has unknown parts: {', '.join(unknown)}")
    found = clusters([item.signature for item in items] if signatures is None else signatures)
    numbers: list[int] = found.tolist()
    members: dict[int, list[int]] = {}
    for i, number in enumerate(numbers):
        members.setdefault(number, []).append(i)

    parts: list[Part | None] = [frozen.get(item.digest) for item in items]
    is_new = [part is None for part in parts]
    conflicts = 0
    free: list[list[int]] = []
    for group in members.values():
        known = {part for i in group if (part := parts[i])}
        conflicts += len(known) > 1
        if not known:
            free.append(group)
            continue
        heir = next(part for part in PRECEDENCE if part in known)
        for i in group:
            parts[i] = parts[i] or heir

    leaders = [_leader([items[i] for i in group], split.by) for group in free]
    borders: dict[Part, datetime] = {}
    if split.by == "published":
        fixed = Counter(part for part in parts if part)
        borders = _borders(zip(leaders, map(len, free), strict=True), split, fixed, len(items))
    own = _rule(split, borders)
    for leader, group in zip(leaders, free, strict=True):
        part = own(leader)
        for i in group:
            parts[i] = part

    done: list[Part] = [part for part in parts if part]
    counts = Counter(done)
    copied = [group for group in members.values() if len(group) > 1]
    report = SplitReport(
        by=split.by,
        wanted=split.shares,
        got={part: round(100 * counts[part] / max(1, len(items)), 2) for part in PARTS},
        documents={part: counts[part] for part in PARTS},
        kept=len(items) - sum(is_new),
        new=sum(is_new),
        clusters=len(copied),
        in_clusters=sum(map(len, copied)),
        exact_copies=len(items) - len({item.digest for item in items}),
        conflicts=conflicts,
        moved_with_copies=sum(is_new[i] and own(items[i]) != done[i] for group in copied for i in group),
        divided_sources=_divided(items, done) if split.by == "source" else 0,
        undated=sum(new and not moment(item.published) for new, item in zip(is_new, items, strict=True))
        if split.by == "published"
        else 0,
        borders={part: border.isoformat() for part, border in borders.items()},
    )
    return Assignment(done, numbers, report)


def moment(published: str) -> datetime | None:
    """The time of an ISO 8601 string, in UTC; None if it is not one.

    >>> moment("2024-03-01T01:30+02:00")
    datetime.datetime(2024, 2, 29, 23, 30, tzinfo=datetime.timezone.utc)
    """
    published = published.strip()
    if match := YEAR_OR_MONTH.fullmatch(published):
        published += "-01" if match[1] else "-01-01"
    try:
        found = datetime.fromisoformat(published)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # overflow: year 1 or 9999 in another zone
        return None


def warnings(
    labels: Mapping[str, Mapping[Part, int]],
    documents: Mapping[Part, int],
    minimum: int = 5,
    wanted: Collection[Part] = PARTS,
) -> list[str]:
    """A sentence for each empty part, then one for each label that is rare or absent in another part.

    Args:
        labels: Each label's number of spans in each part.
        documents: Each part's number of documents.
        minimum: A label with fewer spans in a part is rare there.
        wanted: The parts whose share is not 0; the others may be empty.

    >>> warnings({"WEAPON": {"train": 40, "dev": 2}}, {"train": 80, "dev": 10, "test": 10})
    ['The label WEAPON occurs fewer than 5 times in a part: 2 in dev, none in test.']
    """
    parts = [part for part in PARTS if part in wanted]
    total = sum(documents.values())
    if not total:
        return ["Every part is empty: there are no documents."]
    empty = [part for part in parts if not documents.get(part)]
    found = [f"The part {part} is empty: it has none of {total:,} documents." for part in empty]
    for label, counts in sorted(labels.items()):
        if not any(counts.values()):
            found.append(f"The label {label} never occurs.")
            continue
        rare = {part: counts.get(part, 0) for part in parts if part not in empty and counts.get(part, 0) < minimum}
        if rare:
            where = ", ".join(f"{count or 'none'} in {part}" for part, count in rare.items())
            found.append(f"The label {label} occurs fewer than {minimum} times in a part: {where}.")
    return found


def _leader(group: list[Candidate], by: By) -> Candidate:
    if len(group) == 1:
        return group[0]
    if by == "published":
        dated = [(found, item) for item in group if (found := moment(item.published))]
        return max(dated, key=lambda pair: pair[0])[1] if dated else group[0]
    return min(group, key=lambda item: (item.digest, item.source))  # an exact copy may have another source


def _rule(split: Split, borders: Mapping[Part, datetime]) -> Callable[[Candidate], Part]:
    """The function that gives the part that a document would have on its own."""

    def by_source(item: Candidate) -> Part:
        return split.at(position(words(item.source)) if item.source.strip() else item.position)

    def by_date(item: Candidate) -> Part:
        if found := moment(item.published):
            return next((part for part in PRECEDENCE if part in borders and found >= borders[part]), "train")
        return "train"

    rules: dict[By, Callable[[Candidate], Part]] = {
        "text": lambda item: split.at(item.position),
        "source": by_source,
        "published": by_date,
    }
    return rules[split.by]


def _borders(
    leaders: Iterable[tuple[Candidate, int]], split: Split, fixed: Mapping[Part, int], total: int
) -> dict[Part, datetime]:
    """The first dates of dev and of test, unless they are empty.

    `leaders` come with the sizes of their clusters. `fixed` documents, out of the `total`, already have their part. Of
    equally good borders the older one is chosen.
    """
    weights: Counter[datetime] = Counter()
    undated = 0
    for leader, size in leaders:
        if found := moment(leader.published):
            weights[found] += size
        else:
            undated += size
    dates = sorted(weights)
    sums = list(accumulate((weights[date] for date in dates), initial=0))
    # In hundredths of a document, so that it is exact. If a part already has too many, the others share the rest.
    given = {part: fixed.get(part, 0) + (undated if part == "train" else 0) for part in PARTS}
    lack = {part: max(0, share * total - 100 * given[part]) for part, share in split.shares.items()}
    whole = sum(lack.values())

    def cut(before: int) -> int:
        return min(range(len(sums)), key=lambda i: abs(sums[i] * whole - sums[-1] * before))

    dev, test = cut(lack["train"]), cut(lack["train"] + lack["dev"])
    borders: dict[Part, datetime] = {}
    if dev < test:
        borders["dev"] = dates[dev]
    if test < len(dates):
        borders["test"] = dates[test]
    return borders


def _divided(items: Sequence[Candidate], parts: Sequence[Part]) -> int:
    found: dict[str, set[Part]] = {}
    for item, part in zip(items, parts, strict=True):
        if item.source.strip():
            found.setdefault(" ".join(words(item.source)), set()).add(part)
    return sum(len(stood) > 1 for stood in found.values())
