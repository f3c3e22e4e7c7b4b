"""The store of what was pulled from a project: files on the disk, and nothing of a network.

A store is a folder:

    state.json        what is known of the pulls, and which generation of the files counts; replaced as a whole
    tasks-N.jsonl     the tasks, one a line, by id: what a compaction wrote
    changes-N.jsonl   what came since, in the order in which it came: a task again, or {"gone": id}
    drafts.jsonl      the drafts of the tasks that have some, as of the last time that anyone asked for them
    lock              held by who writes

Lines are only ever appended, and what stands later counts. So a crash loses at most the line that was being written,
which is cut off at the next opening; a compaction writes the next generation aside and lets state.json name it. A line
begins with the task's id and its numbers of annotations, so that opening a store needs no parsing:

    {"id":7,"submitted":1,"skipped":0,"skips":0,"updated_at":"2026-11-24T08:00:00.000000Z","data":{…},"annotations":[…]}
"""

import contextlib
import fcntl
import os
import re
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import json_text, write_atomic
from labeling.settings import EMBEDDED, Workspace
from labeling.workflow.lines import GONE, TASK, as_json, encode, from_json, with_drafts

Json = dict[str, Any]
Outcome = Literal["new", "changed", "same"]

FORMAT = 1
COMPACT_SHARE, COMPACT_BYTES = 0.25, 1 << 20  # a compaction pays where the changes are more than both
PATIENCE_SECONDS = 600
POLL_SECONDS = 0.2
BUFFER = 1 << 18  # bytes
WORN = "`labeling pull --full` makes the copy anew, and keeps the files of this one."


class State(Value):
    """What is known of the pulls of a store.

    Attributes:
        format: The version of the files.
        generation: Which files count.
        server: Whose tasks they are: the server's URL, or `embedded`.
        project: The project's number there.
        created: When that project was made, which tells it from another of the same number.
        url: The project's address, for people.
        users: User id → e-mail address.
        complete: Whether all of the project was pulled at least once.
        cursor: As long as it was not: how many tasks are there already, in the server's order.
        since: Where the next pull goes on: what is not newer by the server's clock has been pulled.
        seen: The newest `updated_at` of any task.
        asked: When the last pull began, by the server's clock, in seconds since 1970.
        residual: By how much the server's own numbers (tasks, annotations, tasks with skips) are off what it lists.
        unlisted: How many annotations, submitted and skipped ones, the server has beyond those that it lists.
        pulled_at: When the last pull ended; ISO 8601, UTC; "" before the first.
        drafts_at: When the drafts were pulled, by the server's clock; "" where they never were.
    """

    format: int = FORMAT
    generation: int = 0
    server: str = ""
    project: int = 0
    created: str = ""
    url: str = ""
    users: dict[int, str] = Field(default_factory=dict)
    complete: bool = False
    cursor: int = 0
    since: str = ""
    seen: str = ""
    asked: float = 0.0
    residual: tuple[int, int, int] = (0, 0, 0)
    unlisted: tuple[int, int] = (0, 0)
    pulled_at: str = ""
    drafts_at: str = ""


class Entry:
    """Where a task's line stands, and what its beginning says."""

    __slots__ = ("base", "length", "offset", "skipped", "skips", "submitted")

    def __init__(self, base: bool, offset: int, length: int, submitted: int, skipped: int, skips: int) -> None:
        self.base, self.offset, self.length = base, offset, length
        self.submitted, self.skipped, self.skips = submitted, skipped, skips


class Counts(Value):
    """How many tasks, submitted annotations, and tasks with skipped annotations there are."""

    tasks: int = 0
    annotations: int = 0
    skips: int = 0

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(
            tasks=self.tasks - other.tasks,
            annotations=self.annotations - other.annotations,
            skips=self.skips - other.skips,
        )


class Store:
    """The tasks of a store, for reading; `Store.writing` opens one for writing.

    It is a context manager, which closes its files. What another process compacts or appends meanwhile is not seen, and
    does no harm.

    Raises:
        InputError: There is no store in the folder, it is of a later version, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State()
        self._index: dict[int, Entry] = {}
        self._base: IO[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._ids: list[int] | None = None

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether the folder holds a store."""
        return (folder / "state.json").is_file() and any(folder.glob("tasks-*.jsonl"))

    def __enter__(self) -> Self:
        for attempt in range(10):
            try:
                self._open()
                return self
            except FileNotFoundError as error:  # a compaction came between the state and its files
                if attempt == 9 or not self.exists(self.folder):
                    raise InputError(f"There is nothing pulled in {self.folder}.", "`labeling pull` pulls.") from error
                time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._base, self._log):
            if file:
                file.close()

    def _open(self) -> None:
        self.state = _read_state(self.folder)
        self._index, self._ids = {}, None
        base = self._name("tasks").open("rb", buffering=BUFFER)
        try:
            log = self._name("changes").open(self._mode, buffering=BUFFER)
        except BaseException:
            base.close()
            raise
        self._base, self._log = base, log
        try:
            self._scan(base, base=True)
            self._scan(log, base=False)
        except BaseException:
            Store.__exit__(self)
            raise

    _mode = "rb"

    def _name(self, kind: str, generation: int | None = None) -> Path:
        number = self.state.generation if generation is None else generation
        return self.folder / f"{kind}-{number}.jsonl"

    def _scan(self, file: IO[bytes], *, base: bool) -> int:
        """The number of bytes up to the end of the last whole line; the index knows the lines."""
        start = 0
        for line in file:
            end = start + len(line)
            if not line.endswith(b"\n"):
                break
            if found := TASK.match(line):
                number, submitted, skipped, skips = (int(found[i]) for i in range(1, 5))
                self._index[number] = Entry(base, start, len(line) - 1, submitted, skipped, skips)
            elif gone := GONE.match(line):
                self._index.pop(int(gone[1]), None)
            else:
                name = Path(str(file.name)).name
                raise InputError(f"{self.folder / name} is damaged at byte {start:,}.", WORN)
            start = end
        return start

    # reading

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, task_id: int) -> bool:
        return task_id in self._index

    @property
    def size(self) -> int:
        """Bytes of the tasks, without their drafts."""
        return sum(entry.length for entry in self._index.values())

    @property
    def ids(self) -> list[int]:
        """The ids of the tasks, ascending."""
        if self._ids is None:
            self._ids = sorted(self._index)
        return self._ids

    def between(self, after: int, last: int | None) -> list[int]:
        """The ids above `after`, up to `last` (None: all that follow)."""
        ids = self.ids
        return ids[bisect_right(ids, after) : len(ids) if last is None else bisect_right(ids, last)]

    def counts(self, after: int = 0, last: int | None = None) -> Counts:
        """How much the store holds of these ids."""
        entries = [self._index[number] for number in self.between(after, last)]
        return Counts(
            tasks=len(entries),
            annotations=sum(entry.submitted for entry in entries),
            skips=sum(entry.skips > 0 for entry in entries),
        )

    def written(self) -> tuple[int, int]:
        """How many annotations the store holds, submitted and skipped ones."""
        entries = self._index.values()
        return sum(entry.submitted for entry in entries), sum(entry.skipped for entry in entries)

    def states(self) -> dict[str, int]:
        """How many tasks have something submitted, were only skipped, or neither."""
        found = {"reviewed": 0, "skipped": 0, "open": 0}
        for entry in self._index.values():
            found["reviewed" if entry.submitted else "skipped" if entry.skipped else "open"] += 1
        return found

    def line(self, task_id: int) -> bytes:
        """A task's JSON without a line end.

        Raises:
            KeyError: It is not there.
        """
        entry = self._index[task_id]
        file = self._base if entry.base else self._log
        assert file is not None  # noqa: S101 - it is open within `with`
        return os.pread(file.fileno(), entry.length, entry.offset)

    def task(self, task_id: int) -> Json:
        """A task, without its drafts.

        Raises:
            KeyError: It is not there.
            InputError: Its line is damaged.
        """
        try:
            found: Json = from_json(self.line(task_id))
            return found
        except ValueError as error:
            raise InputError(f"Task {task_id} in {self.folder} is damaged.", WORN) from error

    def drafts(self) -> dict[int, list[Json]]:
        """The drafts by task, of tasks that nobody has touched since they were pulled."""
        file = self.folder / "drafts.jsonl"
        if not self.state.drafts_at or not file.is_file():
            return {}
        try:
            rows = {row["id"]: row["drafts"] for row in map(from_json, file.read_bytes().splitlines())}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{file} is damaged.", "`labeling pull --drafts` writes it anew.") from error
        return {
            number: found
            for number, found in rows.items()
            if number in self._index and self._touched(number) <= self.state.drafts_at
        }

    def _touched(self, task_id: int) -> str:
        found = TASK.match(self.line(task_id))
        return found[5].decode() if found else ""

    def lines(self, *, drafts: bool = True) -> Iterator[bytes]:
        """The tasks as JSON with a line end, by id; with their drafts."""
        known = self.drafts() if drafts else {}
        for number in self.ids:
            line = self.line(number)
            yield (with_drafts(line, known[number]) if number in known else line) + b"\n"

    # writing

    @classmethod
    @contextlib.contextmanager
    def writing(
        cls,
        folder: Path,
        *,
        anew: bool = False,
        waiting: Callable[[str], None] = lambda _: None,
        patience: float = PATIENCE_SECONDS,
    ) -> Iterator["Writer"]:
        """The store for the one process that may write it; made where there is none.

        Args:
            folder: Where.
            anew: Whether files that cannot be read are put aside, and a new store is made; `Writer.aside` says where.
            waiting: Is told, once, who holds it, where somebody does.
            patience: Seconds that it is waited for.

        Raises:
            InputError: Another process holds it for longer than that; the message says which. Or as for reading.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "lock").open("a+b") as lock:
                _acquire(lock, folder, waiting, patience)
                aside = _put_aside(folder) if anew and not _is_sound(folder) else None
                with Writer(folder, aside) as writer:
                    yield writer
        except OSError as error:
            raise InputError(
                f"Cannot write to {folder}: {error.strerror or error}",
                "Check the free space and the permissions. What was pulled before is still there.",
            ) from error


class Writer(Store):
    """A store that is open for writing. What `put` and `drop` did is safe on the disk after `sync`.

    Attributes:
        aside: Where the files are that could not be read; None where all could.
    """

    _mode = "r+b"

    def __init__(self, folder: Path, aside: Path | None = None) -> None:
        super().__init__(folder)
        self.aside = aside
        self._end = 0

    def __enter__(self) -> Self:
        if not (self.folder / "state.json").exists():
            for left in self.folder.glob("*.jsonl"):  # of a first opening that was cut off
                left.unlink()
            self._name("tasks").touch()
            self._name("changes").touch()
            self.save(self.state)
        super().__enter__()
        for file in (*self.folder.glob("tasks-*.jsonl"), *self.folder.glob("changes-*.jsonl")):
            if file not in {self._name("tasks"), self._name("changes")}:  # what a cut off compaction left
                file.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._opened.flush()
        super().__exit__()

    def _scan(self, file: IO[bytes], *, base: bool) -> int:
        end = super()._scan(file, base=base)
        if not base:
            if end < os.fstat(file.fileno()).st_size:
                file.truncate(end)  # half a line: the task that it was of comes again
            file.seek(end)
            self._end = end
        return end

    @property
    def _opened(self) -> IO[bytes]:
        assert self._log is not None  # noqa: S101 - it is open within `with`
        return self._log

    def put(self, task: Json) -> Outcome:
        """What was done with a task as the API lists it: it was new, another than before, or the same."""
        line, numbers = encode(task)
        number = task["id"]
        known = number in self._index
        if known and self.line(number) == line:
            return "same"
        self._append(line)
        self._index[number] = Entry(False, self._end - len(line) - 1, len(line), *numbers)
        if not known:
            self._ids = None
        return "changed" if known else "new"

    def drop(self, task_id: int) -> bool:
        """Whether the task was there; it no longer is."""
        if task_id not in self._index:
            return False
        self._append(b'{"gone":%d}' % task_id)
        del self._index[task_id]
        self._ids = None
        return True

    def _append(self, line: bytes) -> None:
        self._opened.write(line + b"\n")
        self._end += len(line) + 1

    def line(self, task_id: int) -> bytes:
        """A task's JSON without a line end."""
        if not self._index[task_id].base:
            self._opened.flush()
        return super().line(task_id)

    def sync(self) -> None:
        """Everything so far is on the disk."""
        self._opened.flush()
        os.fsync(self._opened.fileno())

    def save(self, state: State) -> None:
        """The state is on the disk, and all lines before it."""
        if self._log:
            self.sync()
        write_atomic(self.folder / "state.json", json_text(state.model_dump(mode="json")))
        self.state = state

    def keep_drafts(self, drafts: dict[int, list[Json]], at: str) -> None:
        """These are the drafts now, of this time by the server's clock; those of before are forgotten."""
        lines = b"".join(as_json({"id": n, "drafts": found}) + b"\n" for n, found in sorted(drafts.items()))
        write_atomic(self.folder / "drafts.jsonl", lines)
        self.save(self.state.model_copy(update={"drafts_at": at}))

    def clear(self) -> None:
        """Forget everything: the store belongs to a project that is no more."""
        for number in self.ids:
            self.drop(number)
        self.save(State(generation=self.state.generation))

    def compact(self, *, always: bool = False) -> bool:
        """Whether the files were written anew, without what no longer counts.

        That is done where it pays, or always.
        """
        size = self._name("tasks").stat().st_size
        if not always and self._end < max(COMPACT_SHARE * size, COMPACT_BYTES):
            return False
        following = self.state.generation + 1
        with self._name("tasks", following).open("wb", buffering=1 << 20) as out:
            out.writelines(self.lines(drafts=False))
            out.flush()
            os.fsync(out.fileno())
        self._name("changes", following).touch()
        _sync_folder(self.folder)
        old = [self._name("tasks"), self._name("changes")]
        self.save(self.state.model_copy(update={"generation": following}))
        _sync_folder(self.folder)
        Store.__exit__(self)
        for file in old:
            file.unlink(missing_ok=True)
        self._open()
        return True


def store_folder(workspace: Workspace, project: int) -> Path:
    """Where what is pulled of a project is kept; its name has the server's where that is not the embedded one.

    One that an older version called after another spelling of the server's URL gets the name that it has now.
    """
    pulled = workspace.state / "pulled"
    if workspace.server == EMBEDDED:
        return pulled / str(project)
    place = workspace.server.partition("://")[2]
    folder = pulled / f"{project}@{re.sub(r'[^A-Za-z0-9._-]+', '-', place).strip('-')}"
    for url in workspace.server_spellings:
        old = pulled / f"{project}@{urlsplit(url).netloc.rpartition('@')[2].replace(':', '-')}"
        if old.is_dir() and not folder.exists():
            old.rename(folder)
    return folder


@contextlib.contextmanager
def stored(workspace: Workspace) -> Iterator[Store]:
    """What was pulled of the workspace's project, without any network.

    Raises:
        InputError: Nothing was, or not all of it yet.
    """
    number = workspace.settings.studio.project or workspace.remembered_project()
    if number is None:
        raise InputError("This workspace has no project yet.", "`labeling import ARTICLES` makes one and fills it.")
    folder = store_folder(workspace, number)
    if not Store.exists(folder):
        raise InputError(f"Nothing of project {number} was pulled yet.", "`labeling pull` pulls it.")
    with Store(folder) as store:
        if not store.state.complete:
            raise InputError(
                f"Only {len(store):,} tasks of project {number} were pulled before it broke off.",
                "`labeling pull` goes on where it ended.",
            )
        yield store


def _read_state(folder: Path) -> State:
    file = folder / "state.json"
    try:
        state = State.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise InputError(f"{file} is damaged, or of another version of labeling.", WORN) from error
    if state.format != FORMAT:
        raise InputError(f"{file} is of another version of labeling (format {state.format}).", WORN)
    return state


def _is_sound(folder: Path) -> bool:
    """Whether the store in the folder, if there is one, can be read to its end."""
    if not (folder / "state.json").exists():
        return True
    try:
        with Store(folder) as store:
            for number in store.ids:
                store.task(number)
            store.drafts()
    except InputError:
        return False
    return True


def _put_aside(folder: Path) -> Path:
    """Where the files of the store are now: what is damaged may still hold what is nowhere else."""
    aside = folder / f"damaged-{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}"
    aside.mkdir()
    # the state last: files without one are taken for what a first opening left, and removed
    for file in [*folder.glob("*.jsonl"), folder / "state.json"]:
        file.rename(aside / file.name)
    _sync_folder(folder)
    return aside


def _acquire(lock: IO[bytes], folder: Path, waiting: Callable[[str], None], patience: float) -> None:
    """The lock is ours, and says so.

    Raises:
        InputError: It is not, after so many seconds.
    """
    began = time.monotonic()
    told = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().decode(errors="replace").strip() or "Another process"
            if time.monotonic() - began >= patience:
                raise InputError(
                    f"{holder} is pulling into {folder}.", "Wait for it to end, or stop it; then run this again."
                ) from None
            if not told:
                waiting(f"{holder} is pulling into {folder}; waiting for it to end.")
                told = True
            time.sleep(POLL_SECONDS)
    lock.truncate(0)
    lock.write(f"Process {os.getpid()} (since {datetime.now(UTC):%H:%M:%S} UTC)".encode())
    lock.flush()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
