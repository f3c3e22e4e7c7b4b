"""The numbers of an export → its manifest.json, and what its config.cfg depends on."""

from collections import Counter
from importlib.metadata import version
from typing import Any

from labeling import __version__
from labeling.core.parts import warnings
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS, Part, Split
from labeling.studio.annotations import STATES, UNSUBMITTED, USES
from labeling.workflow.converting import (
    Corpus,
    Job,
    misalignment,
)
from labeling.workflow.options import Options
from labeling.workflow.plan import Plan
from labeling.workflow.sinks import Files

SPAN_OUTCOMES = ("exact", "trimmed", "repaired", "snapped", "shadowed", "dropped", "refused")
RELATION_OUTCOMES = ("exact", "changed", "dropped", "refused")
EXAMPLES = 3  # of what is the same in most spans


def manifest_of(
    files: Files,
    plan: Plan,
    split: Split,
    options: Options,
    schema: LabelSchema | None,
    source: str,
    training: dict[str, Any],
) -> dict[str, Any]:
    """The manifest that exports/README.md describes, but for the language and the checksums."""
    counts = files.counts
    documents: dict[Part, int] = {part: counts["documents", part] for part in PARTS}
    names = [*schema.labels] if schema else sorted({key[1] for key in counts if key[0] == "labels"})
    labels: dict[str, dict[Part, int]] = {
        name: {part: counts["labels", name, part] for part in PARTS} for name in names
    }
    wanted = [part for part, share in split.shares.items() if share]
    problems: Counter[str] = Counter()
    for key, number in counts.items():
        if key[0] == "problems":
            problems[key[2]] += number
    return {
        "versions": {"labeling": __version__, "spacy": version("spacy")},
        "source": source,
        "schema": _schema_stamp(schema),
        "options": options.model_dump(mode="json", exclude={"split", "jobs", "overwrite"})
        | {"choice": str(options.choice)},
        "tasks": {"in": sum(files.sums("tasks", STATES).values())} | files.sums("tasks", STATES),
        "annotations": {"in": counts["annotations", "in"]} | files.sums("annotations", USES),
        "unsubmitted": files.sums("annotations", UNSUBMITTED),
        "unused": files.sums("unused", ("spans", "relations")),
        "predictions": counts["predictions",],
        "predicted_by": files.named("predicted_by"),
        "documents": {"out": sum(documents.values())} | documents,
        "spans": files.sums("spans", ("in", *SPAN_OUTCOMES)),
        "relations": files.sums("relations", ("in", *RELATION_OUTCOMES)),
        "attributes": files.sums("attributes", ("in", "kept", "refused")),
        "repairs": files.named("readings"),
        "renamed": files.named("renamed"),
        "dropped": files.named("dropped"),
        "labels": labels,
        "tokens": counts["tokens",],
        "split": plan.report.model_dump(mode="json"),
        "training": training,
        "warnings": warnings(labels, documents, wanted=wanted),
        "problems": dict(problems.most_common()),
    }


def most_misaligned(files: Files, job: Job, plan: Plan) -> list[str]:
    """One line where most spans have no place, and every further one would say the same."""
    lost, total = files.counts["problems", "refused", "misaligned"], files.counts["spans", "in"]
    if 2 * lost <= total:
        return []
    rest = [problem for problem in files.shown if problem.reason == "misaligned"][EXAMPLES:]
    files.shown = [problem for problem in files.shown if problem not in rest]
    line = f"{lost:,} of {total:,} spans were refused, because their edges are inside of tokens (misaligned)."
    return [f"{line} {misalignment(job, plan.samples)}"]


def corpus_of(files: Files, options: Options) -> Corpus:
    """What a config depends on."""
    spans = files.sums("spans", ("exact", "trimmed", "repaired", "snapped", "shadowed"))
    lengths = {int(length): number for length, number in files.named("lengths").items()}
    return Corpus(sum(spans.values()), spans["shadowed"], lengths, options.train, files.counts["tokens",])


def _schema_stamp(schema: LabelSchema | None) -> dict[str, Any]:
    if schema is None:
        return {"name": None}
    names = {"labels": [*schema.labels], "relations": [*schema.relations]}
    return {"name": schema.name, "version": schema.version, "sha256": schema.sha256} | names
