"""The counts of an export → its manifest.json."""

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from labeling import __version__
from labeling.core.parts import warnings
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS, Part, Split
from labeling.studio.annotations import STATES, UNSUBMITTED, USES, Choice
from labeling.workflow.export.files import TrainingFiles
from labeling.workflow.export.language import misalignment
from labeling.workflow.export.options import Options
from labeling.workflow.export.plan import Plan
from labeling.workflow.export.spec import ConversionSpec
from labeling.workflow.export.tally import PlacedLabel, ProblemKind, Tally

SPAN_OUTCOMES = ("exact", "trimmed", "repaired", "snapped", "shadowed", "dropped", "refused")
RELATION_OUTCOMES = ("exact", "changed", "dropped", "refused")
ATTRIBUTE_OUTCOMES = ("kept", "differing", "refused")
ADJUDICATED = ("into", "agreed", "adjudicated", "open", "dropped")
EXAMPLES = 3  # of a problem that most spans have


def manifest_of(
    tally: Tally,
    plan: Plan,
    split: Split,
    options: Options,
    schema: LabelSchema | None,
    origin: str,
    training: dict[str, Any],
) -> dict[str, Any]:
    """The manifest that exports/README.md describes, without the language and the checksums."""
    documents: dict[Part, int] = {part: tally.documents[part] for part in PARTS}
    names = [*schema.labels] if schema else sorted({label for label, _ in tally.labels})
    labels: dict[str, dict[Part, int]] = {
        name: {part: tally.labels[PlacedLabel(name, part)] for part in PARTS} for name in names
    }
    wanted = [part for part, share in split.shares.items() if share]
    return {
        "versions": {"labeling": __version__, "spacy": version("spacy")},
        "source": plan.names.in_place(origin),
        "schema": _schema_stamp(schema),
        "options": options.model_dump(mode="json", exclude={"split", "jobs", "overwrite"})
        | {"choice": _named(options.choice, plan)},
        "tasks": {"in": tally.tasks.total()} | _numbers(tally.tasks, STATES),
        "annotations": {"in": tally.submitted} | _numbers(tally.annotations, USES),
        "unsubmitted": _numbers(tally.annotations, UNSUBMITTED),
        "unused": _numbers(tally.unused, ("spans", "relations")),
        "predictions": tally.predictions,
        "predicted_by": _largest_first(tally.predicted_by),
        "documents": {"out": tally.documents.total()} | documents,
        **(_adjudication(tally) if options.choice.by == "adjudicated" else {}),
        "spans": {"in": tally.spans_in} | _numbers(tally.spans, SPAN_OUTCOMES),
        "relations": {"in": tally.relations_in} | _numbers(tally.relations, RELATION_OUTCOMES),
        "attributes": {"in": tally.attributes_in} | _numbers(tally.attributes, ATTRIBUTE_OUTCOMES),
        "repairs": _largest_first(tally.repairs),
        "renamed": _largest_first(tally.renamed),
        "dropped": _largest_first(tally.dropped),
        "labels": labels,
        "tokens": tally.tokens,
        "split": plan.split_report.model_dump(mode="json"),
        "training": training,
        "warnings": warnings(labels, documents, wanted=wanted),
        "problems": dict(tally.problems_by_reason.most_common()),
    }


def _named(choice: Choice, plan: Plan) -> str:
    if plan.names.pseudonyms and choice.annotator:
        choice = Choice(by="annotator", annotator=plan.names.pseudonyms.get(choice.annotator.lower(), "a pseudonym"))
    return str(choice)


def _adjudication(tally: Tally) -> dict[str, Any]:
    counts: dict[str, Any] = {"documents": tally.documents.total()}
    counts["spans"] = _numbers(tally.adjudicated_spans, ADJUDICATED)
    return {"adjudication": counts | {"relations": _numbers(tally.adjudicated_relations, ADJUDICATED)}}


def _numbers(counts: Counter[str], names: Sequence[str]) -> dict[str, int]:
    """The counts by name, including zeros."""
    return {name: counts[name] for name in names}


def _largest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def most_misaligned(files: TrainingFiles, spec: ConversionSpec, plan: Plan) -> list[str]:
    """A warning if most spans are misaligned, instead of most of the single problems."""
    lost, total = files.tally.problems[ProblemKind("refused", "misaligned")], files.tally.spans_in
    if 2 * lost <= total:
        return []
    rest = [problem for problem in files.first_problems if problem.reason == "misaligned"][EXAMPLES:]
    files.first_problems = [problem for problem in files.first_problems if problem not in rest]
    line = f"{lost:,} of {total:,} spans were refused, because their edges are inside tokens (misaligned)."
    return [f"{line} {misalignment(spec, plan.samples)}"]


def _schema_stamp(schema: LabelSchema | None) -> dict[str, Any]:
    if schema is None:
        return {"name": None}
    names = {"labels": [*schema.labels], "relations": [*schema.relations]}
    return {"name": schema.name, "version": schema.version, "sha256": schema.sha256} | names
