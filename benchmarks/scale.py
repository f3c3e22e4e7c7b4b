"""What 10^8 articles would take, computed from what was measured: the tables of docs/scale.md.

    python benchmarks/scale.py              # the tables
    python benchmarks/scale.py --measure    # what an article takes of each thing that grows, measured here (a minute)

A test compares the tables with docs/scale.md, and `QUOTED` with benchmarks/README.md. To reckon with other prices or
rates, change them here.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import psutil

from labeling.core.article import Article
from labeling.core.copies import signature
from labeling.core.problem import Problem
from labeling.core.words import words
from labeling.files import json_text
from labeling.ingest import read_articles
from labeling.ingest.known import Known
from labeling.nlp.places import place
from labeling.workflow.importing.ledger import Entry, Ledger
from labeling.workflow.problems import Problems
from labeling.workflow.shards import Manifest, Shard

GOAL = 10**8
SIZES = (10**6, 10**7, GOAL)

# Measured. What is quoted from benchmarks/README.md stands there in these words.
QUOTED = (
    "1,600 articles with 1, 2, 4, 8 and 16 workers: 75.2, 39.1, 25.4, 18.7 and 14.4 s",
    "took 7.9, 8.6 and 8.3 s, and 4.4, 4.4 and 4.9 s without a model",
    "436 by ours",
    "57.7, 54.0, 48.3",
    "10,000,000 signatures",
)
ARTICLES = 1_600  # of 368 tokens, 1,860 characters
RUNS = {1: 75.2, 2: 39.1, 4: 25.4, 8: 18.7, 16: 14.4}  # workers → seconds for these articles
START = 2 * RUNS[2] - RUNS[1]  # seconds: what does not halve with two workers
TRAINED = 0.53  # of the speed, with a model of `labeling train`
READ, SIGN = 164e-6, 60e-6  # CPU seconds an article
SEARCH = 9.9e-6  # CPU seconds an article, of 10^7
PUSH, PULL = 436, 20_000 / 54  # tasks a second

# Assumptions.
HOURS = 10  # of a night
CORES, WORKERS = 16, 4  # of a machine, and of each command on it
UTILISATION = 0.8  # of a cluster: commands that end earlier, machines that start, neighbours on the same memory
CORE_HOUR = 0.05  # price of a core and its memory for an hour, in dollars: no provider's; put in yours
PROBLEMS = 0.1  # problems an article: a notice such as `breadcrumb` for one in ten

GROWTH = (
    # what, bytes an article, where, CPU seconds an article
    ("ids and texts known while reading (`ingest/known.py`)", 158, "temporary file", 27e-6),
    ("problems of `annotate` and `import`, at one in ten articles", 214 * PROBLEMS, "temporary file", 8e-6 * PROBLEMS),
    ("inputs that a run which goes on does not open", 44, "files beside the shards, until the end", 0),
    ("signatures of `duplicates`", 256, "temporary file", SIGN),
    ("sets of `duplicates`", 5, "memory", SEARCH),
    ("manifest of shards, 398 bytes each", 398 / 10_000, "file, rewritten with each shard", 0),
    ("ledger of an import", 112, "file", 21e-6),
    ("plan of `convert` and `export`, of labelled articles", 1_340, "memory", 0),
)


def rate(workers: int) -> float:
    """Articles a second of one `labeling annotate`, without its start."""
    return ARTICLES / (RUNS[workers] - START)


def machine_rate() -> float:
    """Articles a second of a machine in a cluster."""
    return CORES // WORKERS * rate(WORKERS) * UTILISATION


def core_hours(articles: int) -> float:
    """Hours of all cores to annotate so many."""
    return articles / machine_rate() * CORES / 3600


def table(header: str, rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    names = header.split(" | ")
    return "\n".join(f"| {' | '.join(row)} |" for row in [tuple(names), ("---",) * len(names), *rows])


def rates() -> str:
    """What one command does, by the number of its workers."""
    rows = [(str(n), f"{rate(n):.0f}", f"{rate(n) / n:.1f}") for n in RUNS]
    return table("workers of one command | articles a second | a core", rows)


def nights() -> str:
    """What a cluster does in a night."""
    rows = []
    for machines in (1, 4, 16, 64):
        done = machines * machine_rate() * HOURS * 3600
        rows.append((str(machines), str(machines * CORES), millions(done), f"{GOAL / done:.1f}"))
    return table(f"machines | cores | articles in {HOURS} hours, in millions | nights for 10⁸", rows)


def money() -> str:
    """What it costs, by the number of articles."""
    rows = []
    for size in SIZES:
        hours = core_hours(size)
        search = size * (READ + SIGN + SEARCH) / 3600
        rows.append(
            (
                f"{size:,}",
                *(f"{each:,.1f} h, ${each * CORE_HOUR:,.2f}" for each in (hours, hours / TRAINED, search)),
            )
        )
    return table("articles | annotate | with a trained model | find duplicates", rows)


def growth() -> str:
    """What grows with the articles."""
    rows = [
        (what, f"{size:,.4g}", where, *(amount(size * n) for n in SIZES), f"{cpu * GOAL / 3600:.1f} h" if cpu else "")
        for what, size, where, cpu in GROWTH
    ]
    return table("what grows | bytes an article | where | 10⁶ | 10⁷ | 10⁸ | CPU time at 10⁸", rows)


def limits() -> str:
    """What one process or one server does, and how long it takes for all."""
    rows = [
        ("one process that reads", f"{1 / READ:,.0f}", days(GOAL * READ)),
        ("one `annotate` with 16 workers", f"{rate(16):,.0f}", days(GOAL / rate(16))),
        ("one Label Studio, pushing", f"{PUSH:,.0f}", days(GOAL / PUSH)),
        ("one Label Studio, pulling", f"{PULL:,.0f}", days(GOAL / PULL)),
    ]
    return table("alone | articles a second | 10⁸ take", rows)


def breaks() -> str:
    """What breaks first, and what was done about it or would be."""
    shards = GOAL / 10_000
    written, seconds = 398 * shards**2 / 2, 13e-6 * shards**2 / 2
    rows = [
        (
            "people",
            f"nobody labels 10⁸ articles, and a Label Studio takes {days(GOAL / PUSH)} to be filled with them",
            "`annotate` writes all of them to shards, and what is worth labelling is imported, some 10⁵; "
            "`[studio] order` hands out first what the model is unsure of",
        ),
        (
            "the command's own process",
            f"it reads, looks at the language and writes: {rate(16):.0f} articles a second with 16 workers, "
            f"{rate(16) / rate(1):.1f} times one worker",
            "several commands, each with a part of the input and a folder of its own, as reckoned above; "
            "one input for each is a pattern such as `s3://news/2026-01-*.jsonl.gz`",
        ),
        (
            "repeated ids and texts",
            "commands do not know of each other, so what two of them read is annotated twice",
            "`labeling duplicates` over all of it first; the index of one command is a temporary file, in memory are "
            "32 MB of it, and from the size of the system's cache on a look-up reads the disk. Sorted by parts, as "
            "the signatures are, it would not",
        ),
        (
            "near-duplicates",
            f"{days(GOAL * READ)} to read in one process; disk {amount(GOAL * 256)}, memory {amount(GOAL * 5)}",
            "fits in a night on one machine; signatures of parts could be made by several commands, which is not built",
        ),
        (
            "boilerplate",
            "n different texts that share a band take n² / 2 comparisons: 20,000 take 27 CPU seconds, "
            f"10⁶ take {days(27 * (10**6 / 20_000) ** 2)}",
            "cleaning takes much of it out before; the workers share the comparisons",
        ),
        (
            "the manifest",
            f"it is rewritten with each shard: {amount(written)} and {seconds / 60:.0f} CPU minutes in one folder",
            "a folder a command; 16 of them write a sixteenth",
        ),
        (
            "splits",
            f"{amount(1_340)} of memory for each labelled article: {amount(10**6 * 1_340)} for 10⁶",
            "enough for what people label. Beyond, parts are a hash of the text already, and copies would be looked "
            "for on the disk as `duplicates` does",
        ),
        (
            "the ledger",
            f"{amount(10**6 * 112)} for 10⁶ tasks, on the disk",
            "nothing is needed: it has what was imported, not what was annotated",
        ),
        (
            "the gazetteer",
            "45 MB, whatever the number of articles; workers of one machine share it, those of Ray each have their own",
            "nothing is needed",
        ),
    ]
    return table("what | when | what was done, or would be", rows)


def tables() -> list[str]:
    """All of them."""
    return [rates(), nights(), money(), limits(), growth(), breaks()]


def amount(size: float) -> str:
    """Bytes in a unit that suits."""
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def days(seconds: float) -> str:
    """Seconds as hours or days."""
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def millions(number: float) -> str:
    """A number in millions."""
    return f"{number / 1e6:,.1f}"


def measure() -> None:
    """Print what an article takes here, of what can be measured at once."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "articles.jsonl"
        lines = ({"id": n, "text": " ".join(f"word{(n * m) % 9973}" for m in range(200))} for n in range(10_000))
        source.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        articles = [each for each in read_articles([source]) if isinstance(each, Article)]
        show("read", len(articles), lambda: list(read_articles([source])))
        show("words and signature", len(articles), lambda: [signature(words(each.text)) for each in articles])
        known = Known()
        few = [Article(doc_id=f"{n}", text=f"text {n}") for n in range(100_000)]
        show("known", len(few), lambda: [known.same_id(a) or known.same_text(a) or known.add(a, "a:1") for a in few])
        version = "en_core_web_sm 3.8.0 event 1a2b3c4d"
        digests = (sha256(b"%d" % n).hexdigest() for n in range(300_000))
        entries = [(d[:20], Entry(task_ids=(n,), digest=d[:16], version=version)) for n, d in enumerate(digests)]
        with Ledger(Path(temporary) / "ledger") as ledger:
            show(
                "ledger", len(entries), lambda: [ledger.keep(entries[n : n + 250]) for n in range(0, len(entries), 250)]
            )
        size = sum(file.stat().st_size for file in Path(temporary).glob("ledger*"))
        print(f"ledger: {size / len(entries):.0f} bytes each")
    problem = {"reason": "breadcrumb", "action": "changed", "detail": "taken out as breadcrumb", "where": "a.jsonl:1"}
    noted = (Problem(**problem, doc_id=f"https://example.org/{n}") for n in range(100_000))
    show("problems", 100_000, lambda: Problems(noted))
    spans = {"ACTION": 10**5, "ACTOR": 10**5, "DATE": 10**4, "LOCATION": 10**4}
    shard = Shard(
        file="tasks-00000.jsonl.gz", sha256="a" * 64, bytes=10**7, articles=10**4, spans=spans, first="a", last="b"
    )
    manifest = Manifest(parameters={}, shards=(shard,) * 10_000)
    show("manifest of 10,000 shards", 10_000, lambda: json_text(manifest.model_dump(mode="json")))
    show("gazetteer", 1, lambda: place("Mosul"))


def show(what: str, count: int, done: Callable[[], object]) -> None:
    """Print the CPU time and the memory that something takes for each of so many."""
    before, started = memory(), time.process_time()
    kept = done()
    seconds = time.process_time() - started
    print(
        f"{what}: {seconds / count * 1e6:.1f} µs each, {(memory() - before) / count:.0f} bytes of memory each",
        flush=True,
    )
    del kept


def memory() -> int:
    """The resident memory of this process in bytes."""
    return int(psutil.Process(os.getpid()).memory_info().rss)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true")
    if parser.parse_args().measure:
        measure()
    else:
        print("\n\n".join(tables()))
