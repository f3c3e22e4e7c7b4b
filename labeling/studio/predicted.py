"""Which model's predictions an annotator had to start from, as far as a task says."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
VERSIONS = "predictions_model_versions"  # what a list of tasks says in the place of the predictions themselves


def predicted_by(task: Json, annotation: Json) -> tuple[str, ...]:
    """The model versions of the predictions that an annotation was made from.

    Exports tell it in several ways: the annotation has a copy of its prediction, or its number, or only the task's
    predictions are there, or only their versions. Where it is not said which of them it was, all are named. None is
    where the annotation was made from nothing, or no prediction has a version.
    """
    if isinstance(copy := annotation.get("prediction"), dict) and (version := _version(copy)):
        return (version,)
    number = annotation.get("parent_prediction")
    if number is None and "parent_prediction" in annotation:
        return ()
    predictions = [each for each in _items(task.get("predictions")) if isinstance(each, dict)]
    own = [each for each in predictions if number is not None and each.get("id") == number]
    joined = task.get(VERSIONS)
    listed = joined.split(",") if isinstance(joined, str) else ()
    return tuple(sorted({*map(_version, own or predictions), *(name.strip() for name in listed if not own)} - {""}))


def _version(prediction: Json) -> str:
    version = prediction.get("model_version")
    return version if isinstance(version, str) else ""


def _items(value: Any) -> Iterator[Any]:
    return iter(value if isinstance(value, list) else ())
