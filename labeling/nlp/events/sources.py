"""Spans from other sources than the rules: a user's patterns, and models trained on the schema's labels."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.language import Language
from spacy.pipeline import SpanRuler
from spacy.tokens import Doc, Span

from labeling.core.schema import LabelSchema
from labeling.errors import SchemaError
from labeling.nlp.events.candidates import Candidate
from labeling.nlp.events.files import Files
from labeling.nlp.events.spans import Found
from labeling.nlp.load import load, model_name

Source = Callable[[Doc], Iterable[Found]]
PATTERN_SCORE = 0.95  # of a pattern without a score of its own
MODEL_SCORE = 0.75  # of a model without a precision in its meta.json


def read_sources(nlp: Language, files: Files) -> tuple[Source, ...]:
    """The sources that a schema names.

    Raises:
        SchemaError: Patterns are not valid; the message names all of them.
        ModelError: A model cannot be loaded.
    """
    patterns = [
        (name, _patterns(files.text(f"patterns/{number}.jsonl"), name, files.schema))
        for number, name in enumerate(files.wanted.patterns)
    ]
    folder = files.schema.folder
    models = [folder / model if folder and (folder / model).is_dir() else model for model in files.wanted.models]
    return (
        *(_of_patterns(nlp, Path(name).stem, found) for name, found in patterns),
        *(of_model(load(str(model)), files.schema) for model in models),
    )


def _patterns(text: str, where: str, schema: LabelSchema) -> list[dict[str, Any]]:
    found, faults = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            pattern = srsly.json_loads(line)
            score = pattern.get("score", PATTERN_SCORE)
            if pattern["label"] not in schema.labels:
                faults.append(f"  line {number}: {pattern['label']!r} is not one of {', '.join(schema.labels)}")
            elif not isinstance(pattern["pattern"], str | list) or not isinstance(score, int | float):
                faults.append(f"  line {number}: it needs a text or a list as `pattern`, and a number as `score`")
            else:
                found.append({"label": pattern["label"], "pattern": pattern["pattern"], "id": str(score)})
        except (ValueError, KeyError, AttributeError, TypeError):
            faults.append(f'  line {number}: it is not a {{"label": …, "pattern": …}}')
    if faults:
        raise SchemaError(f"{where}: {len(faults)} lines are not patterns\n" + "\n".join(faults))
    return found


def _of_patterns(nlp: Language, name: str, patterns: list[dict[str, Any]]) -> Source:
    # patterns given as text are only tokenized
    ruler = SpanRuler(spacy.blank(nlp.lang or "xx", vocab=nlp.vocab), name, validate=True)
    try:
        ruler.add_patterns(patterns)
    except ValueError as error:
        raise SchemaError(f"{name}: {error}") from error

    def source(doc: Doc) -> Iterator[Found]:
        for span in ruler.match(doc):
            yield _found(span, f"pattern {name}", float(span.id_ or PATTERN_SCORE))

    return source


def of_model(nlp: Language, schema: LabelSchema) -> Source:
    """The spans of a trained pipeline with the schema's labels, scored by its precision for each label."""
    performance = nlp.meta.get("performance", {})
    per_type = {**(performance.get("spans_sc_per_type") or {}), **(performance.get("ents_per_type") or {})}
    name = f"model {model_name(nlp)}"

    def source(doc: Doc) -> Iterator[Found]:
        own = doc
        if doc.vocab is not nlp.vocab:  # another pipeline parsed the document
            own = Doc(nlp.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc])
            for _, pipe in nlp.pipeline:
                own = pipe(own)
        for span in (*own.ents, *own.spans.get("sc", ())):
            if span.label_ in schema.labels:
                score = per_type.get(span.label_, {}).get("p") or MODEL_SCORE
                yield _found(doc[span.start : span.end], name, float(score), span.label_)

    return source


def _found(span: Span, source: str, score: float, label: str = "") -> Found:
    return Found(Candidate(source, span.root.i, span.start, span.end), label or span.label_, min(1.0, max(0.0, score)))
