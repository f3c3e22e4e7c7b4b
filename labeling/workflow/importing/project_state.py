"""What a project has of the articles: by the ledger where that is sure to be right, else by the server."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import stamina

from labeling.core.article import Article
from labeling.errors import BusyError, StudioError
from labeling.studio.client import Project, Stored, Studio
from labeling.studio.connection import may_pass
from labeling.workflow.importing.ledger import Entry, Ledger

ATTEMPTS, LONGEST_SECONDS = 6, 60.0
BEGUN = "begun:"  # before the version, in the ledger: it has predictions of another one, and keeps them


class ProjectState:
    """What is there, asked for as rarely as can be; the ledger follows.

    Attributes:
        project: Whose tasks; None where there is no project yet.
        version: Of the predictions that the articles are to have.
        before: The number of the project's tasks at the beginning.
        waited: How often the server could not answer and was asked again.
    """

    def __init__(self, studio: Studio, project: Project | None, ledger: Ledger, version: str) -> None:
        self.studio, self.project, self.ledger, self.version = studio, project, ledger, version
        self.waited = self.before = 0
        self.is_known = False
        if project:
            size = self.ask(studio.size, project)
            self.before = size.tasks
            self.is_known = ledger.size() == (size.tasks, size.newest)

    @property
    def there(self) -> Project:
        """The project, where there is one; nothing is pushed without."""
        if not self.project:
            raise StudioError("There is no project to push to.")
        return self.project

    def url(self, task_id: int) -> str:
        """The page of a task."""
        return f"{self.there.url}?task={task_id}"

    def known(self, articles: Sequence[Article]) -> Mapping[str, Entry | Stored]:
        """What is known of the articles; of those with which something may have to be done, what the server says."""
        if not self.project:
            return {}
        doc_ids = [article.doc_id for article in articles]
        if not self.is_known:
            return self.look_up(doc_ids)
        entries = self.ledger.entries(doc_ids)
        unsure = [
            article.doc_id
            for article in articles
            if (entry := entries.get(article.doc_id))
            and (entry.digest != article.digest or entry.version != self.version)
        ]
        sure: dict[str, Entry | Stored] = {doc_id: e for doc_id, e in entries.items() if doc_id not in set(unsure)}
        return sure | self.look_up(unsure)

    def look_up(self, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """What the server has of the articles now; those that it has not are missing."""
        if not (self.project and doc_ids):
            return {}
        found: dict[str, Stored] = self.ask(self.studio.stored, self.project, doc_ids)
        self.ledger.forget([doc_id for doc_id in doc_ids if doc_id not in found])
        self.ledger.keep((doc_id, self.entry(stored)) for doc_id, stored in found.items())
        return found

    def entry(self, stored: Stored) -> Entry:
        """What the ledger keeps of it; one line says nothing of several tasks, so those are asked about each time."""
        is_done = self.version in stored.versions and not stored.twins
        version = self.version if is_done else f"{BEGUN}{self.version}" if stored.begun else ""
        return Entry(task_id=stored.task_id, digest=stored.digest, version=version)

    def ask(self, call: Any, *args: Any) -> Any:
        """What a call returns that may be made again: it only asks, or does the same once more."""
        for attempt in attempts():
            with attempt:
                self.waited += attempt.num > 1
                return call(*args)
        raise AssertionError


def attempts() -> Iterator[Any]:
    """Attempts with growing pauses and jitter, as long as the server only cannot answer now."""
    yield from stamina.retry_context(
        on=is_worth_another, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=LONGEST_SECONDS / 4
    )


def is_worth_another(error: Exception) -> bool | float:
    """Whether another attempt is made; or in how many seconds, where the server says so.

    A question that went unanswered was asked again and again already.
    """
    return not (isinstance(error, BusyError) and error.was_repeated) and may_pass(error)


def surplus(stored: Stored, digest: str | None = None) -> list[int]:
    """Which of an article's tasks can go: nobody has begun them, and another has the same text.

    With the digest of a text, all others can go too, where a task with that text is there.
    """
    copies = sorted((stored, *stored.twins), key=lambda copy: (copy.digest != digest, not copy.begun, copy.task_id))
    if copies[0].digest == digest:
        return [copy.task_id for copy in copies[1:] if not copy.begun]
    texts: set[str] = set()
    again = []
    for copy in copies:
        if copy.digest in texts and not copy.begun:
            again.append(copy.task_id)
        texts.add(copy.digest)
    return again
