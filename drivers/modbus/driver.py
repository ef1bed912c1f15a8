"""One Modbus device on a bus: proven to be what it should be, polled on an absolute schedule, switched where its profile
has outputs.
"""

import asyncio
from contextlib import suppress
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from drivers.common.config import DeviceConfig, Id
from drivers.common.contact import Contacts, ContactSpec, check_contacts
from drivers.common.line import Condition
from drivers.modbus.budget import poll_s
from drivers.modbus.bus import ModbusBus, ModbusRtuConfig, ModbusTcpConfig
from drivers.modbus.decode import decoder
from drivers.modbus.identity import OtherDevice, prove
from drivers.modbus.library import load_profile
from drivers.modbus.patience import GIVE_UP_AFTER
from drivers.modbus.pdu import COIL_OFF, COIL_ON, Request, write_coil
from drivers.modbus.plan import plan
from drivers.modbus.probe import probe
from drivers.modbus.profile import OutputSpec
from drivers.modbus.slave import Terms
from drivers.modbus.turns import Priority
from model.errors import PermanentError, TransientError
from model.observation import PointMap, Poll, Quality
from model.ports import Context, Probed

_FLASH_STEPS_PER_S = 10
_FLASH_MAX_STEPS = 0x7FFF
_PROVE_AGAIN_S = 60.0
"""So often a device is asked whether what is not as it should be has been put right."""


def _beside(profile: str, info: ValidationInfo) -> str:
    """A file of the user's own is relative to the settings file."""
    folder = (info.context or {}).get("folder")
    return str(folder / profile) if folder and profile.endswith(".toml") else profile


class ModbusConfig(DeviceConfig):
    """`profile` is a name of those shipped, or the path of a file `NAME.toml`. `timeout_s`, how long the device may think
    before it answers, is learnt where it is not given. `contacts` says how contacts are wired to bit points.
    """

    bus: Id
    slave: Annotated[int, Field(ge=1, le=247)]
    profile: Annotated[str, AfterValidator(_beside)]
    every_s: Annotated[float, Field(ge=0.05)] = 1.0
    timeout_s: Annotated[float, Field(gt=0, le=10)] | None = None
    contacts: dict[str, ContactSpec] = Field(default_factory=dict)


class ModbusDevice:
    """A `model.ports.Driver`, `Probing`, and `Switching` for profiles with outputs."""

    Config = ModbusConfig

    def __init__(self, config: ModbusConfig, context: Context) -> None:
        self._config = config
        self._context = context

    @staticmethod
    def point_map(config: ModbusConfig) -> PointMap:
        """Raises SettingsError."""
        profile = load_profile(config.profile)
        outputs = profile.outputs
        check_contacts(config.contacts, [name for name in ModbusDevice.bits(config) if name not in outputs])
        return profile.point_map(config.id)

    @staticmethod
    def bits(config: ModbusConfig) -> list[str]:
        """Its points that are on or off. Raises SettingsError."""
        return [point.name for point in load_profile(config.profile).point if point.type == "bit"]

    @staticmethod
    def outputs(config: ModbusConfig) -> dict[str, bool]:
        """The names that `switch` takes, and whether `flash` takes them too. Raises SettingsError."""
        return {name: output.flash is not None for name, output in load_profile(config.profile).outputs.items()}

    @staticmethod
    def bus_share(config: ModbusConfig, bus: ModbusRtuConfig | ModbusTcpConfig) -> tuple[float, float]:
        """Seconds of the bus per second: what the wire alone needs, and what is likely. Raises SettingsError."""
        least, likely = poll_s(plan(config.profile), bus)
        return least / config.every_s, likely / config.every_s

    async def run(self) -> None:
        c = self._config
        how = plan(c.profile)
        decode = decoder(c.profile)
        points = how.profile.point_map(c.id)
        contacts = Contacts(points.index, c.contacts)
        priority = Priority.URGENT if how.profile.urgent else Priority.NORMAL
        bus = self._bus()
        condition = Condition(self._context)
        failed = GIVE_UP_AFTER  # while it has never answered, it is not there: that is no reading
        proven, warning, prove_at = 0, None, 0.0
        marked = 0
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            try:
                if proven != bus.opened or (warning and loop.time() >= prove_at):
                    opened = bus.opened
                    warning = await prove(c.slave, how, lambda request: bus.request(c.slave, request, priority))
                    proven, prove_at = opened, loop.time() + _PROVE_AGAIN_S
                replies = [await bus.request(c.slave, request, priority) for request in how.requests]
            except TransientError as err:
                if failed < GIVE_UP_AFTER:
                    self._emit(points, [None] * len(points.points), [Quality.COMM_ERROR] * len(points.points))
                failed += 1
                if failed >= GIVE_UP_AFTER or isinstance(err, OtherDevice):
                    raise
                condition.wrong(err)
            else:
                if warning:
                    condition.wrong(warning)
                else:
                    condition.good()
                values, quality = decode.values(replies)
                self._emit(points, *contacts.step(values, quality, self._context.clock.mono()))
                failed = 0
                if marked != bus.opened and how.marker:
                    marked = bus.opened
                    with suppress(
                        TransientError
                    ):  # asked while all is well: whether it answers this is known when it matters
                        await bus.request(c.slave, how.marker, priority)
            # on an absolute schedule: slots that a slow poll has missed are skipped
            await asyncio.sleep(c.every_s - (loop.time() - start) % c.every_s)

    async def switch(self, output: str, on: bool) -> None:
        await self._write(write_coil(self._output(output).coil, COIL_ON if on else COIL_OFF))

    async def flash(self, output: str, seconds: float) -> None:
        """In steps of 100 ms, rounded down, one step at least. Raises PermanentError `output_no_flash`."""
        steps = max(1, min(int(round(seconds * _FLASH_STEPS_PER_S, 6)), _FLASH_MAX_STEPS))
        place = self._output(output).flash
        if place is None:
            raise PermanentError("output_no_flash", device=self._config.id, output=output)
        await self._write(write_coil(place, steps))

    async def probe(self) -> Probed:
        c = self._config
        bus, points = self._bus(), self.point_map(c)
        contacts = Contacts(points.index, c.contacts)
        clock = self._context.clock
        return await probe(
            c.profile, points, c.slave, contacts, clock, lambda one: bus.request(c.slave, one, Priority.URGENT)
        )

    async def _write(self, request: Request) -> None:
        await self._bus().request(self._config.slave, request, Priority.WRITE)

    def _bus(self) -> ModbusBus:
        """The running bus, which knows what may be written to this device before it is asked anything."""
        c = self._config
        bus: ModbusBus = self._context.bus(c.bus)
        how = plan(c.profile)
        response_ms = how.profile.read.response_ms
        terms = Terms(
            c.id,
            how.profile.allowed_writes,
            timeout_s=c.timeout_s,
            response_s=None if response_ms is None else response_ms / 1000,
            pause_s=how.profile.read.pause_ms / 1000,
            marker=how.marker,
        )
        bus.register(c.slave, terms)
        return bus

    def _output(self, name: str) -> OutputSpec:
        try:
            return load_profile(self._config.profile).outputs[name]
        except KeyError:
            raise PermanentError("output_unknown", device=self._config.id, output=name) from None

    def _emit(self, points: PointMap, values: list[int | None], quality: list[Quality] | None) -> None:
        self._context.emit(Poll(self._config.id, points, values, self._context.clock.now(), quality))
