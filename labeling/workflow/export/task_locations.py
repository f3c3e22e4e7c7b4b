"""The task of each exported document: `tasks.jsonl` in an exported folder."""

from pathlib import Path

from labeling.core.labels import LabeledDoc
from labeling.core.split import Part
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import read_text
from labeling.studio.annotations import Review

TASKS_FILE = "tasks.jsonl"


class TaskLocation(Value):
    """The task of a document in an exported folder.

    Attributes:
        doc_id: The document's id.
        digest: The digest of its text (`labeling.core.article`).
        part: Its part.
        where: File and number of the task; "" if it was pulled from a project.
        url: The task's address in Label Studio, if known.
    """

    doc_id: str
    digest: str
    part: Part
    where: str = ""
    url: str = ""


def location_of(review: Review, doc: LabeledDoc, part: Part) -> TaskLocation:
    """The location of a reviewed document's task."""
    where = "" if review.where == review.url else review.where
    return TaskLocation(doc_id=doc.doc_id, digest=doc.digest, part=part, where=where, url=review.url)


def read_task_locations(folder: Path) -> dict[str, TaskLocation]:
    """The locations of an exported folder's tasks by document id; empty if an older version wrote the folder.

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
