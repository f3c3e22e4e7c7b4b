"""Files of gold documents and of pre-annotated tasks → how much work the pre-annotation saves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labeling.core.effort import Effort, Marks, effort
from labeling.core.faults import faults
from labeling.core.problem import Problem
from labeling.core.wording import first_lines
from labeling.errors import InputError
from labeling.studio.exports import ExportFiles, parse

MOST_FAULTS = 20  # faults in one message
GOLD_FORM = (
    'A line of the gold is {"text", "spans": [{"start", "end", "label"}]}; a task is'
    ' {"data": {"text"}, "predictions": [{"result"}]}, as `labeling annotate` writes it.'
)


def measure_effort(gold: Path, tasks: Path) -> Effort:
    """The effort that the tasks' newest predictions save on the gold documents of the same text.

    Of several tasks with the same text, the last one counts.

    Args:
        gold: Documents as JSON lines, `{"text", "spans", "relations"}`: a `docs.jsonl`, or gold from elsewhere.
        tasks: Label Studio tasks with predictions, as a JSON list or JSON lines.

    Raises:
        InputError: A file cannot be read, or records in it are not valid (all of them are named); or gold and tasks
            have no text or no label in common.
    """
    faults: list[str] = []
    wanted = list(_marks(gold, _gold_of, faults))
    predicted = {marks.text: marks for marks in _marks(tasks, _prediction_of, faults)}
    if faults:
        raise InputError("\n".join(["This cannot be measured:", *first_lines(faults, MOST_FAULTS)]), GOLD_FORM)
    _refuse_strangers(wanted, predicted)
    return effort(wanted, predicted)


def _refuse_strangers(gold: Sequence[Marks], predicted: Mapping[str, Marks]) -> None:
    """Refuse gold and tasks without a common text or label, instead of reporting zeros.

    Raises:
        InputError: They have none.
    """
    known = [predicted[doc.text] for doc in gold if doc.text in predicted]
    if gold and predicted and not known:
        raise InputError(
            f"None of the {len(gold):,} gold documents has a task with exactly its text.",
            "Pre-annotate the texts of the gold: `labeling annotate`.",
        )
    wanted, found = ({span.label for doc in docs for span in doc.spans} for docs in (gold, known))
    if wanted and found and not wanted & found:
        raise InputError(
            "The predictions have none of the gold's labels.\n"
            f"the predictions: {', '.join(sorted(found))}\nthe gold: {', '.join(sorted(wanted))}",
            "Take tasks that were pre-annotated with the schema of the gold.",
        )


def _marks(path: Path, read: Callable[[Any], Marks], problems: list[str]) -> Iterator[Marks]:
    with ExportFiles([path]) as files:
        for item in files.records():
            if isinstance(item, Problem):
                problems.append(f"{item.where}: {item.detail}")
                continue
            try:
                yield read(parse(item.data))
            except ValidationError as error:
                problems.extend(f"{item.where}: {fault}" for fault in faults(error))
            except ValueError as error:
                problems.append(f"{item.where}: {error}")


def _gold_of(record: Any) -> Marks:
    if not isinstance(record, dict):
        raise ValueError("it is not an object")
    if "data" in record:
        raise ValueError("it is a task; the gold comes first, then the tasks")
    return Marks.model_validate(record)


def _prediction_of(task: Any) -> Marks:
    """The spans and relations of a task's newest prediction; none if it has no prediction."""
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("text"), str):
        raise ValueError("it is not a task with a text in `data.text`")
    predictions = task.get("predictions") or [{}]
    newest = predictions[-1] if isinstance(predictions, list) else None
    result = newest.get("result", []) if isinstance(newest, dict) else None
    if not isinstance(result, list) or not all(isinstance(item, dict) for item in result):
        raise ValueError("its newest prediction has no list of regions as `result`")
    spans = [span for item in result for span in _spans_of(item)]
    links = [link for item in result if item.get("type") == "relation" for link in _links_of(item)]
    return Marks.model_validate({"text": data["text"], "spans": spans, "relations": links})


def _spans_of(region: dict[str, Any]) -> Iterator[dict[str, Any]]:
    value = region.get("value")
    if isinstance(value, dict):
        for label in value.get("labels") or ():
            yield {"id": region.get("id", ""), "label": label, "start": value.get("start"), "end": value.get("end")}


def _links_of(arrow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    ends = arrow.get("from_id"), arrow.get("to_id")
    head, tail = reversed(ends) if arrow.get("direction") == "left" else ends
    for label in arrow.get("labels") or ():
        yield {"head": head, "tail": tail, "label": label}
