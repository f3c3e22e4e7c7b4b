"""The store of what was pulled from a project: a database on the disk, and nothing of a network.

A store is a folder:

    tasks.sqlite    the tasks as JSON, with their numbers beside; their drafts; what is known of the pulls
    lock            held by who writes

While somebody writes, and after a crash, what came last stands in `tasks.sqlite-wal`, and belongs to the database. Who
reads goes on seeing what was there when the store was opened.
"""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import ValidationError

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.locks import alone
from labeling.settings import EMBEDDED, Workspace
from labeling.workflow.lines import as_json, encode, from_json, with_drafts
from labeling.workflow.pulled_database import (
    DROP,
    FILE,
    FORMAT,
    PUT,
    State,
    WornError,
    connect,
    in_words,
    make,
    old_files,
    put_aside,
)

Json = dict[str, Any]
Outcome = Literal["new", "changed", "same"]

LARGEST = 2**63 - 1  # an id
PATIENCE_SECONDS = 600
TASKS = """
SELECT tasks.id, line, drafts FROM tasks LEFT JOIN drafts ON drafts.id = tasks.id AND updated_at <= ? ORDER BY tasks.id
"""


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

    It is a context manager. What another process writes meanwhile is not seen, and does no harm.

    Raises:
        InputError: There is no store in the folder, it is of another version, or it is damaged.
    """

    _db: sqlite3.Connection

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / FILE
        self.state = State()

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether the folder holds a store, of whatever version."""
        return (folder / FILE).is_file() or bool(old_files(folder))

    def __enter__(self) -> Self:
        if not self.exists(self.folder):
            raise InputError(f"There is nothing pulled in {self.folder}.", "`labeling pull` pulls.")
        if not self.file.is_file():
            raise InputError(
                f"The copy in {self.folder} is in the layout of an older version.",
                "`labeling pull` pulls every task again, and then removes the old files.",
            )
        try:
            self._db = connect(self.file)
        except sqlite3.Error as error:
            raise in_words(self.file, error) from error
        try:
            self._begin()
            self.state = self._read_state()
        except BaseException as error:
            Store.__exit__(self, type(error), error)
            raise
        return self

    def __exit__(self, _: object, error: BaseException | None, *rest: object) -> None:
        self._db.close()
        if isinstance(error, sqlite3.Error):
            raise in_words(self.file, error) from error

    def _begin(self) -> None:
        self._db.execute("BEGIN")

    def _read_state(self) -> State:
        try:
            state = State.model_validate_json(self._one("SELECT state FROM state")[0])
        except (ValidationError, TypeError) as error:
            raise WornError(f"{self.file} is damaged, or of another version of labeling.") from error
        if state.format != FORMAT:
            raise WornError(f"{self.file} is of another version of labeling (format {state.format}).")
        return state

    def _one(self, query: str, *values: object) -> Any:
        return self._db.execute(query, values).fetchone()

    # reading

    def __len__(self) -> int:
        return int(self._one("SELECT count(*) FROM tasks")[0])

    def __contains__(self, task_id: int) -> bool:
        return self._one("SELECT 1 FROM tasks WHERE id = ?", task_id) is not None

    @property
    def size(self) -> int:
        """Bytes of the tasks, without their drafts."""
        return int(self._one("SELECT total(length(line)) FROM tasks")[0])

    @property
    def ids(self) -> list[int]:
        """The ids of the tasks, ascending."""
        return self.between(0, None)

    def between(self, after: int, last: int | None) -> list[int]:
        """The ids above `after`, up to `last` (None: all that follow)."""
        query = "SELECT id FROM tasks WHERE id > ? AND id <= ? ORDER BY id"
        return [number for (number,) in self._db.execute(query, (after, LARGEST if last is None else last))]

    def counts(self, after: int = 0, last: int | None = None) -> Counts:
        """How much the store holds of these ids."""
        query = "SELECT count(*), total(submitted), total(skips > 0) FROM tasks WHERE id > ? AND id <= ?"
        tasks, annotations, skips = self._one(query, after, LARGEST if last is None else last)
        return Counts(tasks=tasks, annotations=int(annotations), skips=int(skips))

    def written(self) -> tuple[int, int]:
        """How many annotations the store holds, submitted and skipped ones."""
        submitted, skipped = self._one("SELECT total(submitted), total(skipped) FROM tasks")
        return int(submitted), int(skipped)

    def states(self) -> dict[str, int]:
        """How many tasks have something submitted, were only skipped, or neither."""
        query = "SELECT total(submitted > 0), total(submitted = 0 AND skipped > 0), count(*) FROM tasks"
        reviewed, skipped, every = map(int, self._one(query))
        return {"reviewed": reviewed, "skipped": skipped, "open": every - reviewed - skipped}

    def line(self, task_id: int) -> bytes:
        """A task's JSON without a line end, and without its drafts.

        Raises:
            KeyError: It is not there.
        """
        if found := self._one("SELECT line FROM tasks WHERE id = ?", task_id):
            return bytes(found[0])
        raise KeyError(task_id)

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
            raise WornError(f"Task {task_id} in {self.folder} is damaged.") from error

    def rows(self) -> Iterator[tuple[int, bytes, bytes | None]]:
        """Id, JSON, and drafts of the tasks, by id; None where there are none, or the task was touched since."""
        return self._db.execute(TASKS, (self.state.drafts_at,))

    def lines(self) -> Iterator[bytes]:
        """The tasks as JSON with a line end, by id; with their drafts."""
        return (with_drafts(line, drafts) + b"\n" for _, line, drafts in self.rows())

    def predicted(self, task_id: int) -> Json | None:
        """The regions of a task's predictions, by the predictions' ids; None if they were not pulled."""
        if not self._one("SELECT 1 FROM sqlite_master WHERE name = 'predicted'"):  # made by the next pull
            return None
        found = self._one("SELECT regions FROM predicted WHERE id = ?", task_id)
        return from_json(found[0]) if found else None

    def check(self) -> None:
        """Read all of it.

        Raises:
            InputError: Something is damaged.
        """
        (found,) = self._one("PRAGMA integrity_check(1)")
        if found != b"ok":
            raise WornError(f"{self.file} is damaged: {found.decode()}.")
        for number, line, drafts in self.rows():
            try:
                from_json(with_drafts(line, drafts))
            except ValueError as error:
                raise WornError(f"Task {number} in {self.folder} is damaged.") from error

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

        def told(holder: str) -> None:
            waiting(f"Another process ({holder}) is pulling into {folder}; waiting for it to end.")

        try:
            with alone(folder / "lock", told, patience):
                aside = None
                try:
                    make(folder)
                    if anew:
                        with Store(folder) as store:
                            store.check()
                except WornError:
                    if not anew:
                        raise
                    aside = put_aside(folder)
                    make(folder)
                with Writer(folder, aside) as writer:
                    yield writer
        except sqlite3.Error as error:
            raise in_words(folder / FILE, error) from error
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

    def __init__(self, folder: Path, aside: Path | None = None) -> None:
        super().__init__(folder)
        self.aside = aside

    def __exit__(self, kind: object, error: BaseException | None, *rest: object) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.commit()
        super().__exit__(kind, error, *rest)

    def _begin(self) -> None:
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE IF NOT EXISTS predicted (id INTEGER PRIMARY KEY, regions BLOB)")

    def put(self, task: Json) -> Outcome:
        """What was done with a task as the API lists it: it was new, another than before, or the same."""
        row = encode(task)
        found = self._one("SELECT line FROM tasks WHERE id = ?", row.id)
        if found and found[0] == row.line:
            return "same"
        self._db.execute(PUT, row)
        return "changed" if found else "new"

    def drop(self, task_id: int) -> bool:
        """Whether the task was there; it no longer is."""
        self._db.execute("DELETE FROM predicted WHERE id = ?", (task_id,))
        return self._db.execute(DROP, (task_id,)).rowcount > 0

    def sync(self) -> None:
        """Everything so far is on the disk."""
        self._db.commit()

    def save(self, state: State) -> None:
        """The state is on the disk, and everything before it."""
        self._db.execute("UPDATE state SET state = ?", (as_json(state.model_dump(mode="json")),))
        self._db.commit()
        self.state = state

    def keep_drafts(self, drafts: dict[int, list[Json]], at: str) -> None:
        """These are the drafts now, of this time by the server's clock; those of before are forgotten."""
        self._db.execute("DELETE FROM drafts")
        self._db.executemany("INSERT INTO drafts VALUES (?, ?)", ((n, as_json(found)) for n, found in drafts.items()))
        self.save(self.state.model_copy(update={"drafts_at": at}))

    def unpredicted(self) -> list[int]:
        """The tasks with a submitted annotation whose predictions were not pulled."""
        query = "SELECT id FROM tasks WHERE submitted > 0 AND id NOT IN (SELECT id FROM predicted) ORDER BY id"
        return [number for (number,) in self._db.execute(query)]

    def keep_predictions(self, task_id: int, regions: Json) -> None:
        """Keep the regions of a task's predictions."""
        self._db.execute("INSERT OR REPLACE INTO predicted VALUES (?, ?)", (task_id, as_json(regions)))

    def clear(self) -> None:
        """Forget everything: the store belongs to a project that is no more."""
        for table in ("tasks", "drafts", "predicted"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - their names
        self.save(State())


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
