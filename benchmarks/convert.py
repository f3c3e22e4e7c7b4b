"""`labeling convert` against the loop that anyone would write, in one run: time, memory, and the same entities.

    python benchmarks/convert.py                 # 10,000 tasks of 3 kB with 30 regions
    python benchmarks/convert.py --tasks 100000 --no-plain
    python benchmarks/convert.py export.json     # somebody's own

Both run as a person runs them, as a program of their own from its start to its end. Memory is the largest sum over all
processes of the program: `RSS` counts shared pages once a process, `PSS` once in all.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import spacy
from programs import run
from spacy.tokens import DocBin

from exports import write

PLAIN = """
import json, sys, spacy
from spacy.tokens import DocBin
from spacy.util import filter_spans
nlp = spacy.blank("en")
bins = {"train": DocBin(), "dev": DocBin(), "test": DocBin()}
for i, task in enumerate(json.load(open(sys.argv[1], encoding="utf-8"))):
    for annotation in task["annotations"]:
        if annotation["was_cancelled"]:
            continue
        doc = nlp.make_doc(task["data"]["text"])
        ents = []
        for region in annotation["result"]:
            if region["type"] == "labels":
                value = region["value"]
                span = doc.char_span(value["start"], value["end"], label=value["labels"][0])
                if span is not None:
                    ents.append(span)
        doc.ents = filter_spans(ents)
        bins["train" if i % 10 < 8 else "dev" if i % 10 == 8 else "test"].add(doc)
for part, docbin in bins.items():
    docbin.to_disk(f"{sys.argv[2]}/{part}.spacy")
"""


def entities(folder: Path) -> dict[str, set[tuple[int, int, str]]]:
    """The entities of each text in all parts."""
    vocab = spacy.blank("en").vocab
    found: dict[str, set[tuple[int, int, str]]] = {}
    for path in sorted(folder.glob("*.spacy")):
        for file in sorted(path.glob("*")) if path.is_dir() else [path]:
            for doc in DocBin().from_disk(file).get_docs(vocab):
                ents = {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}
                found.setdefault(doc.text, set()).update(ents)
    return found


def main() -> None:
    """Print the times, the memory, their ratio, and how the entities compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", nargs="?", type=Path)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--no-plain", action="store_true", help="measure only ours")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        export = options.export or write(options.tasks, here / "export.json")
        (here / "plain").mkdir()
        program = [str(Path(sys.executable).with_name("labeling")), "convert", str(export)]
        program += ["--schema", "auto", "-w", temporary, "-o", str(here / "ours")]
        program += ["--jobs", str(options.jobs)] if options.jobs else []
        versions = f"Python {platform.python_version()}, spaCy {spacy.__version__}"
        print(f"{platform.machine()}, {os.cpu_count()} cores, {versions}")
        print(f"{export.name}: {export.stat().st_size / 1e6:.0f} MB")
        times: dict[str, list[float]] = {"plain": [], "labeling": []}
        for _ in range(options.rounds):
            for name, command in (
                ("plain", [sys.executable, "-c", PLAIN, str(export), str(here / "plain")]),
                ("labeling", program),
            ):
                if name == "plain" and options.no_plain:
                    continue
                ran = run(command)
                if ran.code not in (0, 1):  # 1: done, and something was refused
                    sys.exit(ran.err)
                times[name].append(ran.seconds)
                print(f"{name:10} {ran.seconds:7.1f} s   RSS {ran.rss:6.0f} MB   PSS {ran.pss:6.0f} MB", flush=True)
        manifest = json.loads((here / "ours" / "manifest.json").read_text())
        print(f"spans: {manifest['spans']}")
        if not options.no_plain:
            print(f"ratio: {min(times['plain']) / min(times['labeling']):.2f} (best of {options.rounds} each)")
            plain, ours = entities(here / "plain"), entities(here / "ours")
            lost = sum(len(found - ours.get(text, set())) for text, found in plain.items())
            print(f"entities: plain {sum(map(len, plain.values())):,}, ours {sum(map(len, ours.values())):,}; "
                  f"of the plain ones {lost:,} are not in ours")  # fmt: skip


if __name__ == "__main__":
    main()
