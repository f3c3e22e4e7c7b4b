"""What an annotator made of a pre-annotation: regions that were kept, changed, added and deleted."""

from collections.abc import Iterable, Mapping
from typing import Any

from labeling.core.value import Value
from labeling.studio.regions import is_span, items_of, labels_of

Json = dict[str, Any]
Regions = dict[str, list[Any]]  # a region's id → its start, end and labels


class Changes(Value):
    """Numbers of regions.

    Attributes:
        kept: Those of the pre-annotation that stayed as they were.
        changed: Those of it that were moved or got another label.
        added: Those that are not of it.
        deleted: Those of it that are no more.
    """

    kept: int = 0
    changed: int = 0
    added: int = 0
    deleted: int = 0

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(**{name: getattr(self, name) + getattr(other, name) for name in Changes.model_fields})


def regions_of(result: Any) -> Regions:
    """The labelled regions of a prediction or annotation, by their ids."""
    found: Regions = {}
    for number, item in enumerate(items_of(result)):
        if isinstance(item, dict) and is_span(item):
            value = item.get("value")
            value = value if isinstance(value, dict) else {}
            found[str(item.get("id", f"#{number}"))] = [value.get("start"), value.get("end"), labels_of(item)]
    return found


def predictions_of(task: Json) -> dict[str, Regions]:
    """The regions of each prediction of a task, by the prediction's id."""
    predictions = (each for each in items_of(task.get("predictions")) if isinstance(each, dict))
    return {str(each.get("id")): regions_of(each.get("result")) for each in predictions}


def changes(annotation: Json, predictions: Mapping[str, Regions]) -> Changes:
    """What was made of the prediction that an annotation started from.

    That is the one that it names (`parent_prediction`), else the one with most of its regions; where it has none of
    any, it started from nothing, and all regions were added.
    """
    regions = regions_of(annotation.get("result"))
    parent = predictions.get(str(annotation.get("parent_prediction")))
    if parent is None:
        parent = max(predictions.values(), key=lambda one: len(one.keys() & regions.keys()), default={})
        parent = parent if parent.keys() & regions.keys() else {}
    both = parent.keys() & regions.keys()
    kept = sum(parent[name] == regions[name] for name in both)
    return Changes(kept=kept, changed=len(both) - kept, added=len(regions) - len(both), deleted=len(parent) - len(both))


def total(found: Iterable[Changes]) -> Changes:
    """The sum."""
    return sum(found, Changes())
