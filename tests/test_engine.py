"""Several processes: in order, and gone when the one that started them is."""

import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from labeling.engine import Local
from labeling.engine.chunks import AHEAD, FALSE_STARTS, Rescue
from labeling.engine.dispatch import KilledError, Team
from labeling.engine.local import FEW
from labeling.errors import InputError

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


class Here:
    """A worker in this process; one that never begins stands for one that its cluster has no room for any more."""

    def __init__(self, *, begins: bool) -> None:
        self.begins = begins
        self.given: list[Any] = []

    def start(self, function: Any = None) -> None:
        self.given = [None] if self.begins else []

    def give(self, function: Any, chunk: Any) -> None:
        assert self.begins, "a worker that has not begun gets no chunk"
        self.given.append(function(chunk))

    def answer(self) -> tuple[bool, Any]:
        return True, self.given.pop(0)

    def end(self) -> None:
        pass


@pytest.mark.parametrize("chunks", [1, 2, 30])
def test_a_worker_that_never_begins_holds_nothing_up(chunks: int):
    # as many are started as there is work for
    workers = [Here(begins=True), Here(begins=False), Here(begins=False)]

    def answered(asked: Any) -> list[Here]:
        ready = [worker for worker in asked if worker.given]
        assert ready, "nobody would answer any more"
        return ready

    assert list(Team(workers, answered).results(str, range(chunks))) == [str(n) for n in range(chunks)]


class Doomed(Here):
    """A worker that is killed each time that it starts, as on a machine whose disk is full."""

    starts = 0

    def start(self, function: Any = None) -> None:
        self.starts += 1
        self.given = [None]

    def answer(self) -> tuple[bool, Any]:
        raise KilledError("10.0.0.7")


def test_workers_that_are_killed_while_they_start_are_left_out_as_long_as_others_work(caplog: Any):
    doomed = Doomed(begins=False)

    def answered(asked: Any) -> list[Here]:
        # the other one begins at once, and then is slow
        begun = [worker for worker in asked if worker is not doomed and worker.given == [None]]
        return begun or ([doomed] if doomed in asked else [worker for worker in asked if worker.given])

    team = Team([Here(begins=True), doomed], answered)
    assert list(team.results(str, range(30))) == [str(n) for n in range(30)]
    assert doomed.starts == FALSE_STARTS and len(caplog.messages) == 1 and "on 10.0.0.7" in caplog.text
    alone = Team([doomed], answered)
    with pytest.raises(InputError, match="killed while it was starting"):
        list(alone.results(str, range(30)))


class Hasty(Here):
    """A worker that the chunk 13 kills before the answer to the one before has left it, as an actor of Ray may be."""

    def answer(self) -> tuple[bool, Any]:
        if "13" in self.given:
            raise KilledError
        return super().answer()


def test_a_chunk_is_not_set_aside_for_its_neighbour():
    workers = [Hasty(begins=True), Hasty(begins=True)]
    rescue = Rescue(lambda chunk: [chunk], lambda chunk: f"not {chunk}")
    made = list(Team(workers, list).results(str, range(30), rescue))
    assert made == [str(n) if n != 13 else "not 13" for n in range(30)]
