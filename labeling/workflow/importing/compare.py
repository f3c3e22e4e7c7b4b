"""Articles and the project's tasks → a plan of what to do with each article. Nothing is changed."""

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.core.wording import first_lines
from labeling.engine import in_chunks
from labeling.studio.client import Stored
from labeling.studio.tasks import to_article
from labeling.workflow.importing.ledger import Entry
from labeling.workflow.importing.project_state import ProjectState, surplus
from labeling.workflow.importing.spool import Spool
from labeling.workflow.problems import Problems

Todo = Literal["create", "complete", "renew", "replace"]
Outcome = Literal["create", "complete", "unchanged", "renew", "replace", "begun", "changed"]

COMPARED = 300  # articles looked up at once
MOST_LINES = 3  # lines of a difference

TODO: dict[Outcome, Todo] = {"create": "create", "complete": "complete", "renew": "renew", "replace": "replace"}


@dataclass
class Plan:
    """What to do with each article.

    Attributes:
        changed: The articles that need an action.
        outdated: Articles with the text in the project, which differs from the one that was read but stays, and which
            need new predictions, since nobody has begun to label them.
        todo: The action for each of `changed`, by doc_id.
        settled: The number of articles that need no action, by outcome.
        problems: The articles that are refused.
        surplus: Redundant tasks of articles that have another task.
    """

    changed: Spool
    outdated: Spool
    todo: dict[str, Todo] = field(default_factory=dict)
    settled: Counter[Outcome] = field(default_factory=Counter)
    problems: Problems = field(default_factory=Problems)
    surplus: list[int] = field(default_factory=list)


def compare(articles: Iterable[Article], state: ProjectState, plan: Plan, *, replace: bool) -> Plan:
    """The plan, filled with what to do with each article.

    Args:
        articles: The articles; repeated ones are ignored.
        state: The project's state.
        plan: An empty plan.
        replace: Whether a changed text replaces one that nobody has begun to label.
    """
    seen: set[str] = set()
    for batch in in_chunks(articles, COMPARED):
        fresh = [a for a in {a.doc_id: a for a in batch}.values() if a.doc_id not in seen]
        seen.update(article.doc_id for article in fresh)
        known = state.known(fresh)
        for article in fresh:
            outcome = _outcome(article, known.get(article.doc_id), plan, state, replace=replace)
            if outcome in TODO:
                plan.todo[article.doc_id] = TODO[outcome]
                plan.changed.add(article)
            else:
                plan.settled[outcome] += 1
            if outcome != "replace":
                for other in _outdated(article, known.get(article.doc_id), state, replace=replace):
                    plan.outdated.add(other)
    return plan


def _outcome(
    article: Article, known: Entry | Stored | None, plan: Plan, state: ProjectState, *, replace: bool
) -> Outcome:
    if known is None:
        return "create"
    if isinstance(known, Entry):
        return "unchanged"
    plan.surplus += surplus(known, article.digest if replace else None)
    known = next((copy for copy in (known, *known.twins) if copy.digest == article.digest), known)
    if known.digest == article.digest:
        return _outcome_of_text(article.doc_id, known, state)
    if replace and not known.begun:
        return "replace"
    why = "someone has begun to label it" if known.begun else "--replace replaces it"
    plan.problems.append(_difference(article, known, why, state))
    return "changed"


def _outcome_of_text(doc_id: str, known: Stored, state: ProjectState) -> Outcome:
    """What to do with an article whose text the project has."""
    if known.missing:
        return "complete"
    if state.is_outdated(doc_id, known):
        return "renew"
    if state.lacks(doc_id, known):
        return (
            "unchanged"  # the server has lost its predictions: they are repaired at the end, as wherever it lost some
        )
    return "unchanged" if state.version in known.versions else "begun"


def _outdated(
    article: Article, known: Entry | Stored | None, state: ProjectState, *, replace: bool
) -> Iterator[Article]:
    """The article's other texts that stay in the project, are not begun, and need predictions of this version.

    Annotators start from one version: without a prediction of it, they would start with an empty page.
    """
    if not isinstance(known, Stored):
        return
    gone = surplus(known, article.digest if replace else None)
    stays = {copy.digest: copy for copy in (known, *known.twins) if not copy.begun and copy.task_id not in gone}
    for digest, copy in stays.items():
        # a task without any prediction gets one in any case
        if digest != article.digest and state.is_outdated(article.doc_id, copy) and (other := to_article(copy.data)):
            yield other


def _difference(article: Article, stored: Stored, why: str, state: ProjectState) -> Problem:
    """The problem that the text differs from the project's, which stays, and why it stays."""
    lines = difflib.unified_diff(stored.text.splitlines(), article.text.splitlines(), lineterm="", n=0)
    changed = [line[:120] for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    some = " ".join(first_lines(changed, MOST_LINES, what=" lines"))
    detail = f"the project has this article with another text, which is kept ({why}): {some}"
    return Problem(
        reason="text-differs",
        action="refused",
        detail=detail,
        doc_id=article.doc_id,
        where=state.url(stored.task_id),
        url=state.url(stored.task_id),
    )
