"""The base of pipeline components that are saved as named files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import srsly
from spacy.language import Language


class Serialized:
    """spaCy's four methods for saving and loading, in terms of `to_files` and `load_files`."""

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp

    def to_files(self) -> dict[str, bytes]:
        """The component's files by name; empty before it has any."""
        raise NotImplementedError

    def load_files(self, files: dict[str, bytes]) -> None:
        """Restore the component from what `to_files` returned."""
        raise NotImplementedError

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The files as one msgpack map."""
        return bytes(srsly.msgpack_dumps(self.to_files()))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Restore the component from what `to_bytes` returned."""
        if files := srsly.msgpack_loads(data):
            self.load_files(files)
        return self

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Write the files into a folder."""
        for name, data in self.to_files().items():
            file = Path(path) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Self:
        """Restore the component from what `to_disk` wrote."""
        files = (file for file in sorted(Path(path).rglob("*")) if file.is_file())
        if found := {file.relative_to(path).as_posix(): file.read_bytes() for file in files}:
            self.load_files(found)
        return self
