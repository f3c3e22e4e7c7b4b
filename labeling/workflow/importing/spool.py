"""Articles kept on disk until they are processed, so that inputs are read only once."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from labeling.core.article import Article
from labeling.errors import InputError


class Spool:
    """Articles in a temporary file in the folder; `len` is their number. A context manager.

    The file has no name, so that nothing is left when the process ends, in whatever way.

    Args:
        folder: The folder.
        counts_only: Whether to count the articles without keeping them.

    Raises:
        InputError: The file cannot be written.
    """

    def __init__(self, folder: Path, *, counts_only: bool = False) -> None:
        self._folder, self._counts_only = folder, counts_only
        with self._errors_named():
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed in __exit__
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # data that could not be written are no longer needed
            self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, article: Article) -> None:
        """Add an article."""
        self._count += 1
        if not self._counts_only:
            with self._errors_named():
                self._file.write(json.dumps(article.model_dump()).encode() + b"\n")

    def articles(self) -> Iterator[Article]:
        """The articles, in order."""
        with self._errors_named():
            self._file.seek(0)
        for line in self._file:
            yield Article.model_validate(json.loads(line))

    @contextlib.contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"Cannot write to {self._folder}: {error.strerror or error}", "Check the free space; nothing is lost."
            ) from error
