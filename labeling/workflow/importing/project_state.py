"""A project's tasks for articles: from the ledger if it is sure to be right, else from the server."""

from collections.abc import Iterator, Mapping, Sequence
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
# Articles that are looked up. The server reads every task to find some hundred, so where there are more, listing all
# tasks once is sooner done: among 100,000 of them, a look-up took 32 ms an article, and a list 4 ms a task.
LOOKED_UP = 10_000
KEPT = 500  # entries that go into the ledger at once
BEGUN = "begun:"  # prefix of the version in the ledger: the task has predictions of another version, and keeps them
EMPTY = "empty:"  # prefix of the version in the ledger: annotators start from an empty page


class ProjectState:
    """The state of a project, with as few requests as possible; the ledger is kept up to date.

    Attributes:
        project: The project; None if there is none yet.
        version: The model version that the articles' predictions should have.
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
    ) -> None:
        self.studio, self.project, self.ledger, self.version = studio, project, ledger, version
        self.without_prefill = without_prefill or WithoutPrefill()
        self.waited = self.before = self.looked_up = 0
        self.is_known = False
        if project:
            size = self.ask(studio.size, project)
            self.before = size.tasks
            self.is_known = ledger.size() == (size.tasks, size.newest)

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
        if not self.is_known:
            self.looked_up += len(doc_ids)
            if self.looked_up <= LOOKED_UP:
                return self.look_up(doc_ids)
            self._list()
        entries = self.ledger.entries(doc_ids)
        unsure = [
            article.doc_id
            for article in articles
            if (entry := entries.get(article.doc_id))
            and (entry.digest, entry.version) != (article.digest, self.version_of(article.doc_id))
        ]
        sure: dict[str, Entry | Stored] = {doc_id: e for doc_id, e in entries.items() if doc_id not in set(unsure)}
        return sure | self.look_up(unsure)

    def look_up(self, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """The articles that the server has now, by doc_id."""
        if not (self.project and doc_ids):
            return {}
        found: dict[str, Stored] = self.ask(self.studio.stored, self.project, doc_ids)
        self.ledger.forget([doc_id for doc_id in doc_ids if doc_id not in found])
        self.ledger.keep((doc_id, self.entry(doc_id, stored)) for doc_id, stored in found.items())
        return found

    def _list(self) -> None:
        """Let the ledger have what the server has: all of it, and nothing else."""
        self.ledger.clear()
        for some in in_chunks(self.studio.articles(self.there), KEPT):
            self.ledger.keep((doc_id, self.entry(doc_id, stored)) for doc_id, stored in some)
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
        return Entry(task_id=stored.task_id, digest=stored.digest, version=version)

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
