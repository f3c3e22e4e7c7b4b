"""Tasks that are to go from a project, without anything being deleted.

Label Studio has no conditional delete. Between the question whether anybody has begun a task and its deletion somebody
may submit, and the deletion takes the submitted annotation along. So such tasks move into a project of their own, with
all that is in them. What somebody begins all the same, before the move or after it, comes back.
"""

from collections.abc import Mapping, Sequence

from labeling.core.problem import Problem
from labeling.studio.client import Project, Stored
from labeling.workflow.importing.project_state import ProjectState


class SetAside:
    """What one project has set aside.

    Attributes:
        taken, returned: How many went, and how many came back.
    """

    def __init__(self, state: ProjectState) -> None:
        self.state, self.studio = state, state.studio
        self.taken = self.returned = 0
        self._place: Project | None = None

    @property
    def moved(self) -> int:
        """How many tasks the project has fewer by it."""
        return self.taken - self.returned

    @property
    def url(self) -> str:
        """Where they are; empty where nothing ever was set aside."""
        return self._place.url if self._place else ""

    def take(self, task_ids: Sequence[int]) -> int:
        """How many of the tasks were set aside; those that someone has begun by now stay."""
        free: list[int] = self.state.ask(self.studio.unbegun, self.state.there, task_ids) if task_ids else []
        if free:
            self._place = self._place or self.state.ask(self.studio.make_aside, self.state.there)
            self.state.ask(self.studio.move, self.state.there, self._place, free)
            self.taken += len(free)
        return len(free)

    def bring_back(self) -> dict[str, Problem]:
        """What someone has begun although it was set aside is in the project again: a problem for each, by doc_id.

        The text that someone has begun stays. Another one of the same article, which nobody has begun, gives way.
        """
        doc_ids: set[str] = set()
        places: Sequence[Project] = self.state.ask(self.studio.asides, self.state.there)
        for place in places:
            begun: Mapping[int, str] = self.state.ask(self.studio.begun, place)
            self.state.ask(self.studio.move, place, self.state.there, list(begun))
            self.returned += len(begun)
            doc_ids.update(begun.values())
        self._place = self._place or next(iter(places), None)
        return self.give_way(self.state.look_up(sorted(doc_ids - {""})))

    def give_way(self, found: Mapping[str, Stored], wanted: Mapping[str, str] | None = None) -> dict[str, Problem]:
        """Where another text than the wanted one was begun, it stays, and what nobody has begun is set aside.

        Args:
            found: Articles, by doc_id.
            wanted: The digests of the texts that they are to have; without it, whatever is begun stays.

        Returns:
            A problem for each article of which something was begun that was to go.
        """
        problems: dict[str, Problem] = {}
        for doc_id, stored in found.items():
            copies = (stored, *stored.twins)
            begun = [copy for copy in copies if copy.begun and copy.digest != (wanted or {}).get(doc_id)]
            if begun:
                gone = self.take([copy.task_id for copy in copies if not copy.begun and copy.digest])
                problems[doc_id] = self._problem(doc_id, copies, begun[0].task_id, gone)
        if problems:
            self.state.look_up(list(problems))
        return problems

    def _problem(self, doc_id: str, copies: Sequence[Stored], task_id: int, gone: int) -> Problem:
        others = sum(copy.begun for copy in copies) - 1
        end = f"{others} more of its tasks are begun, and stay too" if others else "its other text was not taken"
        is_same = len({copy.digest for copy in copies}) == 1
        return Problem(
            reason="begun-meanwhile",
            action="kept" if is_same else "refused",
            detail="someone began to label it while it was to go, so it stays"
            + (f"; {end}" if others or (gone and not is_same) else ""),
            doc_id=doc_id,
            where=self.state.url(task_id),
            url=self.state.url(task_id),
        )
