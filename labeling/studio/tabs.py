"""Our tabs of a project's Data Manager: "To do", "Done" and "To check". A person's own tabs are left alone.

A tab of ours is known by a mark among the widths of its columns, which Label Studio's page keeps when somebody changes
the tab; other keys of ours it drops. What somebody has changed stays: only the tasks in "To check" are set again.
"""

from collections.abc import Sequence
from typing import Any

from labeling.core.article import Article
from labeling.studio.answers import COLUMNS, VIEW, VIEWS
from labeling.studio.client import Project, Studio

Json = dict[str, Any]

MARK = "labeling:"  # the beginning of the mark, before the tab's name
TO_DO, TO_CHECK = "To do", "To check"
ANNOTATORS = "tasks:annotators"
MOST = 1000  # tasks in "To check"; more make the server slow
# What is shown of a task: title, part of a long article, first words, date, source, score, state, annotators. Whoever
# looks for work need not see who else has done it.
SHOWN = (
    *(f"tasks:data.{name}" for name in ("title", "part", "text", "published", "source")),
    *(f"tasks:{name}" for name in ("predictions_score", "completed_at", "total_annotations", "cancelled_annotations")),
    ANNOTATORS,
)
OURS = tuple(f"tasks:data.{name}" for name in (*Article.model_fields, "digest", "byline", "section"))


def keep_tabs(studio: Studio, project: Project, to_check: Sequence[int] | None = None) -> str:
    """The address of "To check", after making the tabs that are missing and filling that one.

    Args:
        studio: The connection.
        project: The project.
        to_check: An annotation of each task that belongs into "To check"; None leaves the tab as it is.

    Raises:
        StudioError: Label Studio refused, or does not answer.
    """
    views, _ = studio.connection.get("api/dm/views/", VIEWS, {"project": project.id})
    there: dict[str, Json] = {}
    for view in views:
        widths = (view.get("data") or {}).get("columnsWidth")
        for name in widths if isinstance(widths, dict) else ():
            if name.startswith(MARK):
                there.setdefault(name.removeprefix(MARK), view)
    if missing := [name for name in _filters() if name not in there]:
        found, _ = studio.connection.get("api/dm/columns/", COLUMNS, {"project": project.id})
        columns = [
            f"tasks:{'data.' if each.get('parent') == 'data' else ''}{each['id']}"
            for each in found["columns"]
            if each["id"] != "data"
        ]
        for name in missing:
            tab = {"project": project.id, "data": _tab(name, columns, project)}
            there[name] = studio.connection.send("POST", "api/dm/views/", tab, VIEW)
    view = there[TO_CHECK]
    filters = {"conjunction": "and", "items": [_with_annotations(to_check or ())]}
    if to_check is not None and (view.get("data") or {}).get("filters") != filters:
        tab = {"project": project.id, "data": view["data"] | {"filters": filters}}
        studio.connection.send("PATCH", f"api/dm/views/{view['id']}/", tab, VIEW, {"project": project.id})
    return f"{project.url}?tab={view['id']}"


def _filters() -> dict[str, Json]:
    done: Json = {"filter": "filter:tasks:completed_at", "operator": "empty", "type": "Datetime"}
    return {TO_DO: done | {"value": True}, "Done": done | {"value": False}, TO_CHECK: _with_annotations(())}


def _with_annotations(ids: Sequence[int]) -> Json:
    """The filter for tasks that have one of these annotations; its page refuses lists of task ids."""
    value = ",".join(map(str, sorted(ids)[:MOST])) or "0"  # which no annotation has
    return {"filter": "filter:tasks:annotations_ids", "operator": "contains", "type": "String", "value": value}


def _tab(name: str, columns: Sequence[str], project: Project) -> Json:
    every = dict.fromkeys((*columns, *OURS))
    shown = [column for column in SHOWN if name != TO_DO or column != ANNOTATORS]
    order = "tasks:predictions_score" if project.order == "uncertain" else "tasks:id"
    return {
        "title": name,
        "type": "list",
        "target": "tasks",
        "columnsWidth": {f"{MARK}{name}": 1},
        "hiddenColumns": {
            "explore": [column for column in every if column not in shown],
            "labeling": [column for column in every if column != "tasks:data.title"],
        },
        "filters": {"conjunction": "and", "items": [_filters()[name]]},
        "ordering": ["-tasks:completed_at" if name == "Done" else order],
    }
