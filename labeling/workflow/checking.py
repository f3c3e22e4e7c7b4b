"""`labeling check`: what an export would refuse of the submitted annotations, by annotator."""

from collections import Counter

from pydantic import Field

from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.settings import Workspace
from labeling.studio.annotations import Choice, Rules, Task, read_task
from labeling.studio.exports import parse
from labeling.studio.regions import Legend
from labeling.workflow.progress import Track, unseen
from labeling.workflow.pulled import stored
from labeling.workflow.refreshing import refresh


class Refused(Value):
    """A span, relation or answer of somebody's annotation that an export would refuse; `problem.url` is the task's."""

    annotator: str
    problem: Problem


class Checked(Value):
    """What was found in the submitted annotations of a project.

    Attributes:
        project_url: The project's page.
        annotations: How many annotations were read: the newest of each annotator in each task.
        annotators: Annotator → reason → how many spans, relations and answers an export would refuse for it.
        refused: Each of them, sorted by annotator and task.
        pulled_at: When the tasks were pulled from the server; ISO 8601, UTC.
    """

    project_url: str
    annotations: int = 0
    annotators: dict[str, dict[str, int]] = Field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    pulled_at: str = ""


def check(workspace: Workspace, *, offline: bool = False, track: Track = unseen) -> Checked:
    """What an export would refuse of each annotator's submitted annotations; offline, as of the last pull.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet.
    """
    if not offline:
        refresh(workspace, track)
    legend = Legend(label_schema=workspace.label_schema)
    found: list[Refused] = []
    annotations = 0
    with stored(workspace) as store:
        state = store.state
        everybody = Rules(legend=legend, choice=Choice(by="all"))
        for line in track(store.lines(), "Checking", len(store)):
            record = parse(line)
            names = [each.annotator for each in Task(record, everybody, state.users).chosen]
            annotations += len(names)
            for name in names:
                rules = Rules(legend=legend, choice=Choice(by="annotator", annotator=name))
                review = read_task(record, rules, "", state.users, url=f"{state.url}?task={{task}}")
                found += [Refused(annotator=name, problem=p) for p in review.problems if p.action == "refused"]
    found.sort(key=lambda each: each.annotator)
    counts: dict[str, Counter[str]] = {}
    for each in found:
        counts.setdefault(each.annotator, Counter())[each.problem.reason] += 1
    return Checked(
        project_url=state.url,
        annotations=annotations,
        annotators={name: dict(reasons) for name, reasons in counts.items()},
        refused=tuple(found),
        pulled_at=state.pulled_at,
    )
