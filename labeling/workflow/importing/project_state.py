"""A project's tasks for articles: from the ledger if it is sure to be right, else from the server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import stamina

from labeling.core.article import Article
from labeling.core.prefill import WithoutPrefill
from labeling.engine import in_chunks
from labeling.errors import BusyError, StudioError
from labeling.studio.client import Project, Stored, Studio
from labeling.studio.connection import may_pass
from labeling.studio.predicted import WITHOUT_PREFILL
from labeling.workflow.importing.ledger import Entry, Ledger

ATTEMPTS, LONGEST_SECONDS = 6, 60.0
# Articles that are looked up by doc_id. The server reads every task to find some hundred, so where there are more,
# listing all tasks once is sooner done: among 100,000 of them, a look-up took 32 ms an article, and a list 4 ms a task.
LOOKED_UP = 10_000
KEPT = 500  # entries that go into the ledger at once
BEGUN = "begun:"  # prefix of the version in the ledger: the task has predictions of another version, and keeps them
EMPTY = "empty:"  # prefix of the version in the ledger: annotators start from an empty page


class ProjectState:
    """The state of a project, with as few requests as possible; the ledger is kept up to date.

    Args:
        studio: The Label Studio.
        project: The project; None if there is none yet.
        ledger: Its ledger.
        version: The model version that the articles' predictions should have.
        without_prefill: The articles whose annotators start from an empty page.
        listing: Is told how many tasks there are before all of them are listed, which may take minutes.

    Attributes:
        project: The project; None if there is none yet.
        version: The model version that the articles' predictions should have.
        is_known: Whether the ledger knows all tasks of every article.
        without_prefill: The articles whose annotators start from an empty page.
        before: The number of the project's tasks at the beginning.
        waited: How often a request failed and was repeated.
    """

    def __init__(
        self,
        studio: Studio,
        project: Project | None,
        ledger: Ledger,
        version: str,
        without_prefill: WithoutPrefill | None = None,
        listing: Callable[[int], object] = int,
    ) -> None:
        self.studio, self.project, self.ledger, self.version = studio, project, ledger, version
        self.without_prefill = without_prefill or WithoutPrefill()
        self._listing = listing
        self.waited = self.before = self.looked_up = 0
        self.is_known = False
        if project:
            size = self.ask(studio.size, project)
            self.before = size.tasks
            is_as_left = ledger.size() == (size.tasks, size.newest)
            self.is_known = is_as_left or not size.tasks
            if not is_as_left:
                ledger.clear()

    @property
    def there(self) -> Project:
        """The project; without one, nothing can be pushed."""
        if not self.project:
            raise StudioError("There is no project to push to.")
        return self.project

    def url(self, task_id: int) -> str:
        """The address of a task's page."""
        return f"{self.there.url}?task={task_id}"

    def known(self, articles: Sequence[Article]) -> Mapping[str, Entry | Stored]:
        """The articles' entries in the ledger; for those that may need an action, what the server has."""
        if not self.project:
            return {}
        doc_ids = [article.doc_id for article in articles]
        if not self._knows(len(doc_ids)):
            return self.look_up(doc_ids)
        entries = self.ledger.entries(doc_ids)
        unsure = [
            article.doc_id
            for article in articles
            if (entry := entries.get(article.doc_id))
            and (entry.digest, entry.version) != (article.digest, self.version_of(article.doc_id))
        ]
        sure: dict[str, Entry | Stored] = {doc_id: e for doc_id, e in entries.items() if doc_id not in set(unsure)}
        return sure | self.current(unsure)

    def current(self, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """The articles that the server has now, by doc_id.

        As long as the ledger knows all tasks, it is asked about their numbers, which is as quick in a large project as
        in a small one. Articles that are not in just those tasks are looked up.
        """
        if not self._knows(len(doc_ids)):
            return self.look_up(doc_ids)
        numbers = {doc_id: entry.task_ids for doc_id, entry in self.ledger.entries(doc_ids).items()}
        stored: Mapping[str, Stored] = self.ask(self.studio.stored_in, self.there, numbers) if numbers else {}
        found = {doc_id: copy for doc_id, copy in stored.items() if not copy.missing}
        self._keep(found)
        return found | self.look_up([doc_id for doc_id in doc_ids if doc_id not in found])

    def look_up(self, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """The articles that the server has now, by doc_id, whatever the ledger says."""
        if not (self.project and doc_ids):
            return {}
        found: dict[str, Stored] = self.ask(self.studio.stored, self.project, doc_ids)
        self.ledger.forget([doc_id for doc_id in doc_ids if doc_id not in found])
        self._keep(found)
        return found

    def _keep(self, found: Mapping[str, Stored]) -> None:
        self.ledger.keep((doc_id, self.entry(doc_id, stored)) for doc_id, stored in found.items())

    def _knows(self, count: int) -> bool:
        """Whether the ledger knows all tasks, now that so many articles more are asked about."""
        if not self.is_known:
            self.looked_up += count
            if self.looked_up > LOOKED_UP:
                self._list()
        return self.is_known

    def _list(self) -> None:
        """Let the ledger have what the server has: all of it, and nothing else."""
        self._listing(self.before)
        self.ledger.clear()
        for some in in_chunks(self.studio.articles(self.there), KEPT):
            self._keep(dict(some))
        self.is_known = True

    def version_of(self, doc_id: str) -> str:
        """The version of an article's prediction, as the ledger calls it."""
        return f"{EMPTY}{self.version}" if self.without_prefill.has(doc_id) else self.version

    def lacks(self, doc_id: str, stored: Stored) -> bool:
        """Whether the project's copy of an article needs new predictions."""
        return stored.lacks(self.version, empty=self.without_prefill.has(doc_id))

    def is_outdated(self, doc_id: str, stored: Stored) -> bool:
        """Whether the project's copy of an article has other predictions than it should; lost ones are repaired."""
        return stored.is_outdated(self.version, empty=self.without_prefill.has(doc_id))

    def entry(self, doc_id: str, stored: Stored) -> Entry:
        """The article's entry in the ledger; one with several tasks is asked about each time."""
        is_as_wanted = (WITHOUT_PREFILL in stored.versions) == self.without_prefill.has(doc_id)
        is_sure = not (stored.twins or stored.missing or self.lacks(doc_id, stored))
        is_done = self.version in stored.versions and is_as_wanted and is_sure
        version = self.version_of(doc_id) if is_done else "" if stored.is_open else f"{BEGUN}{self.version}"
        numbers = tuple(number for copy in (stored, *stored.twins) for number in copy.task_ids)
        return Entry(task_ids=numbers, digest=stored.digest, version=version)

    def ask(self, call: Any, *args: Any) -> Any:
        """The result of a call, repeated if it fails temporarily; it must be safe to repeat."""
        for attempt in attempts():
            with attempt:
                self.waited += attempt.num > 1
                return call(*args)
        raise AssertionError


def attempts() -> Iterator[Any]:
    """Attempts with growing pauses and jitter, as long as the failure may be temporary."""
    yield from stamina.retry_context(
        on=is_worth_another, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=LONGEST_SECONDS / 4
    )


def is_worth_another(error: Exception) -> bool | float:
    """Whether to try again; or in how many seconds, if the server says so.

    Requests that only read were already repeated by the connection.
    """
    return not (isinstance(error, BusyError) and error.was_repeated) and may_pass(error)


def surplus(stored: Stored, digest: str | None = None) -> list[int]:
    """The article's redundant tasks: nobody has begun them, and another task has the same text.

    With the digest of a text that one of the tasks has, tasks with other texts are redundant, too.
    """
    copies = sorted((stored, *stored.twins), key=lambda copy: (copy.digest != digest, not copy.begun, copy.task_id))
    if copies[0].digest == digest:
        return [number for copy in copies[1:] if not copy.begun for number in copy.task_ids]
    texts: set[str] = set()
    again = []
    for copy in copies:
        if copy.digest in texts and not copy.begun:
            again += copy.task_ids
        texts.add(copy.digest)
    return again
