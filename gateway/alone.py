"""One device of the settings without a gateway, to try it out: what it says is kept nowhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway import told
from gateway.clock import SystemClock
from gateway.examine import Watch
from gateway.settings.schema import Settings
from gateway.supervisor import Supervised
from model.errors import ContractError, StoreError
from model.observation import Observation

_WATCHED_MAX = 1000


@asynccontextmanager
async def alone(settings: Settings, device: str) -> AsyncIterator[tuple[Supervised, Watch]]:
    """The device's driver runs inside the block, and that of its bus. Raises ContractError `device_unknown`."""
    wanted = next((one for one in settings.devices if one.config.id == device), None)
    if wanted is None:
        raise ContractError("device_unknown", device=device)
    clock = SystemClock()
    buses: dict[str, Supervised] = {}
    seen: asyncio.Queue[Observation] = asyncio.Queue(_WATCHED_MAX)

    def observed(observation: Observation) -> None:
        if not seen.full():
            seen.put_nowait(observation)

    async def watch() -> Watch:
        while True:
            yield told.observation(await seen.get())

    def refused(observation: Observation) -> "asyncio.Future[int]":
        """A device that waits for an acknowledgement gets none, and says it again when there is a gateway."""
        observed(observation)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreError("nothing_kept"))
        return future

    name = getattr(wanted.config, "bus", None)
    for bus in settings.buses:
        if bus.config.id == name:
            buses[bus.config.id] = Supervised(bus.config.id, bus, clock, observed, refused, buses, lambda _: None)
    tried = Supervised(device, wanted, clock, observed, refused, buses, lambda _: None)
    tasks = [asyncio.create_task(one.keep(), name=one.device) for one in (*buses.values(), tried)]
    try:
        yield tried, watch()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
