"""What tests of several modules build or read: the repository's own data, documents, tasks, files of exports."""

import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.core.split import Part, Split, position
from labeling.core.words import words
from labeling.settings import init, open_workspace
from labeling.studio.tasks import to_result, to_task
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files

ROOT = Path(__file__).parents[1]
ARTIFACTS = ROOT / "artifacts"
EVENT_TOML = (ROOT / "schemas" / "event.toml").read_text(encoding="utf-8")
EVENT = LabelSchema.from_toml(EVENT_TOML)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def part_of(split: Split, text: str) -> Part:
    """The part of an article that has no copies."""
    return split.at(position(words(text)))


def seeds() -> list[LabeledDoc]:
    """The gold documents of the seeds."""
    return list(read_documents(ROOT / "seeds" / "gold.jsonl"))


def reviewed(doc: LabeledDoc) -> dict[str, Any]:
    """A task as Label Studio exports it, in which somebody submitted this document."""
    return to_task(doc, "m") | {"annotations": [{"id": 1, "completed_by": 1, "result": to_result(doc)}]}


def arrow(head: str, tail: str, *labels: str, direction: str = "right") -> dict[str, Any]:
    """A relation between two regions of an annotation, as Label Studio writes it."""
    found = {"type": "relation", "from_id": head, "to_id": tail, "direction": direction}
    return found | {"labels": list(labels)} if labels else found


def exported(folder: Path, docs: Iterable[LabeledDoc], split: Split) -> Path:
    """The training files that `labeling convert` writes of these documents, once reviewed, in a new workspace."""
    init(folder, split=split)
    workspace = open_workspace(folder)
    (folder / "gold.json").write_text(json.dumps([reviewed(doc) for doc in docs]), encoding="utf-8")
    export_files(workspace, [folder / "gold.json"], folder / "exports", schema=workspace.label_schema)
    return folder / "exports"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """A file of that name, with its folders."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return file


def zipped(files: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these files, the same whenever it is made."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return packed.getvalue()
