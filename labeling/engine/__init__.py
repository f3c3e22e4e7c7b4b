"""An ordered, bounded map over chunks of work: everything that runs in several processes runs through it.

`local` runs it in processes of this machine, `on_ray` on a Ray cluster; nothing else knows which one it is.
"""

from labeling.engine.chunks import Rescue, in_chunks
from labeling.engine.engine import Engine, EngineSettings, Map, engine_of
from labeling.engine.local import Local, cores

__all__ = (
    "Engine",
    "EngineSettings",
    "Local",
    "Map",
    "Rescue",
    "cores",
    "engine_of",
    "in_chunks",
)
