"""Engines and numbers of workers, whole commands in one run: seconds, ratios, and whether the output is the same.

    python benchmarks/engine.py annotate TEXTS.jsonl --count 20000    # the texts over and over, {"text"} a line
    python benchmarks/engine.py convert --count 50000                 # made tasks of 3 kB with 30 regions
    python benchmarks/engine.py convert --count 50000 --address auto  # on a cluster that `ray start --head` has started
    python benchmarks/engine.py annotate TEXTS.jsonl --kills 20       # a worker is killed every 2 to 5 s, in 20 runs
    python benchmarks/engine.py annotate TEXTS.jsonl --kills 20 --engine ray

With `--kills`, each run has another seed; the output of each is compared with that of one process.
"""

import argparse
import contextlib
import hashlib
import json
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import psutil
from programs import machine, run

import exports

LABELING = Path(sys.executable).with_name("labeling")
WAYS = {"local, 1": ("local", 1), "local, 2": ("local", 2), "ray, 2": ("ray", 2)}
RAY_WORKER = "ray::_Remote"


def digest(output: Path) -> str:
    """The digest of a file, or of all files in a folder with their names."""
    files = sorted(path for path in output.rglob("*") if path.is_file()) if output.is_dir() else [output]
    made = hashlib.sha256()
    for file in files:
        made.update(str(file.relative_to(output)).encode())
        made.update(file.read_bytes())
    return made.hexdigest()[:16]


def write_articles(texts: Path, count: int, file: Path) -> Path:
    """The file with so many articles, each with a first sentence of its own."""
    found = [json.loads(line)["text"] for line in texts.read_text(encoding="utf-8").split("\n") if line.strip()]
    with file.open("w", encoding="utf-8") as lines:
        for number, text in enumerate(islice(cycle(found), count or len(found))):
            lines.write(json.dumps({"id": str(number), "text": f"This is report number {number}.\n\n{text}"}) + "\n")
    return file


def command(
    verb: str, source: Path, here: Path, way: str, workers: int, address: str = ""
) -> tuple[list[str | Path], Path]:
    """The command, and what it writes."""
    workspace = Path(tempfile.mkdtemp(dir=here))  # a new one each time: one remembers the parts of documents
    if address:
        (workspace / "labeling.toml").write_text(f'[engine]\naddress = "{address}"\n')
    output = here / f"{way}-{workers}{'.jsonl' if verb == 'annotate' else ''}"
    more = [] if verb == "annotate" else ["--schema", "auto", "--overwrite"]
    return [
        LABELING,
        verb,
        source,
        "-o",
        output,
        "-w",
        workspace,
        "--engine",
        way,
        "--jobs",
        str(workers),
        *more,
    ], output


def workers_of(process: subprocess.Popen[bytes], way: str) -> list[psutil.Process]:
    """The processes that work for a command at the moment."""
    found = []
    with contextlib.suppress(psutil.Error):
        for each in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = " ".join(each.cmdline())
                if RAY_WORKER in words if way == "ray" else "resource_tracker" not in words:
                    found.append(each)
    return found


@contextmanager
def killing(process: subprocess.Popen[bytes], way: str, seed: int) -> Iterator[list[int]]:
    """Kill a worker of the command every 2 to 5 seconds; the list of those killed."""
    chance, killed, is_over = random.Random(seed), list[int](), threading.Event()

    def kill() -> None:
        while not is_over.wait(chance.uniform(2, 5)):
            if found := workers_of(process, way):
                with contextlib.suppress(psutil.Error):
                    victim = chance.choice(found)
                    victim.kill()
                    killed.append(victim.pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        is_over.set()
        killer.join()


def main() -> None:
    """Print seconds and ratios, or what kills did to the output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["annotate", "convert"])
    parser.add_argument("texts", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--address", default="", help="of a Ray cluster; without it, each command has its own")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--engine", default="local")
    options = parser.parse_args()
    print(f"{machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        if options.verb == "annotate":
            source = write_articles(options.texts, options.count, here / "articles.jsonl")
        else:
            source = exports.write(options.count or 10_000, here / "export.json")
        if options.kills:
            one, output = command(options.verb, source, here, "local", 1)
            run(one)
            expected, same = digest(output), 0
            for seed in range(options.kills):
                some, output = command(options.verb, source, here, options.engine, 2)
                process = subprocess.Popen(some, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                with killing(process, options.engine, seed) as killed:
                    said, _ = process.communicate()
                is_same = process.returncode in {0, 1} and digest(output) == expected
                same += is_same
                print(f"seed {seed}: {len(killed)} killed, {'the same' if is_same else said.decode()}", flush=True)
            print(f"{same} of {options.kills} outputs are the same as that of one process")
            return
        best: dict[str, float] = {}
        digests = set()
        for _ in range(options.rounds):
            for name in options.ways:
                way, workers = WAYS[name]
                some, output = command(options.verb, source, here, way, workers, options.address)
                started = time.perf_counter()
                # to watch memory would slow Ray down, which has many processes
                done = subprocess.run(some, capture_output=True, text=True, check=False)
                seconds = time.perf_counter() - started
                if done.returncode not in {0, 1}:
                    sys.exit(done.stderr)
                best[name] = min(seconds, best.get(name, seconds))
                digests.add(digest(output))
                print(f"{name:10} {seconds:8.1f} s", flush=True)
    print(f"{'the same output' if len(digests) == 1 else 'DIFFERENT OUTPUTS'} from all")
    if "local, 1" in best and "local, 2" in best:
        print(f"from 1 to 2 local workers: {best['local, 1'] / best['local, 2']:.2f} times as fast")
    if "local, 2" in best and "ray, 2" in best:
        print(f"ray, 2 / local, 2: {best['local, 2'] / best['ray, 2']:.2f} of the rate (best of {options.rounds})")


if __name__ == "__main__":
    main()
