"""Articles as `read_articles` gives them, apart from its problems."""

from pathlib import Path
from typing import Any

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.ingest import read_articles


def read(*paths: Path | str, **options: Any) -> tuple[list[Article], list[Problem]]:
    """The articles and the problems of these files, each in their order."""
    items = list(read_articles(paths, **options))
    return [item for item in items if isinstance(item, Article)], [item for item in items if isinstance(item, Problem)]
