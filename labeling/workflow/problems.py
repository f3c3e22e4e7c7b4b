"""The problems of a run, all of them, with memory that does not grow with their number."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from pydantic_core import core_schema

from labeling.core.problem import Problem
from labeling.workflow.spooled import Spooled


class Problems(Sequence[Problem]):
    """Problems in the order in which they were added; beyond a megabyte they are on disk.

    Attributes:
        counted: How many there are, by action and reason.
    """

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self.spooled = Spooled()
        self.extend(problems)

    def append(self, problem: Problem) -> None:
        """Add a problem."""
        self.counted[problem.action, problem.reason] += 1
        self.spooled.add(problem.model_dump_json().encode())

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several problems."""
        for problem in problems:
            self.append(problem)

    def first(self, most: int) -> Iterator[Problem]:
        """The first ones of each action and reason, at most so many."""
        left = Counter({kind: min(most, number) for kind, number in self.counted.items()})
        for problem in self if left.total() else ():
            kind = (problem.action, problem.reason)
            if left[kind]:
                left[kind] -= 1
                yield problem
                if not left.total():
                    return

    def __len__(self) -> int:
        return self.counted.total()

    def __iter__(self) -> Iterator[Problem]:
        return map(Problem.model_validate_json, self.spooled.lines())

    @overload
    def __getitem__(self, index: int) -> Problem: ...

    @overload
    def __getitem__(self, index: slice) -> list[Problem]: ...

    def __getitem__(self, index: int | slice) -> Problem | list[Problem]:
        return list(self)[index]  # reads all of them

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Problems({dict(self.counted)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> core_schema.CoreSchema:
        """In a report it is itself; the report's JSON has a list."""
        listed = core_schema.plain_serializer_function_ser_schema(
            lambda problems: [problem.model_dump(mode="json") for problem in problems]
        )
        return core_schema.is_instance_schema(cls, serialization=listed)
