"""A cold room, its door, a scanner, an RFID portal, a camera and a lift."""

from pathlib import Path

from gateway.demo.broker import Program as BrokerProgram
from gateway.demo.judge import Wired
from gateway.demo.processes import Program
from gateway.demo.site import Ready, Site

PROBE_1, PROBE_2, BOARD, LIFT = 1, 2, 3, 4
"""Slave addresses on the RS-485 bus."""

_SETTINGS = """\
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
[[lift]]
id = "lift-call"
rescue = "100012"
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


class ColdRoom(Site):
    wired = (
        Wired("room1", "polls", "modbus", PROBE_1),
        Wired("room2", "polls", "modbus", PROBE_2),
        Wired("board", "changes", "modbus", BOARD),
        Wired("lift", "changes", "modbus", LIFT),
        Wired("scanner", "scans", "scanner"),
        Wired("door-scanner", "handshake", "scanner-ssi"),
        Wired("portal", "tags", "m100"),
        Wired("camera", "views", "camera"),
    )
    board = BOARD

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
        super().__init__(directory, language=language, listen=listen, broker=broker)
        slaves = {PROBE_1: "xy-md02", PROBE_2: "renke", BOARD: "waveshare-io-8ch", LIFT: "lift-gbt-1"}
        self.bus = self.sim("modbus", *(f"--slave={number}={family}" for number, family in slaves.items()))
        self.scanner = self.sim("scanner", "--every", "0.5" if busy else "0")
        self.ssi = self.sim("scanner-ssi", "--every", "0.3" if busy else "0")
        self.portal = self.sim("m100", "--every", "2" if busy else "0")
        self.camera = Program(
            "camera",
            "firmware_sim",
            ["camera", "--every", "4" if busy else "0", "--log", str(self.wire("camera"))],
            directory / "camera.log",
        )
        self.sims.append(self.camera)

    def tables(self, ready: Ready) -> str:
        return _SETTINGS.format(
            bus=self.port("modbus"),
            scanner=self.port("scanner"),
            ssi=self.port("scanner-ssi"),
            portal=self.port("m100"),
            camera=ready["camera"]["endpoint"],
        )
