"""`labeling agreement`: annotations of the same texts by several people → how far they agree, and where not."""

import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from labeling.core.agreement import MATCHES, Counts, Difference, Names, counts, differences, names_of, trimmed
from labeling.core.alpha import Disagreement, Unit, disagreement
from labeling.core.bootstrap import f_scores
from labeling.core.problem import Problem
from labeling.core.pseudonyms import anonymised, without_addresses, without_names
from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.core.wording import first_lines
from labeling.errors import InputError
from labeling.files import atomic_file, write_atomic
from labeling.formats.parquet import require_pyarrow
from labeling.formats.spreadsheet import write_rows
from labeling.settings import Workspace
from labeling.studio.annotations import Choice, Rules
from labeling.studio.regions import Legend
from labeling.workflow.adjudicating.decisions import read_decisions
from labeling.workflow.agreement_with_gold import WithGold, with_gold
from labeling.workflow.anonymity import Anonymity
from labeling.workflow.independence import Dependence, Haste, dependent, hasty
from labeling.workflow.progress import Track, no_track
from labeling.workflow.rates import FEW, Rate, f_rates
from labeling.workflow.reading_notes import notes
from labeling.workflow.refreshing import Say, silent
from labeling.workflow.shared_texts import SharedText, by_several, opened_tasks, shared_texts

SPAN_COLUMNS = {"label": str, "start": int, "end": int, "text": str}
# Of the file of disagreements. The spans are those of the two people, or head and tail of a relation.
COLUMNS: dict[str, type] = {
    **dict.fromkeys(("doc_id", "task", "one", "other", "kind", "relation", "marked_by_one", "marked_by_other"), str),
    **{f"{side}_{name}": kind for side in ("first", "second") for name, kind in SPAN_COLUMNS.items()},
    "context": str,
}
CONTEXT = 60  # characters before and after the beginning
LISTED = 10  # confusions, edges and documents that the report names
Pair = tuple[str, str]


class Spans(Value):
    """Agreement on spans, by kind of match (`labeling.core.agreement`), and Krippendorff's alpha for unitizing."""

    exact: Rate
    trimmed: Rate
    iou50: Rate
    overlap: Rate
    alpha_u: float | None


class AllSpans(Spans):
    """Agreement on all spans; `unlabelled` compares edges only."""

    unlabelled: Rate


class PairAgreement(Value):
    """The agreement of two people on the documents that both did: F by kind of match."""

    a: str
    b: str
    documents: int
    exact: float | None
    trimmed: float | None
    overlap: float | None


class PersonAgreement(Value):
    """The agreement of one person with everybody else: documents shared with somebody, and F by kind of match."""

    documents: int
    exact: Rate
    trimmed: Rate
    overlap: Rate


class ArmAgreement(Value):
    """Agreement on the texts that everybody started with predictions, or that everybody started from an empty page."""

    documents: int
    exact: Rate
    trimmed: Rate


class Relations(Value):
    """Agreement on relations: F of all, of those whose ends agree, and by label."""

    f: float | None
    f_given_ends: float | None
    low: float | None = None
    high: float | None = None
    labels: dict[str, Rate] = Field(default_factory=dict)


class Events(Value):
    """Agreement on events: F of triggers, of arguments where the trigger agrees, and of whole events."""

    trigger_f: float | None
    argument_f: float | None
    exact: float | None


class Confusion(Value):
    """How often one person gave a span one label and another person the other label."""

    labels: tuple[str, ...]
    count: int
    example: str = ""


class EdgeDifference(Value):
    """Words at the edge of a span that one person marked and another did not, and how often."""

    words: str
    count: int
    example: str = ""


class DocumentAgreement(Value):
    """A document on which people agree little: F of its spans, edges trimmed, and where it is."""

    doc_id: str
    annotators: tuple[str, ...]
    trimmed: float
    where: str = ""


class Agreement(Value):
    """How far people agree.

    Attributes:
        annotators: Who has annotated something, whether anybody else did or not.
        documents: Documents that at least two people annotated; only these count.
        alone: Documents that only one person annotated.
        spans, labels: Agreement on spans: on all, and by label.
        pairs, people: By pair of people, and of each person with all others.
        arms: `with_prefill` and `without_prefill`; empty unless there are texts of both kinds.
        relations, events: Agreement on these; None where nobody drew a relation.
        confusions: The most frequent pairs of labels on the same edges.
        edge_words: The most frequent words at edges that differ.
        least: The documents with the least agreement.
        dependent: Pairs of people whose work is not independent.
        hasty: People who submitted texts faster than anybody reads.
        gold: Agreement of each person with the adjudicated gold; None if nobody asked.
        problems: What could not be read, or was refused.
        warnings: What makes the figures less sure, a sentence each.
    """

    annotators: tuple[str, ...]
    documents: int
    alone: int
    spans: AllSpans
    labels: dict[str, Spans]
    pairs: tuple[PairAgreement, ...]
    people: dict[str, PersonAgreement]
    arms: dict[str, ArmAgreement] = Field(default_factory=dict)
    relations: Relations | None = None
    events: Events | None = None
    confusions: tuple[Confusion, ...] = ()
    edge_words: tuple[EdgeDifference, ...] = ()
    least: tuple[DocumentAgreement, ...] = ()
    dependent: tuple[Dependence, ...] = ()
    hasty: tuple[Haste, ...] = ()
    gold: WithGold | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


def agreement(
    workspace: Workspace,
    paths: Sequence[Path | str] = (),
    *,
    schema: LabelSchema | None,
    output: Path | None = None,
    gold: bool = False,
    anonymous: bool = False,
    offline: bool = False,
    track: Track = no_track,
    say: Say = silent,
) -> Agreement:
    """How far the annotators of exported files agree, or of the workspace's project where no file is named.

    Args:
        workspace: The workspace.
        paths: Exports of Label Studio, or folders of `labeling pull`.
        schema: The schema whose labels are legal, and whose relations start at events; None accepts all labels.
        output: A file for every disagreement, a row each; its name ends in .csv or .parquet.
        gold: Whether to compare each person with the adjudicated gold, too.
        anonymous: Whether people are called by pseudonyms: `annotator 1`.
        offline: Whether to take the project as of the last pull.
        track: Shows the progress.
        say: Is told what a pull notes.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: Offline, and nothing was pulled yet; nothing was annotated by two people; or a file cannot be
            used or written.
    """
    if output and output.suffix not in {".csv", ".parquet"}:
        raise InputError(f"Cannot tell what to write to {output}.", "Name a file that ends in .csv or .parquet.")
    if output and output.suffix == ".parquet":
        require_pyarrow("parquet")
    problems: list[Problem] = []
    decisions = read_decisions(workspace) if gold else ()
    tell: Say = (lambda text: say(without_addresses(text, {}))) if anonymous else say
    with opened_tasks(workspace, paths, offline=offline, track=track, say=tell) as (source, users, url):
        rules = Rules(legend=Legend(label_schema=schema), choice=Choice(by="all"))
        hidden = Anonymity.of(source, rules, users, decisions) if anonymous else Anonymity()
        texts = shared_texts(source, rules, users, url, track, problems, hidden.people)
    people = tuple(sorted({name for text in texts for name in text.docs}))
    docs = [doc for text in texts for doc in text.docs.values()]
    read = notes(problems, docs, schema, workspace.label_schema)

    def explain() -> None:
        """Tell what else was found, where there is no report that could."""
        refused = [f"{p.where}: {p.detail}" for p in problems if p.action == "refused"]
        for line in (*read, *first_lines(refused, LISTED)):
            say(f"Note: {without_names(line, hidden.names) if anonymous else line}")

    try:
        shared = by_several(texts)
    except InputError:
        explain()
        raise
    if output:
        tell(f"{_write(shared, output, hidden):,} disagreements are in {output}.")
    triggers = {label for relation in schema.relations.values() for label in relation.head} if schema else set()
    names = names_of((doc for text in shared for doc in text.docs.values()), triggers)
    found = _measured(shared, names, people, len(texts) - len(shared), tuple(hasty(texts)), problems)
    try:
        judged = with_gold(shared, hidden.decisions(decisions), schema, workspace.label_schema) if gold else None
    except InputError:
        explain()
        raise
    found = found.model_copy(update={"warnings": (*found.warnings, *read), "gold": judged})
    return anonymised(found, hidden.names) if anonymous else found


def _measured(
    shared: Sequence[SharedText],
    names: Names,
    annotators: tuple[str, ...],
    alone: int,
    haste: tuple[Haste, ...],
    problems: list[Problem],
) -> Agreement:
    pairs: dict[Pair, list[tuple[int, Counts]]] = {}
    for number, text in enumerate(shared):
        for a, b in combinations(sorted(text.docs), 2):
            pairs.setdefault((a, b), []).append((number, counts(text.docs[a], text.docs[b], names)))
    every = [found for some in pairs.values() for found in some]
    size = len(shared)

    def summed(found: Iterable[tuple[int, Counts]], of: str) -> Any:
        some = list(found)
        out = np.zeros((size, *getattr(every[0][1], of).shape), dtype=np.int64)
        for number, each in some:
            out[number] += getattr(each, of)
        return out

    spans, unlabelled = summed(every, "spans"), summed(every, "unlabelled")
    unlabelled_rate = f_rates(unlabelled, {0: 0})[0]
    alphas = _alphas(shared, pairs, names)
    of_all = f_rates(spans.sum(axis=2), {kind: number for number, kind in enumerate(MATCHES)})
    places = list(product(MATCHES, names.labels))
    by_label = f_rates(spans.reshape(size, -1, 3), {place: number for number, place in enumerate(places)})
    labels = {
        label: Spans(**{kind: by_label[kind, label] for kind in MATCHES}, alpha_u=alphas[label])
        for label in names.labels
    }
    people = {}
    for name in annotators:
        mine = [found for pair, some in pairs.items() if name in pair for found in some]
        if mine:
            rates = f_rates(summed(mine, "spans").sum(axis=2), {kind: n for n, kind in enumerate(MATCHES)})
            documents = len({number for number, _ in mine})
            people[name] = PersonAgreement(
                documents=documents, exact=rates["exact"], trimmed=rates["trimmed"], overlap=rates["overlap"]
            )
    warnings = []
    if size < FEW:
        warnings.append(f"Only {size} texts were annotated by two people, so the figures and intervals are unsure.")
    arms = _arms(shared, spans.sum(axis=2))
    warnings += _difference_of(arms)
    copies = tuple(dependent(shared, pairs))
    warnings += [each.sentence for each in copies]
    warnings += [each.sentence for each in haste if each.sentence]
    relations, events = _relations(summed, every, names) if names.relations else (None, None)
    return Agreement(
        annotators=annotators,
        documents=size,
        alone=alone,
        spans=AllSpans(**of_all, unlabelled=unlabelled_rate, alpha_u=alphas[""]),
        labels=labels,
        pairs=tuple(_pair(pair, some) for pair, some in sorted(pairs.items())),
        people=people,
        arms=arms,
        relations=relations,
        events=events,
        **_examples(shared),
        least=_least(shared, spans),
        dependent=copies,
        hasty=haste,
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def _f(found: Any) -> float | None:
    value = float(f_scores(found))
    return None if math.isnan(value) else round(value, 4)


def _pair(pair: Pair, found: Sequence[tuple[int, Counts]]) -> PairAgreement:
    sums = sum(each.spans.sum(axis=1) for _, each in found)
    exact, trim, _, overlap = (_f(sums[number]) for number in range(len(MATCHES)))
    return PairAgreement(a=pair[0], b=pair[1], documents=len(found), exact=exact, trimmed=trim, overlap=overlap)


def _relations(summed: Any, every: Any, names: Names) -> tuple[Relations, Events]:
    found, given = summed(every, "relations"), summed(every, "given_ends")
    of_all = f_rates(found.sum(axis=1, keepdims=True), {0: 0})[0]
    labels = f_rates(found, {label: number for number, label in enumerate(names.relations)})
    events = summed(every, "events").sum(axis=0)
    return (
        Relations(**of_all.model_dump(), f_given_ends=_f(given.sum(axis=(0, 1))), labels=labels),
        Events(trigger_f=_f(events[0]), argument_f=_f(events[1]), exact=_f(events[2])),
    )


def _arms(shared: Sequence[SharedText], spans: Any) -> dict[str, ArmAgreement]:
    """Agreement by what people started from, of counts of the shape (documents, kinds of match, 3)."""
    found = {}
    for name, is_prefilled in (("with_prefill", True), ("without_prefill", False)):
        rows = [n for n, text in enumerate(shared) if all(text.prefilled[who] is is_prefilled for who in text.docs)]
        if rows:
            rates = f_rates(spans[rows], {kind: MATCHES.index(kind) for kind in ("exact", "trimmed")})
            found[name] = ArmAgreement(documents=len(rows), **rates)
    return found if len(found) > 1 else {}


def _difference_of(arms: Mapping[str, ArmAgreement]) -> Iterator[str]:
    """What the arms say; nothing where one is small, or their intervals have something in common."""
    if not arms or min(arm.documents for arm in arms.values()) < FEW:
        return
    within, without = arms["with_prefill"].exact, arms["without_prefill"].exact
    for one, other, more in ((within, without, "more"), (without, within, "less")):
        if one.low is not None and other.high is not None and one.low > other.high:
            sure = [f"{rate.low:.3f} to {rate.high:.3f}" for rate in (within, without)]
            yield (
                f"People agree {more} where they start from predictions (exact F {sure[0]}) than from an empty page "
                f"({sure[1]})."
            )


def _alphas(shared: Sequence[SharedText], pairs: Mapping[Pair, Any], names: Names) -> dict[str, float | None]:
    """Alpha by label, and of all under "": over pairs of people, the texts that both did joined end to end."""
    sums = {label: [0.0, 0.0] for label in ("", *names.labels)}
    for (a, b), found in pairs.items():
        texts = [shared[number] for number, _ in found]
        length = sum(len(text.docs[a].text) for text in texts)
        for label in names.labels:
            each = disagreement([_units(texts, who, label) for who in (a, b)], 0, length)
            for name in ("", label):
                sums[name][0] += length * each.observed
                sums[name][1] += length * each.expected
    alphas = {name: Disagreement(*both).alpha for name, both in sums.items()}
    return {name: None if math.isnan(value) else round(value, 4) for name, value in alphas.items()}


def _units(texts: Sequence[SharedText], who: str, label: str) -> list[Unit]:
    """The stretches that somebody marked with a label, in the joined texts; overlapping ones are one."""
    units: list[Unit] = []
    offset = 0
    for text in texts:
        for span in text.docs[who].spans:
            if span.label == label:
                start, end = span.start + offset, span.end + offset
                if units and start < units[-1][1]:
                    units[-1] = units[-1][0], max(units[-1][1], end)
                else:
                    units.append((start, end))
        offset += len(text.docs[who].text)
    return units


def _differing(shared: Sequence[SharedText]) -> Iterator[tuple[SharedText, Pair, Difference]]:
    for text in shared:
        for pair in combinations(sorted(text.docs), 2):
            for found in differences(*(text.docs[who] for who in pair)):
                yield text, pair, found


def _examples(shared: Sequence[SharedText]) -> dict[str, Any]:
    """On which labels and on which words at edges people differ most."""
    confused: Counter[tuple[str, ...]] = Counter()
    words: Counter[str] = Counter()
    examples: dict[Any, str] = {}
    for text, pair, found in _differing(shared):
        doc, x, y = text.docs[pair[0]], found.mine, found.theirs
        if x is None or y is None:
            continue
        if found.kind == "label":
            labels = tuple(sorted((x.label, y.label)))
            confused[labels] += 1
            examples.setdefault(labels, doc.slice(x))
        else:
            (start, end), (first, last) = trimmed(doc.text, x), trimmed(doc.text, y)
            for low, high in (sorted((start, first)), sorted((end, last))):
                if said := doc.text[low:high].strip().lower():
                    words[said] += 1
                    examples.setdefault(said, f"{doc.slice(x)} | {doc.slice(y)}")
    return {
        "confusions": tuple(
            Confusion(labels=key, count=number, example=examples[key]) for key, number in confused.most_common(LISTED)
        ),
        "edge_words": tuple(
            EdgeDifference(words=key, count=number, example=examples[key]) for key, number in words.most_common(LISTED)
        ),
    }


def _write(shared: Sequence[SharedText], output: Path, hidden: Anonymity) -> int:
    """Write every disagreement to the file; how many there are."""
    rows = [hidden.row(_row(*each)) for each in _differing(shared)]
    if output.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = {
            name: pa.array([row[place] for row in rows], pa.int64() if kind is int else pa.string())
            for place, (name, kind) in enumerate(COLUMNS.items())
        }
        with atomic_file(output) as file:
            pq.write_table(pa.table(columns), file)
    else:
        text = io.StringIO()
        write_rows(text, [tuple(COLUMNS), *(["" if cell is None else cell for cell in row] for row in rows)], raw=False)
        write_atomic(output, text.getvalue())
    return len(rows)


def _row(text: SharedText, pair: Pair, found: Difference) -> list[str | int | None]:
    doc = text.docs[pair[0]]
    spans: list[str | int | None] = []
    for span in (found.mine, found.theirs) if found.kind != "relation" else (found.head, found.tail):
        spans += [span.label, span.start, span.end, doc.slice(span)] if span else ["", None, None, ""]
    who = [pair[0] if found.mine else "", pair[1] if found.theirs else ""]
    start = min(span.start for span in (found.mine, found.theirs, found.head) if span)
    context = doc.text[max(0, start - CONTEXT) : start + CONTEXT].replace("\n", " ")
    where = text.where[pair[0]]
    return [doc.doc_id, where, *pair, found.kind, found.label, *who, *spans, context]


def _least(shared: Sequence[SharedText], spans: Any) -> tuple[DocumentAgreement, ...]:
    found = f_scores(spans[:, MATCHES.index("trimmed")].sum(axis=1))
    order = sorted((value, number) for number, value in enumerate(found) if not math.isnan(value))
    return tuple(
        DocumentAgreement(
            doc_id=next(iter(shared[number].docs.values())).doc_id,
            annotators=tuple(sorted(shared[number].docs)),
            trimmed=round(float(value), 4),
            where=next(iter(shared[number].where.values())),
        )
        for value, number in order[:LISTED]
    )
