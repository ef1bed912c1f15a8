"""What every demo's site has: a broker, the centre with its persons, the gateway, and simulated devices of its own."""

import asyncio
import secrets
from pathlib import Path
from typing import Any, ClassVar

from gateway.demo.broker import Broker
from gateway.demo.broker import Program as BrokerProgram
from gateway.demo.evidence import Event, Row, rows, wire
from gateway.demo.judge import Wired
from gateway.demo.processes import Program, lines_of, output_of
from model.record import STREAMS
from sync.journal.journal import Journal

GATEWAY = "gw-demo-1"

_SETTINGS = """\
schema = 1
[gateway]
id = "{gateway}"
language = "{language}"
[sync]
broker = "{broker}"
password_file = "{gateway}.password"
protocol = "{protocol}"
central_keys = ["{central_key}"]
[web]
listen = "{listen}"
"""

Ready = dict[str, dict[str, Any]]
"""What each simulator said when it was ready, by its name."""


class Site:
    """Everything under one directory, which must be new or empty. `start` brings it up, `stop` ends it in order.

    A scenario's site appends its simulators to `sims` and says with `tables` how the gateway is set to them.
    """

    wired: ClassVar[tuple[Wired, ...]]
    """What the judge compares."""
    persons: ClassVar[tuple[str, ...]] = ("Li Na",)
    """Who may acknowledge at the centre."""
    gateways: ClassVar[tuple[str, ...]] = (GATEWAY,)
    """Whom the broker knows."""
    central_settings: ClassVar[str] = ""
    """Tables of central.toml beside the way to the broker."""
    board: ClassVar[int]
    """Slave address of the board with the relays, on the bus whose log is `modbus`."""

    def __init__(
        self,
        directory: Path,
        *,
        language: str = "en",
        listen: str = "127.0.0.1:0",
        broker: BrokerProgram | None = None,
    ) -> None:
        self.directory = directory
        self.settings = directory / "site.toml"
        self.data = directory / "gateway"
        self.central_data = directory / "central"
        self.language = language
        self.page = f"http://{listen}/"
        self._listen = listen
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("broker", "ports", "wire", "pins", "central"):
            (directory / name).mkdir()
        passwords = {name: secrets.token_urlsafe(16) for name in (*self.gateways, "central")}
        for name, password in passwords.items():
            self.secret(f"{name}.password", password)
        for person in self.persons:
            self.secret(f"pins/{person}", f"{secrets.randbelow(10**6):06}")
        self.broker = Broker(passwords, directory / "broker", program=broker)
        self.gateway = self.program("gateway", "gateway.cli", "run", "--config", self.settings, "--data", self.data)
        self.sims: list[Program] = []
        self.central: Program | None = None
        # told, because the embedded broker answers nothing to MQTT 5: finding that out costs seconds at each connection
        self._protocol = "auto" if self.broker.program == "mosquitto" else "3.1.1"
        (self.central_data / "central.toml").write_text(
            f'[sync]\nprotocol = "{self._protocol}"\n' + self.central_settings
        )

    def tables(self, ready: Ready) -> str:
        """The settings of devices, rules and outputs."""
        raise NotImplementedError

    def wire(self, name: str) -> Path:
        """The log of what a simulator put on its wire."""
        return self.directory / "wire" / f"{name}.jsonl"

    def port(self, name: str) -> Path:
        return self.directory / "ports" / name

    def secret(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def pin(self, person: str) -> Path:
        return self.directory / "pins" / person

    def identified(self, person: str) -> tuple[str, ...]:
        """How a person says who it is, to a command of the centre."""
        return "--as", person, "--pin-file", str(self.pin(person))

    def program(self, name: str, module: str, *args: object) -> Program:
        return Program(name, module, [str(a) for a in args], self.directory / f"{name}.log")

    def sim(self, kind: str, *options: object) -> Program:
        """A simulator at a serial port of its own."""
        made = self.program(kind, "firmware_sim", kind, "--port", self.port(kind), "--log", self.wire(kind), *options)
        self.sims.append(made)
        return made

    async def start(self) -> None:
        """Broker, centre, simulators, gateway. Raises ProgramFailed, BrokerFailed."""
        way = await self.start_broker()
        await self.start_central()
        for sim in self.sims:
            await sim.start()
        ready = {sim.name: await sim.ready() for sim in self.sims}
        for person in self.persons:
            await self.ask_central("person", "add", person, "--pin-file", str(self.pin(person)))
        own = _SETTINGS.format(
            gateway=GATEWAY,
            language=self.language,
            broker=way,
            protocol=self._protocol,
            central_key=self.central_data / "central.pub",
            listen=self._listen,
        )
        self.settings.write_text(own + self.tables(ready), encoding="utf-8")
        await self.at_rest()
        await self.gateway.start()

    async def at_rest(self) -> None:
        """Bring the simulated site into the state in which the gateway finds it."""

    async def start_broker(self) -> str:
        """The address by which the gateway reaches it."""
        await asyncio.to_thread(self.broker.start)
        return self.broker.url

    async def start_central(self) -> None:
        self.central = self.program(
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
        return {sim.name: wire(self.wire(sim.name)) for sim in self.sims}

    async def ask_gateway(self, *args: str) -> Any:
        """What `doorpost ARGS --json` answers. Raises ProgramFailed while the gateway is not up."""
        return await output_of("gateway.cli", *args, "--data", str(self.data))
