"""Benches for drivers: the test itself plays the device, on a real port, in the manner that a question needs.

A driver's bench stands in `tests/contract/drivers_*.py`; `tests/contract/test_drivers.py` asks every bench the same.
"""

import asyncio
import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum, auto
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from model.errors import TransientError
from model.ports import Driver, Health
from support.context import MemoryContext

PATIENT_S = 5.0
"""For devices that answer: a busy machine must not look like a silent device."""
IMPATIENT_S = 0.15
"""For devices that shall be found silent."""

GARBAGE = Random(4).randbytes(48)
DEVICE = "d1"


class Manner(Enum):
    """How the device says its words."""

    WELL = auto()
    SILENT = auto()
    GARBAGE = auto()
    CORRUPT = auto()
    """Whole, with one bit changed on the way."""
    HALF = auto()
    SPLIT = auto()
    """In pieces of one byte, with pauses."""
    GLUED = auto()
    """Two words in one piece."""
    SLOW = auto()
    """Within the driver's patience."""
    LATE = auto()
    """After it."""
    STRANGER = auto()
    """Another device hangs there, which speaks another protocol."""


SOUND = {Manner.WELL, Manner.SPLIT, Manner.GLUED, Manner.SLOW}


class BenchContext(MemoryContext):
    """Memory, and the buses that the device hangs on."""

    def __init__(self) -> None:
        super().__init__(DEVICE)
        self.buses: dict[str, Any] = {}

    def bus(self, name: str) -> Any:
        return self.buses[name]


_benches: "list[type[Bench]]" = []


class Bench(ABC):
    """One device, and the hands that the questions need. Its words are numbered; each number is another value."""

    family: ClassVar[str]
    """The driver's folder under `drivers/`."""
    name: ClassVar[str]
    """Of the bench, in the folder's score card."""
    impatient: ClassVar[dict[str, object]] = {}
    """Constants of the driver that are made small where the device shall be found silent: dotted name -> value."""

    complaints: ClassVar[dict[str, str]]
    """The error codes of a port that is absent, busy or denied."""
    moments: ClassVar[int] = 20
    """At how many moments of its opening a run is cancelled, beside each of its first."""

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            _benches.append(cls)

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manner = Manner.WELL
        self.said: list[int] = []
        """The words that went out whole and sound."""
        self.asked = asyncio.Event()
        """The driver has spoken to the device."""
        self.late = 0
        """How many words went out late."""

    @abstractmethod
    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> Driver:
        """The driver as the settings would make it, on the bench's port unless another is named."""

    @abstractmethod
    def number(self, observation: Any) -> int | None:
        """Which word an observation tells; None where it has no value."""

    @abstractmethod
    async def plug(self) -> None:
        """The device is there, or there again."""

    @abstractmethod
    def unplug(self) -> None:
        """The device is gone, or not there yet."""

    @abstractmethod
    def next(self) -> None:
        """There is something new to say."""

    def turn(self, manner: Manner) -> None:
        """From now on the device says its words like this, beginning with a new one."""
        self.manner = manner
        self.next()

    def begun(self) -> bool:
        """Whether the driver has read what was said in the manner of the moment."""
        return True

    async def close(self) -> None:
        self.unplug()

    @property
    def absent(self) -> str:
        """A port that is not there."""
        return str(self.directory / "absent")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Somebody else has the port for himself. OSError where that cannot be."""
        yield

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The port is there, and we have no right to open it."""
        yield

    def told(self, context: BenchContext) -> list[int]:
        """The words that were observed. AssertionError where one was invented or came in another order."""
        told = [number for number in map(self.number, context.observations) if number is not None]
        assert set(told) <= set(self.said), f"told {told}, said {self.said}"
        assert told == sorted(told), f"told {told}"
        return told


@asynccontextmanager
async def kept(bench: Bench, patience_s: float = PATIENT_S) -> AsyncIterator[BenchContext]:
    """The driver at work as the supervisor keeps it, but for the supervisor's pauses."""
    context = BenchContext()
    driver = bench.driver(context, patience_s)

    async def keep() -> None:
        while True:
            try:
                await driver.run()
            except TransientError as err:
                context.health(Health.OFFLINE, err)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:  # a crash of the driver ends the test at once
        work = group.create_task(keep())
        yield context
        work.cancel()
    bench.told(context)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # the listing's own descriptor counts each time


@contextmanager
def nobody() -> Iterator[None]:
    """Root may open everything: the block runs without its rights."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if me == 0:
            os.seteuid(me)


def benches(directory: Path) -> list[type[Bench]]:
    """All that stand in `drivers_*.py` of that directory, and have a name."""
    for path in sorted(directory.glob("drivers_*.py")):
        importlib.import_module(f"{directory.name}.{path.stem}")
    return _benches
