"""Inputs → articles, read once, and problems."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.core.wording import first_lines
from labeling.errors import InputError
from labeling.ingest import FieldNames, read_articles
from labeling.inputs.broken import shown
from labeling.settings import Workspace

MOST_PROBLEMS = 10  # in the message, where nothing could be taken


class ArticleReader:
    """The articles of the inputs, for one pass.

    Attributes:
        articles: The number of articles read so far.
        problems: What was refused or noticed so far; with `most`, the first ones of each action and reason.
        counted: How often, by action and reason.
    """

    def __init__(
        self,
        workspace: Workspace,
        paths: Sequence[str],
        *,
        keep_all: bool = False,
        names: FieldNames | None = None,
        same_texts: bool = False,
        most: int | None = None,
    ) -> None:
        self.paths = paths
        self.articles = 0
        self.problems: list[Problem] = []
        self.counted: Counter[tuple[str, str]] = Counter()
        self._most = most
        self._items = read_articles(
            paths,
            keep_all=keep_all,
            max_characters=workspace.settings.articles.max_characters,
            names=names,
            same_texts=same_texts,
        )

    def __iter__(self) -> Iterator[Article]:
        for item in self._items:
            if isinstance(item, Problem):
                kind = (item.action, item.reason)
                self.counted[kind] += 1
                if self._most is None or self.counted[kind] <= self._most:
                    self.problems.append(item)
            else:
                self.articles += 1
                yield item

    def at_least_one(self) -> Iterator[Article]:
        """The articles, at least one.

        Raises:
            InputError: There is none; the message names the inputs, and why nothing in them was read.
        """
        articles = iter(self)
        first = next(articles, None)
        if first is None:
            raise self._nothing()
        return chain([first], articles)

    def _nothing(self) -> InputError:
        places = ", ".join("standard input" if path == "-" else shown(path) for path in self.paths)
        if not self.problems:
            return InputError(
                f"There is no article in {places}; nothing was done.",
                "Name files or folders of articles. docs/formats.md says what is read, and what is skipped.",
            )
        why = first_lines((f"{each.where}: {each.detail} ({each.reason})" for each in self.problems), MOST_PROBLEMS)
        return InputError("\n  ".join([f"No article could be taken from {places}; nothing was done.", *why]))
