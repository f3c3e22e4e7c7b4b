"""The report of an export."""

from pathlib import Path
from typing import Any

from pydantic import Field

from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.workflow.export.files import TrainingFiles
from labeling.workflow.export.options import Options


class Exported(Value):
    """The report of an export.

    Attributes:
        folder: The exported folder, or its address.
        manifest: The content of its manifest.json.
        refused: The number of refused things.
        listed: The number of problems in problems.jsonl: action → reason → number.
        is_tolerated: Whether the options say how much may be refused, and it is no more.
        problems: The first problems, refused ones first; problems.jsonl has them all.
    """

    folder: Path | str
    manifest: dict[str, Any]
    refused: int = 0
    listed: dict[str, dict[str, int]] = Field(default_factory=dict)
    is_tolerated: bool = False
    problems: tuple[Problem, ...] = Field(default=(), repr=False)


def report_of(folder: Path, manifest: dict[str, Any], files: TrainingFiles, options: Options) -> Exported:
    """The report of an export into the folder."""
    listed: dict[str, dict[str, int]] = {}
    for (action, reason), number in files.tally.problems.most_common():
        listed.setdefault(action, {})[reason] = number
    return Exported(
        folder=folder,
        manifest=manifest,
        refused=sum(listed.get("refused", {}).values()),
        listed=listed,
        is_tolerated=options.fail_over is not None,
        problems=tuple(sorted(files.first_problems, key=lambda p: p.action != "refused")),
    )
