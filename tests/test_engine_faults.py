"""Workers that are killed, on each engine: every chunk is done once, in order, and what kills them is set aside."""

import contextlib
import errno
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from labeling.engine import Engine, Local, Rescue
from labeling.engine.on_ray import OnRay
from labeling.errors import InputError
from tests.builders import ROOT

ENGINES = {"local": Local(2), "ray": OnRay(2)}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return ENGINES[request.param]


def double(numbers: list[int]) -> list[int]:
    return [2 * number for number in numbers]


def slowly(numbers: list[int]) -> list[int]:
    time.sleep(0.01)
    return double(numbers)


def deadly(numbers: list[int]) -> list[int]:
    """Kills its process over 13."""
    if 13 in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return slowly(numbers)


def fragile(numbers: list[int]) -> list[int]:
    if 13 in numbers:
        raise ValueError("thirteen")
    return double(numbers)


def without_room(numbers: list[int]) -> list[int]:
    raise OSError(errno.ENOSPC, "No space left on device")


def unable() -> None:
    raise InputError("There is no such model.", "Name another.")


def chunks(count: int, size: int = 5) -> Iterator[list[int]]:
    return (list(range(start, start + size)) for start in range(0, count, size))


RESCUE = Rescue(lambda numbers: [[number] for number in numbers], lambda numbers: [-number for number in numbers])


def test_results_come_in_order(engine: Engine):
    with engine.started() as mapped:
        made = [number for numbers in mapped(double, chunks(500)) for number in numbers]
        again = list(mapped(double, chunks(10)))
    assert made == list(range(0, 1000, 2)) and again == [[0, 2, 4, 6, 8], [10, 12, 14, 16, 18]]


def test_an_endless_stream_is_read_only_as_far_ahead_as_it_can_soon_be_worked_on(engine: Engine):
    read = 0

    def endless() -> Iterator[list[int]]:
        nonlocal read
        while True:
            read += 1
            yield [read]

    with engine.started() as mapped:
        made = mapped(slowly, endless())
        assert [next(made) for _ in range(100)] == [[2 * number] for number in range(1, 101)]
        assert read < 140


def test_what_the_work_raises_is_raised(engine: Engine):
    with engine.started() as mapped, pytest.raises(ValueError, match="thirteen"):
        list(mapped(fragile, chunks(200)))


def test_a_worker_whose_disk_is_full_is_told_with_its_machine(engine: Engine):
    told = f"no room for temporary files on {socket.gethostname()}, .*: No space left on device"
    with engine.started() as mapped, pytest.raises(InputError, match=told):
        list(mapped(without_room, chunks(200)))


def test_what_the_beginning_raises_is_raised(engine: Engine):
    with pytest.raises(InputError, match="no such model"), engine.started(unable) as mapped:
        list(mapped(double, chunks(200)))


def test_what_kills_the_workers_is_set_aside_alone(engine: Engine):
    with engine.started() as mapped:
        made = [number for numbers in mapped(deadly, chunks(200), RESCUE) for number in numbers]
    assert made == [2 * number if number != 13 else -13 for number in range(200)]


def test_what_kills_the_workers_is_told_where_nothing_can_stand_for_it(engine: Engine):
    with (
        engine.started() as mapped,
        pytest.raises(InputError, match="processes of this command were killed over the same work"),
    ):
        list(mapped(deadly, chunks(200)))


def workers_of_this_process(kind: str) -> list[psutil.Process]:
    """The workers that are running now; Ray has other processes too."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            words = " ".join(each.cmdline())
            is_ray = "ray" in words.replace(str(ROOT), "")
            if "ray::_Remote" in words if kind == "ray" else not is_ray and "resource_tracker" not in words:
                found.append(each)
    return found


def test_workers_that_are_killed_at_random_change_nothing(request: pytest.FixtureRequest, engine: Engine):
    kind = request.node.callspec.params["engine"]
    chance, killed, is_over = random.Random(1), [0], threading.Event()

    def kill() -> None:
        while not is_over.wait(chance.uniform(1, 2.5)):
            for worker in workers_of_this_process(kind)[:1]:
                with contextlib.suppress(psutil.Error):
                    worker.kill()
                    killed[0] += 1

    with engine.started() as mapped:
        killer = threading.Thread(target=kill)
        killer.start()
        try:
            made = [number for numbers in mapped(slowly, chunks(6000)) for number in numbers]
        finally:
            is_over.set()
            killer.join()
    assert made == list(range(0, 12000, 2))
    assert killed[0]


NO_CLUSTER = """
from labeling.engine.on_ray import OnRay
from labeling.errors import InputError
try:
    with OnRay(2, {address!r}).started() as mapped:
        list(mapped(abs, [1]))
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "Nothing answers at 127.0.0.1:1"),
        ("ray://127.0.0.1:1", "Nothing answers at ray://127.0.0.1:1"),
        ("http://127.0.0.1:1", "is not valid"),
        ("ray://127.0.0.1:x", "is not valid"),
    ],
)
def test_an_address_where_no_cluster_is(address: str, message: str):
    with pytest.raises(InputError, match=message), OnRay(2, address).started():
        pass


def test_without_ray_it_is_said_how_to_install_it(tmp_path: Path):
    (tmp_path / "ray.py").write_text("raise ImportError('none')")
    done = subprocess.run(
        [sys.executable, "-c", NO_CLUSTER.format(address="")],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "needs Ray, which is not installed" in done.stdout
