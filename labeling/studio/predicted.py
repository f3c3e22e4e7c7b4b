"""The models whose predictions an annotation was made from, as far as a task tells."""

from typing import Any

from labeling.studio.regions import items_of

Json = dict[str, Any]
VERSIONS = "predictions_model_versions"  # a list of tasks has this field instead of the predictions


def predicted_by(task: Json, annotation: Json) -> tuple[str, ...]:
    """The model versions of the predictions that an annotation was made from.

    Exports have different fields: the annotation has a copy of its prediction, or its id, or the task has its
    predictions, or only their versions. If it is unknown which one it was, all are returned; none if the annotation was
    made without a prediction, or no prediction has a version.
    """
    if isinstance(copy := annotation.get("prediction"), dict) and (version := _version(copy)):
        return (version,)
    number = annotation.get("parent_prediction")
    if number is None and "parent_prediction" in annotation:
        return ()
    predictions = [each for each in items_of(task.get("predictions")) if isinstance(each, dict)]
    own = [each for each in predictions if number is not None and each.get("id") == number]
    joined = task.get(VERSIONS)
    listed = joined.split(",") if isinstance(joined, str) else ()
    return tuple(sorted({*map(_version, own or predictions), *(name.strip() for name in listed if not own)} - {""}))


def _version(prediction: Json) -> str:
    version = prediction.get("model_version")
    return version if isinstance(version, str) else ""
