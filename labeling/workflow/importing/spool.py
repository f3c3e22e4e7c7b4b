"""Articles that wait on the disk until something is done with them, so that inputs are read only once."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from labeling.core.article import Article
from labeling.errors import InputError

PREFIX = "spool-"


class Spool:
    """Articles in a scratch file of the folder; `len` is their number. A context manager.

    The file loses its name at once, so nothing is left of it when the process ends, however that ends. One whose
    process was killed before that is removed by the next.

    Raises:
        InputError: The file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"{PREFIX}*"):
                left.unlink(missing_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
            self._file = os.fdopen(descriptor, "w+b")
            Path(name).unlink(missing_ok=True)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what could not be written is not needed any more
            self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, article: Article) -> None:
        """Keep the article."""
        with self._told():
            self._file.write(json.dumps(article.model_dump()).encode() + b"\n")
        self._count += 1

    def articles(self) -> Iterator[Article]:
        """Those that were kept, in order."""
        with self._told():
            self._file.seek(0)
        for line in self._file:
            yield Article.model_validate(json.loads(line))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"Cannot write to {self._folder}: {error.strerror or error}", "Check the free space; nothing is lost."
            ) from error
