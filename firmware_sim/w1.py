"""DS18B20 thermometers as the Linux kernel (w1_therm) shows them: a directory tree in place of /sys/bus/w1/devices.

From the sensor's data sheet and the kernel's documentation. Each `w1_slave` is a fifo: a read measures, as there. A fifo
cannot hold back who writes, so after `trigger` it is the reads that wait until all have measured.
"""

import argparse
import asyncio
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from firmware_sim.faults import FAULTS as ALL_FAULTS
from firmware_sim.faults import Fault, pieces
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Unusable, WireLog

KINDS = {"ds18b20": "DS18B20 thermometers on a 1-Wire bus, as files in the directory --port"}

BUS = "w1_bus_master1"
LIES = {
    "reset": bytes.fromhex("50 05 4b 46 7f ff 0c 10"),
    "zero": bytes(8),
    "wiring": bytes.fromhex("ff 07 4b 46 7f ff 01 10"),
    "wiring_low": bytes.fromhex("10 f8 4b 46 7f ff 10 10"),
}
"""Memory with a right checksum that holds no measurement: 85 °C after a reset, nothing but zeros, 127.94 °C, -127 °C."""
FAULTS = {kind: ALL_FAULTS[kind] for kind in ("silent", "late", "half", "garbage", "crc")}
_EVERY_S = 0.005


def crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        for bit in range(8):
            crc = crc >> 1 ^ (0x8C if (crc ^ byte >> bit) & 1 else 0)
    return crc


def memory(temperature: float) -> bytes:
    """Of a sensor that has measured this, 12 bits, without its checksum."""
    sixteenths = round(temperature * 16)
    return sixteenths.to_bytes(2, "little", signed=True) + bytes((0x4B, 0x46, 0x7F, 0xFF, 16 - sixteenths % 16, 16))


@dataclass
class Sensor:
    """It moves from `start` to `end` by `per_s` degrees a second, from the moment `since` on."""

    id: str
    start: float
    end: float
    per_s: float = 0.0
    since: float = field(default_factory=time.monotonic)
    lie: str | None = None
    fault: Fault | None = None
    plugged: bool = True

    @property
    def temperature(self) -> float:
        way = self.per_s * (time.monotonic() - self.since)
        return min(self.start + way, self.end) if self.end > self.start else max(self.start - way, self.end)

    def text(self) -> tuple[str, int]:
        """What its file says, and the millidegrees in it."""
        data = LIES[self.lie] if self.lie else memory(self.temperature)
        data += bytes((crc8(data),))
        thousandths = int.from_bytes(data[:2], "little", signed=True) * 1000
        value = thousandths // 16 if thousandths >= 0 else -(-thousandths // 16)
        shown = data.hex(" ")
        wrong = self.fault is not None and self.fault.kind == "crc"
        crc, verdict = (data[8] ^ 0xFF, "NO") if wrong else (data[8], "YES")
        return f"{shown} : crc={crc:02x} {verdict}\n{shown} t={value}\n", value


class Bus:
    """The tree under `base`, its reads and its commands. `sensor` may be left out: then all of them are meant."""

    def __init__(self, base: Path, sensors: list[Sensor], log: WireLog, conversion_s: float, *, bulk: bool) -> None:
        self._base = base
        self._sensors = {sensor.id: sensor for sensor in sensors}
        self._log = log
        self._conversion_s = conversion_s
        self._measured_at: float | None = None
        self._unread: set[str] = set()
        self._measuring: dict[str, asyncio.Future[None]] = {}
        base.mkdir(parents=True, exist_ok=True)
        _clear(base)
        (base / BUS).mkdir()
        for sensor in sensors:
            self._appear(sensor)
        if bulk:
            os.mkfifo(base / BUS / "therm_bulk_read")
            self._trigger = os.open(base / BUS / "therm_bulk_read", os.O_RDWR | os.O_NONBLOCK)
            asyncio.get_running_loop().add_reader(self._trigger, self._triggered)

    async def work(self) -> None:
        await asyncio.gather(*(self._answer(sensor) for sensor in self._sensors.values()))

    def remove(self) -> None:
        _clear(self._base)

    async def _answer(self, sensor: Sensor) -> None:
        """Each reader gets a fifo of his own: two could share one that stays."""
        while True:
            file = self._base / BUS / sensor.id / "w1_slave"
            while sensor.plugged:
                try:
                    writer = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
                except OSError:  # nobody reads
                    await asyncio.sleep(_EVERY_S)
                    continue
                self._fresh(file)
                measuring = self._measuring[sensor.id] = asyncio.ensure_future(self._measure(sensor, writer))
                try:
                    await asyncio.wait([measuring])
                    if not measuring.cancelled():
                        measuring.result()
                finally:
                    measuring.cancel()
                    os.close(writer)
            await asyncio.sleep(_EVERY_S)

    async def _measure(self, sensor: Sensor, writer: int) -> None:
        pause = self._conversion_s
        if sensor.id in self._unread:
            self._unread.discard(sensor.id)
            pause = max(0.0, (self._measured_at or 0) - time.monotonic())
        await asyncio.sleep(pause)
        text, value = sensor.text()
        fault = sensor.fault
        sent = [(0.0, text.encode())] if fault is None else pieces(fault, text.encode())
        for pause_s, data in sent:
            await asyncio.sleep(pause_s)
            try:
                os.write(writer, data)
            except BrokenPipeError:
                return
        if fault:
            self._log("fault", sensor=sensor.id, what=fault.kind)
            fault.left = fault.left and fault.left - 1
            if fault.left == 0:
                sensor.fault = None
        else:
            self._log("lie" if sensor.lie else "reading", sensor=sensor.id, millidegrees=value)

    def _triggered(self) -> None:
        if os.read(self._trigger, 64) == b"trigger\n":
            self._log("bulk")
            self._measured_at = time.monotonic() + self._conversion_s
            self._unread = {sensor.id for sensor in self._sensors.values() if sensor.plugged}

    def _appear(self, sensor: Sensor) -> None:
        folder = self._base / BUS / sensor.id
        folder.mkdir()
        (folder / "resolution").write_text("12\n")
        self._fresh(folder / "w1_slave")
        (self._base / sensor.id).symlink_to(Path(BUS, sensor.id))

    def _fresh(self, file: Path) -> None:
        new = file.with_name(".new")
        os.mkfifo(new)
        new.replace(file)

    def _meant(self, sensor: str | None) -> list[Sensor]:
        return list(self._sensors.values()) if sensor is None else [self._sensors[sensor]]

    @command
    def set(self, temperature: float, sensor: str | None = None) -> None:
        """It is so warm there from now on (°C)."""
        for one in self._meant(sensor):
            one.start = one.end = temperature

    @command
    def ramp(self, to: float, per_s: float, sensor: str | None = None) -> None:
        """The temperature moves to `to` (°C), by `per_s` degrees a second."""
        for one in self._meant(sensor):
            one.start, one.end, one.per_s, one.since = one.temperature, to, per_s, time.monotonic()

    @command
    def lie(self, how: str, sensor: str | None = None) -> None:
        """Say with a right checksum what was never measured: reset (85 °C), zero, wiring (127.94 °C) or wiring_low (-127 °C)."""
        if how not in LIES:
            raise ValueError(f"lies: {', '.join(LIES)}")
        for one in self._meant(sensor):
            one.lie = how

    @command
    def fault(
        self, kind: str, sensor: str | None = None, count: int | None = None, seconds: float | None = None
    ) -> None:
        """Spoil `count` reads, or all; the kinds of fault are below."""
        if kind not in FAULTS:
            raise ValueError(f"faults: {', '.join(FAULTS)}")
        for one in self._meant(sensor):
            one.fault = Fault.of(kind, count, seconds)

    @command
    def clear(self, sensor: str | None = None) -> None:
        """No fault and no lie any more."""
        for one in self._meant(sensor):
            one.fault = one.lie = None

    @command
    def unplug(self, sensor: str | None = None) -> None:
        """The kernel has found the sensor gone: its directory vanishes."""
        for one in self._meant(sensor):
            if one.plugged:
                one.plugged = False
                if one.id in self._measuring:
                    self._measuring[one.id].cancel()
                (self._base / one.id).unlink()
                _remove(self._base / BUS / one.id)

    @command
    def replug(self, sensor: str | None = None) -> None:
        """The sensor is there again."""
        for one in self._meant(sensor):
            if not one.plugged:
                self._appear(one)
                one.plugged = True


def _clear(base: Path) -> None:
    """Take away what an earlier simulator left, and nothing else. Raises Unusable."""
    for path in base.iterdir():
        if path.name != BUS and not (path.is_symlink() and path.name.startswith("28-")):
            raise Unusable(f"{base} is no place for this: there is {path.name}")
    for path in base.iterdir():
        _remove(path) if path.name == BUS else path.unlink()


def _remove(folder: Path) -> None:
    """Whoever stands before one of its fifos is let go, with nothing."""
    for path in folder.rglob("*"):
        if path.is_fifo():
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    shutil.rmtree(folder)


def _sensor(text: str) -> Sensor:
    found = re.fullmatch(r"(28-[0-9a-f]{12})(?:=(-?\d+(?:\.\d+)?))?", text)
    if not found:
        raise argparse.ArgumentTypeError("28- and 12 hex digits, then perhaps = and the temperature")
    temperature = float(found[2] or 4)
    return Sensor(found[1], temperature, temperature)


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001
    parser.add_argument(
        "--sensor", action="append", type=_sensor, metavar="ID[=C]", help="28-0316a2794bff=4.5; more than once for more"
    )
    parser.add_argument("--conversion", type=float, default=0.75, metavar="S", help="how long it measures (0.75)")
    parser.add_argument("--old-kernel", action="store_true", help="before 5.8: no therm_bulk_read")


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    if args.listen:
        raise Unusable("a 1-Wire bus has files: take --port DIRECTORY")
    base = Path(args.port or tempfile.mkdtemp(prefix="w1-"))
    sensors = args.sensor or [_sensor("28-0316a2794bff")]
    try:
        bus = Bus(base, sensors, log, args.conversion, bulk=not args.old_kernel)
    except OSError as err:
        raise Unusable(f"{base}: {err.strerror}") from err
    try:
        await serve({"sim": kind, "endpoint": str(base)}, commands(bus), bus.work())
    finally:
        bus.remove()


COMMANDED = {"ds18b20": Bus}
