"""The labels and relations used in a project → the TOML of a schema for it."""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labeling.core.schema import LabelSchema, label_name
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.inputs.broken import shown as printable  # a file's name may have line breaks
from labeling.settings import Workspace
from labeling.studio.annotations import UNSUBMITTED, Annotation, Rules, Task
from labeling.studio.exports import Record, parse
from labeling.studio.regions import UNLABELLED, RefusedError, in_text, is_relation, is_span, items_of, labels_of
from labeling.studio.shown import Look, Shown, shown
from labeling.workflow.export.sources import PulledTasks, Source, open_source
from labeling.workflow.progress import Meter, Track, no_meter, no_track

# For labels of unknown colour, so that an annotator can tell them apart.
PALETTE = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#0a7ea4", "#bc4c00", "#57606a", "#6e4600")
SAMPLES, SAMPLE = 64, 1000  # texts from which the language is detected, and characters of each
TITLE = 50  # characters


class Made(Value):
    """A generated schema.

    Attributes:
        toml: The schema; its comments say how often each label is used.
        labels: The number of labels.
        relations: The number of relations.
        notes: What was left out, a phrase each.
    """

    toml: str
    labels: int
    relations: int
    notes: tuple[str, ...] = ()


@dataclass
class _Use:
    """How often annotators used each label and relation, and between which labels they drew relations."""

    tasks: int = 0
    annotations: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    relations: Counter[str] = field(default_factory=Counter)
    heads: dict[str, Counter[str]] = field(default_factory=dict)
    tails: dict[str, Counter[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


def from_files(files: Sequence[Path | str], meter: Meter = no_meter) -> Made:
    """A schema with every label and relation of the submitted annotations in exported files or pulled folders.

    Raises:
        InputError: They have no label.
    """
    name = Path(files[0]).stem if str(files[0]) != "-" else "labels"
    with open_source(files) as source:
        use = _use(source, meter)
    return _made(use, Shown(), name, name, f"`labeling schema from-export` of {', '.join(map(str, files))}")


def from_project(
    workspace: Workspace, *, offline: bool = False, track: Track = no_track, meter: Meter = no_meter
) -> Made:
    """A schema with every label and relation that a project's page shows or its annotators used.

    Offline, it is made from the pulled copy, which does not have colours, hotkeys and unused labels.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: The project has no label; or offline, and nothing was pulled yet.
    """
    from labeling.workflow.connecting import connect, existing_project
    from labeling.workflow.pulled import stored
    from labeling.workflow.pulling import pull

    page, title = Shown(), ""
    if not offline:
        with connect(workspace) as studio:
            project = existing_project(studio, workspace)
        try:
            page, title = shown(project.label_config), project.title
        except ValueError as error:
            raise InputError(f"Project {project.id}: {error}") from error
        pull(workspace, track=track)
    with stored(workspace) as store:
        use, number, url = _use(PulledTasks(store), meter), store.state.project, store.state.url
    title = title or f"Project {number}"
    return _made(use, page, title, title, f"`labeling schema from-project` of {url}")


def _use(source: Source, meter: Meter) -> _Use:
    use = _Use()
    with meter("Reading", source.size) as advance:
        for record in source.records(advance):
            if isinstance(record, Record):
                with contextlib.suppress(ValueError):  # not a task; `convert` reports it
                    _look(Task(parse(record.data), Rules()), use)
                advance(0, 1)
    return use


def _look(task: Task, use: _Use) -> None:
    use.tasks += 1
    for annotation in task.annotations:
        if annotation.use not in {*UNSUBMITTED, "unreadable"}:
            use.annotations += 1
            _count(annotation, use)
    if task.article and len(use.texts) < SAMPLES:
        use.texts.append(task.article.text[:SAMPLE])


def _count(annotation: Annotation, use: _Use) -> None:
    items = items_of(annotation.raw.get("result"))
    labels_at: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, dict) and is_span(item) and _lies_in_text(item):
            names = [name for name in labels_of(item) if isinstance(name, str) and name.strip()]
            labels_at.setdefault(str(item.get("id")), []).extend(names)
            use.labels.update(names)
    for item in filter(is_relation, items):
        ends = [labels_at.get(str(item.get(end)), []) for end in ("from_id", "to_id")]
        heads, tails = reversed(ends) if item.get("direction") == "left" else ends
        for name in (UNLABELLED if name is None else name for name in labels_of(item)):
            if isinstance(name, str) and name.strip() and heads and tails:
                use.relations[name] += 1
                use.heads.setdefault(name, Counter()).update(heads)
                use.tails.setdefault(name, Counter()).update(tails)


def _lies_in_text(item: dict[str, Any]) -> bool:
    value = item.get("value")
    try:
        in_text(value if isinstance(value, dict) else {})
    except RefusedError as refused:
        return refused.reason != "not-in-a-text" or "globalOffsets" in (value or {})
    return True


# The schema as TOML.


def _made(use: _Use, page: Shown, name: str, title: str, origin: str) -> Made:
    from labeling.nlp.detect import spoken

    notes: list[str] = []
    labels = list(_nameable("label", [*page.labels, *_by_use(use.labels)], notes))
    relations = list(_nameable("relation", [*page.relations, *_by_use(use.relations)], notes))
    if not labels:
        raise InputError(
            f"No label of a span of text was found: {origin} has {use.tasks:,} tasks and {use.annotations:,} submitted "
            "annotations.",
            "Annotate some tasks first.",
        )
    lines = [
        f"# Made by {printable(origin)}: {use.tasks:,} tasks, {use.annotations:,} submitted annotations.",
        "# The numbers are of the spans and relations in them.",
        *(f"# Left out: {note}" for note in notes),
        f"name = {_text(_identifier(name))}",
        'version = "1.0.0"',
        f"title = {_text(_title(title))}",
        f"language = {_text(spoken(use.texts))}",
    ]
    hotkeys: set[str] = set()
    for number, label in enumerate(labels):
        look = page.labels.get(label, Look())
        lines += ["", f"[labels.{_key(label)}]  # {_counted(use.labels[label], 'span')}"]
        lines += [f"description = {_text(look.hint)}"] if look.hint else []
        lines.append(f"color = {_text(look.color or PALETTE[number % len(PALETTE)])}")
        lines += [f"hotkey = {_text(look.hotkey)}"] if look.hotkey and look.hotkey not in hotkeys else []
        hotkeys.add(look.hotkey)
    for relation in relations:
        seen = (use.heads.get(relation, Counter()), use.tails.get(relation, Counter()))
        heads, tails = ([label for label in _by_use(ends) if label in labels] or labels for ends in seen)
        known = "" if seen[0] else ": not used, so its head and tail are not known"
        if relation == UNLABELLED and relation not in page.relations:
            known = ", drawn without a label"
        lines += ["", f"[relations.{_key(relation)}]  # {_counted(use.relations[relation], 'relation')}{known}"]
        lines += [f"head = [{', '.join(map(_text, heads))}]", f"tail = [{', '.join(map(_text, tails))}]"]
    toml = "\n".join(lines) + "\n"
    LabelSchema.from_toml(toml)
    return Made(toml=toml, labels=len(labels), relations=len(relations), notes=tuple(notes))


def _by_use(names: Counter[str]) -> list[str]:
    return [name for name, _ in sorted(names.items(), key=lambda item: (-item[1], item[0]))]


def _nameable(kind: str, names: Iterable[str], notes: list[str]) -> Iterator[str]:
    """The distinct names, without those that a schema cannot have; there is a note for each of these."""
    for name in dict.fromkeys(names):
        try:
            yield label_name(name)
        except ValueError as error:
            notes.append(f"the {kind} {error}")


def _identifier(name: str) -> str:
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")[:TITLE].strip("-") or "labels"


def _title(title: str) -> str:
    title = " ".join(title.split())[:TITLE].strip()
    return title if len(title) >= 3 else f"Project {title}".strip()


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    """A TOML string: JSON's escapes are valid in it, but DEL has to be escaped, too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
