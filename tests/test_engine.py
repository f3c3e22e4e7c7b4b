"""Several processes: in order, and gone when the one that started them is."""

import subprocess
import sys
import time

import psutil

from labeling.engine import Local
from labeling.engine.chunks import AHEAD
from labeling.engine.local import FEW

KILLED = """
import time
from labeling.engine import Local
if __name__ == "__main__":
    with Local(2).started() as mapped:
        for _ in mapped(abs, [-1, -2, -3]):
            print("ready", flush=True)
        time.sleep(60)
"""


def test_workers_give_results_in_the_order_of_the_items():
    with Local(2).started() as mapped:
        assert list(mapped(abs, range(-9, 0))) == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        started = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    end = time.monotonic() + 10
    while any(each.is_running() and each.status() != "zombie" for each in started) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [each for each in started if each.is_running() and each.status() != "zombie"]


def test_no_more_chunks_are_taken_than_can_soon_be_worked_on():
    taken: list[int] = []

    def chunks():
        for number in range(300):
            taken.append(number)
            yield number

    with Local(2).started() as mapped:
        for given, number in enumerate(mapped(abs, chunks())):
            assert number == given
            assert len(taken) - given <= max(FEW, 2 * AHEAD)
