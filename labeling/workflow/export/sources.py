"""Sources of tasks: one protocol for files exported by Label Studio and for the pulled copy."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from labeling.core.problem import Problem
from labeling.studio.exports import ExportFiles, Record
from labeling.workflow.lines import as_json, with_drafts, with_field
from labeling.workflow.pulled import Store

Advance = Callable[[int], None]


class Source(Protocol):
    """Tasks that can be read repeatedly.

    Attributes:
        size: Their size in bytes, for a progress bar.
    """

    size: int

    def records(self, advance: Advance = ..., /) -> Iterator[Record | Problem]:
        """The tasks, always in the same order, and a problem for everything that could not be read.

        Args:
            advance: Is called with the number of bytes read since the last call; they add up to `size`.
        """


class PulledTasks:
    """The tasks of an open store, with their drafts.

    Args:
        store: The store.
        name: What the tasks are named after.
        predictions: Whether the tasks have the ids of the regions of their predictions, as far as these were pulled.
    """

    def __init__(self, store: Store, name: str = "", *, predictions: bool = False) -> None:
        self._store, self._name, self._predictions = store, name or store.folder.name, predictions
        self.size = store.size
        self.url = f"{store.state.url}?task={{task}}" if store.state.url else ""

    def records(self, advance: Advance = lambda _: None) -> Iterator[Record | Problem]:
        """The tasks, sorted by id and named after it."""
        for number, line, drafts in self._store.rows():
            advance(len(line))
            task = with_drafts(line, drafts)
            if self._predictions and (found := self._store.predicted(number)) is not None:
                predictions = [
                    {"id": int(key), "result": [{"id": name} for name in found[key]]} for key in found if key.isdigit()
                ]
                task = with_field(task, "predictions", as_json(predictions))
            yield Record(f"{self._name}#{number}", task)


class JoinedSources:
    """Several sources, one after the other."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.size = sum(source.size for source in sources)

    def records(self, advance: Advance = lambda _: None) -> Iterator[Record | Problem]:
        """The tasks of the first source, then those of the next."""
        for source in self._sources:
            yield from source.records(advance)


@contextmanager
def open_source(paths: Sequence[Path | str]) -> Iterator[Source]:
    """The tasks in exported files, followed by those in folders of `labeling pull`, as last pulled.

    Raises:
        InputError: A pulled folder is damaged, or of another version.
    """
    stores = {os.path.realpath(path): str(path) for path in paths if is_pulled_folder(path)}
    files = [path for path in paths if not is_pulled_folder(path)]
    with ExitStack() as stack:
        sources: list[Source] = [stack.enter_context(ExportFiles(files))] if files or not stores else []
        sources += [PulledTasks(stack.enter_context(Store(Path(path))), path) for path in stores.values()]
        yield sources[0] if len(sources) == 1 else JoinedSources(sources)


def is_pulled_folder(path: Path | str) -> bool:
    """Whether it is a folder of `labeling pull`."""
    return str(path) != "-" and Store.exists(Path(path))
