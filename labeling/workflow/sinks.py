"""The open files of an export, and the sums over all that was written."""

import contextlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Self

from labeling.core.problem import Problem
from labeling.core.split import PARTS, Part
from labeling.formats.format import Context, Sink
from labeling.formats.registry import FORMATS
from labeling.workflow.converting import (
    Converted,
    Counts,
    Job,
)
from labeling.workflow.task_places import FILE as TASKS

SHOWN = 200  # problems that a report carries; the file has them all


class Files:
    """The open files of an export, and the sums over all chunks. A context manager: it closes what it opened."""

    def __init__(self, folder: Path, job: Job, context: Context) -> None:
        self.folder, self.job, self.context = folder, job, context
        self.counts: Counts = Counter()
        self.shown: list[Problem] = []
        self.read_problems = 0
        self.sinks: dict[tuple[str, str], Sink] = {}
        self.docs: IO[bytes] = (folder / "docs.jsonl").open("wb")
        self.tasks: IO[bytes] = (folder / TASKS).open("wb")
        self.problems: IO[bytes] = (folder / "problems.jsonl").open("wb")
        self.bins: dict[Part, Any] = {}

    def __enter__(self) -> Self:
        from labeling.nlp.docbin import DocBinWriter

        self.bins = {part: DocBinWriter(self.folder, part) for part in PARTS}
        for name in self.job.formats:
            form = FORMATS[name]
            for problem in form.check(self.context):
                self.note(problem)
            for stem in PARTS if form.per_part else (name,):
                self.sinks[name, stem] = form.open(self.folder, stem, self.context)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.docs.close()
        self.tasks.close()
        self.problems.close()
        for sink in self.sinks.values():
            with contextlib.nullcontext() if kind is None else contextlib.suppress(Exception):
                sink.close()
        for docbin in self.bins.values():
            docbin.close() if kind is None else docbin.abandon()

    def note(self, problem: Problem) -> None:
        """List a problem that belongs to no task."""
        self.problems.write(problem.model_dump_json().encode() + b"\n")
        self.counts["problems", problem.action, problem.reason] += 1
        self.read_problems += problem.action == "refused"
        self._show(problem)

    def add(self, made: Converted) -> None:
        """Write what was made of a chunk behind what is there."""
        self.docs.write(made.docs)
        self.tasks.write(made.tasks)
        self.problems.write(made.problems)
        for part, packed in made.packs.items():
            self.bins[part].add(packed)
        for key, data in made.rendered.items():
            self.sinks[key].write(data)
        self.counts.update(made.counts)
        for problem in made.shown:
            self._show(problem)

    def _show(self, problem: Problem) -> None:
        if len(self.shown) < SHOWN:
            self.shown.append(problem)

    def sums(self, kind: str, names: Iterable[str]) -> dict[str, int]:
        """The numbers of a kind by name, 0 where there is none."""
        return {name: self.counts[kind, name] for name in names}

    def named(self, kind: str) -> dict[str, int]:
        """The numbers of a kind, the largest first."""
        found = {key[1]: number for key, number in self.counts.items() if key[0] == kind}
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
