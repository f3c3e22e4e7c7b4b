"""What the project has in the end: what the server lost, what is missing, and what annotators start from."""

from collections.abc import Sequence

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.studio.client import Project
from labeling.studio.tasks import to_article
from labeling.workflow.importing.push import Pusher


class Confirmation:
    """Looks at the project after all was pushed.

    Attributes:
        begun_bare: Tasks without any prediction that someone has begun, as of the last time that `bare` looked.
    """

    def __init__(self, pusher: Pusher) -> None:
        self.pusher, self.state = pusher, pusher.state
        self.begun_bare: Sequence[Problem] = ()

    def bare(self) -> dict[str, Article]:
        """The articles, by doc_id, whose tasks have no prediction and that nobody has begun: they are to get theirs."""
        found = self.state.ask(self.state.studio.bare, self.state.project) if self.state.project else []
        articles = [(task, article) for task in found if (article := to_article(task.data))]
        detail = "someone has begun to label it and had no prediction to start from, since the server had lost it"
        self.begun_bare = [
            Problem(
                reason="no-prediction", action="kept", detail=detail, doc_id=a.doc_id, url=self.state.url(task.task_id)
            )
            for task, a in articles
            if task.begun
        ]
        return {article.doc_id: article for task, article in articles if not task.begun}

    def came_back(self) -> set[str]:
        """Articles of which something came back that was set aside in this run, since someone had begun it."""
        found = self.pusher.aside.bring_back() if self.pusher.aside.taken else {}
        self.pusher.problems += found.values()
        return set(found)

    def missing(self) -> set[str]:
        """The articles that were sent and are not there all the same.

        The project's tasks are counted, and its size is remembered, so that the next import need not ask about each
        article. Where there are more or fewer than there should be, because something between doubled or lost a
        request, or because someone else was at work, all that was sent is looked for.
        """
        missing: set[str] = set()
        size = self.state.ask(self.state.studio.size, self.state.there)
        if self.pusher.sent and size.tasks != self.state.before + len(self.pusher.sent) - self.pusher.aside.moved:
            missing = set(self.pusher.sent) - self.pusher.settle(self.pusher.sent).keys()
            size = self.state.ask(self.state.studio.size, self.state.there)
        self.state.ledger.see((size.tasks, size.newest))
        return missing

    def prefill(self, project: Project, *, has_predictions: bool) -> str:
        """Let annotators start from this version, without which they begin on an empty page; the version of before.

        The server refuses a version that no prediction has.
        """
        studio, version = self.state.studio, self.state.version
        there = studio.project(project.id).model_version
        if there == version or not has_predictions:
            return ""
        studio.prefill(project, version)
        return there
