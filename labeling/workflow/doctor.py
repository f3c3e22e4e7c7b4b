"""Checks of everything that a workspace needs, each with how to fix it."""

import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from labeling import __version__
from labeling.core.value import Value
from labeling.errors import LabelingError
from labeling.settings import Workspace
from labeling.studio.config import differences
from labeling.workflow.connecting import connect, existing_project

PACKAGES = ("spacy", "label-studio-sdk", "label-studio")


class Finding(Value):
    """The result of a check: what was checked, whether it is ok, what was seen, and how to fix it."""

    what: str
    ok: bool
    seen: str
    todo: str = ""


def examine(workspace: Workspace) -> list[Finding]:
    """The results of all checks, in order of dependency; checks that depend on a failed one are left out."""
    checks = {"workspace": _workspace, "schema": _schema, "model": _model, "server and token": _server}
    findings = [Finding(what="versions", ok=True, seen=_versions())]
    findings += [_finding(what, check, workspace) for what, check in checks.items()]
    return [*findings, _finding("project", _project, workspace)] if findings[-1].ok else findings


def _finding(what: str, check: Callable[[Workspace], str], workspace: Workspace) -> Finding:
    try:
        return Finding(what=what, ok=True, seen=check(workspace))
    except LabelingError as error:
        return Finding(what=what, ok=False, seen=error.message, todo=error.hint)


def _versions() -> str:
    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "not installed"

    python = ".".join(map(str, sys.version_info[:3]))
    return ", ".join(
        [f"python {python}", f"labeling {__version__}", *(f"{package} {of(package)}" for package in PACKAGES)]
    )


def _workspace(workspace: Workspace) -> str:
    if not workspace.is_initialised:
        raise LabelingError(f"{workspace.folder.resolve()} has no labeling.toml.", "`labeling init` writes one.")
    return str(workspace.folder.resolve())


def _schema(workspace: Workspace) -> str:
    from labeling.nlp.check import check_patterns
    from labeling.nlp.pipelines import idle

    schema = workspace.label_schema
    check_patterns(schema)
    seen = f"{schema.key}: {', '.join(schema.labels)}; {', '.join(schema.relations) or 'no relations'}"
    return " ".join([f"{seen}.", *(f"Note: {note}" for note in notes)]) if (notes := idle(schema)) else seen


def _model(workspace: Workspace) -> str:
    from labeling.nlp.annotate import finds_no_events
    from labeling.nlp.load import load, model_name
    from labeling.nlp.pipelines import check_language, named

    schema = workspace.label_schema
    nlp = load(workspace.model)
    check_language(workspace.model, schema)
    seen, note = f"{model_name(nlp)}, for {named(nlp.lang or 'xx')}", finds_no_events(nlp, schema)
    return f"{seen}. Note: {note}" if note else seen


def _server(workspace: Workspace) -> str:
    with connect(workspace) as studio:
        return f"Label Studio {studio.version()} at {studio.url}, as {studio.user()}"


def _project(workspace: Workspace) -> str:
    with connect(workspace) as studio:
        project = existing_project(studio, workspace)
    if found := differences(workspace.label_schema, project.label_config):
        todo = "`labeling import` adds what is missing; what only the project has must go back into the schema."
        raise LabelingError("; ".join(d.detail for d in found), todo)
    if project.tasks and not project.model_version:
        todo = "`labeling import` sets them with the next articles."
        raise LabelingError(f"{project.url} shows no predictions to its annotators.", todo)
    return f"{project.url}, {project.tasks} tasks, matches the schema"
