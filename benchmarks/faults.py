"""How many injected faults imports and pulls survive: seeded schedules between our client and a real Label Studio.

    python benchmarks/faults.py                  # 200 schedules
    python benchmarks/faults.py --schedules 20 --pulls 10

Half of the schedules (tests/test_faults.py) import 14 articles through a proxy that delays, cuts, doubles and drops
requests and answers, loses predictions, or gives errors and pages instead (tests/faults.py), again and again until the
command succeeds. In the other half there are people too: an import is as good as killed between a 201 and the repair,
they begin on an empty page, delete annotations between imports, and submit all the time while `--replace` is at work.
Then the server's own database is asked: each article once, with its predictions, and every annotation that was answered
with 201, on the text that it was of. Further tests kill our process and the server.

It runs tests/test_faults_pull.py too, half a minute a schedule: each pulls from a server that is killed twice, behind a
random one of its transactions, while six annotators submit, skip, edit and delete; then a plain pull has to hold what
the server's database does.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print how many schedules and faults there were, and how many were survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--pulls", type=int, default=20, metavar="SCHEDULES")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "studio",
            "tests/test_faults.py",
            "tests/test_faults_pull.py",
            *("-o", "junit_family=legacy", f"--junitxml={report}"),
        ]
        schedules = {"FAULT_SCHEDULES": str(-(-args.schedules // 2)), "PULL_SCHEDULES": str(args.pulls)}
        environment = {**os.environ, **schedules}
        ended = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    schedules = {case: case.find("properties/property[@name='faults']") for case in cases}
    faults = {case: int(found.get("value", "0")) for case, found in schedules.items() if found is not None}
    lost = sum(number for case, number in faults.items() if case in failed)
    print(
        f"{len(faults)} schedules, {sum(faults.values()):,} faults injected, {sum(faults.values()) - lost:,} survived"
    )
    print(f"{len(cases)} tests, kills and annotators among them: {len(failed)} failed")
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
