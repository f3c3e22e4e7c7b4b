"""The JSONL that Prodigy reads: `prodigy/<part>.jsonl`, one document a line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from labeling.core.labels import LabeledDoc, Span
from labeling.core.problem import Problem
from labeling.core.tokens import TokenizedDoc
from labeling.formats.format import Context, FileSink, Format, Rendered, attributes_of

META = ("doc_id", "title", "source", "published", "url")


def render(docs: Sequence[TokenizedDoc], context: Context) -> Rendered:
    """One line a document: text, tokens, spans, relations, meta; offsets are code points, `token_end` is inclusive.

    Prodigy anchors a span on tokens, so a snapped one has the edges of its tokens, and one without a place is left out;
    the caller lists both, as `snapped` and `misaligned`. A relation of a span without a place is left out too, as the
    problem `relation-left-out`. Overlapping spans are kept. Attributes stand in a key of that name, which Prodigy
    passes through. Prodigy has no word for a token of which nobody knows whether it is in a span: it is outside
    there, the problem `unknown-as-outside`, and `meta.unknown` counts them.
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
    meta: dict[str, Any] = {name: value for name in META if (value := getattr(article, name))}
    if "" in doc.tags and (unknown := _unknown(doc)):
        meta["unknown"] = unknown
        problems.append(
            Problem(
                reason="unknown-as-outside",
                action="changed",
                detail=f"prodigy: nobody knows of {unknown} tokens whether they are in a span; they are outside here",
                doc_id=article.doc_id,
            )
        )
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
            problems.append(
                Problem(
                    reason="relation-left-out",
                    action="refused",
                    detail=f"prodigy: the edges of its {'tail' if head else 'head'} are inside tokens",
                    doc_id=doc.doc.doc_id,
                    label=relation.label,
                    start=at.start,
                    end=at.end,
                    text=doc.doc.slice(at),
                )
            )
    return relations


def _unknown(doc: TokenizedDoc) -> int:
    """The number of tokens that have no tag and are in no span."""
    covered = {i for start, stop in doc.places.values() for i in range(start, stop)}
    return sum(not tag and i not in covered for i, tag in enumerate(doc.tags))
