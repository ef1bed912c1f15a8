"""Keeps every driver and bus running: back-off after a transient error, stop and tell after a permanent one."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from drivers.common.tap import TAPS, Tap
from gateway.settings.schema import Configured
from model.errors import DriverError, PermanentError, TransientError
from model.observation import Observation, PointMap
from model.ports import Driver, Health
from model.time import Clock

FIRST_PAUSE_S = 1.0
BACKOFF_MAX_S = 10.0
"""A device that comes back is there again within this time."""
STEADY_S = 30.0
"""A driver that ran so long has recovered: the next back-off starts small again."""

BUS_AGAIN_S = 0.1
"""So long a bus may take to tell that it has gone."""

log = logging.getLogger("doorpost.supervisor")


class Supervised:
    """One driver or bus, its task's life and its health. It is also the `model.ports.Context` that the driver gets."""

    def __init__(
        self,
        device: str,
        configured: Configured[Any],
        clock: Clock,
        emit: Callable[[Observation], None],
        commit: Callable[[Observation], "asyncio.Future[int]"],
        buses: dict[str, "Supervised"],
        on_change: Callable[["Supervised"], None],
    ) -> None:
        self.device = device
        self.clock = clock
        self.kind: str = configured.config.driver
        self.config: Any = configured.config
        self.taps: list[Tap] = []
        self.points: PointMap | None = None
        if hasattr(configured.factory, "point_map"):
            self.points = configured.factory.point_map(configured.config)
        self.state = Health.STARTING
        self.problem: DriverError | None = None
        self.since = clock.now().t
        self._emit = emit
        self._commit = commit
        self._buses = buses
        self._on_change = on_change
        self.tried = asyncio.Event()
        self.online = asyncio.Event()
        self._bus: str | None = getattr(configured.config, "bus", None)
        self.driver: Driver = configured.factory(configured.config, self)

    # what a driver is given

    def emit(self, observation: Observation) -> None:
        self._emit(observation)

    async def commit(self, observation: Observation) -> int:
        return await self._commit(observation)

    def health(self, health: Health, error: DriverError | None = None) -> None:
        self.tried.set()
        if health in (Health.ONLINE, Health.DEGRADED):
            self.online.set()
        else:
            self.online.clear()
        told = None if error is None else error.code
        known = None if self.problem is None else self.problem.code
        self.problem = error  # its newest numbers are shown, but numbers alone are no news: they may change all night
        if health is self.state and told == known:
            return
        if health is not self.state:
            self.since = self.clock.now().t
        self.state = health
        log.info("%s is %s%s", self.device, health, f": {error}" if error else "")
        self._on_change(self)

    def bus(self, name: str) -> Any:
        return self._buses[name].driver

    @property
    def line(self) -> "Supervised":
        """Who has the line to this device: its bus, or itself."""
        return self._buses[self._bus] if self._bus else self

    # its life

    async def keep(self) -> None:
        """Run the driver for ever; only cancellation and a permanent error end it. A device waits for its bus to be tried."""
        if self._bus:
            await self._buses[self._bus].tried.wait()
        TAPS.set(self.taps)
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_S
        while True:
            started = loop.time()
            try:
                await self.driver.run()
                error = TransientError("driver_ended")
            except PermanentError as err:
                self.health(Health.FAULT, err)
                return
            except TransientError as err:
                error = err
            except Exception as err:  # a bug of one driver is that driver's outage and nobody else's
                log.exception("%s crashed", self.device)
                error = TransientError("driver_crashed", why=f"{type(err).__name__}: {err}")
            self.health(Health.OFFLINE, error)
            if self._bus and error.code == "bus_down":  # with its bus it is back at once
                await asyncio.sleep(BUS_AGAIN_S)
                await self._buses[self._bus].online.wait()
                pause = FIRST_PAUSE_S
                continue
            # a plug is put in at any moment, and looking for it costs nothing
            steady = loop.time() - started > STEADY_S or error.code == "port_absent"
            pause = FIRST_PAUSE_S if steady else min(2 * pause, BACKOFF_MAX_S)
            await asyncio.sleep(max(pause * random.uniform(0.5, 1.0), error.pause_s))
