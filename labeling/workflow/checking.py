"""`labeling check`: what an export would refuse of the submitted annotations, by annotator."""

from collections import Counter
from operator import attrgetter

from pydantic import Field

from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.settings import Workspace
from labeling.studio.annotations import Choice, Rules, read_task
from labeling.studio.exports import parse
from labeling.studio.regions import Legend
from labeling.workflow.progress import Track, unseen
from labeling.workflow.refreshing import refreshed


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
    refused: tuple[Problem, ...] = ()
    pulled_at: str = ""


def check(workspace: Workspace, *, offline: bool = False, track: Track = unseen) -> Checked:
    """What an export would refuse of each annotator's submitted annotations; offline, as of the last pull.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet.
    """
    rules = Rules(legend=Legend(label_schema=workspace.label_schema), choice=Choice(by="all"))
    refused: list[Problem] = []
    annotations = 0
    with refreshed(workspace, offline=offline, track=track) as store:
        state = store.state
        for line in track(store.lines(), "Checking", len(store)):
            review = read_task(parse(line), rules, "", state.users, url=f"{state.url}?task={{task}}")
            annotations += review.annotations.get("used", 0) + review.annotations.get("empty", 0)
            refused += [problem for problem in review.problems if problem.action == "refused"]
    refused.sort(key=attrgetter("annotator"))
    annotators: dict[str, Counter[str]] = {}
    for problem in refused:
        annotators.setdefault(problem.annotator, Counter())[problem.reason] += 1
    return Checked(
        project_url=state.url,
        annotations=annotations,
        annotators={name: dict(reasons) for name, reasons in annotators.items()},
        refused=tuple(refused),
        pulled_at=state.pulled_at,
    )
