"""Parquet for Hugging Face's `datasets`: `hf/<part>.parquet`."""

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np

from labeling.core.tokens import TokenizedDoc
from labeling.formats.format import Context, Format, Rendered, attributes_of, words_of
from labeling.formats.parquet import ParquetSink, require_pyarrow, to_bytes

COLUMNS = ("doc_id", "text", "title", "source", "published", "url")
# PyTorch's cross-entropy, and so every token classifier of `transformers`, leaves this class out of the loss.
UNKNOWN = -100


def render(docs: Sequence[TokenizedDoc], context: Context) -> Rendered:
    """The documents as an Arrow IPC stream, a row each; it has every span and relation, so there are no problems.

    `ner_tags` has the classes `O`, `B-X` and `I-X` of the context's labels, and -100 for unknown tags. Offsets are code
    points; `token_start` and `token_end` are half-open, null for a misaligned span, and wider or narrower than the span
    if it was snapped. `attributes` is JSON, or "".

    Raises:
        InputError: pyarrow is not installed.
    """
    require_pyarrow("hf")
    import pyarrow as pa

    schema = _schema(context)
    number = {tag: i for i, tag in enumerate(tag_names(context.labels))} | {"": UNKNOWN}
    bounds = np.fromiter(chain.from_iterable(chain.from_iterable(doc.tokens for doc in docs)), dtype=np.int32)
    offsets = pa.array([0, *accumulate(len(doc.tokens) for doc in docs)], type=pa.int32())

    def per_token(values: Any, kind: Any) -> Any:
        return pa.ListArray.from_arrays(offsets, pa.array(values, type=kind))

    columns = [
        *(pa.array([getattr(doc.doc, name) for doc in docs], type=pa.string()) for name in COLUMNS),
        per_token([word for doc in docs for word in words_of(doc)], pa.string()),
        per_token(bounds[::2], pa.int32()),
        per_token(bounds[1::2], pa.int32()),
        per_token([number[tag] for doc in docs for tag in doc.tags], pa.int64()),
        pa.array([attributes_of(doc.doc) for doc in docs], type=pa.string()),
        pa.array([_spans(doc) for doc in docs], type=schema.field("spans").type),
        pa.array([[r.model_dump() for r in doc.doc.relations] for doc in docs], type=schema.field("relations").type),
    ]
    return Rendered(to_bytes(pa.record_batch(columns, schema=schema), schema))


def tag_names(labels: Iterable[str]) -> list[str]:
    """The classes of `ner_tags`, in the order of their numbers.

    >>> tag_names(["ACTOR", "DATE"])
    ['O', 'B-ACTOR', 'I-ACTOR', 'B-DATE', 'I-DATE']
    """
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def open_sink(folder: Path, stem: str, context: Context) -> ParquetSink:
    """`hf/<stem>.parquet`.

    Raises:
        InputError: pyarrow is not installed.
    """
    require_pyarrow("hf")
    return ParquetSink(folder / "hf" / f"{stem}.parquet", _schema(context))


FORMAT = Format(
    name="hf", description="Parquet with features, for Hugging Face's datasets", render=render, open=open_sink
)


def _spans(doc: TokenizedDoc) -> list[dict[str, Any]]:
    spans = []
    for span in doc.doc.spans:
        first, stop = doc.places.get(span.id, (None, None))
        spans.append(
            {
                "id": span.id,
                "start": span.start,
                "end": span.end,
                "label": span.label,
                "token_start": first,
                "token_end": stop,
                "attributes": attributes_of(span),
            }
        )
    return spans


def _schema(context: Context) -> Any:
    """The Arrow schema, with the features that `datasets` looks for in its metadata.

    `Sequence` and a list with one member are the spellings that old and new versions of `datasets` both read.
    """
    import pyarrow as pa

    text, count = {"dtype": "string", "_type": "Value"}, {"dtype": "int32", "_type": "Value"}
    tags = {"names": tag_names(context.labels), "_type": "ClassLabel"}
    span = {"id": text, "start": count, "end": count, "label": text, "token_start": count, "token_end": count}
    span["attributes"] = text
    relation = {"head": text, "tail": text, "label": text}
    features = {
        **dict.fromkeys(COLUMNS, text),
        "tokens": {"feature": text, "_type": "Sequence"},
        "token_starts": {"feature": count, "_type": "Sequence"},
        "token_ends": {"feature": count, "_type": "Sequence"},
        "ner_tags": {"feature": tags, "_type": "Sequence"},
        "attributes": text,
        "spans": [span],
        "relations": [relation],
    }

    def arrow(feature: Any) -> Any:
        match feature:
            case [members]:
                return pa.list_(pa.struct({name: arrow(member) for name, member in members.items()}))
            case {"_type": "Sequence", "feature": inner}:
                return pa.list_(arrow(inner))
            case {"_type": "ClassLabel"}:
                return pa.int64()
            case _:
                return pa.string() if feature["dtype"] == "string" else pa.int32()

    fields = {name: arrow(feature) for name, feature in features.items()}
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})
