"""When an export writes nothing: there is no task, or more is unreadable or refused than the options allow."""

from pathlib import Path

from labeling.core.problem import Problem
from labeling.errors import InputError
from labeling.files import write_atomic
from labeling.workflow.export.files import PROBLEMS_FILE, TrainingFiles
from labeling.workflow.export.options import Options

FAILED_FILE = "problems.failed.jsonl"


def refuse_unusable(files: TrainingFiles, origin: str, options: Options, folder: Path) -> None:
    """Refuse an export that the options do not allow.

    Raises:
        InputError: It is not allowed; if too many spans were refused, a file in the folder lists all problems.
    """
    tally, problems = files.tally, files.first_problems
    if tally.tasks.total() == tally.tasks["unreadable"]:
        if not problems:
            raise InputError(f"There is no task in {origin}.")
        raise InputError(f"{problems[0].where}: {problems[0].detail}" if problems[0].where else problems[0].detail)
    unreadable = files.unreadable + tally.tasks["unreadable"]
    if options.strict and unreadable:
        first = next((p for p in problems if p.action == "refused"), None)
        raise InputError(
            f"{unreadable:,} thing(s) could not be read" + (f", first {first.where}: {first.detail}" if first else "."),
            "Nothing was written. Without --strict, what can be read is exported.",
        )
    total, refused = tally.spans_in, tally.spans["refused"]
    if options.fail_over is not None and 100 * refused > options.fail_over * total:
        listed = _free(folder / FAILED_FILE)
        write_atomic(listed, (files.folder / PROBLEMS_FILE).read_bytes())
        raise InputError(
            f"{refused:,} of {total:,} spans ({refused / total:.1%}) were refused, more than {options.fail_over:g}%.",
            f"No training file was written. {listed} lists every case.",
        )


def _free(file: Path) -> Path:
    """The file, if it does not exist or lists problems; else a numbered one."""
    number = 1
    found = file
    while found.is_symlink() or (found.exists() and not _lists_problems(found)):
        number += 1
        found = file.with_name(f"{file.stem}-{number}{file.suffix}")
    return found


def _lists_problems(file: Path) -> bool:
    try:
        with file.open("rb") as lines:
            first = lines.readline()
            return not first or bool(Problem.model_validate_json(first))
    except (OSError, ValueError):
        return False
