"""Updating the pulled copy, for commands that read it afterwards."""

import contextlib

from labeling.core.moment import local_time
from labeling.errors import AccessError, InputError, StudioError
from labeling.settings import Workspace
from labeling.workflow.progress import Track
from labeling.workflow.pulled import stored


def refresh(workspace: Workspace, track: Track) -> None:
    """Pull what changed.

    Raises:
        StudioError: It cannot be pulled; the hint names --offline if there is a copy.
    """
    from labeling.workflow.pulling import pull

    try:
        pull(workspace, drafts=True, track=track)
    except AccessError:
        raise
    except StudioError as error:
        with contextlib.suppress(InputError), stored(workspace) as store:
            hint = f"Or use --offline, for what was pulled on {local_time(store.state.pulled_at)}."
            error.hint = f"{error.hint} {hint}".strip()
        raise
