"""A lift with a monitoring terminal, an alarm button, lamps, a key and a badge reader; a modem, and a network that can be bad."""

from pathlib import Path
from typing import NamedTuple

from gateway.demo.broker import Program as BrokerProgram
from gateway.demo.judge import Wired
from gateway.demo.processes import Program
from gateway.demo.site import Ready, Site

TERMINAL, BOARD = 1, 2
"""Slave addresses on the RS-485 bus."""
BUTTON, KEY = 1, 2
BOARD_EVERY_S = 0.25
PROFILE = "lift-demo"
"""Inputs of the board. The button's contact is normally closed: a cut cable is a call, not silence."""
SIREN, YELLOW, GREEN, DIALLER, VOICE = 1, 2, 3, 4, 5
"""Relays of the board."""


class Listed(NamedTuple):
    """A person of the gateway's settings."""

    name: str
    phone: str
    tier: int
    badge: str | None = None


TECHNICIAN = Listed("Zhang Wei", "+8613800000002", 1, "0011619647")
PERSONS = (Listed("Chen Jie", "+8613800000001", 1), TECHNICIAN, Listed("Zhao Min", "+8613800000003", 2))
"""Who is told by short message: the duty room, the maintainer, the owner."""

_SETTINGS = """\
[[bus]]
id = "rs485"
driver = "modbus_rtu"
port = "{bus}"
[[device]]
id = "terminal"
driver = "modbus"
bus = "rs485"
slave = 1
profile = "lift-gbt-1"
every_s = 0.5
[[device]]
id = "board"
driver = "modbus"
bus = "rs485"
slave = 2
profile = "waveshare-io-8ch"
every_s = {every_s}
[[device]]
id = "badge"
driver = "card_lines"
port = "{badge}"
pattern = 'No\\.(?P<uid>[0-9]{{10}})'
[[device]]
id = "modem"
driver = "modem_sms"
port = "{modem}"
[[lift]]
id = "lift-1"
rescue = "100011"
name = "{name}"
address = "{address}"
maintainer = "{maintainer}"
[[rule]]
id = "lift-1"
rule = "lift"
profile = "{profile}"
lift = "lift-1"
alarm = "board.di1"
active = 0
terminal = "terminal"
end = "board.di2"
badges = ["badge"]
[[output]]
id = "siren"
device = "board"
output = "relay1"
on = ["siren"]
[[output]]
id = "lamp-yellow"
device = "board"
output = "relay2"
mode = "hold"
on = ["lamp_yellow"]
[[output]]
id = "lamp-green"
device = "board"
output = "relay3"
mode = "hold"
on = ["lamp_green"]
[[output]]
id = "dialler"
device = "board"
output = "relay4"
mode = "hold"
on = ["dialler"]
[[output]]
id = "voice"
device = "board"
output = "relay5"
mode = "hold"
on = ["voice"]
"""
_NAMES = {
    "en": {"name": "Lift 1, Lakeside Tower", "address": "8 Lakeside Road", "maintainer": "Anda Lifts"},
    "zh-CN": {"name": "湖滨大厦 1 号梯", "address": "湖滨路 8 号", "maintainer": "安达电梯"},
}


class LiftSite(Site):
    wired = (
        Wired("terminal", "changes", "modbus", TERMINAL),
        Wired("board", "changes", "modbus", BOARD),
    )
    persons = ("Li Na", "Wang Fang")
    """Two desks at the rescue centre."""
    board = BOARD
    central_settings = "[rescue]\nack_s = 15\ndispatch_s = 5\narrive_s = 30\n"
    """What the desk's clocks and its report measure by: the times of the profile lift-demo."""

    def __init__(
        self,
        directory: Path,
        *,
        language: str = "en",
        listen: str = "127.0.0.1:0",
        broker: BrokerProgram | None = None,
    ) -> None:
        super().__init__(directory, language=language, listen=listen, broker=broker)
        self.bus = self.sim("modbus", f"--slave={TERMINAL}=lift-gbt-1", f"--slave={BOARD}=waveshare-io-8ch")
        self.badge = self.sim("card-lines", "--every", "0")
        self.modem = self.sim("modem", "--every", "0", "--register", "0.2", "--network", "0.5")
        self._desk = self.program("desk", "central", "desk", "--data", self.central_data, "--listen", "127.0.0.1:0")
        self._network: Program | None = None

    @property
    def network(self) -> Program:
        """Between the gateway and the broker."""
        assert self._network
        return self._network

    def tables(self, ready: Ready) -> str:
        people = "".join(
            f'[[person]]\nname = "{one.name}"\nphone = "{one.phone}"\ntier = {one.tier}\n'
            + (f'badge = "{one.badge}"\nrole = ["technician"]\n' if one.badge else "")
            for one in PERSONS
        )
        return people + _SETTINGS.format(
            every_s=BOARD_EVERY_S,
            profile=PROFILE,
            bus=self.port("modbus"),
            badge=self.port("card-lines"),
            modem=self.port("modem"),
            **_NAMES[self.language],
        )

    async def at_rest(self) -> None:
        """The button's contact is closed."""
        await self.bus.command("contact", slave=BOARD, di=BUTTON, on=True)

    async def start_broker(self) -> str:
        """All that the gateway sends and hears goes through a network that obeys the story."""
        broker = (await super().start_broker()).removeprefix("mqtt://")
        options = ("--to", broker, "--log", self.wire("network"))
        self._network = self.program("network", "firmware_sim", "mqtt-proxy", *options)
        await self.network.start()
        way: str = (await self.network.ready())["endpoint"]
        return way

    async def open_desk(self) -> str:
        """The rescue desk's page; its address."""
        await self._desk.start()
        url: str = (await self._desk.ready())["url"]
        return url

    async def stop_edge(self) -> None:
        await super().stop_edge()
        if self._network:
            await self._network.stop()

    async def stop(self) -> None:
        await self._desk.stop()
        await super().stop()

    async def power_cut(self) -> None:
        """The gateway dies in the middle of whatever it does, and the board forgets its relays."""
        await self.gateway.kill()
        await self.bus.command("reboot", slave=BOARD)
