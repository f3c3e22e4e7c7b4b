"""What a run has read of its inputs, kept so that one that goes on opens only the files that are left.

The manifest says how many of the first files have all their articles in shards, and the digest of what the file system
or the store says of them: names, sizes, times, ETags. As long as that is the same, they are not opened again. What
reading them left is in small files beside the shards, which are removed at the end: by which id and text an article is
known when it comes again, and the problems.
"""

import gzip
import hashlib
import json
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import count, islice
from typing import NamedTuple

from labeling import storage
from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.errors import InputError
from labeling.folders import Folder
from labeling.ingest.known import Known
from labeling.inputs.files import File
from labeling.workflow.problems import Problems
from labeling.workflow.shards import ELSEWHERE, Manifest, ReadSoFar
from labeling.workflow.spooled import Spooled

PART = ".read-{:05}.jsonl.gz"  # hidden, so that it is not taken for tasks
KINDS = ARTICLE, PROBLEM, NOTE = b"a", b"p", b"n"  # what a line in it begins with
FIELDS = set(Article.model_fields)


class _End(NamedTuple):
    """The end of an input, and how much there was of everything by then."""

    so_far: ReadSoFar
    places: tuple[int, ...]


class Trail:
    """The inputs of a folder of shards, as they are read.

    Attributes:
        problems: What was refused or noticed by the reader.
        noted: What was noted of articles by whoever takes them.
        articles: How many articles an earlier run has read of the files that this one does not open.

    Args:
        folder: The folder of the shards.
        noted: As above.
        settings: What the articles depend on beside the files and the parameters of the manifest.
    """

    def __init__(self, folder: Folder, noted: Problems, *settings: object) -> None:
        self._rows = Spooled()
        self.problems, self.noted = Problems(), noted
        self.articles = 0
        self._folder, self._settings = folder, settings
        self._before = ReadSoFar()
        self._ends: deque[_End] = deque()
        self._read = 0  # articles
        self._digest = ""
        self._digests: deque[str] = deque()  # after each article that is in no shard yet
        self._written: tuple[int, ...] = (0, 0, 0)

    @cached_property
    def known(self) -> Known:
        """The articles that were read, by id and text; the reader closes it."""
        return Known(lambda *row: self._rows.add(json.dumps(row).encode()))

    def is_same(self, files: Iterable[File | Problem], so_far: ReadSoFar, *, whole: bool) -> bool:
        """Whether the first files are those that were read, and what was noted of them is there; `whole`: all files."""
        marks, files = _Marks(*self._settings), iter(files)
        for file in islice(files, so_far.files):
            marks.add(file)
        parts = [PART.format(number) for number in range(so_far.parts)]
        return (
            so_far.files > 0
            and str(marks) == so_far.sha256
            and all(self._folder.size(part) is not None for part in parts)
            and not (whole and next(files, None))
        )

    def go_on(self, so_far: ReadSoFar) -> None:
        """Leave out the first files, and remember what is known of them.

        Raises:
            InputError: A file beside the shards is damaged.
        """
        for number in range(so_far.parts):
            part = PART.format(number)
            try:
                with self._folder.opened(part) as stream, gzip.open(stream) as lines:
                    for line in lines:
                        self._recall(line[:1], line[1:])
            except (EOFError, ValueError, zlib.error, gzip.BadGzipFile) as error:
                raise self._damaged(part) from error
        if self.articles != so_far.articles:
            raise self._damaged(PART.format(so_far.parts - 1))
        self._before = so_far
        self._read = so_far.articles
        self._digest = so_far.articles_sha256
        self._written = self._places()

    def through(self, files: Iterator[File | Problem]) -> Iterator[File | Problem]:
        """The files that are to be read; when one is asked for, all before it were read."""
        marks = _Marks(*self._settings)
        for number, file in enumerate(files, 1):
            marks.add(file)
            if number < self._before.files:
                continue
            if number == self._before.files:
                if str(marks) != self._before.sha256:
                    raise changed(self._folder)
                continue
            yield file
            if str(marks):
                if self._ends and self._ends[-1].so_far.articles == self._read:
                    self._ends.pop()
                so_far = ReadSoFar(files=number, sha256=str(marks), articles=self._read, articles_sha256=self._digest)
                self._ends.append(_End(so_far, self._places()))

    def passing(self, articles: Iterable[Article]) -> Iterator[Article]:
        """The articles that are read, counted."""
        for article in articles:
            self._digest = _chained(self._digest, article.model_dump_json(include=FIELDS))
            self._digests.append(self._digest)
            self._read += 1
            yield article

    def after(self, articles: Iterator[Article], manifest: Manifest) -> Iterator[Article]:
        """The articles after those of the shards, which are only compared with what they were.

        Raises:
            InputError: They are others than those in the shards.
        """
        for _ in islice(articles, manifest.read - self.articles):
            self._digests.clear()
        if self._read != manifest.read or self._digest != manifest.articles_sha256:
            raise changed(self._folder)
        yield from articles

    def kept(self, manifest: Manifest) -> Manifest:
        """The manifest with how far the inputs were read; unless the run is complete, the notes are written first."""
        digest = manifest.articles_sha256
        for _ in range(len(self._digests) - (self._read - manifest.read)):
            digest = self._digests.popleft()
        end = None
        while self._ends and self._ends[0].so_far.articles <= manifest.read:
            end = self._ends.popleft()
        so_far = end.so_far if end else manifest.read_so_far
        parts = manifest.read_so_far.parts
        if manifest.is_complete:
            parts = 0
        elif end:
            self._write(PART.format(parts), end.places)
            parts += 1
        so_far = so_far.model_copy(update={"parts": parts})
        return manifest.model_copy(update={"articles_sha256": digest, "read_so_far": so_far})

    def forget(self, parts: int = 0) -> None:
        """Remove the files beside the shards: so many, and those of a run that was interrupted here."""
        for number in count():
            if number >= parts and self._folder.size(PART.format(number)) is None:
                return
            self._folder.remove(PART.format(number))

    def _write(self, part: str, places: tuple[int, ...]) -> None:
        """Write what was noted since the last time, up to these places."""
        with (
            self._folder.written(part) as stream,
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) as lines,
        ):
            for kind, spooled, start, end in zip(KINDS, self._spools(), self._written, places, strict=True):
                lines.writelines(kind + line + b"\n" for line in spooled.lines(start, end))
        self._written = places

    def _damaged(self, part: str) -> InputError:
        return InputError(f"{self._folder}/{part} is damaged.", "Remove it: then all inputs are read again.")

    def _spools(self) -> tuple[Spooled, ...]:
        return self._rows, self.problems.spooled, self.noted.spooled

    def _places(self) -> tuple[int, ...]:
        return tuple(spooled.size for spooled in self._spools())

    def _recall(self, kind: bytes, line: bytes) -> None:
        if kind == ARTICLE:
            self.known.recall(*json.loads(line))
            self.articles += 1
        else:
            (self.problems if kind == PROBLEM else self.noted).append(Problem.model_validate_json(line))


class _Marks:
    """The digest of what is known of files without opening them; "" after one that nothing is known of."""

    def __init__(self, *settings: object) -> None:
        self._digest = _chained("", json.dumps(settings))

    def add(self, file: File | Problem) -> None:
        what = file.model_dump_json() if isinstance(file, Problem) else _mark(file)
        self._digest = _chained(self._digest, what) if self._digest and what else ""

    def __str__(self) -> str:
        return self._digest


def changed(folder: Folder) -> InputError:
    """The error that the inputs are others than before."""
    return InputError(f"The articles are not those of which {folder} holds tasks: the inputs changed.", ELSEWHERE)


def _mark(file: File) -> str:
    mark = file.mark
    if file.url and not mark:
        with suppress(OSError):  # reading it will say so
            mark = storage.mark(file.url)
    return json.dumps([file.where, file.size, mark]) if mark else ""


def _chained(before: str, what: str) -> str:
    """The digest of everything so far, from the digest of what came before, so that it can be gone on with."""
    return hashlib.sha256(f"{before}\n{what}".encode("utf-8", "surrogatepass")).hexdigest()
