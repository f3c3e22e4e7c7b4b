"""Tasks and results, read as with a schema or without one."""

from typing import Any

from labeling.core.schema import LabelSchema
from labeling.studio.annotations import Review, Rules, read_task
from labeling.studio.regions import Legend, ParsedResult, parse_result


def read(result: Any, text: str, schema: LabelSchema | None, **rest: Any) -> ParsedResult:
    """The regions of a result on a text that is shown as it is."""
    return parse_result(result, text, text, Legend(label_schema=schema), **rest)


def read_by(task: Any, schema: LabelSchema | None, where: str, *rest: Any) -> Review:
    """What was said of a task."""
    return read_task(task, Rules(legend=Legend(label_schema=schema)), where, *rest)
