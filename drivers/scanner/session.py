"""One connection to a serial scanner, whatever it speaks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from drivers.common.line import Condition, Line
from drivers.scanner.config import ScannerConfig
from drivers.scanner.reading import Reader
from model.ports import Context


@dataclass(eq=False)
class Session(ABC):
    config: ScannerConfig
    context: Context
    condition: Condition
    line: Line
    reader: Reader

    @abstractmethod
    async def run(self) -> None:
        """Raises TransientError."""

    @abstractmethod
    async def trigger(self, on: bool) -> None:
        """As `model.ports.Triggering`."""
