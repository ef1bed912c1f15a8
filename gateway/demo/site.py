"""The demo's site: a cold room, its door, a scanner, an RFID portal, a camera and a lift, a broker, the centre, the gateway."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

from gateway.demo.broker import Broker
from gateway.demo.broker import Program as BrokerProgram
from gateway.demo.evidence import Event, Row, rows, wire
from gateway.demo.judge import Wired
from gateway.demo.processes import Program, lines_of, output_of
from model.record import STREAMS
from sync.journal.journal import Journal

GATEWAY = "gw-demo-1"
PERSON = "Li Na"

PROBE_1, PROBE_2, BOARD, LIFT = 1, 2, 3, 4
"""Slave addresses on the RS-485 bus."""

WIRED = (
    Wired("room1", "polls", "modbus", PROBE_1),
    Wired("room2", "polls", "modbus", PROBE_2),
    Wired("board", "changes", "modbus", BOARD),
    Wired("lift", "changes", "modbus", LIFT),
    Wired("scanner", "scans", "scanner"),
    Wired("door-scanner", "handshake", "scanner-ssi"),
    Wired("portal", "tags", "m100"),
    Wired("camera", "views", "camera"),
)
"""What the judge compares."""

_SETTINGS = """\
schema = 1
[gateway]
id = "{gateway}"
language = "{language}"
[sync]
broker = "{broker}"
password_file = "gateway.password"
protocol = "{protocol}"
central_keys = ["{central_key}"]
[web]
listen = "{listen}"
[[bus]]
id = "rs485"
driver = "modbus_rtu"
port = "{bus}"
[[device]]
id = "room1"
driver = "modbus"
bus = "rs485"
slave = 1
profile = "xy-md02"
every_s = 1.0
[[device]]
id = "room2"
driver = "modbus"
bus = "rs485"
slave = 2
profile = "renke-rs-ws-n01"
every_s = 1.0
[[device]]
id = "board"
driver = "modbus"
bus = "rs485"
slave = 3
profile = "waveshare-io-8ch"
every_s = 0.25
[[device]]
id = "lift"
driver = "modbus"
bus = "rs485"
slave = 4
profile = "lift-gbt-1"
every_s = 0.5
[[device]]
id = "scanner"
driver = "scanner"
port = "{scanner}"
[[device]]
id = "door-scanner"
driver = "scanner"
protocol = "ssi"
port = "{ssi}"
[[device]]
id = "portal"
driver = "rfid_m100"
port = "{portal}"
[[device]]
id = "camera"
driver = "camera"
source = "{camera}"
[[rule]]
id = "room1-cold"
rule = "temperature"
point = "room1.temperature"
profile = "gsp-cold-2-8"
[[rule]]
id = "lift-call"
rule = "lift"
alarm = "lift.alarm_button"
end = "board.di4"
profile = "lift-default"
[[output]]
id = "siren"
device = "board"
output = "relay1"
on = ["siren"]
[[output]]
id = "lamp-red"
device = "board"
output = "relay2"
on = ["lamp_red"]
[[output]]
id = "lamp-yellow"
device = "board"
output = "relay3"
mode = "hold"
on = ["lamp_yellow"]
[[output]]
id = "lamp-green"
device = "board"
output = "relay4"
mode = "hold"
on = ["lamp_green"]
"""


class Site:
    """Everything under one directory, which must be new or empty. `start` brings it up, `stop` ends it in order."""

    def __init__(
        self,
        directory: Path,
        *,
        language: str = "en",
        listen: str = "127.0.0.1:0",
        broker: BrokerProgram | None = None,
        busy: bool = False,
    ) -> None:
        """`busy`: goods come by themselves, several a second; otherwise the readers see what they are commanded to."""
        self.directory = directory
        self.settings = directory / "site.toml"
        self.data = directory / "gateway"
        self.central_data = directory / "central"
        self._language = language
        self._listen = listen
        self.page = f"http://{listen}/"
        directory.mkdir(parents=True, exist_ok=True)
        passwords = {GATEWAY: secrets.token_urlsafe(16), "central": secrets.token_urlsafe(16)}
        for name, password in {"gateway": passwords[GATEWAY], "central": passwords["central"]}.items():
            self._secret(f"{name}.password", password)
        self.pin = f"{secrets.randbelow(10**6):06}"
        self._secret("pin", self.pin)
        (directory / "broker").mkdir()
        (directory / "ports").mkdir()
        (directory / "wire").mkdir()
        self.broker = Broker(passwords, directory / "broker", program=broker)
        self.gateway = self._program("gateway", "gateway.cli", "run", "--config", self.settings, "--data", self.data)
        self.bus = self._sim(
            "modbus",
            "--slave",
            "1=xy-md02",
            "--slave",
            "2=renke",
            "--slave",
            "3=waveshare-io-8ch",
            "--slave",
            "4=lift-gbt-1",
        )
        self.scanner = self._sim("scanner", "--every", "0.5" if busy else "0")
        self.ssi = self._sim("scanner-ssi", "--every", "0.3" if busy else "0")
        self.portal = self._sim("m100", "--every", "2" if busy else "0")
        self.camera = Program(
            "camera",
            "firmware_sim",
            ["camera", "--every", "4" if busy else "0", "--log", str(self.wire("camera"))],
            directory / "camera.log",
        )
        self.sims = [self.bus, self.scanner, self.ssi, self.portal, self.camera]
        self.central: Program | None = None
        # told, because the embedded broker answers nothing to MQTT 5: finding that out costs seconds at each connection
        self._protocol = "auto" if self.broker.program == "mosquitto" else "3.1.1"
        self.central_data.mkdir()
        (self.central_data / "central.toml").write_text(f'[sync]\nprotocol = "{self._protocol}"\n')

    def wire(self, name: str) -> Path:
        """The log of what a simulator put on its wire."""
        return self.directory / "wire" / f"{name}.jsonl"

    def _secret(self, name: str, text: str) -> None:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)

    def _program(self, name: str, module: str, *args: object) -> Program:
        return Program(name, module, [str(a) for a in args], self.directory / f"{name}.log")

    def _sim(self, kind: str, *options: str) -> Program:
        port = self.directory / "ports" / kind
        return self._program(kind, "firmware_sim", kind, "--port", port, "--log", self.wire(kind), *options)

    async def start(self) -> None:
        """Broker, centre, simulators, gateway. Raises ProgramFailed, BrokerFailed."""
        await asyncio.to_thread(self.broker.start)
        await self.start_central()
        camera: dict[str, Any] = {}
        for sim in self.sims:
            await sim.start()
        for sim in self.sims:
            camera = await sim.ready()
        await output_of(
            "central",
            "person",
            "add",
            PERSON,
            "--pin-file",
            str(self.directory / "pin"),
            "--data",
            str(self.central_data),
        )
        self.settings.write_text(
            _SETTINGS.format(
                gateway=GATEWAY,
                language=self._language,
                broker=self.broker.url,
                protocol=self._protocol,
                central_key=self.central_data / "central.pub",
                listen=self._listen,
                bus=self.directory / "ports" / "modbus",
                scanner=self.directory / "ports" / "scanner",
                ssi=self.directory / "ports" / "scanner-ssi",
                portal=self.directory / "ports" / "m100",
                camera=camera["endpoint"],
            ),
            encoding="utf-8",
        )
        await self.gateway.start()

    async def start_central(self) -> None:
        self.central = self._program(
            "central",
            "central",
            "run",
            "--data",
            self.central_data,
            "--broker",
            self.broker.url,
            "--password-file",
            self.directory / "central.password",
        )
        await self.central.start()
        await self.central.ready()

    async def stop_edge(self) -> None:
        """Gateway and simulators; the centre can still be asked."""
        await self.gateway.stop()
        for sim in self.sims:
            await sim.stop()

    async def stop(self) -> None:
        """The gateway first, so that its last records can still be acknowledged."""
        await self.stop_edge()
        if self.central:
            await self.central.stop()
        await asyncio.to_thread(self.broker.stop)

    async def ask_central(self, *args: str) -> Any:
        """What `doorpost central ARGS --json` answers."""
        return await output_of("central", *args, "--data", str(self.central_data))

    async def durable(self) -> dict[str, int]:
        """How many records of each stream are on the gateway's disk; it must have ended."""
        journal = await Journal.open(self.data / "stores", GATEWAY)
        try:
            return {stream: journal.last(stream) for stream in STREAMS}
        finally:
            await journal.close()

    async def rows(self) -> list[Row]:
        """All records of the gateway that the centre has, in the order of their clock."""
        return rows(await lines_of("central", "records", "--gw", GATEWAY, "--data", str(self.central_data)))

    def wires(self) -> dict[str, list[Event]]:
        """All that the simulators have put on their wires, by the name of the log."""
        return {one.log: wire(self.wire(one.log)) for one in WIRED}

    async def ask_gateway(self, *args: str) -> Any:
        """What `doorpost ARGS --json` answers. Raises ProgramFailed while the gateway is not up."""
        return await output_of("gateway.cli", *args, "--data", str(self.data))
