"""Articles → groups of near-duplicates, with memory that hardly grows with their number."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from labeling.core.article import Article
from labeling.core.copies import signature
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.core.words import words
from labeling.files import writing
from labeling.ingest import FieldNames
from labeling.settings import Workspace
from labeling.workflow.importing.read import ArticleReader
from labeling.workflow.progress import Track, no_track
from labeling.workflow.signatures import Sets, Signatures, sets_of_copies

PROBLEMS = 100  # that are told of each action and reason; in a large input there are millions
CHARACTERS = 200_000  # of texts that a worker is given at once
FIRSTS = 1 << 18  # texts that are looked at at once whether they are the first of a group
BLOCK = 1 << 20  # texts of which it is looked up at once to which of these they belong
MEMBERS = 1 << 13  # signatures that are compared at once with that of the first


class Duplicates(Value):
    """The report of a search for near-duplicates.

    Attributes:
        articles: The articles that were compared.
        groups: Groups of near-duplicates, of at least two articles each.
        in_groups: Articles in them.
        largest: Articles of the largest group.
        listed: How often something was refused or changed, by action and reason.
        problems: What that was, the first 100 of each action and reason.
    """

    articles: int
    groups: int = 0
    in_groups: int = 0
    largest: int = 0
    listed: dict[str, dict[str, int]] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def find_duplicates(
    workspace: Workspace,
    paths: Sequence[str],
    take: Callable[[dict[str, Any]], object],
    *,
    keep_all: bool = False,
    names: FieldNames | None = None,
    jobs: int | None = None,
    track: Track = no_track,
) -> Duplicates:
    """Hand the groups of near-duplicates to `take`, in the order of their first articles.

    A group has the `doc_ids` of its articles, in the order in which they were read, and their `similarity` with the
    first one: the share of equal rows of their signatures, which estimates that of equal shingles of three words.
    `sets_of_copies` says which articles are in one group; the result is the same on each engine.

    Args:
        workspace: The workspace, whose limits and engine are used.
        paths: Files and folders of articles, or `-`.
        take: Is called with each group.
        keep_all: Whether to leave boilerplate of web pages in the texts.
        names: The names of fields in records, where they are not the usual ones.
        jobs: Processes that work; one per core by default.
        track: Shows the progress.

    Raises:
        InputError: There is no article, or the folder for temporary files is full.
    """
    reader = ArticleReader(workspace, paths, keep_all=keep_all, names=names, same_texts=True)
    articles = reader.at_least_one()
    groups = in_groups = largest = 0
    with (
        writing(Path(tempfile.gettempdir())),
        closing(Signatures()) as signatures,
        closing(_Ids()) as ids,
        workspace.engine(jobs).started() as mapped,
    ):
        for packed in mapped(_signed, _texts(track(articles, "Reading"), ids)):
            signatures.add(packed)
        for texts in _groups(sets_of_copies(signatures, mapped, track)):
            take({"doc_ids": ids.of(texts), "similarity": _similarity(signatures, texts)})
            groups, in_groups, largest = groups + 1, in_groups + len(texts), max(largest, len(texts))
    listed: dict[str, dict[str, int]] = {}
    for (action, reason), number in sorted(reader.problems.counted.items()):
        listed.setdefault(action, {})[reason] = number
    return Duplicates(
        articles=reader.articles,
        groups=groups,
        in_groups=in_groups,
        largest=largest,
        listed=listed,
        problems=tuple(reader.problems.first(PROBLEMS)),
    )


def _texts(articles: Iterable[Article], ids: "_Ids") -> Iterator[list[str]]:
    """The texts, several at once; their ids are kept."""
    texts: list[str] = []
    size = 0
    for article in articles:
        ids.add(article.doc_id)
        texts.append(article.text)
        size += len(article.text)
        if size > CHARACTERS:
            yield texts
            texts, size = [], 0
    yield texts


def _signed(texts: list[str]) -> bytes:
    return b"".join(signature(words(text)) for text in texts)


def _groups(sets: Sets) -> Iterator[list[int]]:
    """The texts of each set with more than one, ascending; sets in the order of their first texts."""
    for low in range(0, len(sets), FIRSTS):
        blocks = [sets[start : start + BLOCK] for start in range(low, len(sets), BLOCK)]
        found = [np.flatnonzero((block >= low) & (block < low + FIRSTS)) for block in blocks]
        texts = np.concatenate([low + i * BLOCK + some for i, some in enumerate(found)])
        texts = texts[np.argsort(sets[texts], kind="stable")]
        starts = np.flatnonzero(sets[texts][1:] != sets[texts][:-1]) + 1
        for group in np.split(texts, starts):
            if len(group) > 1:
                yield group.tolist()


def _similarity(signatures: Signatures, texts: list[int]) -> list[float]:
    """The similarity of each text with the first one."""
    first = signatures.of(texts[:1])
    shares: list[float] = []
    for start in range(0, len(texts), MEMBERS):
        rows = signatures.of(texts[start : start + MEMBERS])
        shares += (rows == first).mean(axis=1).round(2).tolist()
    return shares


class _Ids:
    """The ids of the articles by number, in a temporary file without a name."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("CREATE TABLE ids (number INTEGER PRIMARY KEY, doc_id TEXT)")
        self._db.execute("BEGIN")

    def add(self, doc_id: str) -> None:
        try:
            self._db.execute("INSERT INTO ids (doc_id) VALUES (?)", (doc_id,))
        except sqlite3.Error as error:
            raise OSError(str(error)) from error

    def of(self, numbers: Iterable[int]) -> list[str]:
        """The ids of the articles with these numbers, from 0 on in the order in which they were added."""
        found = (self._db.execute("SELECT doc_id FROM ids WHERE number = ?", (number + 1,)) for number in numbers)
        return [row[0] for rows in found for row in rows]

    def close(self) -> None:
        self._db.close()
