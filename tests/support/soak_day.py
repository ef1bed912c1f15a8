"""A cold room's day in 24 minutes: twenty probes, a door and a scanner at sixty times their pace, gateway, broker and centre."""

import asyncio
import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from gateway.demo import matching
from gateway.demo.broker import Broker
from gateway.demo.evidence import Row, rows, wire
from gateway.demo.matching import Found
from gateway.demo.processes import Program, lines_of, output_of
from support.centre import USERS, password
from support.journals import GW
from support.soak_parts import Takes, takes

PROBES = 20
BUSES = 4
EVERY_S = 10 / 60
"""A poll per 10 s, sixty times as fast."""
DOOR_S = 14.0
"""A hundred openings a day."""
WARM_S = 60.0
"""So long a room is too warm, and so long it is not."""
_FAMILIES = {"xy-md02": "xy-md02", "renke": "renke-rs-ws-n01"}
_BOARD = 100

_SETTINGS = """\
schema = 1
[gateway]
id = "{gw}"
[sync]
broker = "{broker}"
password_file = "{password}"
protocol = "5"
[web]
listen = "127.0.0.1:0"
"""
_BUS = """\
[[bus]]
id = "bus{n}"
driver = "modbus_tcp"
port = "{port}"
"""
_DEVICE = """\
[[device]]
id = "{id}"
driver = "modbus"
bus = "bus{bus}"
slave = {slave}
profile = "{profile}"
every_s = {every}
"""
_REST = """\
[[device]]
id = "scanner"
driver = "scanner"
port = "{scanner}"
[[rule]]
id = "cold"
rule = "temperature"
point = "room1.temperature"
profile = "gsp-cold-2-8"
"""


class Look(NamedTuple):
    """What gateway and centre take; sizes in bytes."""

    gateway: Takes
    centre: Takes
    wal: int
    store: int
    centre_wal: int


class Day:
    """`start`, `look` at it while it runs, `stop`, and ask what came of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stores, self._centre_data = directory / "gateway" / "stores", directory / "centre"
        for name in ("wire", "ports", "centre"):
            (directory / name).mkdir()
        self.broker = Broker(USERS, directory / "broker", program="mosquitto")
        self._slaves = [[slave for slave in range(1, PROBES + 1) if slave % BUSES == bus] for bus in range(BUSES)]
        self._families = dict(zip(range(1, PROBES + 1), itertools.cycle(_FAMILIES), strict=False))
        self._buses = [self._bus(bus) for bus in range(BUSES)]
        port = directory / "ports" / "scanner"
        self._scanner = self._program(
            "scanner", "firmware_sim", "scanner", "--port", port, "--log", self._wire("scanner"), "--every", 10
        )
        settings = directory / "site.toml"
        self.gateway = self._program(
            "gateway", "gateway.cli", "run", "--config", settings, "--data", directory / "gateway"
        )
        self._doors: asyncio.Task[None] | None = None

    def _wire(self, name: str) -> Path:
        return self._directory / "wire" / f"{name}.jsonl"

    def _program(self, name: str, module: str, *args: object) -> Program:
        return Program(name, module, [str(one) for one in args], self._directory / f"{name}.log")

    def _bus(self, bus: int) -> Program:
        slaves = {slave: self._families[slave] for slave in self._slaves[bus]}
        if bus == 0:
            slaves[_BOARD] = "waveshare-io-8ch"
        options = [option for slave, family in slaves.items() for option in ("--slave", f"{slave}={family}")]
        said = ["--listen", "127.0.0.1:0", "--tcp", "--baud", 0, "--log", self._wire(f"bus{bus}"), *options]
        return self._program(f"bus{bus}", "firmware_sim", "modbus", *said)

    async def start(self) -> None:
        await asyncio.to_thread(self.broker.start)
        said = ("--broker", self.broker.url, "--password-file", password(self.broker, "central"))
        self.centre = self._program("centre", "central", "run", "--data", self._centre_data, *said)
        await self.centre.start()
        await self.centre.ready()
        settings = _SETTINGS.format(gw=GW, broker=self.broker.url, password=password(self.broker, GW))
        for n, bus in enumerate(self._buses):
            await bus.start()
            settings += _BUS.format(n=n, port=(await bus.ready())["endpoint"])
            for slave in self._slaves[n]:
                profile = _FAMILIES[self._families[slave]]
                settings += _DEVICE.format(id=f"room{slave}", bus=n, slave=slave, profile=profile, every=EVERY_S)
        settings += _DEVICE.format(id="door", bus=0, slave=_BOARD, profile="waveshare-io-8ch", every=EVERY_S)
        await self._scanner.start()
        settings += _REST.format(scanner=(await self._scanner.ready())["endpoint"])
        (self._directory / "site.toml").write_text(settings, encoding="utf-8")
        await self.gateway.start()
        self._doors = asyncio.create_task(self._live())

    async def _live(self) -> None:
        """The door opens and closes; the room of the rule gets too warm, and cold again."""
        for n in itertools.count():
            await asyncio.sleep(DOOR_S / 2)
            await self._buses[0].command("contact", di=1, on=n % 2 == 0, slave=_BOARD)
            warm = n * DOOR_S / 2 % (2 * WARM_S) >= WARM_S
            await self._buses[1].command("set", temperature=20 if warm else 4, slave=1)

    def look(self) -> Look:
        gateway, centre = takes(self.gateway.pid), takes(self.centre.pid)
        assert gateway and centre
        stores = list(self._stores.glob("*/*"))
        return Look(
            gateway,
            centre,
            sum(path.stat().st_size for path in stores if path.name.endswith("-wal")),
            sum(path.stat().st_size for path in stores),
            (self._centre_data / "central.db-wal").stat().st_size,
        )

    async def stop(self) -> None:
        """In order: the gateway last of the edge, so that all that was said is captured."""
        if self._doors:
            self._doors.cancel()
        for program in (*self._buses, self._scanner, self.gateway, self.centre):
            await program.stop()
        await asyncio.to_thread(self.broker.stop)

    async def rows(self) -> list[Row]:
        return rows(await lines_of("central", "records", "--gw", GW, "--data", str(self._centre_data)))

    async def counts(self) -> dict[str, Any]:
        """The centre's, by stream."""
        counted = await output_of("central", "counts", "--data", str(self._centre_data))
        (lanes,) = counted["gateways"][GW]["stores"].values()
        return dict(lanes)

    def compared(self, found: list[Row]) -> dict[str, Found]:
        """Device by device, what stood on its wire against its records. What was said last may have met a deaf gateway."""
        logs = {name: wire(self._wire(name)) for name in ("scanner", *(f"bus{bus}" for bus in range(BUSES)))}
        said = {f"room{s}": [e for e in logs[f"bus{s % BUSES}"] if e.get("slave") == s] for s in self._families}
        maps = [row for row in found if row.kind == "point.map/1"]
        rows_of: dict[str, list[Row]] = defaultdict(lambda: list(maps))
        for row in found:
            if row.device and row.kind != "point.map/1":
                rows_of[row.device].append(row)
        compared = {room: matching.polls(events, rows_of[room], []) for room, events in said.items()}
        door = [event for event in logs["bus0"] if event.get("slave") == _BOARD]
        compared["door"] = matching.changes(door, rows_of["door"], [])
        compared["scanner"] = matching.scans(logs["scanner"], rows_of["scanner"], [])
        ends = {room: events[-1]["mono"] for room, events in said.items()}
        ends |= {"door": door[-1]["mono"], "scanner": logs["scanner"][-1]["mono"]}
        return {
            device: one._replace(missing=[m for m in one.missing if m.where == "lost" and m.mono < ends[device]])
            for device, one in compared.items()
        }
