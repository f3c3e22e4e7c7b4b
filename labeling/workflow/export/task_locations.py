"""The task of each exported document: `tasks.jsonl` in an exported folder."""

from pathlib import Path

from labeling.core.split import Part
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import read_text
from labeling.workflow.export.join import Document

TASKS_FILE = "tasks.jsonl"


class TaskLocation(Value):
    """The task of a document in an exported folder.

    Attributes:
        doc_id: The document's id.
        digest: The digest of its text (`labeling.core.article`).
        part: Its part.
        where: File and number of the task; "" if it was pulled from a project.
        url: The task's address in Label Studio, if known.
        start: Where the task starts in the document's text, in code points.
        others: Of an article in sections, the locations of its other tasks, in order of text.
    """

    doc_id: str
    digest: str
    part: Part
    where: str = ""
    url: str = ""
    start: int = 0
    others: tuple["TaskLocation", ...] = ()

    def at(self, start: int) -> "TaskLocation":
        """The location of the task with the text at an offset."""
        return max((one for one in (self, *self.others) if one.start <= start), key=lambda one: one.start, default=self)


def location_of(document: Document) -> TaskLocation:
    """The location of a reviewed document's task, or of its tasks."""
    doc = document.labeled
    first, *others = (
        TaskLocation(
            doc_id=doc.doc_id,
            digest=doc.digest,
            part=document.part,
            where="" if review.where == review.url else review.where,
            url=review.url,
            start=start,
        )
        for start, review in document.tasks
    )
    return first.model_copy(update={"others": tuple(others)})


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
