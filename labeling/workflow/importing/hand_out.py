"""To how many people each task of the project goes: `[studio] overlap`."""

from collections import Counter

from labeling.core.overlap import Overlap
from labeling.errors import StudioError
from labeling.studio.client import HandedOut
from labeling.workflow.importing.project_state import ProjectState
from labeling.workflow.progress import Track


def hand_out(state: ProjectState, overlap: Overlap | None, track: Track) -> dict[int, int]:
    """Number of people → tasks that go to so many now, as the server confirms; nothing is changed without an overlap.

    The usual number is set for the whole project in a few requests, and counts for tasks that come later, too. The
    tasks of a share are set one by one: the server's own share is drawn anew with each import.

    Raises:
        StudioError: The server does not confirm it.
    """
    if overlap is None:
        return {}

    def wrong(tasks: list[HandedOut]) -> list[HandedOut]:
        return [task for task in tasks if task.overlap != overlap.of(task.doc_id)]

    usual = overlap.people if overlap.is_whole else 1
    tasks: list[HandedOut] = state.ask(state.studio.handed_out, state.there)
    others = wrong(tasks)
    unusual = sum(overlap.of(task.doc_id) != usual for task in tasks)
    is_cheaper = sum(overlap.of(task.doc_id) == usual for task in others) > unusual  # than one by one
    if is_cheaper or state.ask(state.studio.overlap, state.there) != usual:
        state.ask(state.studio.set_overlap, state.there, usual)
        others = wrong(state.ask(state.studio.handed_out, state.there))
    for task in track(others, "Handing out", len(others)):
        state.ask(state.studio.set_overlap_of, state.there, task, overlap.of(task.doc_id))
    tasks = state.ask(state.studio.handed_out, state.there)
    if left := wrong(tasks):
        raise StudioError(
            f"{state.studio.url} does not confirm to how many people {len(left):,} tasks go.",
            "The articles are imported. Run the same command again.",
        )
    return dict(sorted(Counter(task.overlap for task in tasks).items()))
