"""`labeling agreement` on as many annotations as wanted: seconds and memory of the whole command.

    python benchmarks/agreement.py ../shared/several/leoka_team_1.json                # 3,000 annotations
    python benchmarks/agreement.py ../shared/several/leoka_team_1.json --annotations 30000

The tasks of the export are repeated, each time with other words at the end of their texts, so that no text is there
twice. Any export of several annotators does.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path


def main() -> None:
    """A line with the seconds, the CPU seconds and the peak of memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--annotations", type=int, default=3000)
    options = parser.parse_args()
    tasks = json.loads(options.export.read_text(encoding="utf-8"))
    made, total = [], 0
    for turn in count():
        for task in tasks:
            if total < options.annotations:
                made.append(task | {"id": len(made), "data": task["data"] | {"text": f"{task['data']['text']} {turn}"}})
                total += len(task["annotations"])
        if total >= options.annotations:
            break
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "export.json").write_text(json.dumps(made), encoding="utf-8")
        command = [sys.executable, "-m", "labeling", "agreement", "export.json", "--schema", "auto", "--json"]
        started = time.perf_counter()
        with (Path(name) / "out.json").open("wb") as out:
            process = subprocess.Popen(command, cwd=name, stdout=out)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode not in {0, 1}:  # 1: some spans were refused
            sys.exit(process.returncode)
        found = json.loads((Path(name) / "out.json").read_text(encoding="utf-8"))
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{total:,} annotations of {found['documents']:,} texts by {len(found['annotators'])} people:", end=" ")
    print(f"{seconds:.1f} s, {cpu:.1f} CPU s, {usage.ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
