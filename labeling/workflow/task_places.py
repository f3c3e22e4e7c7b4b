"""Where the task of each exported document is: `tasks.jsonl` of an exported folder."""

from pathlib import Path

from labeling.core.labels import LabeledDoc
from labeling.core.split import Part
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import read_text
from labeling.studio.annotations import Review

FILE = "tasks.jsonl"


class Place(Value):
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


def place_of(review: Review, doc: LabeledDoc, part: Part) -> Place:
    """Where a document of a reviewed task is from."""
    where = "" if review.where == review.url else review.where
    return Place(doc_id=doc.doc_id, digest=doc.digest, part=part, where=where, url=review.url)


def task_places(folder: Path) -> dict[str, Place]:
    """The places of a folder's documents by their ids; none where the folder is of an older version.

    Raises:
        InputError: A line is none; the message names it.
    """
    file = folder / FILE
    if not file.is_file():
        return {}
    places: dict[str, Place] = {}
    for number, line in enumerate(read_text(file, "The places of the tasks").split("\n"), start=1):
        if not line:
            continue
        try:
            place = Place.model_validate_json(line)
        except ValueError as error:
            raise InputError(f"{file}:{number} does not say where a task is: {error}", "Export again.") from error
        places.setdefault(place.doc_id, place)
    return places
