"""The gateway's side of a driver, in memory: what it emitted, what it committed, how it said it was."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from model.errors import DriverError
from model.observation import Observation
from model.ports import Driver, Health
from model.time import Clock, Stamp, TimeQuality

HANG_S = 60.0
"""What a test waits for and has not come by then does not come any more: a busy machine is slow, not wrong."""


class SystemClock:
    """The real clocks, which a test may push forward by `ahead_us`, and the wall clock alone by `stepped_us`."""

    boot = "boot"
    ahead_us = 0
    stepped_us = 0
    tq = TimeQuality("unknown")

    def now(self) -> Stamp:
        wall = time.time_ns() // 1000 + self.ahead_us + self.stepped_us
        return Stamp(self.boot, wall, self.tq, self.mono())

    def mono(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + self.ahead_us


class HeldClock(SystemClock):
    """No time passes but what the test adds in `ahead_us`."""

    def mono(self) -> int:
        return self.ahead_us


class MemoryContext:
    """`committing`, where set, runs before a commit returns: it may wait or raise."""

    def __init__(self, device: str, clock: SystemClock | None = None) -> None:
        self.device = device
        self.time = clock or SystemClock()
        self.clock: Clock = self.time
        self.observations: list[Any] = []
        self.committed: list[Any] = []
        self.healths: list[tuple[Health, str | None]] = []
        self.problem: DriverError | None = None
        self.committing: Callable[[Observation], Any] | None = None
        self._changed = asyncio.Event()

    def emit(self, observation: Observation) -> None:
        self.observations.append(observation)
        self._changed.set()

    async def commit(self, observation: Observation) -> int:
        if self.committing:
            await self.committing(observation)
        self.committed.append(observation)
        self.emit(observation)
        return len(self.committed)

    def health(self, health: Health, error: DriverError | None = None) -> None:
        self.problem = error
        said = (health, error.code if error else None)
        if self.healths[-1:] != [said]:
            self.healths.append(said)
            self._changed.set()

    def bus(self, name: str) -> Any:
        raise KeyError(name)

    async def until(self, true: Callable[[], object], seconds: float = HANG_S) -> None:
        """Wait until something that the driver told makes it true. TimeoutError."""
        async with asyncio.timeout(seconds):
            while not true():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def running(driver: Driver) -> AsyncIterator[None]:
    """`run()` beside the block, cancelled at its end; an error of the driver is raised there."""
    task = asyncio.create_task(driver.run())
    try:
        yield
    finally:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


async def until(true: Callable[[], object], seconds: float = HANG_S) -> None:
    """Wait until something that only a look can tell, such as a simulator's log, is true. TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  another process makes it true
            await asyncio.sleep(0.01)
