"""`labeling export` and `labeling convert`, which run the same steps."""

from collections.abc import Sequence
from pathlib import Path

from labeling.core.schema import LabelSchema
from labeling.inputs.broken import shown
from labeling.settings import Workspace
from labeling.workflow.export.options import Options
from labeling.workflow.export.report import Exported
from labeling.workflow.export.run import run
from labeling.workflow.export.sending import at_output
from labeling.workflow.export.sources import PulledTasks, open_source
from labeling.workflow.progress import Meter, Track, no_meter, no_track
from labeling.workflow.refreshing import Say, refreshed, silent


def export_project(
    workspace: Workspace,
    output: Path | str,
    options: Options | None = None,
    *,
    offline: bool = False,
    track: Track = no_track,
    meter: Meter = no_meter,
    say: Say = silent,
) -> Exported:
    """Pull what changed, and write the training files of the reviewed labels; offline, from the pulled copy.

    The output is a folder, or its address.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet; or as for `labeling.workflow.export.run.run`.
    """
    options = options or Options()
    with refreshed(workspace, offline=offline, track=track, say=say) as store:
        state = store.state
        return at_output(
            output,
            lambda folder: run(
                PulledTasks(store),
                folder,
                workspace,
                None if options.any_label else workspace.label_schema,
                options,
                origin=f"{state.url} as pulled {state.pulled_at}" if offline else state.url,
                url=f"{state.url}?task={{task}}",
                users=state.users,
                meter=meter,
            ),
            overwrite=options.overwrite,
        )


def export_files(
    workspace: Workspace,
    files: Sequence[Path | str],
    output: Path | str,
    options: Options | None = None,
    *,
    schema: LabelSchema | None,
    meter: Meter = no_meter,
) -> Exported:
    """Write the training files of exports from the Label Studio UI. Without a schema, all labels are legal.

    A folder of `labeling pull` is also accepted; its tasks are used as last pulled. The output is a folder, or its
    address.

    Raises:
        InputError: No file has a task, or (`options.strict`) something cannot be read.
    """
    options = options or Options()
    with open_source(files) as source:
        return at_output(
            output,
            lambda folder: run(
                source,
                folder,
                workspace,
                schema,
                options,
                origin=", ".join(map(shown, files)),  # a name may not be UTF-8
                url=source.url if isinstance(source, PulledTasks) else _address(workspace),
                meter=meter,
            ),
            overwrite=options.overwrite,
        )


def _address(workspace: Workspace) -> str:
    """The address of a task on the server that the workspace names; "" if it names none."""
    studio = workspace.settings.studio
    scheme, _, rest = (studio.url or studio.public_url).rstrip("/").partition("://")
    # without a password that may be in the URL
    return f"{scheme}://{rest.rpartition('@')[2]}/projects/{{project}}/data?task={{task}}" if rest else ""
