"""Pre-annotation against spaCy alone, in one run: words a second, the same predictions, memory.

    python benchmarks/annotate.py TEXTS.jsonl …              # {"text"} a line: news, other people's gold
    python benchmarks/annotate.py TEXTS.jsonl --rounds 5
    python benchmarks/annotate.py TEXTS.jsonl --stream 100000    # is memory flat over so many articles?

Compared are the loop `for text in texts: nlp(text)` of the full pipeline, `nlp.pipe(texts, n_process=2)`, and what
`labeling annotate` does, which finds events too. Loading the model is not counted for any; starting other processes is.
`steady` counts from the first twentieth of the documents on, when all processes are at work. PSS is the memory of all
processes together, sampled four times a second; a word is what stands between white space. On a machine that does
other things too, words a CPU second are what to look at.
"""

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from labeling import resources
from labeling.core.article import Article
from labeling.core.schema import LabelSchema
from labeling.nlp.load import SAME_AS, load
from labeling.workflow.annotating import annotated

SYLLABLES = ["ka", "ro", "mi", "te", "lu", "na", "vo", "si", "de", "ba", "qu", "en", "ar", "is", "ot", "ul"]


# In a process of its own: a thread beside them is a reason for `annotated` not to fork.
WATCH = """
import contextlib, psutil, sys, time
root = psutil.Process(int(sys.argv[1]))
while root.is_running():
    total = 0.0
    for each in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += each.memory_full_info().pss * (each.pid != psutil.Process().pid)
    print(int(total / 1e6), flush=True)
    time.sleep(0.25)
"""


class Memory:
    """PSS of this process and its children in MB, sampled while the block runs."""

    def __enter__(self) -> "Memory":
        self.file = tempfile.TemporaryFile("w+")
        self.watcher = subprocess.Popen([sys.executable, "-c", WATCH, str(os.getpid())], stdout=self.file)
        return self

    def __exit__(self, *error: object) -> None:
        self.watcher.kill()
        self.watcher.wait()

    def samples(self) -> list[int]:
        """What was measured until now."""
        self.file.seek(0)
        return [int(line) for line in self.file.read().split("\n")[:-1]]


def signature(doc: Doc) -> list[tuple[object, ...]]:
    """All that the pipeline says of each token."""
    return [
        (t.text, t.tag_, t.pos_, str(t.morph), t.lemma_, t.head.i, t.dep_, t.is_sent_start, t.ent_iob_, t.ent_type_)
        for t in doc
    ]


def differences(plain: Language, quick: Language, texts: list[str]) -> tuple[int, int, int]:
    """Tokens; those of which the faster pipeline says something else; and the texts with such tokens."""
    tokens = other = touched = 0
    for text, doc in zip(texts, quick.pipe(texts), strict=True):
        expected, found = signature(plain(text)), signature(doc)
        wrong = sum(a != b for a, b in zip(expected, found, strict=True))
        tokens, other, touched = tokens + len(expected), other + wrong, touched + bool(wrong)
    return tokens, other, touched


def cpu() -> float:
    """Seconds that this process and its ended children have worked; of the watcher they are very few."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def measured(name: str, run: Callable[[], Iterable[object]], words: int, count: int) -> tuple[float, float]:
    """Words a second, from the start and steady; printed."""
    with Memory() as memory:
        started, worked = time.perf_counter(), cpu()
        early = started
        for number, _ in enumerate(run()):
            if number == count // 20:
                early = time.perf_counter()
        ended, worked = time.perf_counter(), cpu() - worked
    rate, steady = words / (ended - started), 0.95 * words / (ended - early)
    peak = max(memory.samples(), default=0)
    print(
        f"{name:18} {ended - started:7.2f} s {rate:8,.0f} words/s, steady {steady:8,.0f}, "
        f"a CPU second {words / worked:7,.0f}   PSS {peak:6.0f} MB",
        flush=True,
    )
    return rate, steady


def varied(texts: list[str], count: int) -> Iterator[Article]:
    """So many articles: the texts over and over, with a name in each that nobody has seen before."""
    chance = random.Random(1)
    for number, text in enumerate(islice(cycle(texts), count)):
        first, last = ("".join(chance.choices(SYLLABLES, k=4)).capitalize() for _ in range(2))
        yield Article(doc_id=str(number), text=f"{first} {last} of {last}ville said on Friday: {text}")


def stream(nlp: Language, schema: LabelSchema, texts: list[str], options: argparse.Namespace) -> None:
    """Print the memory after each tenth of a stream."""
    started = time.perf_counter()
    with Memory() as memory:
        docs = annotated(nlp, options.model, schema, varied(texts, options.stream), options.jobs)
        before = 0
        for number, _ in enumerate(docs, start=1):
            if number % max(1, options.stream // 10) == 0:
                samples = memory.samples()
                peak, before = max(samples[before:], default=0), len(samples)
                print(f"{number:9,} articles {time.perf_counter() - started:7.0f} s   PSS {peak:6.0f} MB", flush=True)


def main() -> None:
    """Print the rates, their ratios, and how the predictions compare; or the memory over a stream."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--schema", type=Path, default=resources.resource("schemas") / "event.toml")
    parser.add_argument("--model", default="en_core_web_sm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=1, help="take the texts so many times over")
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--stream", type=int, default=0)
    options = parser.parse_args()
    schema = LabelSchema.from_toml(options.schema.read_text(encoding="utf-8"), folder=options.schema.parent)
    lines = [line for path in options.texts for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    texts = list(dict.fromkeys(json.loads(line)["text"] for line in lines))
    quick = load(options.model)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, spaCy {spacy.__version__}"
    )
    if options.stream:
        stream(quick, schema, texts, options)
        return
    plain = spacy.load(SAME_AS.get(options.model, options.model))
    tokens, other, touched = differences(plain, quick, texts)
    print(
        f"of {tokens:,} tokens in {len(texts):,} texts, {other:,} in {touched:,} differ in tag, head, lemma or entity"
    )
    texts *= options.repeat
    articles = [Article(doc_id=str(number), text=text) for number, text in enumerate(texts)]
    words = sum(len(text.split()) for text in texts)
    best: dict[str, list[float]] = {}
    programs: dict[str, Callable[[], Iterable[object]]] = {
        "loop": lambda: (plain(text) for text in texts),
        "pipe, 2 processes": lambda: plain.pipe(texts, n_process=2),
        "labeling": lambda: annotated(quick, options.model, schema, articles, options.jobs),
    }
    for _ in range(options.rounds):
        for name, run in programs.items():
            rates = measured(name, run, words, len(texts))
            best[name] = [max(pair) for pair in zip(rates, best.get(name, [0.0, 0.0]), strict=True)]
    for name in ("loop", "pipe, 2 processes"):
        ratios = [ours / theirs for ours, theirs in zip(best["labeling"], best[name], strict=True)]
        print(f"labeling / {name}: {ratios[0]:.2f}, steady {ratios[1]:.2f} (best of {options.rounds})")


if __name__ == "__main__":
    main()
