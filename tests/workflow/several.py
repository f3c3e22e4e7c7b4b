"""What tests of several annotators share: texts, spans, tasks with an annotation of each person."""

import json
from pathlib import Path
from typing import Any

from tests.builders import ROOT, arrow

TEXT = "Rebels attacked the village of Tadmor on Friday."
OTHER = "Police arrested nobody."
SEVERAL = ROOT.parent / "shared" / "several"


def region(quote: str, label: str, text: str = TEXT) -> dict[str, Any]:
    start = text.index(quote)
    value = {"start": start, "end": start + len(quote), "text": quote, "labels": [label]}
    return {"id": quote, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


ANN = [
    region("Rebels", "ACTOR"),
    region("attacked", "ACTION"),
    region("Tadmor", "LOCATION"),
    arrow("Rebels", "attacked"),
]
BEN = [region("Rebels", "ACTOR"), region("attacked", "ACTION"), region("village of Tadmor", "LOCATION")]


def task(number: int, text: str, **by: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A task with an annotation of each person; None for one that was skipped."""
    annotations = [
        {
            "id": 10 * number + place,
            "completed_by": {"email": f"{who}@example.org"},
            "result": result or [],
            "was_cancelled": result is None,
            "updated_at": f"2026-01-0{number}T00:00:00Z",
        }
        for place, (who, result) in enumerate(by.items())
    ]
    return {"id": number, "project": 3, "data": {"text": text, "doc_id": f"d{number}"}, "annotations": annotations}


def write(folder: Path, name: str, *tasks: dict[str, Any]) -> str:
    (folder / name).write_text(json.dumps(tasks), encoding="utf-8")
    return str(folder / name)
