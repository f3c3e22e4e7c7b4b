"""What is worth knowing about the files of several people: labels that only some have, and notes in sentences."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.reasons import Reason
from labeling.core.schema import LabelSchema
from labeling.core.wording import listed

MOST = 5  # files that a sentence lists
# Whose details are sentences, few, and about everything that was read.
ABOUT_ALL: frozenset[Reason] = frozenset(
    {"one-person", "other-name", "deleted-account", "nameless-annotator", "label-in-some-files"}
)
# Of problems with single annotations, how many there are.
COUNTED: dict[Reason, str] = {
    "older-annotation": "Annotations that gave way to newer ones of the same person",
    "spacing-differs": "Annotations of a text with other white space, whose spans were moved",
}
LABELS: frozenset[Reason] = frozenset({"unknown-label", "illegal-relation"})


def labels_in_some_files(docs: Iterable[tuple[str, LabeledDoc]]) -> Iterator[Problem]:
    """Labels and relations that some files have and others lack, as exports of different schema versions do.

    Args:
        docs: Documents with their files. Files without any span tell nothing.
    """
    counted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    files: dict[str, set[str]] = {"label": set(), "relation": set()}
    for file, doc in docs:
        for kind, marked in (("label", doc.spans), ("relation", doc.relations)):
            for each in marked:
                counted[kind, each.label][file] += 1
                files[kind].add(file)
    for (kind, label), by_file in sorted(counted.items()):
        if lacking := sorted(files[kind] - by_file.keys()):
            detail = f"{kind} {label!r} occurs {_places(by_file)}, and never in {listed(lacking, MOST)}"
            detail += ": disagreement, unless the schema did not have it yet"
            yield Problem(reason="label-in-some-files", action="kept", detail=detail, label=label, where=min(by_file))


def notes(
    problems: Sequence[Problem], docs: Iterable[LabeledDoc], schema: LabelSchema | None, own: LabelSchema
) -> list[str]:
    """What is to be told of what was read, a sentence each.

    Args:
        problems: What was noted while reading.
        docs: What was read.
        schema: The schema whose labels are legal; None if all are.
        own: The workspace's.
    """
    said = [_sentence(problem.detail) for problem in problems if problem.reason in ABOUT_ALL]
    reasons = Counter(problem.reason for problem in problems)
    said += [f"{what}: {reasons[reason]:,}." for reason, what in COUNTED.items() if reasons[reason]]
    return said + (_refused(problems, schema) if schema else _not_in(docs, own))


def _refused(problems: Iterable[Problem], schema: LabelSchema) -> list[str]:
    """Labels and relations that were refused since the schema lacks them, with their files."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for problem in problems:
        known = schema.relations if problem.reason == "illegal-relation" else schema.labels
        if problem.reason in LABELS and problem.label and problem.label not in known:
            counted[problem.label][problem.where.rpartition("#")[0] or "the project"] += 1
    return [
        f"The schema lacks {label!r}, which was refused {_places(by_file)}."
        for label, by_file in sorted(counted.items())
    ]


def _not_in(docs: Iterable[LabeledDoc], own: LabelSchema) -> list[str]:
    """Labels that the workspace's schema lacks, if it has some of the others and so is meant."""
    spans, relations = Counter[str](), Counter[str]()
    for doc in docs:
        spans.update(span.label for span in doc.spans)
        relations.update(relation.label for relation in doc.relations)
    if spans.keys().isdisjoint(own.labels):
        return []
    lacking = {label: number for label, number in spans.items() if label not in own.labels}
    lacking |= {label: number for label, number in relations.items() if label not in own.relations}
    told = listed([f"{label!r} ({number:,} times)" for label, number in sorted(lacking.items())], MOST)
    return (
        [f"The workspace's schema lacks {told}; what only some people could use looks like disagreement."]
        if told
        else []
    )


def _places(by_file: Mapping[str, int]) -> str:
    return listed([f"{number:,} times in {file}" for file, number in sorted(by_file.items())], MOST)


def _sentence(detail: str) -> str:
    return f"{detail[:1].upper()}{detail[1:]}."
