"""What every process needs to know about a conversion."""

from collections.abc import Mapping
from typing import Literal

import orjson
from pydantic import Field

from labeling.core.overlap import Overlap
from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.studio.annotations import Rules, Task
from labeling.studio.exports import Record, parse
from labeling.studio.regions import Legend
from labeling.workflow.export.options import Options


class ConversionSpec(Value):
    """What every process needs to convert tasks.

    Attributes:
        rules: Which annotations are used, and which labels are legal.
        language: The tokenizer's language; "" if the first pass is to detect it.
        align: What to do with a span whose edges are inside tokens.
        users: User id → name.
        url: A task's address, with `{project}` and `{task}` in it.
        is_pulled: Whether the tasks are from a project, and so are named by their addresses instead of files.
        formats: Additional formats, by their names in `labeling.formats.registry`.
        vectors: The pipeline whose word vectors the config uses.
        is_anonymous: Whether people are to have pseudonyms.
    """

    rules: Rules
    language: str
    align: Literal["strict", "contract", "expand"] = "strict"
    users: dict[int, str] = Field(default_factory=dict)
    url: str = ""
    is_pulled: bool = False
    formats: tuple[str, ...] = ()
    vectors: str | None = None
    is_anonymous: bool = False


def spec_of(
    options: Options,
    schema: LabelSchema | None,
    url: str,
    users: Mapping[int, str] | None,
    overlap: Overlap | None = None,
) -> ConversionSpec:
    """The spec for these options.

    Raises:
        InputError: A label is renamed to one that the schema does not have.
    """
    if schema:
        known = {*schema.labels, *schema.relations}
        if unknown := sorted(set(options.mapping.values()) - known):
            raise InputError(
                f"The schema {schema.key} has no label or relation {', '.join(unknown)}.",
                f"--map OLD=NEW takes one of these as NEW: {', '.join(sorted(known))}.",
            )
    legend = Legend(label_schema=schema, mapping=options.mapping, drop=options.drop)
    complete = options.unlabelled == "outside"
    return ConversionSpec(
        rules=Rules(legend=legend, choice=options.choice, drafts=options.drafts, complete=complete, overlap=overlap),
        language=options.language or (schema.language if schema else ""),
        align=options.align,
        users=dict(users or {}),
        url=url,
        is_pulled=users is not None,
        formats=options.formats,
        is_anonymous=options.anonymous,
    )


def task_of(spec: ConversionSpec, record: Record, called: Mapping[str, str] | None = None) -> Task:
    """The task of a record; `called` is what annotators are called instead of their names.

    Raises:
        ValueError: It is not JSON, or not a task.
    """
    try:
        # JSON that orjson accepts has no NaN and no lone surrogate
        value, is_clean = orjson.loads(record.data), b"\\u0000" not in record.data
    except orjson.JSONDecodeError:
        value, is_clean = parse(record.data), False
    return Task(value, spec.rules, spec.users, is_clean=is_clean, called=called)
