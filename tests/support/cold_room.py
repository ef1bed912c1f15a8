"""A daemon's worth of things to show, held in memory: two cold rooms, a door board, a scanner, a portal, a lift."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from gateway.lift_deeds import Deed
from gateway.lift_status import LiftNow
from gateway.status import (
    AlarmNow,
    DeviceNow,
    LinkNow,
    Plot,
    PlotMinute,
    PointNow,
    Problem,
    Rebuilding,
    ScanNow,
    Snapshot,
    StoreNow,
    StreamNow,
)
from gateway.tags import Words
from model.errors import ContractError

MINUTE_US = 60_000_000

LABELS = {
    "temperature": {"zh": "温度", "en": "Temperature"},
    "humidity": {"zh": "湿度", "en": "Humidity"},
    "di1": {"zh": "输入 1", "en": "Input 1"},
    "floor": {"zh": "物理楼层", "en": "Physical floor"},
    "speed": {"zh": "运行速度", "en": "Speed"},
    "run_hours": {"zh": "累计运行时间", "en": "Run hours"},
}


def measure(name: str, value: float | None, unit: str = "1", quality: str = "good", age_s: float = 1.0) -> PointNow:
    at = time.time_ns() // 1000 - round(age_s * 1e6)
    return PointNow(name, unit, value, quality, at, age_s, LABELS.get(name, {}))


class ColdRoom:
    """A Backend whose snapshot a test changes with `show`."""

    def __init__(self) -> None:
        self.behind = 0
        self.failing: Exception | None = None
        self._changed = asyncio.Event()
        self._snapshot = _start(time.time_ns() // 1000)

    def snapshot(self) -> Snapshot:
        return msgspec.structs.replace(self._snapshot, now=time.time_ns() // 1000)

    def show(self, **parts: Any) -> None:
        """Replace parts of the snapshot and tell the pages."""
        self._snapshot = msgspec.structs.replace(self._snapshot, **parts)
        self._changed.set()
        self._changed = asyncio.Event()

    def show_device(self, device: str, **parts: Any) -> None:
        """Replace parts of one device."""
        devices = [msgspec.structs.replace(d, **parts) if d.id == device else d for d in self._snapshot.devices]
        self.show(devices=devices)

    def series(self, device: str, point: str) -> list[tuple[int, float | None]]:
        """A wave of an hour with a gap of ten minutes in it."""
        if (device, point) not in {(d.id, p.name) for d in self._snapshot.devices for p in d.points}:
            raise KeyError(device, point)
        now = time.time_ns() // 1000
        return [
            (now - s * 1_000_000, None if 1200 < s < 1800 else round(4 + math.sin(s / 300), 1))
            for s in range(3600, 0, -10)
        ]

    async def plot(self, device: str, point: str, since: int, until: int) -> Plot:
        """A wave of a whole day, with half an hour of faults and a whole one of nothing."""
        if (device, point) not in {(d.id, p.name) for d in self._snapshot.devices for p in d.points}:
            raise KeyError(device, point)
        if self.failing:
            raise self.failing
        minutes = []
        for n, t in enumerate(range(since, until, MINUTE_US)):
            value = round(4 + math.sin(n / 100), 1)
            if n < 600:
                minutes.append(PlotMinute(t, "ntp", value - 1, value + 1, value, 60, {}))
            elif n < 630:
                minutes.append(PlotMinute(t, "ntp", None, None, None, 0, {"comm_error": 60}))
            elif n >= 690:
                minutes.append(PlotMinute(t, "ntp", value - 1, value + 1, value, 59, {"stale": 1}))
        return Plot(device, point, "Cel", LABELS["temperature"], self.behind, minutes)

    async def rebuild(self) -> AsyncIterator[Rebuilding]:
        for done in (0, 5, 10):
            yield Rebuilding(done, 10)

    async def changes(self) -> AsyncIterator[None]:
        shown = self._snapshot
        while True:
            while self._snapshot is shown:
                await self._changed.wait()
            shown = self._snapshot
            yield

    async def watch(self, device: str) -> AsyncIterator[dict[str, Any]]:
        raise KeyError(device)
        yield

    async def record(self, device: str, seconds: float | None) -> AsyncIterator[dict[str, Any]]:
        raise KeyError(device)
        yield

    async def test(self, device: str) -> AsyncIterator[Any]:
        raise KeyError(device)
        yield

    async def tag(self, device: str, words: Words) -> AsyncIterator[dict[str, Any]]:
        raise KeyError(device)
        yield

    async def scan(self, device: str, seconds: float) -> AsyncIterator[Any]:
        raise KeyError(device)
        yield

    def lifts(self) -> list[LiftNow]:
        return []

    async def lift(self, lift: str, by: str, pin: str | None, deed: Deed) -> dict[str, Any]:
        raise ContractError("lift_unknown", lift=lift, known="-")

    async def sms(self, person: str) -> dict[str, Any]:
        raise ContractError("sms_person_unknown", name=person, known="-")

    async def tail(self, stream: str | None, count: int, follow: bool) -> AsyncIterator[dict[str, Any]]:
        for _ in ():
            yield {}


def alarm(**parts: Any) -> AlarmNow:
    """A temperature alarm of room1 that nobody has acknowledged, with `parts` replaced."""
    given: dict[str, Any] = {
        "id": "a1",
        "what": "temperature_high",
        "device": "room1",
        "point": "temperature",
        "state": "raised",
        "raised": time.time_ns() // 1000 - 3 * MINUTE_US,
        "raised_source": "ntp",
        "value": 9.4,
        "unit": "Cel",
        "acked_by": None,
        "at_centre": False,
    }
    return AlarmNow(**(given | parts))


def _device(name: str, driver: str, *points: PointNow, **parts: Any) -> DeviceNow:
    now = time.time_ns() // 1000
    given: dict[str, Any] = {"health": "online", "since": now, "last_seen": now - 1_000_000, "problem": None}
    return DeviceNow(id=name, driver=driver, points=list(points), **(given | parts))


def _start(now: int) -> Snapshot:
    gone = Problem("port_gone", {"port": "/dev/serial/by-id/usb-scanner", "why": "unplugged"})
    return Snapshot(
        gateway="gw-demo-1",
        version="0.1.0",
        now=now,
        time_source="ntp",
        store_ok=True,
        devices=[
            _device("room1", "modbus", measure("temperature", 4.2, "Cel"), measure("humidity", 61.5, "%")),
            _device("freezer", "modbus", measure("temperature", -18.0, "Cel"), measure("humidity", None, "%", "stale")),
            _device("io1", "modbus", *(measure(f"di{n}", n % 2) for n in range(1, 5)), measure("relay1", 0)),
            _device("scan1", "scanner", health="offline", last_seen=now - 7 * MINUTE_US, problem=gone),
            _device("portal", "rfid_m100"),
            _device(
                "lift1", "modbus", measure("floor", 5), measure("speed", 0.43, "m/s"), measure("run_hours", 1204, "h")
            ),
        ],
        alarms=[],
        scans=[
            ScanNow(now - 5_000_000, "scan1", "0106901234567892\x1d21A0001", "]d2"),
            ScanNow(now - MINUTE_US, "portal", "30361FAC68103D4000000001", "epc"),
            ScanNow(now - 2 * MINUTE_US, "scan1", "6901234567892", "]E0"),
        ],
        streams=[
            StreamNow("7f3a", "alarm", 4, 4, 0, 0, 0),
            StreamNow("7f3a", "event", 212, 209, 3, 0, 0),
            StreamNow("7f3a", "audit", 38, 38, 0, 0, 0),
            StreamNow("7f3a", "reading", 15230, 15180, 50, 0, 0),
            StreamNow("7f3a", "diag", 802, 700, 2, 100, 0),
        ],
        link=LinkNow("online", "mqtts://broker.example:8883", "up", now - 90 * MINUTE_US, None),
        store=StoreNow(1_288_490_189, 4_026_531_840, 0.041, False),
        sealed=[],
    )
