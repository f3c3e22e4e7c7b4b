"""The forms of a task's JSON → today's: JSON_MIN, and `completions`, as annotations were called before 1.0."""

from typing import Any

Json = dict[str, Any]

MIN_FIELDS = {"annotation_id", "annotator", "lead_time", "created_at", "updated_at", "id"}  # of a record of JSON_MIN


def upgraded(task: Any) -> Json:
    """The task as Label Studio exports it today as JSON.

    Raises:
        ValueError: It is not a task in any form; the message says what it lacks.
    """
    if not isinstance(task, dict):
        raise ValueError(f"it is not an object but {type(task).__name__}")
    if isinstance(task.get("data"), dict):
        if "annotations" not in task and isinstance(task.get("completions"), list):
            return task | {"annotations": [_from_completion(c) for c in task["completions"]]}
        return task
    if min_task := _from_min(task):
        return min_task
    if "data" in task:
        raise ValueError("its `data` is not an object")
    raise ValueError(f"it has no `data`{_kind(task)}")


def _from_completion(completion: Any) -> Any:
    """An annotation as it was called before 1.0: `skipped` is `was_cancelled`, `honeypot` is `ground_truth`."""
    if not isinstance(completion, dict):
        return completion
    return completion | {
        "was_cancelled": bool(completion.get("was_cancelled") or completion.get("skipped")),
        "ground_truth": completion.get("ground_truth") is True or completion.get("honeypot") is True,
    }


def _from_min(task: Json) -> Json | None:
    """The task of a record of a JSON_MIN export: one annotation, without relations or origin; None if it is none."""
    controls = {
        name: value
        for name, value in task.items()
        if isinstance(value, list) and value and all(isinstance(v, dict) and _is_min_region(v) for v in value)
    }
    if not controls and not {"annotator", "annotation_id"} & task.keys():
        return None
    result = []
    for name, values in controls.items():
        for value in values:
            kind = next((key for key in value if key.endswith("labels")), "labels")
            result.append({"from_name": name, "type": kind, "value": value})
    annotation = {"id": task.get("annotation_id"), "completed_by": task.get("annotator"), "result": result}
    annotation |= {key: task.get(key) for key in ("created_at", "updated_at", "lead_time")}
    data = {key: value for key, value in task.items() if key not in controls and key not in MIN_FIELDS}
    return {"id": task.get("id"), "data": data, "annotations": [annotation]}


def _is_min_region(value: Json) -> bool:
    return "start" in value and "end" in value and any(key.endswith("labels") for key in value)


# Records of other programs: the fields that all have, the fields of which they have one, and what they are.
FOREIGN: tuple[tuple[set[str], set[str], str], ...] = (
    ({"text", "spans"}, {"_input_hash", "tokens", "answer"}, "; it looks like Prodigy's JSONL"),
    ({"doc_id", "text", "spans"}, {"relations"}, "; it looks like docs.jsonl, which labeling wrote itself"),
    ({"text"}, {"label", "labels", "entities"}, "; it looks like doccano's JSONL"),
    ({"images", "annotations"}, {"images"}, "; it looks like COCO, which is for images"),
    ({"text"}, {"text"}, "; it looks like an article, which `labeling import` takes"),
)


def _kind(record: Json) -> str:
    """What a record of another program is, as far as its fields tell."""
    keys = set(record)
    if {"detail", "status_code"} <= keys or keys == {"detail"}:
        return f"; it is an error of the server: {str(record['detail'])[:100]}"
    return next((kind for needed, one_of, kind in FOREIGN if needed <= keys and keys & one_of), "")
