"""How a benchmark is to run."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """`directory` is the benchmark's own and empty; it is removed afterwards."""

    directory: Path
    quick: bool = False
    spy: Path | None = None
    """Where py-spy is, if it may show the time of a target that is missed."""
    peer: Path | None = None
    """The Python of the peer's environment."""

    def pick(self, whole: T, quick: T) -> T:
        """A size for a measurement, or for showing in seconds that it still runs."""
        return quick if self.quick else whole
