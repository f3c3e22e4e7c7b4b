"""The options of an export."""

from typing import Literal

from pydantic import Field

from labeling.core.schema import LANGUAGE
from labeling.core.split import Split
from labeling.core.value import Value
from labeling.studio.annotations import Choice


class Options(Value):
    """The options of an export.

    Attributes:
        choice: Which annotations are used.
        anonymous: Whether annotators and adjudicators have pseudonyms instead of names.
        drafts: Whether drafts are used if nothing was submitted, as partly reviewed documents.
        unlabelled: Whether tokens without a label are `outside` of every span, or unknown (`missing`).
        language: spaCy's code of the tokenizer's language; None for the schema's, or without a schema the texts'.
        align: What to do with a span whose edges are inside tokens (see `labeling.nlp.gold.to_doc`).
        any_label: Whether all labels and relations are legal, whatever the workspace's schema says.
        mapping: Annotated label or relation → its name in the files.
        drop: Labels and relations to leave out.
        split: The shares of the parts; None for the workspace's.
        resplit: Whether to ignore the parts of earlier exports.
        train: What to train; None to choose by the data.
        vectors: The pipeline whose word vectors the config uses, `none`, or `auto` for what is installed.
        formats: Additional formats, by their names in `labeling.formats.registry`.
        overlaps: What to do with overlapping spans in formats that cannot have them.
        csv_raw: Whether cells of a CSV are exact, even if a spreadsheet would compute them.
        fail_over: The percentage of spans that may be refused; above it nothing is written. None: any.
        strict: Whether to write nothing if any input cannot be read.
        overwrite: Whether to replace files that no export wrote, or that were changed since.
        jobs: The number of processes; None for one per core.
    """

    choice: Choice = Choice()
    anonymous: bool = False
    drafts: bool = False
    unlabelled: Literal["outside", "missing"] = "outside"
    language: str | None = Field(default=None, pattern=LANGUAGE)
    align: Literal["strict", "contract", "expand"] = "strict"
    any_label: bool = False
    mapping: dict[str, str] = Field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    split: Split | None = None
    resplit: bool = False
    train: Literal["ner", "spancat", "both"] | None = None
    vectors: str = "auto"
    formats: tuple[str, ...] = ()
    overlaps: Literal["refuse", "longest"] = "refuse"
    csv_raw: bool = False
    fail_over: float | None = Field(default=None, ge=0, le=100)
    strict: bool = False
    overwrite: bool = False
    jobs: int | None = Field(default=None, ge=1)
