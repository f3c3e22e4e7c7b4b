"""Updating the pulled copy, for commands that read it afterwards."""

import contextlib
from collections.abc import Callable, Iterator

from labeling.core.moment import local_time
from labeling.errors import AccessError, InputError, StudioError
from labeling.settings import Workspace
from labeling.workflow.progress import Track
from labeling.workflow.pulled import Store, stored

Say = Callable[[str], None]


def silent(_: str) -> None:
    """Say nothing."""


@contextlib.contextmanager
def refreshed(
    workspace: Workspace, *, offline: bool, track: Track, say: Say, predictions: bool = False
) -> Iterator[Store]:
    """The pulled copy of the workspace's project, with what changed since; offline, as of the last pull.

    Args:
        workspace: The workspace.
        offline: Whether nothing is pulled.
        track: Shows the progress.
        say: Is told what a pull notes.
        predictions: Whether to pull the predictions that annotators started from, too.

    Raises:
        StudioError: It cannot be pulled; the hint names --offline if there is a copy.
        InputError: Offline, and nothing was pulled yet.
    """
    from labeling.workflow.pulling import pull

    try:
        if not offline:
            for note in pull(workspace, drafts=True, predictions=predictions, track=track).notes:
                say(note)
    except AccessError:
        raise
    except StudioError as error:
        with contextlib.suppress(InputError), stored(workspace) as store:
            hint = f"Or use --offline, for what was pulled on {local_time(store.state.pulled_at)}."
            error.hint = f"{error.hint} {hint}".strip()
        raise
    with stored(workspace) as store:
        yield store
