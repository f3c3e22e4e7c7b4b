"""How training files are made."""

from typing import Literal

from pydantic import Field

from labeling.core.schema import LANGUAGE
from labeling.core.split import Split
from labeling.core.value import Value
from labeling.studio.annotations import Choice


class Options(Value):
    """How training files are made.

    Attributes:
        choice: Which annotations count.
        drafts: Whether drafts count where nothing was submitted, as partly reviewed documents.
        unlabelled: What a token without label is known to be: outside of every span, or nothing (`missing`).
        language: spaCy's code of the language whose rules make the tokens; None takes the schema's, and without a
            schema the one that the texts are in.
        align: What becomes of a span whose edges are inside of tokens (see `labeling.nlp.gold.to_doc`).
        any_label: Whether labels and relations are legal as they are, whatever the workspace's schema says.
        mapping: Label or relation as it was annotated → as it is called in the files.
        drop: Labels and relations that are left out on purpose.
        split: The parts; None takes the workspace's.
        resplit: Whether to forget the parts of earlier exports.
        train: What to train; None chooses by the data.
        vectors: The pipeline whose word vectors the config reads, `none`, or `auto` for what is installed.
        formats: Further formats, by the names of `labeling.formats.registry`.
        overlaps: What formats with one layer do with overlapping spans.
        csv_raw: Whether the cells of a CSV are exact, also where a spreadsheet would compute them.
        fail_over: Per cent of the spans that may be refused; above it nothing is written. None: any number.
        strict: Whether input that cannot be read ends it.
        overwrite: Whether files in the way are replaced that no export wrote, or that were changed since.
        jobs: Processes; None takes one a core.
    """

    choice: Choice = Choice()
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
