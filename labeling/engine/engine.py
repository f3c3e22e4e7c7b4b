"""What an engine is, and which one the settings ask for."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from pydantic import Field

from labeling.core.value import Value
from labeling.engine.chunks import Rescue
from labeling.engine.local import Local
from labeling.engine.on_ray import OnRay


class Map(Protocol):
    """Applies a function to chunks on all workers; the results come in the order of the chunks."""

    def __call__(
        self, function: Callable[[Any], Any], chunks: Iterable[Any], rescue: Rescue | None = None
    ) -> Iterator[Any]:
        """The results, in order; chunks are read only as far ahead as the workers can soon work on.

        A chunk whose worker is killed is done again, so the function must have no effect but its result. What it
        raises, the iterator raises.

        Args:
            function: Can be pickled, as can the chunks.
            chunks: Perhaps an endless stream.
            rescue: What to do about a chunk that kills four workers.

        Raises:
            InputError: A chunk kills the workers, and there is no `rescue`; or they are killed while they start.
        """
        ...


class Engine(Protocol):
    """Runs work on several workers.

    Attributes:
        workers: Their number.
    """

    @property
    def workers(self) -> int:
        """The number of workers."""
        ...

    @property
    def forks(self) -> bool:
        """Whether the workers are forked from this process, and have what it has loaded."""
        ...

    def for_little(self) -> "Engine":
        """The engine for work that is too little to share, or must not be shared among processes of one machine."""
        ...

    def started(self, begin: Callable[[], object] = int) -> AbstractContextManager[Map]:
        """A map over chunks, while the workers run; each calls `begin` before its first chunk.

        `begin` can be pickled; what it raises, the map raises.

        Raises:
            InputError: The engine is not installed, or nothing answers at its address.
        """
        ...


class EngineSettings(Value):
    """The table `[engine]` of `labeling.toml`."""

    kind: Literal["local", "ray"] = "local"
    workers: int | None = Field(default=None, ge=1)
    address: str = ""
    resources: dict[str, float] = Field(default_factory=dict)


def engine_of(settings: EngineSettings, workers: int | None = None) -> Engine:
    """The engine that the settings ask for; `workers` overrides their number, which is one a core by default."""
    workers = workers or settings.workers
    if settings.kind == "ray":
        return OnRay(workers, settings.address, dict(settings.resources))
    return Local(workers)
