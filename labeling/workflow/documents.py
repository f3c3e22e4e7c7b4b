"""Files of labelled documents, a JSON line each: `docs.jsonl` of an export, and gold labels in the same form."""

from pathlib import Path

from labeling.core.labels import LabeledDoc
from labeling.errors import InputError
from labeling.files import read_text


def read_documents(file: Path) -> list[LabeledDoc]:
    """The documents of a `docs.jsonl`, or of gold labels in the same form.

    Raises:
        InputError: A line is not a document; the message names it.
    """
    docs = []
    for number, line in enumerate(read_text(file, "The documents").split("\n"), start=1):
        if line.strip():
            try:
                docs.append(LabeledDoc.model_validate_json(line))
            except ValueError as error:
                raise InputError(f"{file}:{number} is not a labelled document: {error}") from error
    return docs
