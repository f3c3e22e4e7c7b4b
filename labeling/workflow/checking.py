"""`labeling check`: what an export would refuse of the submitted annotations, by annotator."""

from collections import Counter
from operator import attrgetter

from pydantic import Field

from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.errors import StudioError
from labeling.settings import Workspace
from labeling.studio.annotations import Choice, Rules, read_task
from labeling.studio.exports import parse
from labeling.studio.regions import Legend
from labeling.studio.tabs import keep_tabs
from labeling.workflow.connecting import connect, existing_project
from labeling.workflow.progress import Track, no_track
from labeling.workflow.refreshing import Say, refreshed, silent


class Checked(Value):
    """What was found in the submitted annotations of a project.

    Attributes:
        project_url: The project's page.
        annotations: How many annotations were read: the newest of each annotator in each task.
        annotators: Annotator → reason → how many spans, relations and answers an export would refuse for it.
        refused: Each of them, sorted by annotator and task.
        to_check: An annotation of each task that something is refused of.
        tab_url: The tab "To check" of the Data Manager, which shows these tasks; "" where it was not filled.
        tab_error: Why it was not.
        pulled_at: When the tasks were pulled from the server; ISO 8601, UTC.
    """

    project_url: str
    annotations: int = 0
    annotators: dict[str, dict[str, int]] = Field(default_factory=dict)
    refused: tuple[Problem, ...] = ()
    to_check: tuple[int, ...] = ()
    tab_url: str = ""
    tab_error: str = ""
    pulled_at: str = ""


def check(workspace: Workspace, *, offline: bool = False, track: Track = no_track, say: Say = silent) -> Checked:
    """What an export would refuse of each annotator's submitted annotations; offline, as of the last pull.

    Unless offline, its tasks are in the tab "To check" of the Data Manager afterwards.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet.
    """
    rules = Rules(legend=Legend(label_schema=workspace.label_schema), choice=Choice(by="all"))
    refused: list[Problem] = []
    annotations = 0
    to_check: list[int] = []
    with refreshed(workspace, offline=offline, track=track, say=say) as store:
        state = store.state
        for line in track(store.lines(), "Checking", len(store)):
            task = parse(line)
            review = read_task(task, rules, "", state.users, url=f"{state.url}?task={{task}}")
            annotations += review.annotations.get("used", 0) + review.annotations.get("empty", 0)
            if found := [problem for problem in review.problems if problem.action == "refused"]:
                refused += found
                to_check += sorted(each["id"] for each in task.get("annotations") or () if each.get("id"))[-1:]
    refused.sort(key=attrgetter("annotator"))
    annotators: dict[str, Counter[str]] = {}
    for problem in refused:
        annotators.setdefault(problem.annotator, Counter())[problem.reason] += 1
    checked = Checked(
        project_url=state.url,
        annotations=annotations,
        annotators={name: dict(reasons) for name, reasons in annotators.items()},
        refused=tuple(refused),
        to_check=tuple(to_check),
        pulled_at=state.pulled_at,
    )
    return checked if offline else with_tab(workspace, checked)


def with_tab(workspace: Workspace, checked: Checked) -> Checked:
    """What was found, with its tasks in the tab "To check" of the Data Manager, or why they are not there."""
    try:
        with connect(workspace) as studio:
            url = keep_tabs(studio, existing_project(studio, workspace), checked.to_check)
        return checked.model_copy(update={"tab_url": url})
    except StudioError as error:
        return checked.model_copy(update={"tab_error": error.message})
