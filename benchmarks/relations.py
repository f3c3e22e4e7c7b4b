"""How well relations are found by the rules alone and by what was learned, on gold spans and on predicted ones.

Usage: python benchmarks/relations.py GOLD.jsonl SCHEMA.toml [--folds K] [--reviewed N] [--only names|verbs|most]

The gold is judged in folds, each by what the others teach; needs scikit-learn. With --reviewed only so many documents
of the others are learned from. With --only the gold is first made incomplete, as if reviewers had joined names alone,
verbs alone, or had left out every fifth relation: what was learned should follow them.
"""

import argparse
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preannotate import folded, measures
from spacy.language import Language
from spacy.tokens import Doc, Span

from labeling.core.effort import core
from labeling.core.schema import LabelSchema
from labeling.nlp.annotate import event_finder
from labeling.nlp.learn.relation_training import fit
from labeling.nlp.learn.relations import Example
from labeling.nlp.load import load

Gold = dict[str, Any]
Arrow = tuple[tuple[int, int], tuple[int, int], str]


@dataclass(frozen=True)
class Judged:
    """A document for learning, and its gold relations by the cores of their ends."""

    example: Example
    gold: set[Arrow]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path)
    parser.add_argument("schema", type=Path)
    parser.add_argument("--folds", type=int, default=5, help="parts of the gold for cross-validation")
    parser.add_argument("--reviewed", type=int, help="how many documents are learned from at most")
    parser.add_argument("--only", choices=("names", "verbs", "most"), help="make the gold incomplete")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    nlp = load("en_core_web_sm")
    schema = LabelSchema.from_toml(
        options.schema.read_text(encoding="utf-8"), str(options.schema), options.schema.parent
    )
    gold = [json.loads(line) for line in options.gold.read_text(encoding="utf-8").splitlines()]
    finder = event_finder(nlp, schema)
    assert finder
    parsed = list(nlp.pipe(finder.readable(one["text"]) for one in gold))
    if options.only:
        gold = [incomplete(one, doc, options.only) for one, doc in zip(gold, parsed, strict=True)]
    rules, lexicon = finder.relations.between, finder.spans.finder.describe.lexicon
    for name, some in (
        ("gold spans", [on_gold(*pair) for pair in zip(gold, parsed, strict=True)]),
        ("predicted spans", on_predicted(nlp, schema, gold, parsed, options.folds)),
    ):
        begun = time.perf_counter()
        found, reports = learned(some, schema, rules, lexicon, options)
        took = time.perf_counter() - begun
        print(f"\n{name}: {sum(len(one.gold) for one in some)} relations, {took / options.folds:.1f} s a fit")
        by_rules = [arrows(one.example, rules(one.example.spans)) for one in some]
        for label in (*schema.relations, ""):
            right = [of(one.gold, label) for one in some]
            print(f"  {label or 'all':8} rules    {measures(right, [of(one, label) for one in by_rules])}")
            print(f"  {'':8} learned  {measures(right, [of(one, label) for one in found])}  {reports[label]}")


def learned(some: Sequence[Judged], schema: LabelSchema, rules: Any, lexicon: Any, options: Any) -> Any:
    """What is found in each document by what the other folds teach; and what decided, by relation."""
    found: dict[int, set[Arrow]] = {}
    reports: dict[str, str] = defaultdict(str)
    scored: list[tuple[float, bool]] = []
    for fold in range(options.folds):
        others = [one.example for number, one in enumerate(some) if number % options.folds != fold]
        random.Random(options.seed + fold).shuffle(others)
        model = fit(others[: options.reviewed], schema, rules, lexicon, options.seed)
        for one in model.report:
            reports[one.label] += f" {one.source[0]}{one.threshold:.2f}"
        for number, one in enumerate(some):
            if number % options.folds == fold:
                example = one.example
                said = model(example.doc, example.spans, example.scores)
                found[number] = arrows(example, [arrow[:3] for arrow in said])
                scored += [(p, bool(arrows(example, [(h, t, label)]) & one.gold)) for h, t, label, p in said]
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for p, right in scored:
        bins[min(9, int(p * 10))].append((p, right))
    gap = sum(abs(sum(p for p, _ in b) - sum(r for _, r in b)) for b in bins.values()) / max(1, len(scored))
    reports[""] = f" expected calibration error {gap:.3f}"
    return [found[number] for number in range(len(some))], reports


def on_gold(one: Gold, doc: Doc) -> Judged:
    """A document with its gold spans."""
    spans, numbers = [], {}
    for mark in one["spans"]:
        span = doc.char_span(mark["start"], mark["end"], label=mark["label"], alignment_mode="expand")
        numbers[mark["id"]] = len(spans)
        spans.append(span)
    relations = [(numbers[r["head"]], numbers[r["tail"]], r["label"]) for r in one["relations"]]
    example = Example(doc, spans, relations)
    return Judged(example, arrows(example, relations))


def on_predicted(nlp: Language, schema: LabelSchema, gold: list[Gold], parsed: list[Doc], folds: int) -> list[Judged]:
    """The documents with the spans that pre-annotation finds, by weights that other folds of the gold give."""
    found = []
    for one, doc, predicted in zip(gold, parsed, folded(nlp, schema, gold, folds), strict=True):
        spans = [s for s in predicted.spans if doc.char_span(s.start, s.end, alignment_mode="expand")]
        tokens = [doc.char_span(s.start, s.end, label=s.label, alignment_mode="expand") for s in spans]
        numbers = {core(one["text"], s.start, s.end): number for number, s in enumerate(spans)}
        places = {s["id"]: core(one["text"], s["start"], s["end"]) for s in one["spans"]}
        right = {(places[r["head"]], places[r["tail"]], r["label"]) for r in one["relations"]}
        there = [(numbers[h], numbers[t], label) for h, t, label in right if h in numbers and t in numbers]
        missed = Counter(label for h, t, label in right if h not in numbers or t not in numbers)
        scores = [s.score if s.score is not None else 1.0 for s in spans]
        found.append(Judged(Example(doc, tokens, there, scores, missed), right))
    return found


def arrows(example: Example, found: Iterable[tuple[int, int, str]]) -> set[Arrow]:
    """Relations by the cores of their ends."""
    text = example.doc.text
    cores = [core(text, span.start_char, span.end_char) for span in example.spans]
    return {(cores[head], cores[tail], label) for head, tail, label in found}


def of(found: set[Arrow], label: str) -> set[Arrow]:
    """Those with a label; all for ""."""
    return {one for one in found if not label or one[2] == label}


def incomplete(one: Gold, doc: Doc, only: str) -> Gold:
    """The document without the relations that reviewers with a convention of their own would not make."""
    tokens: dict[str, Span] = {
        mark["id"]: doc.char_span(mark["start"], mark["end"], alignment_mode="expand") for mark in one["spans"]
    }
    chance = random.Random(len(one["text"]))
    keep: dict[str, Callable[[Gold], bool]] = {
        "names": lambda r: any(token.pos_ == "PROPN" for token in tokens[r["tail"]]),
        "verbs": lambda r: tokens[r["head"]].root.pos_ == "VERB",
        "most": lambda r: chance.random() > 0.2,
    }
    return one | {"relations": [r for r in one["relations"] if keep[only](r)]}


if __name__ == "__main__":
    main()
