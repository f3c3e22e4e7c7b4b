"""Gold → schemas/en/scores.json: the weights by which spans are scored, by logistic regression.

Usage: python benchmarks/scores.py SCHEMA.toml=GOLD.jsonl … [-o schemas/en/scores.json]

Needs scikit-learn. Each gold file is read with the schema that its annotators followed. A candidate is right where its
core (see labeling.core.effort) and label are those of a gold span. No feature is a word, but for pronouns, articles and
prepositions: what is learned here is how much a noun of persons, a subject, a passive weigh, in anyone's news.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from spacy.symbols import NAMES as SYMBOLS
from spacy.tokens import Doc

from labeling.core.effort import core
from labeling.core.preannotate import Preannotate
from labeling.core.schema import LabelSchema
from labeling.nlp.events.candidates import KINDS, Finder
from labeling.nlp.events.component import lexicon_of
from labeling.nlp.events.features import NAMES, NUMBERS, SUFFIXES, Describer
from labeling.nlp.events.files import Files
from labeling.nlp.events.headlines import in_sentence_case
from labeling.nlp.hashes import hash_of, joint_hash
from labeling.nlp.load import load

STRENGTH = 0.3  # scikit-learn's C: the smaller, the more the weights are held back
SMALLEST = 0.005  # weights nearer to 0 are left out


@dataclass
class Examples:
    """The candidates of one kind: names and numbers of their heads, and whether they are right."""

    names: list[Any] = field(default_factory=list)
    numbers: list[Any] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)


def main() -> None:
    """Write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", nargs="+", help="SCHEMA.toml=GOLD.jsonl")
    parser.add_argument("-o", "--output", type=Path, default=Path("schemas/en/scores.json"))
    options = parser.parse_args()
    nlp = load("en_core_web_sm")
    examples: dict[str, Examples] = defaultdict(Examples)
    readable: dict[int, str] = {}
    spans: Counter[str] = Counter()
    for pair in options.gold:
        schema_path, _, gold_path = pair.partition("=")
        schema = LabelSchema.from_toml(Path(schema_path).read_text(encoding="utf-8"), schema_path)
        gold = [json.loads(line) for line in Path(gold_path).read_text(encoding="utf-8").splitlines()]
        lexicon = lexicon_of(Files.of(schema))
        docs = list(nlp.pipe(in_sentence_case(one["text"], lexicon) for one in gold))
        collect(schema, gold, docs, examples, spans)
        readable |= names_of(docs)
    kinds = {kind: weigh(examples[kind], readable) for kind in KINDS}
    origin = f"logistic regression, C={STRENGTH}, on {', '.join(Path(p.partition('=')[2]).name for p in options.gold)}"
    coverage = {
        part: round(sum(sum(found.right) for kind, found in examples.items() if kind.split()[0] == part) / number, 3)
        for part, number in spans.items()
    }
    text = json.dumps({"origin": origin, "coverage": coverage, "kinds": kinds}, indent=1, ensure_ascii=False)
    options.output.write_text(text + "\n", encoding="utf-8")
    for kind in KINDS:
        print(f"{kind:16} {len(examples[kind].right):6,} candidates, {sum(examples[kind].right):5,} right")


def collect(
    schema: LabelSchema,
    gold: Sequence[dict[str, Any]],
    docs: Iterable[Doc],
    examples: dict[str, Examples],
    spans: Counter[str],
) -> None:
    """Add the candidates to the examples of their kinds, and the gold spans to the count of each part."""
    wanted, lexicon = schema.predicted or Preannotate(), lexicon_of(Files.of(schema))
    describe, find = Describer(lexicon), Finder(wanted, lexicon)
    for one, doc in zip(gold, docs, strict=True):
        features = describe(doc)
        right = {(*core(doc.text, s["start"], s["end"]), s["label"]) for s in one["spans"]}
        for part in ("actor", "action", "location", "date"):
            spans[part] += sum(label == getattr(wanted, part) for _, _, label in right)
        possible, names = find.heads(doc, features)
        for head, column in numpy.argwhere(possible).tolist():
            candidate = find.at(doc, features, names, KINDS[column], head)
            span = doc[candidate.start : candidate.end]
            extent = core(doc.text, span.start_char, span.end_char)
            into = examples[candidate.kind]
            into.names.append(features.names[:, candidate.head])
            into.numbers.append(features.numbers[candidate.head])
            into.right.append((*extent, find.label(candidate.kind)) in right)


def names_of(docs: Iterable[Doc]) -> dict[int, str]:
    """What the hashes in the features stand for."""
    found: dict[int, str] = dict(enumerate(SYMBOLS)) | {hash_of("other"): "other"}
    for doc in docs:
        for token in doc:
            for name in (token.tag_, token.dep_, token.lower_, token.ent_type_, token.pos_):
                found[hash_of(name)] = name
            found[joint_hash(hash_of(token.pos_), hash_of(token.dep_))] = f"{token.pos_} {token.dep_}"
            if token.ent_type_:
                found[joint_hash(hash_of(token.ent_type_), hash_of(token.dep_))] = f"{token.ent_type_} {token.dep_}"
    return found | {hash_of(suffix): suffix for suffix in SUFFIXES}


def weigh(examples: Examples, readable: dict[int, str]) -> dict[str, Any]:
    """The weights of one kind, as labeling.nlp.events.scores reads them."""
    places: dict[tuple[int, int], int] = {}
    rows, columns = [], []
    for row, values in enumerate(examples.names):
        for name, value in enumerate(values.tolist()):
            if value:
                rows.append(row)
                columns.append(places.setdefault((name, value), len(places)))
    ones = csr_matrix((numpy.ones(len(rows)), (rows, columns)), shape=(len(examples.right), len(places)))
    grounds = hstack([ones, csr_matrix(numpy.array(examples.numbers))]).tocsr()
    model = LogisticRegression(C=STRENGTH, max_iter=3000).fit(grounds, numpy.array(examples.right))
    weights = model.coef_[0].round(3).tolist()
    names: dict[str, dict[str, float]] = {name: {} for name in NAMES}
    for (name, value), place in places.items():
        if abs(weights[place]) >= SMALLEST:
            names[NAMES[name]][readable[value]] = weights[place]
    numbers = dict(zip(NUMBERS, weights[len(places) :], strict=True))
    return {
        "intercept": round(float(model.intercept_[0]), 3),
        "names": {name: dict(sorted(values.items())) for name, values in names.items() if values},
        "numbers": {name: weight for name, weight in numbers.items() if abs(weight) >= SMALLEST},
    }


if __name__ == "__main__":
    main()
