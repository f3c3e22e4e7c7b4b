"""The answers in the adjudication project, compared with what is stored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labeling.core.adjudication import Decision
from labeling.core.problem import Problem
from labeling.studio.adjudication import read_answers
from labeling.workflow.adjudicating.decisions import standing, withdrawn
from labeling.workflow.adjudicating.project import ConflictTask

CONTRADICTORY = "unclear-answer"


@dataclass(frozen=True)
class Answers:
    """What the answers say.

    Attributes:
        new: Decisions that are not stored yet, in order of time.
        problems: What could not be used, and why.
        unfit: Answered tasks that somebody has edited, so that their conflict needs another task.
    """

    new: tuple[Decision, ...] = ()
    problems: tuple[Problem, ...] = ()
    unfit: frozenset[int] = frozenset()


def answers_in(
    tasks: Iterable[ConflictTask], stored: Iterable[Decision], users: Mapping[int, str], url: str, now: str
) -> Answers:
    """What the answered tasks say that is not stored yet.

    A decision is withdrawn where the answer that it came from has become contradictory: its conflict is open again.

    Args:
        tasks: The tasks of the adjudication project.
        stored: Every stored decision, the oldest first.
        users: User id → name.
        url: The address of a task's page, with `{task}` for its number.
        now: The time; ISO 8601.
    """
    known = {decision.key: decision for decision in standing(stored)}
    new: list[Decision] = []
    problems: list[Problem] = []
    unfit: set[int] = set()
    for task in tasks:
        if not task.is_answered:
            continue
        found = read_answers(task.raw, users, url)
        problems += found.problems
        before = known.get(task.key)
        reasons = {problem.reason for problem in found.problems}
        if found.decision and not (before and _says(before) == _says(found.decision)):
            new.append(found.decision)
        elif not found.decision and CONTRADICTORY in reasons and before:
            new.append(withdrawn(before, at=now))
        elif not found.decision and CONTRADICTORY not in reasons:
            unfit.add(task.id)
    return Answers(tuple(sorted(new, key=lambda each: each.at)), tuple(problems), frozenset(unfit))


def _says(decision: Decision) -> tuple[object, ...]:
    return decision.taken, decision.refused, decision.reason, decision.note
