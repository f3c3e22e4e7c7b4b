"""`labeling status`: articles by state, and what each person has done."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from labeling.core.problem import Problem
from labeling.core.times import Times
from labeling.core.value import Value
from labeling.settings import Workspace
from labeling.studio.annotations import STATES, Annotation, Rules, Task, read_task
from labeling.studio.changes import Changes, Regions, changes
from labeling.studio.exports import parse
from labeling.studio.regions import Legend, items_of
from labeling.workflow.progress import Track, no_track
from labeling.workflow.refreshing import Say, refreshed, silent

LONGEST = 1e9  # seconds; what is longer is no time


class Outlier(Value):
    """A time that is left out of a total: the task's page, and seconds."""

    url: str
    seconds: float


class Work(Value):
    """What somebody has done.

    Attributes:
        times: How long the submitted and skipped annotations took.
        outliers: The times that are left out of the total, longest first.
        regions: What became of the pre-annotation's regions, in the newest annotation of each task.
        compared: How many annotations that counts; others lack their task's predictions, as offline.
    """

    times: Times = Times()
    outliers: tuple[Outlier, ...] = ()
    regions: Changes = Changes()
    compared: int = 0


class Status(Value):
    """The number of articles in each state, and what each person has done.

    Attributes:
        project_url: The project's page.
        states: State → tasks.
        annotators: Annotator → state → how many of their annotations, drafts among them; not only the newest of a task.
        overlap: "1 of 2" → tasks that two people are to annotate, and one has; only tasks for more than one person.
        work: Annotator → what they have done, and how long it took.
        problems: What an export would list.
        pulled_at: When it was pulled from the server: ISO 8601, UTC.
    """

    project_url: str
    states: dict[str, int]
    annotators: dict[str, dict[str, int]]
    overlap: dict[str, int] = Field(default_factory=dict)
    work: dict[str, Work] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    pulled_at: str = ""


@dataclass
class _Person:
    states: Counter[str] = field(default_factory=Counter)
    times: list[tuple[float, str]] = field(default_factory=list)
    regions: Changes = field(default_factory=Changes)
    compared: int = 0

    def add(self, annotation: Annotation, url: str) -> None:
        kept = "reviewed" if items_of(annotation.raw.get("result")) else "reviewed-empty"
        self.states[annotation.use if annotation.use in {"skipped", "draft"} else kept] += 1
        seconds: Any = annotation.raw.get("lead_time")
        is_time = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= LONGEST
        if annotation.use != "draft" and is_time:
            self.times.append((float(seconds), url))

    def compare(self, annotation: Annotation, predictions: Mapping[str, Regions]) -> None:
        self.regions += changes(annotation.raw, predictions)
        self.compared += 1

    def work(self) -> Work:
        times = Times.of([seconds for seconds, _ in self.times])
        longest = sorted(self.times, reverse=True)
        outliers = [Outlier(url=url, seconds=s) for s, url in longest if times.limit is not None and s > times.limit]
        return Work(times=times, outliers=tuple(outliers), regions=self.regions, compared=self.compared)


def status(workspace: Workspace, *, offline: bool = False, track: Track = no_track, say: Say = silent) -> Status:
    """The project's articles by state, and what each person has done; offline, as of the last pull.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet.
    """
    states: Counter[str] = Counter()
    overlap: Counter[tuple[int, int]] = Counter()
    people: defaultdict[str, _Person] = defaultdict(_Person)
    problems: list[Problem] = []
    with refreshed(workspace, offline=offline, track=track, say=say, predictions=True) as store:
        state = store.state
        rules = Rules(legend=Legend(label_schema=workspace.label_schema), overlap=workspace.settings.studio.overlap)
        url = f"{state.url}?task={{task}}"
        for line in track(store.lines(), "Reading", len(store)):
            task = _task(parse(line), rules, state.users)
            review = read_task(task, rules, "", state.users, url=url)
            states[review.state] += 1
            problems += review.problems
            if isinstance(task, Task):
                _count(task, people, store.predicted(task.json["id"]), task.address(url))
                if task.people > 1:
                    overlap[min(len(_submitted(task)), task.people), task.people] += 1
    return Status(
        project_url=state.url,
        states={state: states[state] for state in STATES if state != "unreadable" or states[state]},
        annotators={name: dict(sorted(one.states.items())) for name, one in sorted(people.items())},
        overlap={f"{done} of {wanted}": number for (done, wanted), number in sorted(overlap.items())},
        work={name: one.work() for name, one in sorted(people.items())},
        problems=tuple(problems),
        pulled_at=state.pulled_at,
    )


def _task(found: Any, rules: Rules, users: Mapping[int, str]) -> Any:
    """The task, or what it was if it is not one."""
    try:
        return Task(found, rules, users)
    except ValueError:
        return found


def _count(task: Task, people: Mapping[str, _Person], predictions: dict[str, Regions] | None, url: str) -> None:
    for annotation in task.annotations:
        if annotation.use != "unreadable":
            people[annotation.annotator].add(annotation, url)
    is_empty = predictions and not any(predictions.values())  # as `[studio] without_prefill` makes them
    if predictions is not None and not is_empty:
        for annotation in _submitted(task).values():
            people[annotation.annotator].compare(annotation, predictions)


def _submitted(task: Task) -> dict[str, Annotation]:
    """Annotator → the newest annotation that they submitted."""
    return {each.annotator: each for each in reversed(task.annotations) if not each.use}
