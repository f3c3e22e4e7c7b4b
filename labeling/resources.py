"""The data that are shipped with the package: schemas and seeds."""

from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).parent


def resource(kind: Literal["schemas", "seeds"]) -> Path:
    """The folder of shipped data: in an installed package, or at the top of the repository."""
    inside = PACKAGE / "data" / kind
    return inside if inside.is_dir() else PACKAGE.parent / kind
