"""`labeling status`: articles by state and by annotator."""

from collections import Counter

from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.settings import Workspace
from labeling.studio.annotations import STATES, Rules, read_task
from labeling.studio.exports import parse
from labeling.studio.regions import Legend
from labeling.workflow.progress import Track, unseen
from labeling.workflow.refreshing import refreshed


class Status(Value):
    """The number of articles in each state, and by annotator those that each has submitted or skipped.

    `pulled_at` is when they were pulled from the server: ISO 8601, UTC.
    """

    project_url: str
    states: dict[str, int]
    annotators: dict[str, dict[str, int]]
    problems: tuple[Problem, ...] = ()
    pulled_at: str = ""


def status(workspace: Workspace, *, offline: bool = False, track: Track = unseen) -> Status:
    """The project's articles, counted by state and annotator; offline, as of the last pull.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet.
    """
    states: Counter[str] = Counter()
    annotators: dict[str, Counter[str]] = {}
    problems: list[Problem] = []
    with refreshed(workspace, offline=offline, track=track) as store:
        state, rules = store.state, Rules(legend=Legend(label_schema=workspace.label_schema))
        for line in track(store.lines(), "Reading", len(store)):
            review = read_task(parse(line), rules, "", state.users, url=f"{state.url}?task={{task}}")
            states[review.state] += 1
            problems += review.problems
            for name in review.annotators[:1]:
                annotators.setdefault(name, Counter())[review.state] += 1
    return Status(
        project_url=state.url,
        states={state: states[state] for state in STATES if state != "unreadable" or states[state]},
        annotators={name: dict(counts) for name, counts in sorted(annotators.items())},
        problems=tuple(problems),
        pulled_at=state.pulled_at,
    )
