"""`labeling status`."""

from typing import Any

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, OfflineOption, ProjectOption, WorkspaceOption

MOST_OUTLIERS = 5


def command(
    workspace: WorkspaceOption = HERE,
    project: ProjectOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Count articles by state, and what each person has done: annotations, time, and changes to the pre-annotation.

    Example: `labeling status --json`
    """
    from labeling.settings import open_workspace
    from labeling.workflow.status import status

    opened = open_workspace(workspace, project=project)
    if offline:
        console.as_pulled(opened)
    found = status(opened, offline=offline, track=console.track, say=console.say)
    if json:
        console.json(found)
        return
    console.counts(found.project_url, {**found.states, "all": sum(found.states.values())})
    if found.overlap:
        console.put()
        console.counts("tasks for several people, by how many are done", found.overlap)
    states = sorted({state for numbers in found.annotators.values() for state in numbers})
    rows = [[name, *(numbers.get(state, 0) for state in states)] for name, numbers in found.annotators.items()]
    if rows:
        console.put()
        console.table("annotations by annotator", ["annotator", *states], rows)
        console.put()
        console.table(
            "time for one and in all, and what became of the regions",
            ["annotator", "median", "total", "kept", "changed", "added", "deleted"],
            [[name, *_work(work)] for name, work in found.work.items()],
        )
        _say_outliers(found)
    console.problems(found.problems)


def _work(work: Any) -> list[str]:
    regions = [getattr(work.regions, name) for name in ("kept", "changed", "added", "deleted")]
    whole = sum(regions)
    shares = [f"{number / whole:.0%}" if whole else console.NONE for number in regions]
    median = console.NONE if work.times.median is None else _duration(work.times.median)
    return [median, _duration(work.times.total) if work.times.number else console.NONE, *shares]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else console.rough_duration(seconds)


def _say_outliers(found: Any) -> None:
    outliers = [(one.seconds, name, one.url) for name, work in found.work.items() for one in work.outliers]
    if outliers:
        console.say(f"Not in the totals, since they are far longer than the annotator's others: {len(outliers):,}")
    for seconds, name, url in sorted(outliers, reverse=True)[:MOST_OUTLIERS]:
        console.say(f"  {_duration(seconds)}  {name}  {url}")
    if len(outliers) > MOST_OUTLIERS:
        console.say(f"  … and {len(outliers) - MOST_OUTLIERS:,} more; --json lists them.")
