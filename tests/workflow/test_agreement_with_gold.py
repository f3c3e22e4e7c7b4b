"""`labeling agreement --gold`."""

import json
from pathlib import Path
from typing import Any

import pytest

from labeling.core.adjudication import Decision, settle
from labeling.errors import InputError
from labeling.settings import Workspace, init, open_workspace
from labeling.studio.annotations import Choice, Rules
from labeling.studio.regions import Legend
from labeling.workflow.adjudicating.decisions import add_decisions
from labeling.workflow.agreement import agreement
from labeling.workflow.agreement_with_gold import WithGold
from labeling.workflow.export.sources import open_source
from labeling.workflow.progress import no_track
from labeling.workflow.shared_texts import SharedText, shared_texts
from tests.builders import Run, arrow

TEXT = "Rebels attacked the village of Tadmor on Friday. Police arrested nobody."
ANN, BEN, EVA = (f"{name}@example.org" for name in ("ann", "ben", "eva"))


def region(quote: str, label: str) -> dict[str, Any]:
    start = TEXT.index(quote)
    value = {"start": start, "end": start + len(quote), "text": quote, "labels": [label]}
    return {"id": quote, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


AGREED = [region("Rebels", "ACTOR"), region("attacked", "ACTION")]
OF_ANN = [*AGREED, region("village of Tadmor", "LOCATION"), region("Friday", "DATE"), arrow("Rebels", "attacked")]
OF_BEN = [*AGREED, region("Tadmor", "LOCATION"), region("Police", "LOCATION")]


def task(number: int = 1, day: str = "2026-01-05") -> dict[str, Any]:
    annotations = [
        {"completed_by": {"email": who}, "result": result, "updated_at": f"{day}T00:00:00Z"}
        for who, result in ((ANN, OF_ANN), (BEN, OF_BEN))
    ]
    data = {"text": f"{TEXT} Day {number}.", "doc_id": f"d{number}"}
    return {"id": number, "data": data, "annotations": annotations}


class Team:
    """A workspace, an export of two people, and decisions about what they differ on."""

    def __init__(self, folder: Path) -> None:
        init(folder / "w", title="Test project")
        self.workspace: Workspace = open_workspace(folder / "w")
        self.file = folder / "all.json"
        self.write(task())

    def write(self, *tasks: dict[str, Any]) -> None:
        self.file.write_text(json.dumps(tasks), encoding="utf-8")

    def texts(self) -> list[SharedText]:
        legend = Legend(label_schema=self.workspace.label_schema)
        with open_source([self.file]) as source:
            return shared_texts(source, Rules(legend=legend, choice=Choice(by="all")), {}, "", no_track, [])

    def decide(self, taken: set[str], *, by: str = EVA, only: str = "", **fields: Any) -> None:
        """Decide every open conflict, or those about one text: what has a label or words that are named is right."""
        made = []
        for text in self.texts():
            settled = settle(text.docs, (), self.workspace.label_schema)
            for conflict in settled.conflicts:
                sides: dict[bool, list[Any]] = {True: [], False: []}
                for option in conflict.options:
                    span: Any = option.marked if conflict.kind == "spans" else option.marked.head  # type: ignore[union-attr]
                    sides[settled.doc.text[span.start : span.end] in taken].append(option.marked)
                shown = settled.doc.text[conflict.start : conflict.end]
                if only in shown:
                    made.append(
                        Decision(
                            key=conflict.key,
                            doc_id=settled.doc.doc_id,
                            digest=settled.doc.digest,
                            kind=conflict.kind,
                            taken=tuple(sides[True]),
                            refused=tuple(sides[False]),
                            by=by,
                            at="2026-02-01T00:00:00Z",
                            **fields,
                        )
                    )
        add_decisions(self.workspace, made)

    def compared(self) -> WithGold:
        found = agreement(self.workspace, [self.file], schema=self.workspace.label_schema, gold=True)
        assert found.gold
        return found.gold


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def test_each_person_is_compared_with_what_was_decided(team: Team):
    team.decide({"Tadmor", "Friday", "attacked"})
    found = team.compared()
    assert (found.texts, found.spans, found.adjudicated, found.open) == (1, 4, 2, 0)
    ann, ben = found.people[ANN], found.people[BEN]
    assert (ann.kept, ann.missed, ann.invented, ann.texts) == (3, 1, 1, 1)
    assert (ben.kept, ben.missed, ben.invented) == (3, 1, 1)
    assert (ann.trimmed.f, ann.adjudicated.f) == (0.75, 0.5)
    location = ann.labels["LOCATION"]
    assert (location.precision, location.recall, location.f) == (0, 0, 0)
    assert (ben.labels["LOCATION"].precision, ben.labels["LOCATION"].recall) == (0.5, 1)
    assert ann.relations and ann.relations.f == 1 and ann.relation_labels["agent"].recall == 1
    assert ben.relations and ben.relations.recall == 0
    assert [(m.kind, m.label, m.said, m.count) for m in ann.mistakes] == [("edges", "LOCATION", "with “village of”", 1)]
    assert ann.mistakes[0].example == "village of Tadmor | Tadmor"
    assert ann.mistakes[0].meaning == team.workspace.label_schema.labels["LOCATION"].description
    assert [(m.kind, m.label) for m in ben.mistakes] == [
        ("invented", "LOCATION"),
        ("missed", "DATE"),
        ("missed relation", "agent"),
    ]
    assert "⟦Police⟧" in ben.mistakes[0].example and ben.mistakes[2].example == "attacked → Rebels"


def test_what_is_open_is_left_out_on_both_sides(team: Team):
    team.decide({"Tadmor"}, only="Tadmor")
    found = team.compared()
    assert (found.spans, found.adjudicated, found.open) == (3, 1, 3)  # Friday, Police and the arrow are open
    assert (found.people[ANN].kept, found.people[ANN].missed, found.people[ANN].invented) == (2, 1, 1)
    assert (found.people[BEN].kept, found.people[BEN].missed, found.people[BEN].invented) == (3, 0, 0)
    assert found.people[ANN].relations is None and found.people[BEN].relations is None
    assert "3 conflicts are open; what they are about is left out." in found.warnings


def test_without_decisions_there_is_no_gold(team: Team):
    with pytest.raises(InputError, match="has been adjudicated"):
        team.compared()


def test_why_there_may_be_no_gold_is_told(team: Team, run: Run):
    team.write(task(), {"odd": 1})
    done = run("agreement", team.file, "--gold", "-w", team.workspace.folder)
    assert done.returncode == 2 and "all.json#2: no task" in done.stderr and "labeling adjudicate" in done.stderr


def test_an_adjudicator_who_annotated_the_texts_is_told(team: Team):
    team.decide({"Tadmor"}, by=ANN)
    found = team.compared()
    assert (found.people[ANN].decided, found.people[BEN].decided) == (4, 0)
    assert f"{ANN} made 4 of the decisions on texts that {ANN} annotated: not independent gold." in found.warnings
    assert "Of 3 spans of the gold, 2 are gold because all agreed on them" in found.warnings[0]


def test_guideline_gaps_are_a_list(team: Team):
    team.decide({"Tadmor"}, only="Tadmor", reason="guideline gap", note="is “village of” part?", url="http://x/7")
    team.decide({"Friday"}, only="Friday", reason="slip")
    (gap,) = team.compared().gaps
    assert (gap.doc_id, gap.labels, gap.note, gap.by, gap.url) == (
        "d1",
        ("LOCATION",),
        "is “village of” part?",
        EVA,
        "http://x/7",
    )
    assert "⟦village of Tadmor⟧" in gap.text


@pytest.mark.parametrize(
    ("days", "names"),
    [
        (("2026-01-05", "2026-01-06"), ()),
        (("2026-01-05", "2026-01-12"), ("2026-W02", "2026-W03")),
        (("2026-01-05", "2026-12-12"), ("2026-01", "2026-12")),
        (("2026-01-05", "some day"), ()),
    ],
)
def test_figures_go_over_time(team: Team, days: tuple[str, ...], names: tuple[str, ...]):
    team.write(*(task(number, day) for number, day in enumerate(days, start=1)))
    team.decide({"Tadmor"})
    ann = team.compared().people[ANN]
    assert tuple(period.name for period in ann.periods) == names
    assert all((period.texts, period.f) == (1, ann.trimmed.f) for period in ann.periods)


def test_command_prints_tables_or_json(team: Team, run: Run):
    team.decide({"Tadmor"}, reason="guideline gap", note="part of a name?")
    done = run("agreement", team.file, "--gold", "-w", team.workspace.folder)
    assert done.returncode == 0, done.stderr
    for said in (
        "2 people against the gold of 1 texts",
        "LOCATION with “village of”",
        "What the schema says of these labels",
        "Guideline gaps that adjudicators noted",
        "part of a name?",
    ):
        assert said in done.stdout
    assert "Note: Of 3 spans of the gold, 2 are gold because all agreed on them" in done.stderr
    found = json.loads(run("agreement", team.file, "--gold", "--json", "-w", team.workspace.folder).stdout)["gold"]
    assert found["people"][ANN]["trimmed"]["f"] == 0.5714
    assert run("agreement", team.file, "--json", "-w", team.workspace.folder).stdout.count('"gold": null') == 1
