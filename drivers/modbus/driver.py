"""One Modbus device on a bus: polled on an absolute schedule, switched where its profile has outputs."""

import asyncio
from typing import Annotated

from pydantic import Field

from drivers.common.config import DeviceConfig, Id
from drivers.common.line import Condition
from drivers.modbus.bus import ModbusBus, Priority
from drivers.modbus.decode import decoder
from drivers.modbus.pdu import COIL_OFF, COIL_ON, Request, write_coil
from drivers.modbus.profile import OutputSpec, load_profile
from model.errors import PermanentError, TransientError
from model.observation import PointMap, Poll, Quality
from model.ports import Context

_GIVE_UP_AFTER = 3
_FLASH_STEPS_PER_S = 10
_FLASH_MAX_STEPS = 0x7FFF


class ModbusConfig(DeviceConfig):
    """`timeout_s`: how long the device may think before it answers; twice the slowest answer seen is a good value."""

    bus: Id
    slave: Annotated[int, Field(ge=1, le=247)]
    profile: str
    every_s: Annotated[float, Field(ge=0.05)] = 1.0
    timeout_s: Annotated[float, Field(gt=0, le=10)] = 0.3


class ModbusDevice:
    """A `model.ports.Driver`, and `Switching` for profiles with outputs."""

    Config = ModbusConfig

    def __init__(self, config: ModbusConfig, context: Context) -> None:
        self._config = config
        self._context = context

    @staticmethod
    def point_map(config: ModbusConfig) -> PointMap:
        """Raises SettingsError."""
        return load_profile(config.profile).point_map(config.id)

    @staticmethod
    def outputs(config: ModbusConfig) -> list[str]:
        """The names that `switch` and `flash` take. Raises SettingsError."""
        return list(load_profile(config.profile).outputs)

    async def run(self) -> None:
        c = self._config
        profile = load_profile(c.profile)
        decode = decoder(c.profile)
        points = profile.point_map(c.id)
        priority = Priority.URGENT if profile.urgent else Priority.NORMAL
        bus = self._bus()
        condition = Condition(self._context)
        failed = _GIVE_UP_AFTER  # while it has never answered, it is not there: that is no reading
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            try:
                replies = [await bus.request(c.slave, request, priority) for request in decode.requests]
            except TransientError as err:
                if failed < _GIVE_UP_AFTER:
                    self._emit(points, [None] * len(points.points), [Quality.COMM_ERROR] * len(points.points))
                failed += 1
                if failed >= _GIVE_UP_AFTER:
                    raise
                condition.wrong(err)
            else:
                condition.good()
                self._emit(points, *decode.values(replies))
                failed = 0
            # on an absolute schedule: slots that a slow poll has missed are skipped
            await asyncio.sleep(c.every_s - (loop.time() - start) % c.every_s)

    async def switch(self, output: str, on: bool) -> None:
        await self._write(write_coil(self._output(output).coil, COIL_ON if on else COIL_OFF))

    async def flash(self, output: str, seconds: float) -> None:
        """In steps of 100 ms, rounded down, one step at least."""
        steps = max(1, min(int(round(seconds * _FLASH_STEPS_PER_S, 6)), _FLASH_MAX_STEPS))
        await self._write(write_coil(self._output(output).flash, steps))

    async def _write(self, request: Request) -> None:
        await self._bus().request(self._config.slave, request, Priority.WRITE)

    def _bus(self) -> ModbusBus:
        """The running bus, which knows what may be written to this device before it is asked anything."""
        c = self._config
        bus: ModbusBus = self._context.bus(c.bus)
        bus.register(c.slave, c.id, c.timeout_s, load_profile(c.profile).allowed_writes)
        return bus

    def _output(self, name: str) -> OutputSpec:
        try:
            return load_profile(self._config.profile).outputs[name]
        except KeyError:
            raise PermanentError("output_unknown", device=self._config.id, output=name) from None

    def _emit(self, points: PointMap, values: list[int | None], quality: list[Quality] | None) -> None:
        self._context.emit(Poll(self._config.id, points, values, self._context.clock.now(), quality))
