"""The steps of `labeling adjudicate`: answers → decisions, texts → what is settled, conflicts → tasks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from labeling.core.adjudication import Decision, settle
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.errors import AccessError, InputError, StudioError
from labeling.locks import alone
from labeling.settings import Workspace
from labeling.studio.adjudication import to_conflict_task
from labeling.studio.adjudication_page import adjudication_page
from labeling.studio.annotations import Choice, Rules
from labeling.studio.regions import Legend
from labeling.workflow.adjudicating.answers import Answers, answers_in
from labeling.workflow.adjudicating.decisions import add_decisions, by_text, read_decisions
from labeling.workflow.adjudicating.project import AdjudicationProject
from labeling.workflow.adjudicating.report import Adjudication, SettledText, Tasks, changed_texts, reported
from labeling.workflow.connecting import connect
from labeling.workflow.progress import Track, no_track
from labeling.workflow.reading_notes import notes
from labeling.workflow.refreshing import Say, silent
from labeling.workflow.schemas import from_files, from_project
from labeling.workflow.shared_texts import SharedText, by_several, opened_tasks, shared_texts

Json = dict[str, Any]
LOCK = "adjudication.lock"


def adjudicate(
    workspace: Workspace,
    paths: Sequence[Path | str] = (),
    *,
    schema: LabelSchema | None,
    audit: float = 0.05,
    dry_run: bool = False,
    track: Track = no_track,
    say: Say = silent,
    waiting: Callable[[str], None] = silent,
    transport: httpx.BaseTransport | None = None,
) -> Adjudication:
    """Read the answers in the adjudication project, settle what they decide, and bring its tasks in step.

    Without paths, the workspace's project is pulled. What is answered is stored before anything is pushed; whatever
    fails, the same command goes on from there.

    Args:
        workspace: The workspace.
        paths: Exports of Label Studio, or folders of `labeling pull`.
        schema: The schema whose labels are legal, and which the adjudication page shows; None accepts all labels.
        audit: The share of agreed spans that are asked about, 0 to 1.
        dry_run: Whether to store and push nothing. With paths, no server is asked.
        track: Shows the progress.
        say: Is told what a pull notes.
        waiting: Is told who runs another adjudication of this workspace.
        transport: What carries the requests to the adjudication project; the network by default.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Nothing was annotated by two people; or the decisions or another file cannot be used.
    """
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(alone(workspace.state / LOCK, waiting))
        stored = read_decisions(workspace)
        place, answers = None, Answers()
        if not (dry_run and paths):
            studio = stack.enter_context(_connected(workspace, transport, is_needed=not paths))
            place = AdjudicationProject(studio, workspace, track)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            answers = answers_in(place.tasks, stored, studio.users(), f"{place.url}?task={{task}}", now)
            if not dry_run:
                add_decisions(workspace, answers.new)
        problems = list(answers.problems)
        texts = _texts(workspace, paths, schema, track, say, problems)
        read_notes = notes(
            problems, [doc for text in texts for doc in text.docs.values()], schema, workspace.label_schema
        )
        decided = by_text((*stored, *answers.new))
        try:
            shared = by_several(texts)
        except InputError:  # there is no report that could tell it
            for line in (*read_notes, *(f"{p.where}: {p.detail}" for p in problems if p.action == "refused")):
                say(f"Note: {line}")
            raise
        settled = _settled(shared, decided, schema, audit, track)
        unused, unread = changed_texts([each for some in decided.values() for each in some], texts)
        report = reported(settled)
        tasks = Tasks(added=len({conflict.key for each in settled for conflict in each.asked}))
        if place:
            shown = schema or _schema_of(workspace, paths)
            wanted = _wanted(settled, shown)
            read = {said for text in texts for doc in text.docs.values() for said in (doc.digest, doc.doc_id)}
            if dry_run:
                tasks = place.counted(place.plan(wanted, read, answers.unfit))
            else:
                tasks = place.bring_in_step(adjudication_page(shown), wanted, read, answers.unfit)
        return report.model_copy(
            update={
                "project_url": place.url if place else "",
                "dry_run": dry_run,
                "annotators": tuple(sorted({name for text in texts for name in text.docs})),
                "alone": len(texts) - len(settled),
                "new": len(answers.new),
                "unread": unread,
                "tasks": tasks,
                "problems": (*problems, *unused),
                "notes": (*read_notes, *(place.notes if place else ())),
            }
        )


@contextmanager
def _connected(workspace: Workspace, transport: httpx.BaseTransport | None, *, is_needed: bool) -> Iterator[Any]:
    try:
        studio = connect(workspace, transport)
    except AccessError:
        raise
    except StudioError as error:
        if not is_needed:
            error.hint = f"{error.hint} Or use --dry-run, which only reports.".strip()
        raise
    with studio:
        yield studio


def _texts(
    workspace: Workspace,
    paths: Sequence[Path | str],
    schema: LabelSchema | None,
    track: Track,
    say: Say,
    problems: list[Problem],
) -> list[SharedText]:
    with opened_tasks(workspace, paths, offline=False, track=track, say=say) as (source, users, url):
        rules = Rules(legend=Legend(label_schema=schema), choice=Choice(by="all"))
        return shared_texts(source, rules, users, url, track, problems)


def _settled(
    shared: Sequence[SharedText],
    decided: dict[str, list[Decision]],
    schema: LabelSchema | None,
    audit: float,
    track: Track,
) -> list[SettledText]:
    """The texts that several people annotated, settled."""
    found = []
    for text in track(shared, "Settling", len(shared)):
        decisions = decided.get(next(iter(text.docs.values())).digest, [])
        found.append(SettledText(text, settle(text.docs, decisions, schema, audit), decisions))
    return found


def _wanted(texts: Sequence[SettledText], schema: LabelSchema) -> dict[str, Json]:
    """The tasks that there should be, by the keys of their conflicts."""
    found: dict[str, Json] = {}
    for each in texts:
        for conflict in each.asked:
            if conflict.key not in found:
                found[conflict.key] = to_conflict_task(conflict, each.settled, schema)
    return found


def _schema_of(workspace: Workspace, paths: Sequence[Path | str]) -> LabelSchema:
    """A schema with whatever labels there are."""
    made = from_files(paths) if paths else from_project(workspace, offline=True)
    return LabelSchema.from_toml(made.toml)
