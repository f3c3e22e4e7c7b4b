"""Many short articles through `labeling annotate` into shards, killed on the way: memory over time, and what is there.

    python benchmarks/stream.py 1000000 --kills 3

The recogniser is off (a blank pipeline): what is measured is the passage. The run is killed with SIGKILL at the given
number of moments and started again each time. At the end every article must be there, once and in order, and every
shard must have the digest that the manifest names. A run that goes on opens only the `--files` that are left.
`--whole` compares with a run that was not killed.
"""

import argparse
import contextlib
import gzip
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import spacy
from programs import machine

LABELING = Path(sys.executable).with_name("labeling")
PLACES = ("Mosul", "Kyiv", "Bamako", "Goma", "Tadmor")
SECONDS = 2.0  # between two looks at the memory


def write_articles(folder: Path, count: int, files: int, noted: int) -> None:
    """One sentence an article, each of them another one; of every so many, a line is taken out, which is a problem."""
    folder.mkdir()
    for part in range(files):
        with gzip.open(folder / f"{part:06}.jsonl.gz", "wt", encoding="utf-8", compresslevel=1) as lines:
            for number in range(part * count // files, (part + 1) * count // files):
                text = f"Rebels attacked {number} houses near {PLACES[number % len(PLACES)]} on Friday."
                text += "\n\nAdvertisement" if noted and number % noted == 0 else ""
                lines.write(json.dumps({"id": f"a{number}", "text": text}) + "\n")


def largest(pid: int) -> tuple[float, float]:
    """The resident memory of the command and of the largest of its workers, in MB."""
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        workers = [each.memory_info().rss / 1e6 for each in root.children(recursive=True)]
        return root.memory_info().rss / 1e6, max(workers, default=0.0)
    return 0.0, 0.0


def annotate(
    here: Path, output: str, stop_after: float = float("inf")
) -> tuple[bool, float, list[tuple[float, float]]]:
    """Whether the command came to its end, the seconds it took, and the memory of the command and of a worker."""
    started = time.perf_counter()
    command = [LABELING, "annotate", here / "articles", "-o", f"{here / output}/", "-w", here]
    process = subprocess.Popen(
        [*command, "--model", here / "blank"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    memory: list[tuple[float, float]] = []
    while process.poll() is None:
        if time.perf_counter() - started > stop_after:
            process.send_signal(signal.SIGKILL)
            process.wait()
            break
        memory.append(largest(process.pid))
        time.sleep(SECONDS)
    return process.returncode == 0, time.perf_counter() - started, memory


def check(folder: Path, count: int) -> str:
    """What is wrong with the shards; "" if every article is there once, in order, as the manifest says."""
    manifest = json.loads((folder / "manifest.json").read_text())
    number = 0
    for shard in manifest["shards"]:
        content = (folder / shard["file"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != shard["sha256"]:
            return f"{shard['file']} has another digest"
        for line in gzip.decompress(content).splitlines():
            if json.loads(line)["data"]["doc_id"] != f"a{number}":
                return f"{shard['file']}: a{number} is not where it should be"
            number += 1
    return "" if number == count and manifest["is_complete"] else f"{number:,} of {count:,} articles are there"


def main() -> None:
    """Print a line for each start, and what is there at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--files", type=int, default=1, help="files that the articles are in")
    parser.add_argument("--noted", type=int, default=0, help="one article in so many is a problem in the report")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="compare with a run that was not killed")
    given = parser.parse_args()
    draw = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        subprocess.run([LABELING, "init"], cwd=here, check=True, capture_output=True)
        spacy.blank("en").to_disk(here / "blank")
        write_articles(here / "articles", given.count, given.files, given.noted)
        print(f"{given.count:,} articles in {given.files:,} files, {machine()}", flush=True)
        is_over, kills, total = False, given.kills, 0.0
        while not is_over:
            # half a minute to some minutes after the start, wherever the run is then
            moment = draw.uniform(0.1, 0.4) * given.count / 2000 if kills else float("inf")
            is_over, seconds, memory = annotate(here, "out", moment)
            kills, total = kills - (not is_over), total + seconds
            middle = len(memory) // 2 or 1
            halves = [max((m[0] for m in half), default=0) for half in (memory[:middle], memory[middle:])]
            workers = max((m[1] for m in memory), default=0)
            how = "ended" if is_over else "killed"
            print(
                f"{how} after {seconds:6.0f} s; command {halves[0]:4.0f} MB in the first half, {halves[1]:4.0f} MB in "
                f"the second, a worker {workers:4.0f} MB",
                flush=True,
            )
        wrong = check(here / "out", given.count)
        print(f"{total:.0f} s in all, {given.count / total:,.0f} articles a second; {wrong or 'every article once'}")
        if given.whole:
            annotate(here, "whole")
            files = [
                sorted((p.name, p.read_bytes()) for p in (here / name).glob("[a-z]*")) for name in ("out", "whole")
            ]
            print("the same as in one run" if files[0] == files[1] else "NOT the same as in one run")


if __name__ == "__main__":
    main()
