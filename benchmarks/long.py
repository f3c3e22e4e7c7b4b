"""One long article after the other through `labeling annotate`: seconds and memory must grow in line with the text.

    python benchmarks/long.py TEXTS.jsonl                                   # {"text"} a line
    python benchmarks/long.py TEXTS.jsonl --sizes 0.25 0.5 1 2 --jobs 1     # megabytes; processes

The texts are put together in one line, over and over. Each size is annotated by a process of its own, whose peak of
memory (of its largest process) and CPU seconds are those that the system counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """A line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.25, 0.5, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    with options.texts.open(encoding="utf-8") as lines:
        line = " ".join(" ".join(json.loads(each)["text"].split()) for each in lines) + " "
    print("      MB   seconds   CPU s   CPU s/MB   peak MB   tasks MB")
    for size in options.sizes:
        characters = round(size * 1e6)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "long.txt").write_text((line * (characters // len(line) + 1))[:characters], encoding="utf-8")
            command = [sys.executable, "-m", "labeling", "annotate", "long.txt", "-o", "tasks.json"]
            started = time.perf_counter()
            with subprocess.Popen([*command, "--jobs", str(options.jobs)], cwd=folder) as process:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                sys.exit(process.returncode)
            seconds, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
            written = (folder / "tasks.json").stat().st_size / 1e6
        print(
            f"{size:8.2f} {seconds:9.1f} {cpu:7.1f} {cpu / size:10.1f} {usage.ru_maxrss / 1e3:9.0f} {written:10.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
