"""Pseudonyms of everybody who annotated or adjudicated, the same in every report about a project."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from labeling.core.adjudication import Decision
from labeling.core.problem import Problem
from labeling.core.pseudonyms import pseudonyms, without_addresses
from labeling.studio.annotations import Rules, Task
from labeling.studio.exports import parse
from labeling.workflow.adjudicating.decisions import standing
from labeling.workflow.export.sources import Source


@dataclass(frozen=True)
class Anonymity:
    """The pseudonyms of people; none if people keep their names.

    Attributes:
        people: What somebody is called → the pseudonym.
        names: Each name that somebody has in the data, in lower case → the pseudonym.
    """

    people: dict[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source, rules: Rules, users: Mapping[int, str], decisions: Iterable[Decision]) -> "Anonymity":
        """The pseudonyms of all annotators in a source of tasks, and of those who decided."""
        called: set[str] = set()
        names: dict[str, str] = {}
        for record in source.records():
            with suppress(ValueError):  # whoever reads the tasks tells what is not one
                if not isinstance(record, Problem):
                    for each in Task(parse(record.data), rules, users).annotations:
                        called.add(each.annotator)
                        if each.kind == "named":
                            names |= {name: each.annotator for name in (each.annotator, each.written.lower()) if name}
        adjudicators = {one.by.lower() for one in standing(decisions)} - {""}
        people = pseudonyms(called, adjudicators)
        return cls(people, {name: people[who] for name, who in ({who: who for who in adjudicators} | names).items()})

    def decisions(self, decisions: Iterable[Decision]) -> list[Decision]:
        """The decisions, with pseudonyms of those who made them."""
        return [one.model_copy(update={"by": self.people.get(one.by.lower(), one.by)}) for one in decisions]

    def row(self, row: Iterable[str | int | None]) -> list[str | int | None]:
        """The row of a table without e-mail addresses; as it is if people keep their names."""
        if not self.people:
            return list(row)
        return [without_addresses(cell, self.names) if isinstance(cell, str) else cell for cell in row]
