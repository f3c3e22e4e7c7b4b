"""A copy as older versions kept it: files of lines, to which changes were appended. It is read once, into the database.

state.json        what is known of the pulls, and which generation N of the files counts
tasks-N.jsonl     the tasks, one a line
changes-N.jsonl   what came since, in the order in which it came: a task again, or {"gone": id}
drafts.jsonl      {"id": …, "drafts": […]}
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeling.workflow.lines import Row, as_json, from_json, row

GONE = re.compile(rb'\{"gone":(\d+)\}')


def exists(folder: Path) -> bool:
    """Whether the folder holds such a copy."""
    return (folder / "state.json").is_file()


def files(folder: Path) -> list[Path]:
    """Its files; last the state, without which there is no copy."""
    names = ("tasks-*.jsonl", "changes-*.jsonl", "drafts.jsonl", "state.json")
    return [file for name in names for file in folder.glob(name)]


def read(folder: Path) -> tuple[dict[str, Any], Iterator[Row | int], Iterator[tuple[int, bytes]]]:
    """What was known of the pulls; the tasks as they came, and the ids of those that went; the drafts by task, as JSON.

    Raises:
        ValueError: A file is damaged or missing; where it is one of lines, the iterator raises it.
    """
    state = from_json((folder / "state.json").read_bytes())
    if not isinstance(state, dict) or state.pop("format", None) != 1:
        raise ValueError("state.json is damaged, or of another version of labeling")
    number = state.pop("generation", 0)
    return state, _changes(folder, number), _drafts(folder / "drafts.jsonl" if state.get("drafts_at") else None)


def _changes(folder: Path, number: int) -> Iterator[Row | int]:
    for file in (folder / f"tasks-{number}.jsonl", folder / f"changes-{number}.jsonl"):
        if not file.is_file():
            raise ValueError(f"{file.name} is gone")
        with file.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # a crash: the task that it was of comes again
                gone = GONE.match(line)
                found = int(gone[1]) if gone else row(line[:-1])
                if found is None:
                    raise ValueError(f"{file.name} is damaged")
                yield found


def _drafts(file: Path | None) -> Iterator[tuple[int, bytes]]:
    for line in file.read_bytes().splitlines() if file and file.is_file() else ():
        found = from_json(line)
        try:
            yield int(found["id"]), as_json(found["drafts"])
        except (KeyError, TypeError) as error:
            raise ValueError("drafts.jsonl is damaged") from error
