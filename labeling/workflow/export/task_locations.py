"""Where the task of each exported document is: `tasks.jsonl` of an exported folder."""

from pathlib import Path

from labeling.core.labels import LabeledDoc
from labeling.core.split import Part
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import read_text
from labeling.studio.annotations import Review

TASKS_FILE = "tasks.jsonl"


class TaskLocation(Value):
    """The task that a document of an exported folder is from.

    Attributes:
        doc_id: The document's id.
        digest: The digest of its text (`labeling.core.article`).
        part: Its part.
        where: File and number of the task; "" of a task that was pulled from a project.
        url: The task's address in Label Studio, as far as known.
    """

    doc_id: str
    digest: str
    part: Part
    where: str = ""
    url: str = ""


def location_of(review: Review, doc: LabeledDoc, part: Part) -> TaskLocation:
    """Where the task of a reviewed document is."""
    where = "" if review.where == review.url else review.where
    return TaskLocation(doc_id=doc.doc_id, digest=doc.digest, part=part, where=where, url=review.url)


def read_task_locations(folder: Path) -> dict[str, TaskLocation]:
    """The locations of an exported folder's tasks by document id; none where the folder is of an older version.

    Raises:
        InputError: A line does not say where a task is; the message names it.
    """
    file = folder / TASKS_FILE
    if not file.is_file():
        return {}
    locations: dict[str, TaskLocation] = {}
    for number, line in enumerate(read_text(file, "The places of the tasks").split("\n"), start=1):
        if not line:
            continue
        try:
            location = TaskLocation.model_validate_json(line)
        except ValueError as error:
            raise InputError(f"{file}:{number} does not say where a task is: {error}", "Export again.") from error
        locations.setdefault(location.doc_id, location)
    return locations
