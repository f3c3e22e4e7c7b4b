"""The project after an import: lost predictions, missing articles, and the version that annotators start from."""

from collections.abc import Sequence
from typing import Any

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.engine import in_chunks
from labeling.studio.client import Project
from labeling.studio.tasks import section_of, to_article
from labeling.workflow.importing.push import Pusher

Json = dict[str, Any]

SETTLED = 500  # articles at once, of which the texts are in memory meanwhile


class Confirmation:
    """Checks the project after everything was pushed.

    Attributes:
        begun_bare: Tasks without a prediction that someone has begun, as of the last call of `bare`.
    """

    def __init__(self, pusher: Pusher) -> None:
        self.pusher, self.state = pusher, pusher.state
        self.begun_bare: Sequence[Problem] = ()

    def bare(self) -> dict[str, Article]:
        """The articles, by doc_id, whose tasks have no prediction and nobody has begun: they need one."""
        found = self.state.ask(self.state.studio.bare, self.state.project) if self.state.project else []
        whole = self._whole([str(task.data.get("doc_id")) for task in found if section_of(task.data)])
        articles = [(task, article) for task in found if (article := to_article(whole.get(task.task_id, task.data)))]
        detail = "someone has begun to label it and had no prediction to start from, since the server had lost it"
        self.begun_bare = [
            Problem(
                reason="no-prediction", action="kept", detail=detail, doc_id=a.doc_id, url=self.state.url(task.task_id)
            )
            for task, a in articles
            if task.begun
        ]
        return {article.doc_id: article for task, article in articles if not task.begun}

    def _whole(self, doc_ids: Sequence[str]) -> dict[int, Json]:
        """The data of articles in sections as a whole, by the numbers of the sections' tasks."""
        found = self.state.look_up(list(dict.fromkeys(doc_ids)))
        copies = [copy for stored in found.values() for copy in (stored, *stored.twins) if copy.sections]
        return {number: copy.data for copy in copies for number in copy.task_ids}

    def came_back(self) -> set[str]:
        """Articles with tasks that were set aside in this run, and moved back because someone had begun them."""
        found = self.pusher.aside.bring_back() if self.pusher.aside.taken else {}
        self.pusher.problems += found.values()
        return set(found)

    def missing(self) -> set[str]:
        """The articles that were sent and are not in the project.

        If there are more or fewer tasks than expected, because a request was lost or repeated on its way, or because
        someone else changed the project, all articles that were sent are looked up. If the ledger knows all tasks, the
        project's size is remembered, so that the next import need not ask about each article.
        """
        missing: set[str] = set()
        size = self.state.ask(self.state.studio.size, self.state.there)
        if self.pusher.sent and size.tasks != self.state.before + self.pusher.created - self.pusher.aside.moved:
            self.state.is_known = False
            for some in in_chunks(self.pusher.sent, SETTLED):
                missing |= set(some) - self.pusher.settle(self.state.current(some)).keys()
            size = self.state.ask(self.state.studio.size, self.state.there)
        # else some were not asked about, and the next import would take them for new ones
        is_whole = self.state.is_known or self.state.ledger.tasks() == size.tasks
        self.state.ledger.see((size.tasks, size.newest) if is_whole else None)
        return missing

    def prefill(self, project: Project, *, has_predictions: bool) -> str:
        """Let annotators start from this version instead of an empty page; the previous version, if it changed.

        The server refuses a version that no prediction has.
        """
        studio, version = self.state.studio, self.state.version
        there = studio.project(project.id).model_version
        if there == version or not has_predictions:
            return ""
        studio.prefill(project, version)
        return there
