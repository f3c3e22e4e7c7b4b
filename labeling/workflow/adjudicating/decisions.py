"""The store of decisions: a file with a line each, the newest last. Lines are added to it, and none is ever removed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from labeling.core.adjudication import Decision
from labeling.core.faults import faults
from labeling.errors import InputError
from labeling.files import read_text, write_atomic
from labeling.settings import Workspace

FILE = "decisions.jsonl"


def decisions_file(workspace: Workspace) -> Path:
    """The file with the workspace's decisions; there may be none yet."""
    return workspace.state / FILE


def read_decisions(workspace: Workspace) -> tuple[Decision, ...]:
    """Every decision that was ever stored, the oldest first.

    Raises:
        InputError: The file cannot be read, or is damaged; the message names the first such line.
    """
    file = decisions_file(workspace)
    text = read_text(file, "The decisions") if file.exists() else ""
    return tuple(_read(line, number, file) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _read(line: str, number: int, file: Path) -> Decision:
    try:
        return Decision.model_validate_json(line)
    except ValidationError as error:
        raise InputError(
            f"Line {number} of {file} is not a decision: {faults(error)[0]}",
            "Restore the file from a backup, or repair the line. Nothing was changed.",
        ) from None


def add_decisions(workspace: Workspace, new: Sequence[Decision]) -> None:
    """Store decisions, after all others.

    Raises:
        InputError: The file is damaged, or cannot be written; it stays as it was.
    """
    if new:
        lines = [each.model_dump_json() for each in (*read_decisions(workspace), *new)]
        write_atomic(decisions_file(workspace), "\n".join(lines) + "\n")


def withdrawn(decision: Decision, *, at: str, url: str = "") -> Decision:
    """What is stored when an answer no longer says anything clear: the conflict is open again."""
    said = {"taken": (), "refused": (), "at": at, "reason": "", "note": "", "url": url or decision.url}
    return decision.model_copy(update=said)


def standing(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """The newest decision about each conflict, in order of time; none about one whose decision was withdrawn."""
    newest: dict[str, Decision] = {}
    for each in decisions:
        newest.pop(each.key, None)
        newest[each.key] = each
    return tuple(each for each in newest.values() if each.taken or each.refused)


def by_text(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    """The decisions that stand, in order of time, by the digest of the text that they are about."""
    found: dict[str, list[Decision]] = defaultdict(list)
    for each in standing(decisions):
        found[each.digest].append(each)
    return found
