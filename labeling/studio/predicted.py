"""The models whose predictions an annotation was made from, as far as a task tells."""

from typing import Any

from labeling.studio.regions import items_of

Json = dict[str, Any]
# The version of a second, empty prediction: it marks tasks that annotators start from an empty page.
WITHOUT_PREFILL = "without prefill"
VERSIONS = "predictions_model_versions"  # a list of tasks has this field instead of the predictions


def predicted_by(task: Json, annotation: Json) -> tuple[str, ...]:
    """The model versions of the predictions that an annotation was made from.

    Exports have different fields: the annotation has a copy of its prediction, or its id, or the task has its
    predictions, or only their versions. If it is unknown which one it was, all are returned; none if the annotation was
    made without a prediction or from an empty page, or no prediction has a version.
    """
    if prefilled(task, annotation) is False:
        return ()
    if isinstance(copy := annotation.get("prediction"), dict) and (version := _version(copy)):
        return (version,)
    own, predictions = _predictions(task, annotation)
    versions = {*map(_version, own or predictions), *(() if own else _listed(task))}
    return tuple(sorted(versions - {""}))


def prefilled(task: Json, annotation: Json) -> bool | None:
    """Whether an annotation was made from a prediction with something in it; None if the task does not tell.

    A prediction in which the model found nothing is an empty page, too.
    """
    copy = annotation.get("prediction")
    if isinstance(copy, dict) and isinstance(result := copy.get("result"), list):
        return bool(result)
    if "parent_prediction" in annotation and annotation["parent_prediction"] is None:
        return False
    if WITHOUT_PREFILL in _listed(task):
        return False
    own, predictions = _predictions(task, annotation)
    results = [result for each in own or predictions if isinstance(result := each.get("result"), list)]
    if results:
        return any(results)
    return False if task.get("predictions") == [] and not _listed(task) else None


def _predictions(task: Json, annotation: Json) -> tuple[list[Json], list[Json]]:
    """The prediction that an annotation names, if the task has it, and all predictions of the task."""
    number = annotation.get("parent_prediction")
    predictions = [each for each in items_of(task.get("predictions")) if isinstance(each, dict)]
    return [each for each in predictions if number is not None and each.get("id") == number], predictions


def _listed(task: Json) -> set[str]:
    """The versions of a task's predictions, where it has them in the place of the predictions."""
    joined = task.get(VERSIONS)
    return {name.strip() for name in joined.split(",")} if isinstance(joined, str) else set()


def _version(prediction: Json) -> str:
    version = prediction.get("model_version")
    return version if isinstance(version, str) else ""
