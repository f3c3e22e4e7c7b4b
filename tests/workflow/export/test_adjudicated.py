"""Annotations by several people → one gold document with its provenance; what is open is unknown."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from labeling.core.adjudication import Conflict, Decision, settle
from labeling.core.labels import LabeledDoc, Provenance, Relation, Span
from labeling.core.sections import divided
from labeling.core.split import PARTS, Split
from labeling.formats.registry import FORMATS
from labeling.nlp.gold import from_doc
from labeling.settings import Workspace, init, open_workspace
from labeling.studio.annotations import Choice
from labeling.studio.tasks import to_result, to_tasks
from labeling.workflow.adjudicating.decisions import add_decisions
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
from labeling.workflow.export.report import Exported
from labeling.workflow.export.task_locations import read_task_locations
from tests.strategies import documents

TEXT = "Rebels attacked Tadmor on Friday, and the army fled to Kyiv."
WIDE = TEXT.replace("the army", "the  army\n")
CHOICE = Choice.parse("adjudicated")
NAMES = ("ann@example.org", "ben@example.org", "eva@example.org")


def doc(*spans: str, relations: tuple[tuple[str, str, str], ...] = (), text: str = TEXT) -> LabeledDoc:
    """`LABEL words` each; a span's id is its words."""
    found = []
    for span in spans:
        label, words = span.split(" ", 1)
        start = text.index(words)
        found.append(Span(id=words, start=start, end=start + len(words), label=label))
    links = tuple(Relation(head=head, tail=tail, label=label) for head, label, tail in relations)
    return LabeledDoc(doc_id="d", text=text, spans=tuple(found), relations=links)


def annotation(labelled: LabeledDoc, who: str = "ann", day: int = 1, user: int = 0, **fields: Any) -> dict[str, Any]:
    account = {"email": f"{who}@example.org"} | ({"id": user} if user else {})
    said = {"completed_by": account, "updated_at": f"2026-01-{day:02}T00:00:00Z"}
    return said | {"id": day, "result": to_result(labelled)} | fields


def task(*annotations: dict[str, Any], text: str = TEXT, doc_id: str = "d", number: int = 1) -> dict[str, Any]:
    data = {"text": text} | ({"doc_id": doc_id} if doc_id else {})
    return {"id": number, "project": 3, "data": data, "annotations": list(annotations)}


def export(workspace: Workspace, files: Sequence[list[dict[str, Any]]], **options: Any) -> Exported:
    """The export of these tasks, a list of them in each file."""
    paths = [workspace.folder / f"{number} ann@example.org.json" for number in range(len(files))]
    for path, tasks in zip(paths, files, strict=True):
        path.write_text(json.dumps(tasks), encoding="utf-8")
    schema = workspace.label_schema if workspace.is_initialised else None
    return export_files(workspace, paths, workspace.folder / "out", Options(**options), schema=schema)


def convert(workspace: Workspace, *files: list[dict[str, Any]], **options: Any) -> Exported:
    """The adjudicated export of these tasks."""
    done = export(workspace, files, choice=CHOICE, **options)
    check_sums(done)
    return done


def check_sums(done: Exported) -> None:
    """What exports/README.md says of an adjudicated export."""
    manifest = done.manifest
    for kind in ("tasks", "annotations", "spans", "relations", "attributes"):
        sums = dict(manifest[kind])
        assert sums.pop("in") == sum(sums.values()), (kind, manifest[kind])
    adjudication = manifest["adjudication"]
    for kind in ("spans", "relations"):
        sums = dict(adjudication[kind])
        assert sums.pop("into") == sum(sums.values()), (kind, adjudication)
        in_gold = adjudication[kind]["agreed"] + adjudication[kind]["adjudicated"]
        assert in_gold == sum(len(getattr(one, kind)) for one in docs_of(done))
        left_out = manifest["problems"].get("misaligned", 0) if kind == "spans" else 0
        assert in_gold == manifest[kind]["in"] - manifest[kind]["dropped"] - manifest[kind]["refused"] + left_out
    assert adjudication["documents"] == manifest["documents"]["out"] == len(docs_of(done))
    assert {*read_task_locations(done.folder)} == {one.doc_id for one in docs_of(done)}


def docs_of(done: Exported) -> list[LabeledDoc]:
    return read_documents(done.folder / "docs.jsonl")


def spacy_docs(done: Exported) -> list[Doc]:
    vocab = spacy.blank("en").vocab
    return [one for part in PARTS for one in DocBin().from_disk(done.folder / f"{part}.spacy").get_docs(vocab)]


def problems_of(done: Exported) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (done.folder / "problems.jsonl").read_text().split("\n") if line]


def told(labelled: LabeledDoc) -> list[str]:
    return [f"{span.label} {labelled.slice(span)}" for span in labelled.spans]


def decision(conflict: Conflict, *taken: int, text: str = TEXT, **fields: Any) -> Decision:
    """The options of these numbers are right, the others are not."""
    every = [option.marked for option in conflict.options]
    return Decision(
        key=conflict.key,
        doc_id="d",
        digest=LabeledDoc(doc_id="d", text=text).digest,
        kind=conflict.kind,
        taken=tuple(every[number] for number in taken),
        refused=tuple(one for number, one in enumerate(every) if number not in taken),
        **{"by": "eva@example.org", "at": "2026-02-01T00:00:00Z", "reason": "slip", "note": "see 3.2"} | fields,
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    init(tmp_path, split=Split(dev=0, test=0))
    return open_workspace(tmp_path)


REBELS, THE_ARMY, KYIV = "ACTOR Rebels", "ACTOR the army", "LOCATION Kyiv"


@pytest.mark.parametrize(
    ("files", "gold", "uses"),
    [
        pytest.param(
            [[task(annotation(doc(REBELS, KYIV)), annotation(doc(REBELS), "ben"))]],
            [[REBELS]],
            {"used": 2},
            id="two in a task",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS)))], [task(annotation(doc(REBELS, KYIV), "ben"), number=5)]],
            [[REBELS]],
            {"used": 2},
            id="a file each",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS)), doc_id="")], [task(annotation(doc(REBELS), "ben"), doc_id="other")]],
            [[REBELS]],
            {"used": 2},
            id="a file each, other ids",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS))), task(annotation(doc(REBELS), "ben"), number=2)]],
            [[REBELS]],
            {"used": 2},
            id="a task each",
        ),
        pytest.param([[task(annotation(doc(REBELS)))]], [], {"alone": 1}, id="one person"),
        pytest.param(
            [[task(annotation(doc(REBELS)), annotation(doc(KYIV), day=2))]],
            [],
            {"alone": 1, "older": 1},
            id="one person twice",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS), day=2))], [task(annotation(doc(KYIV)))]],
            [],
            {"alone": 1, "other-task": 1},
            id="one person in two files",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS)), annotation(doc(KYIV), "ben"))], [task(annotation(doc(KYIV), day=2))]],
            [[KYIV]],
            {"used": 2, "other-task": 1},
            id="the newest of each counts, in whichever file",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS)), annotation(doc(REBELS), "ben", was_cancelled=True))]],
            [],
            {"alone": 1},
            id="a skipped one was not annotated",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS)), annotation(doc(), "ben"))]],
            [[]],
            {"used": 1, "empty": 1},
            id="who found nothing disagrees",
        ),
        pytest.param(
            [
                [task(annotation(doc(REBELS, THE_ARMY)))],
                [task(annotation(doc(REBELS, "ACTOR the  army", text=WIDE), "ben"), text=WIDE, doc_id="other")],
            ],
            [[REBELS, THE_ARMY]],
            {"used": 2},
            id="texts that differ by white space",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS)), annotation(doc(REBELS), "ANN"))]],
            [],
            {"alone": 1, "older": 1},
            id="one name in two spellings",
        ),
        pytest.param(
            [[task(annotation(doc(REBELS), "ann", 1, user=5), annotation(doc(KYIV), "anna", 2, user=5))]],
            [],
            {"alone": 1, "older": 1},
            id="one account with two names",
        ),
        pytest.param(
            [
                [task(annotation(doc(REBELS), "ann", 1, user=5))],
                [task(annotation(doc(REBELS), "ben", 2, user=5))],
            ],
            [[REBELS]],
            {"used": 2},
            id="numbers of accounts of two servers",
        ),
    ],
)
def test_a_text_that_at_least_two_people_annotated_is_one_document(
    workspace: Workspace, files: list[list[dict[str, Any]]], gold: list[list[str]], uses: dict[str, int]
):
    done = convert(workspace, *files)
    assert [told(one) for one in docs_of(done)] == gold
    assert {name: n for name, n in done.manifest["annotations"].items() if n and name != "in"} == uses
    assert done.manifest["problems"].get("alone", 0) == uses.get("alone", 0)
    assert done.manifest["split"]["exact_copies"] == 0
    assert done.refused == 0


def test_each_span_and_relation_says_who_marked_it_and_who_decided_why(workspace: Workspace):
    one = doc(REBELS, THE_ARMY, "ACTION attacked", KYIV, relations=(("attacked", "agent", "Rebels"),))
    other = doc(REBELS, "ACTOR army", "ACTION attacked", relations=(("attacked", "agent", "Rebels"),))
    conflicts = settle({"ann": one, "ben": other}).conflicts
    add_decisions(workspace, [decision(conflicts[0], 1)])
    done = convert(workspace, [task(annotation(one), annotation(other, "ben"))])
    (gold,) = docs_of(done)
    assert told(gold) == [REBELS, "ACTION attacked", "ACTOR army"]
    names = {gold.slice(span): span.id for span in gold.spans}
    both = ("ann@example.org", "ben@example.org")
    said = {
        "decided_by": "eva@example.org",
        "decided_at": "2026-02-01T00:00:00Z",
        "reason": "slip",
        "note": "see 3.2",
    }
    assert set(gold.provenance) == {
        Provenance(span=names["Rebels"], by=both),
        Provenance(span=names["attacked"], by=both),
        Provenance(span=names["army"], by=("ben@example.org",), how="adjudicated", **said),
        Provenance(relation=(names["attacked"], names["Rebels"], "agent"), by=both),
    }
    assert [from_doc(made) for made in spacy_docs(done)] == [gold]
    assert done.manifest["adjudication"] == {
        "documents": 1,
        "spans": {"into": 5, "agreed": 2, "adjudicated": 1, "open": 1, "dropped": 1},
        "relations": {"into": 1, "agreed": 1, "adjudicated": 0, "open": 0, "dropped": 0},
    }
    (listed,) = problems_of(done)
    assert (listed["reason"], listed["text"], listed["action"]) == ("open-conflict", "Kyiv", "unused")
    assert listed["where"].endswith("0 ann@example.org.json#1")


def test_what_is_open_is_missing_in_training_and_what_all_left_out_is_not(workspace: Workspace):
    one = doc(REBELS, "ACTION attacked", "LOCATION Tadmor", KYIV, relations=(("attacked", "place", "Tadmor"),))
    other = doc(REBELS, "ACTION attacked", "LOCATION Tadmor")
    done = convert(workspace, [task(annotation(one), annotation(other, "ben"))])
    (made,) = spacy_docs(done)
    tags = {token.text: token.ent_iob_ for token in made}
    assert {word for word, tag in tags.items() if tag == ""} == {"Kyiv"}
    assert (tags["Rebels"], tags["Tadmor"], tags["army"]) == ("B", "B", "O")  # the spans are known, their relation not
    gold = from_doc(made)
    assert [gold.text[a:b] for a, b in gold.unknown] == ["attacked", "Tadmor", "Kyiv"]
    assert not gold.relations and done.manifest["adjudication"]["relations"]["open"] == 1
    assert {listed["reason"] for listed in problems_of(done)} == {"open-conflict"}


def test_answers_on_which_people_differ_are_counted_and_told(workspace: Workspace):
    def said(labelled: LabeledDoc, answer: str) -> LabeledDoc:
        spans = tuple(
            span.model_copy(update={"attributes": {"sure": {"choices": [answer]}}}) for span in labelled.spans
        )
        return labelled.model_copy(update={"spans": spans, "attributes": {"genre": {"choices": [answer]}}})

    done = convert(workspace, [task(annotation(said(doc(REBELS), "yes")), annotation(said(doc(REBELS), "no"), "ben"))])
    assert done.manifest["attributes"] == {"in": 2, "kept": 0, "differing": 2, "refused": 0}
    assert [(listed["reason"], listed["text"]) for listed in problems_of(done)] == [
        ("answers-differ", ""),
        ("answers-differ", "Rebels"),
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_part_of_a_long_article_is_settled_by_itself(workspace: Workspace, jobs: int):
    schema = workspace.label_schema
    sentence = "Rebels attacked soldiers. "
    starts = (0, 2 * len(sentence), 4 * len(sentence))
    text = (sentence * 6).strip()
    ends = [("ACTOR", 0, 6), ("ACTION", 7, 15)]
    spans = [
        Span(id=f"{label}{n}", start=n * len(sentence) + a, end=n * len(sentence) + b, label=label)
        for n in range(6)
        for label, a, b in ends
    ]
    links = tuple(Relation(head=f"ACTION{n}", tail=f"ACTOR{n}", label="agent") for n in range(6))
    whole = LabeledDoc(doc_id="long", text=text, spans=tuple(spans), relations=links)
    sections = list(divided(whole, starts))
    tasks = to_tasks(whole, "m", schema, starts)
    files: list[list[dict[str, Any]]] = [[], []]
    for number, (made, section) in enumerate(zip(tasks, sections, strict=True)):
        last = section.spans[-1].id
        kept = tuple(relation for relation in section.relations if relation.head != last)
        without = section.model_copy(update={"spans": section.spans[:-1], "relations": kept})
        files[0].append(made | {"id": number, "annotations": [annotation(section)]})
        if number != 1:  # ben did not do the second part
            files[1].append(made | {"id": 9 - number, "annotations": [annotation(without, "ben")]})
    first = settle(
        {
            "ann": sections[0],
            "ben": sections[0].model_copy(
                update={"spans": sections[0].spans[:-1], "relations": sections[0].relations[:1]}
            ),
        }
    )
    add_decisions(workspace, [decision(first.conflicts[0], 0, text=sections[0].text)])
    done = convert(workspace, *files, jobs=jobs)
    (gold,) = docs_of(done)
    assert gold.text == text and gold.doc_id == "long"
    assert [(span.start, span.label) for span in gold.spans] == [
        (span.start, span.label)
        for span in whole.spans
        if span.start < starts[1] or starts[2] <= span.start < spans[-1].start
    ]
    assert gold.unknown == ((starts[1], starts[2]), (spans[-1].start, spans[-1].end))
    assert {each.span for each in gold.provenance if each.span} == {span.id for span in gold.spans}
    assert {each.relation for each in gold.provenance if each.relation} == {
        (relation.head, relation.tail, relation.label) for relation in gold.relations
    }
    assert {each.span for each in gold.provenance if each.how == "adjudicated" and each.span} == {gold.spans[3].id}
    assert done.manifest["annotations"] | {"used": 4, "alone": 1} == done.manifest["annotations"]
    (listed,) = [one for one in problems_of(done) if one["reason"] == "open-conflict"]
    assert (listed["start"], listed["end"]) == (spans[-1].start, spans[-1].end)


@pytest.mark.parametrize("choose", ["all", "latest", "annotator=ben@example.org", "adjudicated"])
def test_with_pseudonyms_no_file_has_a_name(workspace: Workspace, choose: str):
    one, other = doc(REBELS, KYIV), doc("ACTOR Rebels attacked")
    found = settle({"ann": one, "ben": other}).conflicts
    add_decisions(workspace, [decision(found[0], 0, by="Eva@example.org", note="ben@example.org is right")])
    tasks = [
        task(annotation(one), annotation(one, day=2), annotation(other, "ben")),
        task(annotation(one, "ben", day=3), annotation(one, "ann", was_cancelled=True), number=2),
        task(annotation(doc(REBELS), "ann"), doc_id="e", text="Rebels left."),
    ]
    done = export(workspace, [tasks], choice=Choice.parse(choose), anonymous=True, formats=tuple(FORMATS))
    assert docs_of(done)
    for path in sorted(done.folder.rglob("*.*")):
        if path.suffix not in {".spacy", ".cfg"} and path.is_file():
            assert not [name for name in NAMES if name.encode() in path.read_bytes().lower()], path
    assert not [name for made in spacy_docs(done) for name in NAMES if name in made.user_data["labeling"]]
    if choose == "adjudicated":
        (gold,) = docs_of(done)
        assert {who for each in gold.provenance for who in each.by} == {"annotator 1", "annotator 2"}
        assert {each.decided_by for each in gold.provenance} == {"", "adjudicator 1"}
        assert {each.note for each in gold.provenance} == {"", "annotator 2 is right"}
    elif choose == "all":
        assert {one.doc_id for one in docs_of(done)} == {"d#annotator 1", "d#annotator 2", "e#annotator 1"}


@st.composite
def versions(draw: st.DrawFn) -> dict[str, LabeledDoc]:
    """What two or three people labelled in one text: some of the same spans, some with another label."""
    base = draw(documents())
    found = {}
    for name in NAMES[: draw(st.integers(2, 3))]:
        labels = {span.id: draw(st.sampled_from([span.label, span.label, "DATE", ""])) for span in base.spans}
        spans: dict[tuple[int, int, str], Span] = {}
        for span in base.spans:
            if label := labels[span.id]:
                spans.setdefault((span.start, span.end, label), span.model_copy(update={"label": label}))
        ids = {span.id for span in spans.values()}
        links = tuple(r for r in base.relations if {r.head, r.tail} <= ids and draw(st.booleans()))
        found[name] = LabeledDoc.of(base, tuple(spans.values()), links, attributes=base.attributes)
    return found


@settings(max_examples=25, deadline=None)
@given(versions(), st.data())
def test_what_was_settled_is_what_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, docs: dict[str, LabeledDoc], data: st.DataObject
):
    workspace = open_workspace(tmp_path_factory.mktemp("w"))
    text = docs[NAMES[0]].text
    decisions = [
        decision(conflict, data.draw(st.integers(0, len(conflict.options) - 1)), text=text)
        for conflict in settle(docs).conflicts
        if data.draw(st.booleans())
    ]
    workspace.state.mkdir()
    add_decisions(workspace, decisions)
    made = [annotation(labelled, who.partition("@")[0]) for who, labelled in docs.items()]
    done = convert(workspace, [task(*made, text=text, doc_id="doc")])
    expected = settle(docs, decisions)
    assert docs_of(done) == [expected.doc]
    assert [from_doc(one) for one in spacy_docs(done)] == [expected.doc]
    assert done.manifest["adjudication"]["spans"] == expected.spans.model_dump()
    assert done.manifest["adjudication"]["relations"] == expected.relations.model_dump()


def test_documents_of_earlier_versions_have_no_provenance():
    line = json.loads(doc(REBELS).model_dump_json())
    del line["provenance"]
    assert LabeledDoc.model_validate(line) == doc(REBELS)


def test_a_damaged_store_of_decisions_is_named(run: Any, workspace: Workspace):
    (workspace.folder / "in.json").write_text(json.dumps([task(annotation(doc(REBELS)))]))
    workspace.state.mkdir(exist_ok=True)
    (workspace.state / "decisions.jsonl").write_text("{}\n")
    done = run("convert", "in.json", "-o", "out", "--choose", "adjudicated")
    assert done.returncode == 2 and "Line 1 of" in done.stderr and "decisions.jsonl" in done.stderr


def test_the_report_says_what_became_of_the_labels(run: Any, workspace: Workspace):
    tasks = [
        task(annotation(doc(REBELS, KYIV)), annotation(doc(REBELS), "ben")),
        task(annotation(doc(REBELS), "ann"), doc_id="e", text="Rebels left."),
    ]
    (workspace.folder / "in.json").write_text(json.dumps(tasks))
    done = run("convert", "in.json", "-o", "out", "--choose", "adjudicated")
    assert done.returncode == 0, done.stderr
    assert "adjudication of 1 documents" in done.stdout and "agreed" in done.stdout
    assert "Left out: 1 annotation" in done.stdout + done.stderr
    assert "unknown in training" in done.stdout + done.stderr
