"""Setting tasks aside: removing them from a project without deleting anything.

Label Studio has no conditional delete. Between the check whether anybody has begun a task and its deletion somebody may
submit, and the submitted annotation would be deleted, too. So such tasks are moved to a project of their own, with
everything in them. Those that somebody has begun all the same, before or after the move, are moved back.
"""

from collections.abc import Mapping, Sequence

from labeling.core.problem import Problem
from labeling.studio.client import Project, Stored
from labeling.workflow.importing.project_state import ProjectState


class SetAside:
    """The tasks that a project has set aside.

    Attributes:
        taken, returned: How many were set aside, and how many were moved back.
    """

    def __init__(self, state: ProjectState) -> None:
        self.state, self.studio = state, state.studio
        self.taken = self.returned = 0
        self._place: Project | None = None

    @property
    def moved(self) -> int:
        """By how many tasks the project shrank."""
        return self.taken - self.returned

    @property
    def url(self) -> str:
        """The address of the tasks; "" if nothing was ever set aside."""
        return self._place.url if self._place else ""

    def take(self, task_ids: Sequence[int]) -> int:
        """Set aside the tasks that nobody has begun by now; how many were."""
        free: list[int] = self.state.ask(self.studio.unbegun, self.state.there, task_ids) if task_ids else []
        if free:
            self._place = self._place or self.state.ask(self.studio.make_aside, self.state.there)
            self.state.ask(self.studio.move, self.state.there, self._place, free)
            self.taken += len(free)
        return len(free)

    def bring_back(self) -> dict[str, Problem]:
        """Move back tasks that someone has begun; a problem for each, by doc_id.

        The begun text stays. Other texts of the article that nobody has begun are set aside.
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
        """Keep texts that someone has begun, although they are not the wanted ones, and set aside the others.

        Args:
            found: Articles, by doc_id.
            wanted: The digests of the texts that they should have; without it, every begun text is kept.

        Returns:
            A problem for each article with such a text, by doc_id.
        """
        problems: dict[str, Problem] = {}
        for doc_id, stored in found.items():
            copies = (stored, *stored.twins)
            begun = [copy for copy in copies if copy.begun and copy.digest != (wanted or {}).get(doc_id)]
            if begun:
                gone = self.take(
                    [number for copy in copies if not copy.begun and copy.digest for number in copy.task_ids]
                )
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
            detail="someone began to label it while it was being set aside, so it stays"
            + (f"; {end}" if others or (gone and not is_same) else ""),
            doc_id=doc_id,
            where=self.state.url(task_id),
            url=self.state.url(task_id),
        )
