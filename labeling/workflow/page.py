"""Bringing a project's page into step with the schema, unless somebody has edited it by hand."""

from typing import Literal

from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.settings import Workspace
from labeling.studio.client import Project, Studio
from labeling.studio.config import differences
from labeling.studio.page import Change, Page, with_missing
from labeling.workflow.connecting import check_schema_fits, connect, existing_project, find_project, make_project

Outcome = Literal["current", "changed", "edited", "unknown"]


class PageUpdate(Value):
    """What the schema changes on a project's page, and whether it may.

    Attributes:
        outcome: `current`, nothing changes; `changed`; `edited`, somebody has edited the page by hand; `unknown`, it
            was made by hand or by an earlier version, so nobody can tell. The last two stay, unless forced.
        edited: What was edited by hand.
        changes: What would change, or did.
        forced: Whether it changes all the same.
        pushed: Whether it was changed.
    """

    project_url: str = ""
    outcome: Outcome = "current"
    edited: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    forced: bool = False
    pushed: bool = False

    @property
    def is_left(self) -> bool:
        """Whether the page stays as it is although the schema would change it, since it may be somebody's own."""
        return self.outcome in ("edited", "unknown") and not self.forced


def compare_page(schema: LabelSchema, project: Project, *, force: bool = False) -> PageUpdate:
    """What the schema would change on the project's page.

    Raises:
        StudioError: The project shows a label or relation that the schema does not have.
    """
    check_schema_fits(schema, project)
    changes = project.page.changes(Page.of(schema))
    edited = project.page.edited
    outcome: Outcome = "current" if not changes else "unknown" if edited is None else "edited" if edited else "changed"
    return PageUpdate(project_url=project.url, outcome=outcome, edited=edited or (), changes=changes, forced=force)


def project_in_step(studio: Studio, workspace: Workspace, *, force: bool = False) -> tuple[Project, PageUpdate]:
    """The workspace's project, created if there is none, and what changed on its page: see `page_in_step`."""
    project = find_project(studio, workspace)
    if project is None:
        project = make_project(studio, workspace)
        return project, PageUpdate(project_url=project.url)
    project, update = page_in_step(studio, workspace.label_schema, project, force=force)
    order = workspace.settings.studio.order
    if order and order != project.order:
        project = studio.set_order(project, order)
    return project, update


def page_in_step(
    studio: Studio, schema: LabelSchema, project: Project, *, force: bool = False
) -> tuple[Project, PageUpdate]:
    """The project showing the schema, and what changed. A page that may be somebody's own only gets what it lacks.

    Raises:
        StudioError: The project shows a label or relation that the schema does not have.
    """
    update = compare_page(schema, project, force=force)
    if not update.is_left:
        if update.changes or project.page.edited != ():
            project = studio.show(project, Page.of(schema))
        return project, update.model_copy(update={"pushed": bool(update.changes)})
    if differences(schema, project.label_config):
        shown = project.page.model_copy(update={"config": with_missing(schema, project.label_config)})
        project = studio.show(project, shown)
    return project, update


def push_page(workspace: Workspace, *, force: bool = False, dry_run: bool = False) -> PageUpdate:
    """Show the schema in the workspace's project; with `dry_run`, only what would change.

    Raises:
        StudioError: There is no project, it has labels that the schema lacks, or the server does not answer.
    """
    with connect(workspace) as studio:
        project = existing_project(studio, workspace)
        if dry_run:
            return compare_page(workspace.label_schema, project, force=force)
        return page_in_step(studio, workspace.label_schema, project, force=force)[1]
