"""The search for near-duplicates by size: seconds, memory and what is found, against the plain way.

    python benchmarks/duplicates.py                              # texts, both ways; then signatures drawn directly
    python benchmarks/duplicates.py --texts 100000 --rows        # texts only
    python benchmarks/duplicates.py --texts --rows 10000000      # signatures only: 2.6 GB in TMPDIR
    python benchmarks/duplicates.py --texts --rows --shared 20000    # different texts that all share a band

The plain way is what one would write: signatures, a dictionary from each band to its texts, and all pairs in it
compared, in one memory. A fifth of the texts are planted copies, up to 15 of whose 200 words are others. Recall is the
share of planted pairs that are in one group; expected is what the formula in docs/duplicates.md says of their
similarities, without chains. Precision is the share of pairs in groups with half of their shingles in common.

Drawn signatures have no text: a fifth are copies of another one, each row with the probability of a similarity between
0.5 and 1. Each run is a program of its own.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path

import numpy as np
from programs import machine, run

from labeling.core.bands import BAND, BANDS, ROWS, chance, find, least
from labeling.core.copies import signature
from labeling.core.words import words
from labeling.engine import Local
from labeling.workflow.signatures import Signatures, sets_of_copies

LABELING = Path(sys.executable).with_name("labeling")
WORDS, VOCABULARY, CHANGED = 200, 50_000, 15
COPIED = 5  # one of so many is a copy
ORIGINALS = 10_000  # texts that copies are made of
DRAWN = 1 << 16  # signatures drawn at once


def articles(file: Path) -> Iterator[tuple[str, str]]:
    """The id and the text of each article in a file."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            article = json.loads(line)
            yield article["id"], article["text"]


def write_texts(count: int, file: Path) -> Path:
    """The articles; the id of a copy ends in that of its original."""
    chances = random.Random(7)
    names = [f"w{n}" for n in range(VOCABULARY)]
    originals: list[tuple[str, list[str]]] = []
    with file.open("w", encoding="utf-8") as lines:
        for number in range(count):
            doc_id, text = str(number), chances.choices(names, k=WORDS)
            if originals and number % COPIED == 0:
                original, copied = chances.choice(originals)
                doc_id = f"{number} of {original}"
                places = set(chances.sample(range(WORDS), chances.randint(0, CHANGED)))
                text = [text[place] if place in places else word for place, word in enumerate(copied)]
            elif len(originals) < ORIGINALS:
                originals.append((doc_id, text))
            lines.write(json.dumps({"id": doc_id, "text": " ".join(text)}) + "\n")
    return file


def plain(source: Path, output: Path) -> None:
    """Write the groups, found the plain way."""
    ids: list[str] = []
    rows = []
    bands = defaultdict(list)
    for doc_id, text in articles(source):
        packed = signature(words(text))
        size = len(packed) // BANDS
        for band in range(BANDS):
            bands[band, packed[size * band : size * (band + 1)]].append(len(ids))
        ids.append(doc_id)
        rows.append(np.frombuffer(packed, dtype="<u4"))
    root = list(range(len(ids)))

    def top(text: int) -> int:
        while root[text] != text:
            root[text] = root[root[text]]
            text = root[text]
        return text

    for texts in bands.values():
        for a, b in combinations(texts, 2):
            if top(a) != top(b) and (rows[a] == rows[b]).sum() >= least():
                low, high = sorted((top(a), top(b)))
                root[high] = low
    found = defaultdict(list)
    for text, doc_id in enumerate(ids):
        found[top(text)].append(doc_id)
    with output.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"doc_ids": group}) + "\n" for group in found.values() if len(group) > 1)


def groups(file: Path) -> list[list[str]]:
    """The groups in a file."""
    return [json.loads(line)["doc_ids"] for line in file.read_text(encoding="utf-8").splitlines()]


def judged(found: list[list[str]], source: Path) -> str:
    """Recall, what is expected of it, and precision."""
    planted = {doc_id: doc_id.partition(" of ")[2] for doc_id, _ in articles(source) if " of " in doc_id}
    number = {doc_id: i for i, group in enumerate(found) for doc_id in group}
    needed = {*planted, *planted.values(), *number}
    shingles = {}
    for doc_id, text in articles(source):
        if doc_id in needed:
            each = text.split()
            shingles[doc_id] = {hash(three) for three in zip(each, each[1:], each[2:], strict=False)}

    def similarity(a: str, b: str) -> float:
        return len(shingles[a] & shingles[b]) / len(shingles[a] | shingles[b])

    recall = mean(number.get(a, -1) == number.get(b, -2) for a, b in planted.items())
    expected = mean(chance(similarity(a, b)) for a, b in planted.items())
    precision = mean(similarity(a, b) >= 0.5 for group in found for a, b in combinations(group, 2))
    return f"recall {recall:.4f} (expected {expected:.4f}), precision {precision:.4f}"


def mean(values: Iterable[float]) -> float:
    """The mean of some values."""
    return float(np.mean(list(values)))


def searched(signatures: Signatures, jobs: int) -> tuple[np.ndarray, str]:
    """The sets, and what it took to find them."""
    started = time.perf_counter()
    with Local(jobs).started() as mapped:
        sets = sets_of_copies(signatures, mapped)
    return sets, f"{time.perf_counter() - started:.1f} s"


def draw(count: int, jobs: int) -> None:
    """Search among drawn signatures, and print what was found of planted pairs, by similarity."""
    drawn = np.random.default_rng(7)
    planted = []
    with closing(Signatures()) as signatures:
        for start in range(0, count, DRAWN):
            rows = drawn.integers(0, 2**32, (min(DRAWN, count - start), ROWS), dtype=np.uint32)
            copies = np.arange(len(rows) - len(rows) // COPIED, len(rows))
            originals = drawn.permutation(copies[0])[: len(copies)]
            similarity = drawn.uniform(0.5, 1, len(copies))
            same = drawn.random((len(copies), ROWS)) < similarity[:, None]
            rows[copies] = np.where(same, rows[originals], rows[copies])
            signatures.add(rows.tobytes())
            planted.append((originals + start, copies + start, similarity))
        sets, took = searched(signatures, jobs)
    found, tenth = [], []
    for originals, copies, similarity in planted:
        found.append(find(sets, originals) == find(sets, copies))
        tenth.append((similarity * 10).astype(int))
    is_found, tenths = np.concatenate(found), np.concatenate(tenth)
    others = count - len(np.unique(sets)) - int(is_found.sum())
    shares = ", ".join(f"{n / 10}: {is_found[tenths == n].mean():.4f}" for n in range(5, 10))
    print(f"{took}; found from {shares}; {others} joined that were not planted")


def share(count: int, jobs: int) -> None:
    """Search among different signatures that share a band."""
    rows = np.random.default_rng(7).integers(0, 2**32, (count, ROWS), dtype=np.uint32)
    rows[:, :BAND] = 7
    with closing(Signatures()) as signatures:
        signatures.add(rows.tobytes())
        sets, took = searched(signatures, jobs)
    print(f"{took}; {count * (count - 1) // 2:,} pairs compared, {count - len(np.unique(sets))} joined")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--rows", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--shared", nargs="*", type=int, default=[])
    parser.add_argument("--jobs", type=int, default=2)
    for name in ("--plain", "--draw", "--share"):
        parser.add_argument(name, nargs=2 if name == "--plain" else 1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        plain(*map(Path, options.plain))
    elif options.draw:
        draw(int(options.draw[0]), options.jobs)
    elif options.share:
        share(int(options.share[0]), options.jobs)
    else:
        compare(options.texts, options.jobs)
        for name, counts in (("--draw", options.rows), ("--share", options.shared)):
            for count in counts:
                done = run([sys.executable, __file__, name, str(count), "--jobs", str(options.jobs)])
                print(
                    f"{count:,} signatures: {done.cpu:.1f} CPU s, PSS {done.pss:.0f} MB; {done.out or done.err}", end=""
                )
                sys.stdout.flush()


def compare(counts: list[int], jobs: int) -> None:
    """Print what both ways take and find on texts."""
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        for count in counts:
            source, theirs, ours = (
                write_texts(count, here / "articles.jsonl"),
                here / "plain.jsonl",
                here / "ours.jsonl",
            )
            one = run([sys.executable, __file__, "--plain", source, theirs])
            two = run([LABELING, "duplicates", source, "-o", ours, "-w", here, "--jobs", str(jobs)])
            is_same = sorted(map(sorted, groups(theirs))) == sorted(map(sorted, groups(ours)))
            print(
                f"{count:,} texts: {judged(groups(ours), source)}; {'the same groups' if is_same else 'OTHER GROUPS'}"
            )
            for name, ran in (("plain", one), ("labeling duplicates", two)):
                print(f"  {name:20} {ran.seconds:7.1f} s {ran.cpu:7.1f} CPU s   PSS {ran.pss:6.0f} MB")
            print(
                f"  {two.seconds / one.seconds:.2f} of the time, {two.cpu / one.cpu:.2f} of the CPU time, "
                f"{two.pss / one.pss:.2f} of the memory",
                flush=True,
            )


if __name__ == "__main__":
    main()
