"""Inputs → articles, read once, and problems."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.core.wording import first_lines
from labeling.errors import InputError
from labeling.ingest import FieldNames, read_articles
from labeling.inputs.broken import shown
from labeling.settings import Workspace
from labeling.workflow.problems import Problems
from labeling.workflow.trail import Trail

MOST_PROBLEMS = 10  # in the message, where nothing could be taken


class ArticleReader:
    """The articles of the inputs, for one pass.

    Attributes:
        articles: The number of articles read so far.
        problems: What was refused or noticed so far.

    Args:
        workspace: The workspace, whose limits hold.
        paths: The inputs.
        keep_all: Whether to leave boilerplate of web pages in the texts.
        names: The names of fields in records, where they are not the usual ones.
        same_texts: Whether an article with the text of another one is returned rather than refused.
        trail: Leaves out what an earlier run has read, and notes what this one reads.
    """

    def __init__(
        self,
        workspace: Workspace,
        paths: Sequence[str],
        *,
        keep_all: bool = False,
        names: FieldNames | None = None,
        same_texts: bool = False,
        trail: Trail | None = None,
    ) -> None:
        self.paths = paths
        self.articles = trail.articles if trail else 0
        self.problems = trail.problems if trail else Problems()
        self._items = read_articles(
            paths,
            keep_all=keep_all,
            max_characters=workspace.settings.articles.max_characters,
            names=names,
            same_texts=same_texts,
            known=trail.known if trail else None,
            through=trail.through if trail else iter,
        )

    def __iter__(self) -> Iterator[Article]:
        for item in self._items:
            if isinstance(item, Problem):
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
        if first is None and not self.articles:
            raise self._nothing()
        return chain([first] if first else (), articles)

    def _nothing(self) -> InputError:
        places = ", ".join("standard input" if path == "-" else shown(path) for path in self.paths)
        if not self.problems:
            return InputError(
                f"There is no article in {places}; nothing was done.",
                "Name files or folders of articles. docs/formats.md says what is read, and what is skipped.",
            )
        some = islice(self.problems, MOST_PROBLEMS)
        told = (f"{each.where}: {each.detail} ({each.reason})" for each in some)
        why = first_lines(told, MOST_PROBLEMS, len(self.problems))
        return InputError("\n  ".join([f"No article could be taken from {places}; nothing was done.", *why]))
