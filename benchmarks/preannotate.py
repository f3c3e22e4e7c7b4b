"""How much work pre-annotation saves on gold that others made, and whether its scores mean what they say.

Usage: python benchmarks/preannotate.py SCHEMA.toml=GOLD.jsonl … [--folds N]

For each pair: the effort saved (labeling.core.effort) by plain entities, by entities and every verb, and by the
schema's pre-annotation; P, R and F per label and of the relations; and two reliability tables, of spans and of
documents: what was said against what came true. With --folds the weights of the scores are made anew for each part of
the gold from the other parts (needs scikit-learn), so that no document is judged by what was learned from it.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from labeling.core.article import Article
from labeling.core.effort import core
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.nlp.annotate import Predicted, annotate, event_finder
from labeling.nlp.events.scores import to_weights
from labeling.nlp.load import load

PLAIN = {"PERSON": "ACTOR", "ORG": "ACTOR", "NORP": "ACTOR", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION"}
PLAIN |= {"DATE": "DATE", "TIME": "DATE"}
Gold = dict[str, Any]
Marked = tuple[int, int, str]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", nargs="+", help="SCHEMA.toml=GOLD.jsonl")
    parser.add_argument("--folds", type=int, default=0, help="parts of the gold for cross-validation")
    options = parser.parse_args()
    nlp = load("en_core_web_sm")
    for pair in options.gold:
        schema_path, _, gold_path = pair.partition("=")
        schema = LabelSchema.from_toml(
            Path(schema_path).read_text(encoding="utf-8"), schema_path, Path(schema_path).parent
        )
        gold = [json.loads(line) for line in Path(gold_path).read_text(encoding="utf-8").splitlines()]
        docs = list(
            folded(nlp, schema, gold, options.folds) if options.folds else annotate(nlp, schema, articles(gold))
        )
        print(f"\n{gold_path}: {len(gold)} documents, schema {schema.key}, {options.folds or 'no'} folds")
        report(gold, docs, list(nlp.pipe(one["text"] for one in gold)), schema)


def articles(gold: list[Gold]) -> Iterator[Article]:
    """The texts, with nothing else."""
    return (Article(doc_id=str(number), text=one["text"]) for number, one in enumerate(gold))


def folded(nlp: Language, schema: LabelSchema, gold: list[Gold], folds: int) -> list[LabeledDoc]:
    """The documents, each by weights of the scores that the other parts of the gold give."""
    from scores import Examples, collect, names_of, weigh  # noqa: PLC0415 - scikit-learn is needed for this alone

    finder = event_finder(nlp, schema)
    assert finder
    found: dict[str, LabeledDoc] = {}
    parsed = list(nlp.pipe(finder.readable(one["text"]) for one in gold))
    readable = names_of(parsed)
    for fold in range(folds):
        examples: dict[str, Examples] = defaultdict(Examples)
        spans: Counter[str] = Counter()
        others = [n for n in range(len(gold)) if n % folds != fold]
        collect(schema, [gold[n] for n in others], [parsed[n] for n in others], examples, spans)
        kinds = {kind: weigh(some, readable) for kind, some in examples.items() if any(some.right)}
        empty = {"intercept": -9.0, "names": {}, "numbers": {}}
        finder.spans.finder.weights = to_weights(
            {k: kinds.get(k, empty) for k in finder.spans.finder.weights.kinds}, {}
        )
        mine = [n for n in range(len(gold)) if n % folds == fold]
        found |= {str(n): doc for n, doc in zip(mine, by(finder, [gold[n] for n in mine], mine), strict=True)}
    return [found[str(n)] for n in range(len(gold))]


def by(finder: Any, gold: list[Gold], numbers: list[int]) -> Iterator[LabeledDoc]:
    """What an event finder says of the documents."""
    for number, one in zip(numbers, gold, strict=True):
        taken = Predicted(Article(doc_id=str(number), text=one["text"]))
        taken.add_group(finder(finder.nlp(finder.readable(one["text"]))))
        yield taken.doc()


def report(gold: list[Gold], docs: list[LabeledDoc], parsed: list[Doc], schema: LabelSchema) -> None:
    """Print all that is to say of one gold file."""
    right = [{(*core(one["text"], s["start"], s["end"]), s["label"]) for s in one["spans"]} for one in gold]
    labels = {label for marks in right for _, _, label in marks}
    entities = [
        marks(d.text, [(e.start_char, e.end_char, PLAIN[e.label_]) for e in d.ents if e.label_ in PLAIN], labels)
        for d in parsed
    ]
    verbs = [marks(d.text, [(t.idx, t.idx + len(t), "ACTION") for t in d if t.pos_ == "VERB"], labels) for d in parsed]
    ours = [marks(d.text, [(s.start, s.end, s.label) for s in d.spans], labels) for d in docs]
    print(f"  effort saved by plain entities                 {saved(right, entities):7.1%}")
    both = [a | b for a, b in zip(entities, verbs, strict=True)]
    print(f"  effort saved by plain entities and every verb  {saved(right, both):7.1%}")
    print(f"  effort saved by the schema's pre-annotation    {saved(right, ours):7.1%}")
    for label in sorted(labels):
        print(f"  {label:10} {measures([of(m, label) for m in right], [of(m, label) for m in ours])}")
    arrows(gold, docs)
    print("  spans: score said → share right (number)")
    table(
        [
            (s.score, (*core(d.text, s.start, s.end), s.label) in r)
            for d, r in zip(docs, right, strict=True)
            for s in d.spans
            if s.score is not None and s.label in labels
        ]
    )
    print("  documents: effort said → effort saved (number)")
    table(
        [(d.score, saved([r], [o])) for d, r, o in zip(docs, right, ours, strict=True) if r and d.score is not None], 5
    )


def marks(text: str, found: list[Marked], labels: set[str]) -> set[Marked]:
    """The cores of spans with a label that the gold has."""
    return {(*core(text, start, end), label) for start, end, label in found if label in labels}


def of(found: set[Marked], label: str) -> set[Marked]:
    """Those with a label."""
    return {mark for mark in found if mark[2] == label}


def saved(right: list[set[Marked]], found: list[set[Marked]]) -> float:
    """The effort saved over documents; see labeling.core.effort."""
    left = blank = 0
    for gold, ours in zip(right, found, strict=True):
        missing, spurious = gold - ours, ours - gold
        bounds = Counter(mark[:2] for mark in spurious)
        relabelled = sum(bounds[mark[:2]] > 0 for mark in missing)
        left += 2 * (len(missing) - relabelled) + (len(spurious) - relabelled) + relabelled
        blank += 2 * len(gold)
    return 1 - left / blank if blank else 1.0


def measures(right: list[Any], found: list[Any]) -> str:
    """P, R and F in words."""
    hits = sum(len(a & b) for a, b in zip(right, found, strict=True))
    gold, ours = sum(map(len, right)), sum(map(len, found))
    precision, recall, f = hits / max(1, ours), hits / max(1, gold), 2 * hits / max(1, gold + ours)
    return f"P {precision:.3f}  R {recall:.3f}  F {f:.3f}  ({gold} gold)"


def arrows(gold: list[Gold], docs: list[LabeledDoc]) -> None:
    """Print P, R and F of the relations, where the gold has any."""
    right, found = [], []
    for one, doc in zip(gold, docs, strict=True):
        places = {s["id"]: core(one["text"], s["start"], s["end"]) for s in one["spans"]}
        ours = {s.id: core(doc.text, s.start, s.end) for s in doc.spans}
        right.append({(places[r["head"]], places[r["tail"]], r["label"]) for r in one.get("relations", ())})
        found.append({(ours[r.head], ours[r.tail], r.label) for r in doc.relations})
    if any(right):
        print(f"  relations  {measures(right, found)}")


def table(pairs: list[tuple[float, float]], bins: int = 10) -> None:
    """Print what was said and what came true, in bins of what was said."""
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for said, true in pairs:
        found[min(bins - 1, int(said * bins))].append((said, float(true)))
    for _, some in sorted(found.items()):
        said, true = (sum(column) / len(some) for column in zip(*some, strict=True))
        print(f"    {said:.2f} → {true:.2f}  ({len(some)})")
    gap = sum(abs(sum(s for s, _ in some) - sum(t for _, t in some)) for some in found.values()) / max(1, len(pairs))
    print(f"    expected calibration error {gap:.3f}")


if __name__ == "__main__":
    main()
