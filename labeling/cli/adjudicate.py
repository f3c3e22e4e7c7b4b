"""`labeling adjudicate`."""

from typing import Annotated, Any

import typer

from labeling.cli import console
from labeling.cli.options import HERE, JsonOption, ProjectOption, WorkspaceOption

SHOWN = 10  # places and gaps in the terminal; --json has them all


def command(
    exports: Annotated[
        list[str] | None, typer.Argument(metavar="[EXPORT]...", help="Exports of Label Studio; else the project.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    schema: Annotated[
        str, typer.Option(metavar="NAME", help="The schema whose labels are legal; `auto` takes every label.")
    ] = "",
    audit: Annotated[
        str, typer.Option(metavar="SHARE", help="Ask about this share of the agreed spans, too; `0%` about none.")
    ] = "5%",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report; with EXPORT, without any server.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Merge what several people annotated, and have somebody decide what they differ about.

    What all agree on is taken. What they differ about becomes tasks of a project of its own; run the command again,
    and it reads the answers. Run it as often as you like.

    Example: `labeling adjudicate`
    """
    from labeling.core.overlap import Overlap
    from labeling.errors import InputError
    from labeling.settings import open_workspace
    from labeling.workflow.adjudicating.command import adjudicate

    try:
        share = Overlap.parse(audit)
    except ValueError:
        raise InputError(f"--audit {audit} is not a share of the spans.", "Such as 5%, or 0% for none.") from None
    opened = open_workspace(workspace, project=project, schema=schema if schema not in ("", "auto") else None)
    found = adjudicate(
        opened,
        exports or (),
        schema=None if schema == "auto" else opened.label_schema,
        audit=share.share / 100,
        dry_run=dry_run,
        track=console.track,
        say=console.say,
        waiting=lambda who: console.say(f"Waiting for another adjudication: {who}."),
    )
    if json:
        console.json(found)
    else:
        _show(found)
        console.problems(found.problems)
    console.exit_if_refused(found.problems)


def _show(found: Any) -> None:
    """Print what is agreed, decided and open, and what to do next."""
    title = f"{found.texts:,} texts, each annotated by at least two of {len(found.annotators)} people"
    header = ["", "in", "agreed", "adjudicated", "open", "dropped"]
    rows = [
        [name, each.into, each.agreed, each.adjudicated, each.open, each.dropped]
        for name, each in (("spans", found.spans), ("relations", found.relations))
    ]
    console.table(title, header, rows)
    console.put()
    kinds = (("spans", found.span_conflicts), ("relations", found.relation_conflicts))
    conflicts = [[name, each.open, each.suggested, each.decided] for name, each in kinds]
    console.table("Conflicts", ["about", "open", "with a suggestion", "decided"], conflicts)
    if found.waiting:
        console.put(f"{found.waiting:,} relations wait until their ends are decided.")
    _show_audit(found.audit)
    if found.reasons:
        console.put(f"Why people differed: {', '.join(f'{reason} {n:,}' for reason, n in found.reasons.items())}.")
    _list("Gaps in the guideline", [f"{'/'.join(g.labels)}: {g.text} – {g.note}  {g.url}" for g in found.gaps])
    _list("Came after a decision, which stays", [_place(each) for each in found.late])
    _list("Answers on which people differ, left out", [_place(each) for each in found.attributes])
    for sentence in _sentences(found):
        console.say(sentence)


def _show_audit(audit: Any) -> None:
    if audit.answered:
        console.put(
            f"Audit: {audit.wrong:,} of {audit.answered:,} agreed spans were wrong, {audit.error:.1%} "
            f"(95%: {audit.low:.1%} to {audit.high:.1%}); {audit.open:,} are still to be answered."
        )
    elif audit.open:
        console.put(f"Audit: {audit.open:,} agreed spans are asked about, and none was answered yet.")


def _list(title: str, lines: list[str]) -> None:
    from labeling.core.wording import first_lines

    if lines:
        console.put()
        console.put(f"{title} ({len(lines):,})", "bold")
        for line in first_lines(lines, SHOWN):
            console.put(line)


def _place(place: Any) -> str:
    about = f" {place.about}" if place.about else ""
    return f"{place.label}{about}: {place.text}  {place.where}"


def _sentences(found: Any) -> list[str]:
    """What else there is to know, and what to do next."""
    tasks = found.tasks
    said = [f"Note: {note}" for note in found.notes]
    if found.alone:
        said.append(f"{found.alone:,} texts were annotated by one person only; they are left out.")
    if found.own:
        said.append(f"{found.own:,} decisions are by somebody who annotated the text themselves.")
    if found.unread:
        said.append(f"{found.unread:,} decisions are about articles that were not read now; they are kept.")
    if tasks.others:
        said.append(f"{tasks.others:,} tasks are about articles that were not read now; they stay.")
    if found.dry_run:
        would = f"{found.new:,} new answers would be stored, " if found.project_url else ""
        return [*said, f"Nothing was done: {would}{tasks.added:,} tasks would be added, {tasks.removed:,} removed."]
    done = [f"{n:,} {what}" for n, what in ((found.new, "answers stored"), (tasks.added, "tasks added")) if n]
    done += [f"{tasks.removed:,} tasks removed: settled by now, or replaced"] if tasks.removed else []
    said += [f"{', '.join(done)}."] if done else []
    if tasks.waiting:
        said.append(f"Next: {tasks.waiting:,} tasks wait at {found.project_url} – press Label All Tasks there,")
        said.append("and run the same command again.")
    elif left := found.span_conflicts.open + found.relation_conflicts.open + found.audit.open:
        said.append(f"Next: {left:,} conflicts have answers that are not clear. Change these, listed below with their")
        said.append("tasks, and run the same command again.")
    else:
        said.append("Nothing is open. `labeling export --choose adjudicated` writes the training files.")
    return said
