"""The open files of an export, to which chunks are appended."""

import contextlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from labeling.core.problem import Problem
from labeling.core.split import PARTS, Part
from labeling.formats.format import Context, Sink
from labeling.formats.registry import FORMATS
from labeling.workflow.export.convert import ConvertedChunk
from labeling.workflow.export.spec import ConversionSpec
from labeling.workflow.export.tally import Tally
from labeling.workflow.export.task_locations import TASKS_FILE

if TYPE_CHECKING:
    from labeling.nlp.docbin import DocBinWriter

DOCS_FILE, PROBLEMS_FILE, CONFIG_FILE = "docs.jsonl", "problems.jsonl", "config.cfg"
# files that every export has
ALWAYS = (CONFIG_FILE, DOCS_FILE, TASKS_FILE, PROBLEMS_FILE, *(f"{part}.spacy" for part in PARTS))
REPORTED_PROBLEMS = 200  # the file has them all


class TrainingFiles:
    """The open files of an export. A context manager: it closes what it opened.

    Attributes:
        folder: The folder of the files.
        tally: The counts of everything that was appended.
        first_problems: The first problems, for the report.
        unreadable: The number of inputs other than tasks, such as files, that could not be read.
    """

    def __init__(self, folder: Path, spec: ConversionSpec, context: Context) -> None:
        self.folder = folder
        self.tally = Tally()
        self.first_problems: list[Problem] = []
        self.unreadable = 0
        self._spec, self._context = spec, context
        self._docs: IO[bytes] = (folder / DOCS_FILE).open("wb")
        self._tasks: IO[bytes] = (folder / TASKS_FILE).open("wb")
        self._problems: IO[bytes] = (folder / PROBLEMS_FILE).open("wb")
        self._docbins: dict[Part, DocBinWriter] = {}
        self._sinks: dict[tuple[str, str], Sink] = {}

    def __enter__(self) -> Self:
        from labeling.nlp.docbin import DocBinWriter

        self._docbins = {part: DocBinWriter(self.folder, part) for part in PARTS}
        for name in self._spec.formats:
            form = FORMATS[name]
            for problem in form.check(self._context):
                self.note(problem)
            for stem in PARTS if form.per_part else (name,):
                self._sinks[name, stem] = form.open(self.folder, stem, self._context)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._docs.close()
        self._tasks.close()
        self._problems.close()
        for sink in self._sinks.values():
            with contextlib.nullcontext() if kind is None else contextlib.suppress(Exception):
                sink.close()
        for docbin in self._docbins.values():
            docbin.close() if kind is None else docbin.abandon()

    def note(self, problem: Problem) -> None:
        """Add a problem that belongs to no task."""
        self._problems.write(problem.model_dump_json().encode() + b"\n")
        self.tally.count_problems([problem])
        self.unreadable += problem.action == "refused"
        self._keep([problem])

    def add(self, chunk: ConvertedChunk) -> None:
        """Append a converted chunk."""
        self._docs.write(chunk.docs)
        self._tasks.write(chunk.tasks)
        self._problems.write(chunk.problems)
        for part, packed in chunk.docbins.items():
            self._docbins[part].add(packed)
        for key, data in chunk.rendered.items():
            self._sinks[key].write(data)
        self.tally.add(chunk.tally)
        self._keep(chunk.first_problems)

    def _keep(self, problems: list[Problem]) -> None:
        self.first_problems += problems[: REPORTED_PROBLEMS - len(self.first_problems)]
