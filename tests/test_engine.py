"""Several processes: in order, and gone when the one that started them is."""

import subprocess
import sys
import time

import psutil

from labeling.engine import AHEAD, FEW, workers

KILLED = """
import time
from labeling.engine import workers
if __name__ == "__main__":
    with workers(2) as mapped:
        for _ in mapped(abs, [-1, -2, -3]):
            print("ready", flush=True)
        time.sleep(60)
"""


def test_workers_give_results_in_the_order_of_the_items():
    with workers(2) as mapped:
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


DIES = """
import multiprocessing, os, signal, time
from labeling.errors import InputError
from labeling.engine import workers
def work(number):
    time.sleep(0.05)
    if multiprocessing.parent_process():
        os.kill(os.getpid(), signal.SIGKILL)
    return number
if __name__ == "__main__":
    with workers(2) as mapped:
        try:
            list(mapped(work, range(99)))
        except InputError as error:
            print(error)
"""


def test_worker_that_is_killed_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(DIES)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True)
    assert "A process of this command was killed" in done.stdout


def test_no_more_chunks_are_taken_than_can_soon_be_worked_on():
    taken: list[int] = []

    def chunks():
        for number in range(300):
            taken.append(number)
            yield number

    with workers(2) as mapped:
        for given, number in enumerate(mapped(abs, chunks())):
            assert number == given
            assert len(taken) - given <= max(FEW, 2 * AHEAD)
