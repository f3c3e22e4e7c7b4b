"""The order in which annotators get their tasks."""

from typing import Literal

# Lowest prediction score first; as they were imported; at random.
Order = Literal["uncertain", "sequential", "random"]
