"""A folder of task files, the shards, with a manifest that names and hashes them, so that a run can be resumed."""

import json
from collections import Counter
from typing import Any

from pydantic import ValidationError

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import json_text
from labeling.folders import Folder

MANIFEST = "manifest.json"
PROBLEMS = "problems.jsonl"
ARTICLES = 10_000  # articles of a shard: some 10 MB, packed
ELSEWHERE = "Name another folder, or remove this one."


class Shard(Value):
    """A file of tasks, one a line.

    Attributes:
        file: Its name in the folder.
        sha256: The digest of its bytes.
        bytes: Its size.
        articles: The number of its tasks.
        spans: The number of their spans, by label.
        first: The doc_id of its first article.
        last: The doc_id of its last article.
    """

    file: str
    sha256: str
    bytes: int
    articles: int
    spans: dict[str, int]
    first: str
    last: str


class ReadSoFar(Value):
    """The first inputs, of which all articles are in shards.

    Attributes:
        files: Their number.
        sha256: The digest of their names, sizes, and times or ETags, in order: it tells whether they changed.
        articles: The number of their articles.
        articles_sha256: The digest of these articles.
        parts: The number of files that tell what is known of them; 0 when the run is complete.
    """

    files: int = 0
    sha256: str = ""
    articles: int = 0
    articles_sha256: str = ""
    parts: int = 0


class Manifest(Value):
    """What a folder of shards holds, and how it came about.

    Attributes:
        parameters: What the tasks depend on beside the articles.
        is_complete: Whether the run came to its end.
        articles_sha256: The digest of the articles up to the last shard's end: it tells whether the inputs changed.
        lost: The doc_ids of the articles among them that were left out, since they kill workers.
        read_so_far: The inputs that need not be read again.
        shards: The files, in order.
    """

    parameters: dict[str, Any]
    is_complete: bool = False
    articles_sha256: str = ""
    lost: tuple[str, ...] = ()
    read_so_far: ReadSoFar = ReadSoFar()
    shards: tuple[Shard, ...] = ()

    @property
    def articles(self) -> int:
        """The number of articles in the shards."""
        return sum(shard.articles for shard in self.shards)

    @property
    def read(self) -> int:
        """The number of articles up to the last shard's end, with those that were left out."""
        return self.articles + len(self.lost)

    @property
    def spans(self) -> Counter[str]:
        """The number of spans in the shards, by label."""
        return sum((Counter(shard.spans) for shard in self.shards), Counter())


def begun(folder: Folder, parameters: dict[str, Any]) -> Manifest:
    """The manifest of an earlier run with the same parameters in this folder, or a new one.

    Raises:
        InputError: The folder holds something else, or a shard is missing or has another size.
    """
    stored = folder.read(MANIFEST)
    if stored is None:
        if folder.names():
            raise InputError(f"{folder} is not empty, and has no {MANIFEST}.", ELSEWHERE)
        return Manifest(parameters=parameters)
    try:
        manifest = Manifest.model_validate_json(stored)
    except ValidationError as error:
        raise InputError(f"{folder}/{MANIFEST} is not a manifest of tasks.", ELSEWHERE) from error
    if differing := [name for name in parameters if manifest.parameters.get(name) != parameters[name]]:
        before = ", ".join(f"{name} {json.dumps(manifest.parameters.get(name))}" for name in differing)
        now = ", ".join(f"{name} {json.dumps(parameters[name])}" for name in differing)
        raise InputError(f"The tasks in {folder} were written with {before}, not {now}.", ELSEWHERE)
    for shard in manifest.shards:
        if folder.size(shard.file) != shard.bytes:
            what = f"{folder}/{shard.file} is missing or was changed since it was written."
            raise InputError(what, f"Bring it back. {ELSEWHERE}")
    return manifest


def store(folder: Folder, manifest: Manifest) -> None:
    """Write the manifest in place of the one before.

    Raises:
        InputError: It cannot be written.
    """
    with folder.written(MANIFEST) as stream:
        stream.write(json_text(manifest.model_dump(mode="json")).encode())
