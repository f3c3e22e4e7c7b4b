"""The JSONL of Prodigy: `prodigy/<part>.jsonl`, a document on each line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from labeling.core.labels import LabeledDoc, Span
from labeling.core.problem import Problem
from labeling.core.tokens import TokenizedDoc
from labeling.formats.format import Context, FileSink, Format, Rendered, attributes_of, meta_of, problem


def render(docs: Sequence[TokenizedDoc], context: Context) -> Rendered:
    """A line per document: text, tokens, spans, relations, meta; offsets are code points, `token_end` is inclusive.

    Spans in Prodigy begin and end at tokens, so a snapped span has the edges of its tokens, and a misaligned one is
    left out; the caller lists both, as `snapped` and `misaligned`. A relation of a span that was left out is left out,
    too (`relation-left-out`). Overlapping spans are kept. Attributes are in a key `attributes`, which Prodigy keeps.
    Prodigy cannot say that a token's tag is unknown: such tokens are outside of spans there (`unknown-as-outside`), and
    `meta.unknown` is their number.
    """
    problems: list[Problem] = []
    lines = [orjson.dumps(_example(doc, problems), option=orjson.OPT_APPEND_NEWLINE) for doc in docs]
    return Rendered(b"".join(lines), tuple(problems))


def open_sink(folder: Path, stem: str, context: Context) -> FileSink:
    """`prodigy/<stem>.jsonl`."""
    return FileSink(folder / "prodigy" / f"{stem}.jsonl")


FORMAT = Format(
    name="prodigy", description="JSONL in the shape that Prodigy reads and writes", render=render, open=open_sink
)


def _example(doc: TokenizedDoc, problems: list[Problem]) -> dict[str, Any]:
    article, text = doc.doc, doc.doc.text
    following = [start for start, _ in doc.tokens[1:]] + [len(text)]
    spans = {span.id: _span(doc, span, *doc.places[span.id]) for span in article.spans if span.id in doc.places}
    meta = meta_of(article)
    if "" in doc.tags and (unknown := _unknown(doc)):
        meta["unknown"] = unknown
        detail = f"prodigy: nobody knows of {unknown} tokens whether they are in a span; they are outside here"
        problems.append(problem(doc, "unknown-as-outside", "changed", detail))
    example = {
        "text": text,
        "tokens": [
            {"text": text[start:end], "start": start, "end": end, "id": i, "ws": after > end}
            for i, ((start, end), after) in enumerate(zip(doc.tokens, following, strict=True))
        ],
        "spans": list(spans.values()),
        "relations": _relations(doc, spans, problems),
        "meta": meta,
        "answer": "accept",
    }
    return example | _attributes(article)


def _span(doc: TokenizedDoc, span: Span, first: int, stop: int) -> dict[str, Any]:
    start, end = doc.tokens[first][0], doc.tokens[stop - 1][1]
    return {"start": start, "end": end, "token_start": first, "token_end": stop - 1, "label": span.label} | _attributes(
        span
    )


def _attributes(labeled: LabeledDoc | Span) -> dict[str, Any]:
    return {"attributes": orjson.Fragment(found)} if (found := attributes_of(labeled)) else {}


def _relations(doc: TokenizedDoc, spans: dict[str, dict[str, Any]], problems: list[Problem]) -> list[dict[str, Any]]:
    relations = []
    for relation in doc.doc.relations:
        head, child = spans.get(relation.head), spans.get(relation.tail)
        if head and child:
            relations.append(
                {
                    "head": head["token_end"],
                    "child": child["token_end"],
                    "head_span": head,
                    "child_span": child,
                    "label": relation.label,
                }
            )
        else:
            at = doc.doc.by_id[relation.tail if head else relation.head]
            detail = f"prodigy: the edges of its {'tail' if head else 'head'} are inside tokens"
            problems.append(problem(doc, "relation-left-out", "refused", detail, at, label=relation.label))
    return relations


def _unknown(doc: TokenizedDoc) -> int:
    """The number of tokens that have no tag and are in no span."""
    covered = {i for start, stop in doc.places.values() for i in range(start, stop)}
    return sum(not tag and i not in covered for i, tag in enumerate(doc.tags))
