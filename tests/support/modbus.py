"""A running bus of ours against a simulator, and devices on it, for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import serial  # type: ignore[import-untyped]

from drivers.modbus.bus import ModbusBus, ModbusRtuBus, ModbusRtuConfig, ModbusTcpBus, ModbusTcpConfig
from drivers.modbus.driver import ModbusConfig, ModbusDevice
from drivers.modbus.pdu import Request
from drivers.modbus.slave import Terms
from model.errors import TransientError
from model.observation import Poll
from model.ports import Health
from support.context import HANG_S, MemoryContext, running

PATIENT_S = 5.0
"""For slaves that answer: a busy machine must not look like a silent slave."""
IMPATIENT_S = 1.0
"""For slaves that shall be found silent, and answer in time before and after."""
LATE_S = 1.3
"""When that patience is over, and before what is asked then is answered."""


class DeviceContext(MemoryContext):
    """A memory context whose device sits on a bus."""

    def __init__(self, device: str, bus: ModbusBus) -> None:
        super().__init__(device)
        self._bus = bus

    def bus(self, name: str) -> Any:
        return self._bus

    @property
    def polls(self) -> list[Poll]:
        return self.observations

    def good(self) -> list[dict[str, int | None]]:
        """Values by point of all polls in which every value is good."""
        return [named(poll) for poll in self.polls if poll.quality is None]


def named(poll: Poll) -> dict[str, int | None]:
    return dict(zip(poll.map.index, poll.values, strict=True))


def new_bus(endpoint: str, context: MemoryContext, baudrate: int = 9600, *, rtu: bool = False) -> ModbusBus:
    """Modbus TCP at an address of the network, unless it shall be RTU there too."""
    if endpoint.startswith("tcp://") and not rtu:
        return ModbusTcpBus(ModbusTcpConfig(id="bus", driver="modbus_tcp", port=endpoint), context)
    return ModbusRtuBus(ModbusRtuConfig(id="bus", driver="modbus_rtu", port=endpoint, baudrate=baudrate), context)


@asynccontextmanager
async def open_bus(
    endpoint: str,
    *slaves: int,
    timeout_s: float | None = PATIENT_S,
    baudrate: int = 9600,
    marker: Request | None = None,
    rtu: bool = False,
) -> AsyncIterator[ModbusBus]:
    """A bus that is online; these slaves are registered for reading."""
    context = MemoryContext("bus")
    bus = new_bus(endpoint, context, baudrate, rtu=rtu)
    for slave in slaves:
        bus.register(slave, Terms(f"d{slave}", timeout_s=timeout_s, marker=marker))
    async with running(bus):
        await context.until(lambda: context.healths == [(Health.ONLINE, None)])
        yield bus


async def kept(bus: ModbusBus) -> None:
    """Run it again and again, as the supervisor does, without its pauses."""
    while True:
        try:
            await bus.run()
        except TransientError:
            await asyncio.sleep(0.01)


def device(bus: ModbusBus, slave: int, profile: str, **settings: Any) -> tuple[ModbusDevice, DeviceContext]:
    """A device that is polled as fast as settings allow."""
    name = f"d{slave}"
    fields: dict[str, Any] = {"every_s": 0.05, "timeout_s": PATIENT_S, **settings}
    config = ModbusConfig(id=name, driver="modbus", bus="bus", slave=slave, profile=profile, **fields)
    context = DeviceContext(name, bus)
    return ModbusDevice(config, context), context


async def eventually(true: Callable[[], object], seconds: float = HANG_S) -> None:
    """Wait for what happens in another process, which cannot wake us."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 (a file is polled)
            await asyncio.sleep(0.01)


async def raw(endpoint: str, request: str, size: int) -> str:
    """What a simulator answers to these bytes, `size` of them at most, in hex; by pyserial, which is not ours."""

    def talk() -> bytes:
        with serial.Serial(str(Path(endpoint)), 9600, timeout=2) as port:
            port.write(bytes.fromhex(request))
            return bytes(port.read(size))

    return (await asyncio.to_thread(talk)).hex(" ").upper()
