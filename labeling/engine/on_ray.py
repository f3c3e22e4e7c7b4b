"""The engine of several machines: actors of a Ray cluster."""

import gc
import os
import pickle
import re
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from labeling import __version__
from labeling.distribution import install
from labeling.engine.chunks import OBJECTS_BETWEEN_COLLECTIONS, few_collections
from labeling.engine.dispatch import Answer, KilledError, Team, answered, call, packed
from labeling.errors import InputError

STORE_BYTES = 200 << 20  # of the object store of a Ray that is started here; chunks and results pass through it
PIECE = 90_000  # bytes; what is smaller than 100 kB Ray sends with the call, without its object store
ANSWER_SECONDS = 10.0  # until something answers at an address
SAME_MODE = "RAY_AUTH_MODE (token or disabled) has to be that of the cluster: docs/engine.md."
SAME_VERSIONS = "Install the same versions on both."
LOCAL_ADDRESSES = {"auto", "local"}
LOGS = f"Ray's logs of its workers say why, unless the disk there is full: see /tmp/ray. {SAME_MODE}"
ROOM = "Ray keeps its files in /tmp/ray, unless RAY_TMPDIR or TMPDIR names another folder: is there room?"
START = "`ray start --head` starts a cluster; without an address, Ray runs on this machine alone."


@dataclass(frozen=True)
class OnRay:
    """Workers on a Ray cluster; without an address, a Ray on this machine that ends with the command.

    Attributes:
        count: The number of workers; None is one for each CPU of the cluster.
        address: `auto`, `host:port` or `ray://host:port`.
        resources: Custom resources that each worker takes, beside one CPU.
    """

    count: int | None = None
    address: str = ""
    resources: Mapping[str, float] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """The number of workers; 0 for one on each CPU, which is only known when they run."""
        return self.count or 0

    @property
    def forks(self) -> bool:
        """No: what this process has loaded, they load again."""
        return False

    def for_little(self) -> "OnRay":
        """The same: a worker more or less costs nothing."""
        return self

    @contextmanager
    def started(self, begin: Callable[[], object] = int) -> Iterator[Callable[..., Iterator[Any]]]:
        """As `Engine.started` says."""
        team = _team(_connected(self), self, begin)
        try:
            with few_collections():
                yield team.results
        finally:
            team.rest()


_teams: list[tuple[OnRay, bytes, Team]] = []  # at most one: the last, whose workers another map can use


def _team(ray: Any, engine: OnRay, begin: Callable[[], object]) -> Team:
    """Workers that begin so: those of the last map, if they did; to start others takes seconds."""
    how = pickle.dumps(begin)
    if not _teams or _teams[0][:2] != (engine, how):
        for _, _, last in _teams:
            last.end()
        actors = [_Actor(ray, engine, begin) for _ in range(_room(ray, engine))]
        _teams[:] = [(engine, how, Team(actors, partial(_with_answers, ray), LOGS))]
    return _teams[0][2]


Versions = tuple[str, tuple[int, ...]]


class _Remote:
    """What runs in the process of an actor."""

    def begin(self, driver: Versions, message: bytes) -> bytes:
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
        # before anything is unpickled, which another version may not be able to
        here = _versions()
        return answered(message) if here == driver else packed((False, _versions_differ(here, driver)))

    def work(self, *pieces: bytes) -> bytes:
        return answered(b"".join(pieces))


def _begun(given: tuple[Callable[[], object], object]) -> None:
    begin, _ = given
    begin()


def _versions() -> Versions:
    return __version__, tuple(sys.version_info[:3])


def _versions_differ(there: Versions, here: Versions) -> InputError:
    said = [f"labeling {version} on Python {'.'.join(map(str, python))}" for version, python in (there, here)]
    return InputError(f"A machine of the Ray cluster has {said[0]}, this one {said[1]}.", SAME_VERSIONS)


def _cannot_load(error: Exception) -> InputError:
    return InputError(f"A machine of the Ray cluster cannot load labeling: {_last_line(error)}", SAME_VERSIONS)


_engine: list[OnRay] = []  # that Ray is connected for; its start takes seconds, and it ends with this process


def _room(ray: Any, engine: OnRay) -> int:
    """For how many workers the cluster has room, at most as many as are wanted.

    Raises:
        InputError: It has room for none; Ray would wait for ever.
    """
    total = ray.cluster_resources()
    wanted = {"CPU": 1.0} | dict(engine.resources)
    room = min(int(total.get(name, 0) // amount) for name, amount in wanted.items() if amount)
    if room < 1:
        said = ", ".join(f"{amount:g} {name}" for name, amount in wanted.items())
        has = ", ".join(f"{total.get(name, 0):g} {name}" for name in wanted)
        raise InputError(f"The Ray cluster has no room for a worker, which takes {said}: it has {has}.", START)
    return min(engine.count or room, room)


def _connected(engine: OnRay) -> Any:
    """Ray, connected to its cluster.

    Raises:
        InputError: It is not installed, nothing answers at the address, or the cluster has another version.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise InputError("--engine ray needs Ray, which is not installed.", install("ray")) from None
    if _engine == [engine] and ray.is_initialized():
        return ray
    _teams.clear()
    ray.shutdown()
    address = engine.address
    if address and address not in LOCAL_ADDRESSES:
        _reach(address)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL", "configure_logging": True}
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    if engine.count:
        own["num_cpus"] = engine.count
    if engine.resources:
        own["resources"] = {name: amount * (engine.count or 1) for name, amount in engine.resources.items()}
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        if address:
            ray.init(address=address, namespace="labeling", **quiet)
        else:
            # without it, RAY_ADDRESS would be taken
            ray.init(address="local", **own, **quiet)
    except Exception as error:  # of which Ray raises many kinds, that itself among them
        where = f"the Ray cluster at {address}" if address else "Ray on this machine"
        if re.search("versions? (mismatch|differ)", str(error), re.IGNORECASE):  # it names them on lines of their own
            raise InputError(f"Cannot use {where}: {' '.join(str(error).split())}", SAME_VERSIONS) from error
        raise InputError(f"Cannot use {where}: {_first_line(error)}", SAME_MODE if address else ROOM) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():  # instead of Ray's, which prints its own stack
                signal.signal(number, handler)
    _engine[:] = [engine]
    _silence()
    return ray


def _silence() -> None:
    """Keep Ray from printing on stdout, which is for data, that a worker was killed; no setting does."""
    from ray._private import worker

    worker.print_to_stdstream = _say_nothing


def _say_nothing(*_: object, **__: object) -> None:
    pass


def _reach(address: str) -> None:
    """Check that something answers there: Ray itself waits for minutes.

    Raises:
        InputError: The address is not valid, or nothing answers.
    """
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname or "", parts.port or (10001 if parts.scheme == "ray" else 6379)
        if not host or parts.scheme not in {"", "ray"}:
            raise ValueError
    except ValueError:
        raise InputError(
            f"The address of the engine is not valid: {address}", "It should be auto, host:port or ray://host:port."
        ) from None
    try:
        socket.create_connection((host, port), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"Nothing answers at {address}, the address of the engine: {why}.", START) from error


def _first_line(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{first} {_last_line(error)}" if first.endswith(":") else first


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()


class _Actor:
    """A worker: an actor of Ray, whose calls are done in their order."""

    def __init__(self, ray: Any, engine: OnRay, begin: Callable[[], object]) -> None:
        options = {"num_cpus": 1, "resources": dict(engine.resources), "max_restarts": 0, "max_task_retries": 0}
        self._of = ray.remote(**options)(_Remote)
        self._ray, self._begin = ray, begin
        self._actor: Any = None
        self._calls: deque[Any] = deque()

    def start(self, function: Callable[[Any], Any] | None = None) -> None:
        try:
            self._actor = self._of.remote()
        except ImportError as error:  # on the machine that an address with ray:// names
            raise _cannot_load(error) from error
        # with the function, whose module is imported as it is unpickled
        self._calls = deque([self._actor.begin.remote(_versions(), call(_begun, (self._begin, function)))])

    def give(self, function: Callable[[Any], Any], chunk: Any) -> None:
        message = call(function, chunk)
        pieces = [message[start : start + PIECE] for start in range(0, len(message), PIECE)]
        self._calls.append(self._actor.work.remote(*pieces))

    def answer(self) -> Answer:
        errors = self._ray.exceptions
        try:
            message: bytes = self._ray.get(self._calls.popleft())
        except errors.RayTaskError:
            raise  # of what cannot be imported there
        except errors.RayError as error:
            if "failed to import on the worker" in str(error):
                raise _cannot_load(error) from error
            machine = re.search(r"^\s*ip: (\S+)", str(error), re.MULTILINE)
            raise KilledError(machine[1] if machine else "") from error
        answer: Answer = pickle.loads(message)  # noqa: S301 - of a worker of this command
        return answer

    def end(self) -> None:
        with suppress(Exception):  # it may be gone already
            self._ray.kill(self._actor)

    @property
    def next_call(self) -> Any:
        return self._calls[0]


def _with_answers(ray: Any, workers: Sequence[_Actor]) -> list[_Actor]:
    by_call = {worker.next_call: worker for worker in workers}
    ready, _ = ray.wait(list(by_call), num_returns=1)
    more, _ = ray.wait(list(by_call), num_returns=len(by_call), timeout=0)
    return [by_call[call] for call in {*ready, *more}]
