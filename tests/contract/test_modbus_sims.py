"""Our simulated Modbus slaves by the bytes of the devices' documents, and by the faults that they can be given."""

import asyncio
import time
from typing import Any

import pytest
import serial  # type: ignore[import-untyped]

from firmware_sim.faults import FAULTS
from firmware_sim.modbus import FAMILIES
from firmware_sim.modbus_link import Link, Timing
from firmware_sim.modbus_spoiling import NOT_ON_TCP
from firmware_sim.modbus_thermometers import XY_MD02, Thermometer
from firmware_sim.wire import WireLog
from support.context import HANG_S
from support.modbus import eventually, raw
from support.sims import StartSim

Command = tuple[str, dict[str, Any]]
Frames = dict[str, str]
"""Request -> reply."""


def value(name: str, to: float) -> Command:
    return "value", {"name": name, "to": to}


def bit(name: str, on: bool = True) -> Command:
    return "bit", {"name": name, "on": on}


def fail(name: str, how: str | None = None) -> Command:
    return "fail", {"name": name, "how": how}


CASES: dict[str, tuple[list[Command], Frames]] = {
    "xy-md02": (
        [("set", {"temperature": 30.5, "humidity": 54.6})],
        {
            "01 04 00 01 00 02 20 0B": "01 04 04 01 31 02 22 2A CE",
            "01 03 01 01 00 01 D4 36": "01 03 02 00 01 79 84",
            "01 04 00 00 00 02 71 CB": "01 84 02 C2 C1",
        },
    ),
    "renke": (
        [("set", {"temperature": -10.1, "humidity": 65.8})],
        {
            "01 03 00 00 00 02 C4 0B": "01 03 04 02 92 FF 9B 5A 3D",
            "FF 03 07 D0 00 01 91 59": "FF 03 02 00 01 50 50",
        },
    ),
    "mb8art": (
        [
            *(value("ch1", -18.3), value("ch2", 4.1), value("ch5", 0.0), value("ch6", 25.3)),
            *(fail("ch3"), fail("ch4", "short"), fail("ch7", "open"), fail("ch8", "open")),
        ],
        {
            "01 04 00 00 00 08 F1 CC": "01 04 10 FF 49 00 29 75 30 8A D0 00 00 00 FD 75 30 75 30 E6 2E",
            "01 02 00 00 00 08 79 CC": "01 02 01 33 E1 9D",
            "01 03 00 40 00 01 85 DE": "01 03 02 00 39 78 56",
            "01 06 00 4C 00 01 89 DD": "01 06 00 4C 00 01 89 DD",
            "01 04 00 05 00 01 21 CB": "01 04 02 09 E2 3F 29",  # in hundredths now
        },
    ),
    "carel-ir33": (
        [value("probe1", -18.3), fail("probe1")],
        {
            "01 04 01 93 00 01 C0 1B": "01 04 02 FF 49 39 36",
            "01 04 01 93 00 02 80 1A": "01 84 03 03 01",  # one register per request
            "01 04 01 94 00 01 71 DA": "01 84 02 C2 C1",
            "01 02 00 03 00 01 49 CA": "01 02 01 01 60 48",
            "01 02 00 2B 00 01 C9 C2": "01 02 01 00 A1 88",
            "01 06 01 94 00 32 48 0F": "01 06 01 94 00 32 48 0F",
        },
    ),
    "carel-pj-easy": (
        [value("probe1", -18.3), bit("high_temperature")],
        {
            "01 04 01 99 00 01 E0 19": "01 04 02 FF 49 39 36",
            "01 02 00 03 00 02 09 CB": "01 02 01 01 60 48",
        },
    ),
    "carel-uc2se": (
        [value("register_510", 7.0), value("register_511", 30.0), bit("general_alarm")],
        {
            "01 04 01 FE 00 02 11 C7": "01 04 04 00 46 01 2C 1A 1C",
            "01 02 00 2A 00 01 98 02": "01 02 01 01 60 48",
        },
    ),
    "danfoss-ekc-202d": (
        [value("air", 4.1), fail("s3"), bit("high_temperature")],
        {
            "01 03 0A 0F 00 01 B7 D1": "01 03 02 00 29 79 9A",
            "01 03 4E 1F 00 0C 63 21": "01 03 18 " + "00 00 00 00 00 01 00 00 00 00 00 01 " + "00 00 " * 6 + "53 89",
            "01 06 0A 0F 00 00 BA 11": "01 86 02 C3 A1",
        },
    ),
    "danfoss-erc-21x": (
        [value("air", -18.34)],
        {
            "01 03 09 E1 00 01 D7 A0": "01 03 02 F8 D6 7A 1A",
            "01 06 09 E1 00 00 DA 60": "01 86 01 83 A0",
        },
    ),
    "eliwell-idplus": (
        [fail("ai1"), bit("high_temperature"), bit("door"), bit("compressor")],
        {
            "01 03 01 27 00 01 35 FD": "01 03 02 80 00 D9 84",
            "01 03 80 6C 00 01 6D D7": "01 03 02 00 A2 39 FD",
            "01 03 80 76 00 01 4C 10": "01 03 02 00 08 B9 82",
            "01 03 01 27 00 0F B4 39": "01 83 02 C0 F1",
            "01 03 01 27 00 10 F5 F1": "01 83 03 01 31",  # 15 registers at most
        },
    ),
    "eliwell-id974lx": (
        [value("probe1", -18.3), fail("probe1")],
        {
            "01 04 4F 3E 00 01 46 D2": "01 04 02 FF 49 39 36",
            "01 02 07 51 00 02 A9 6E": "01 02 01 01 60 48",
        },
    ),
    "dixell-xr": (
        [value("probe1", -18.3)],
        {
            "01 03 01 00 00 01 85 F6": "01 03 02 FF 49 38 42",
            "01 03 01 00 00 02 C5 F7": "01 83 03 01 31",  # one register per request
            "01 03 00 07 00 01 35 CB": "01 03 02 00 03 F8 45",
        },
    ),
    "waveshare-io-8ch": (
        [("contact", {"di": 1, "on": True})],
        {
            "01 05 00 00 FF 00 8C 3A": "01 05 00 00 FF 00 8C 3A",
            "01 05 00 FF FF 00 BC 0A": "01 05 00 FF FF 00 BC 0A",
            "01 05 02 00 00 07 8D B0": "01 05 02 00 00 07 8D B0",
            "01 0F 00 00 00 08 01 FF BE D5": "01 0F 00 00 00 08 54 0D",
            "01 05 00 FF 00 00 FD FA": "01 05 00 FF 00 00 FD FA",
            "01 01 00 00 00 08 3D CC": "01 01 01 00 51 88",
            "01 02 00 00 00 08 79 CC": "01 02 01 01 60 48",
            "00 03 40 00 00 01 90 1B": "01 03 02 00 01 79 84",
        },
    ),
    "waveshare-relay-8ch": (
        [],
        {
            "01 05 00 00 FF 00 8C 3A": "01 05 00 00 FF 00 8C 3A",
            "01 02 00 00 00 08 79 CC": "01 82 01 81 60",
        },
    ),
    "sdm120": ([value("voltage", 230.5)], {"01 04 00 00 00 02 71 CB": "01 04 04 43 66 80 00 6F DF"}),
    "pzem-016": (
        [value("voltage", 230.0), value("current", 70.0), value("power", 345.0)],
        {
            "01 04 00 00 00 07 B1 C8": "01 04 0E 08 FC 11 70 00 01 0D 7A 00 00 30 39 00 00 AB EC",
            "F8 04 00 00 00 01 25 A3": "F8 04 02 08 FC 22 A5",
        },
    ),
    "lift-gbt-1": (
        [
            ("lift", {"floor": 5, "display_floor": 3, "door_closed": 0, "passenger": 1}),
            ("lift", {"fault_code": 4, "event_code": 43, "alarm_code": 90}),
        ],
        {
            "01 04 00 00 00 0C F0 0F": "01 04 18 01 01 00 01 00 00 00 00 00 01 00 05 00 03 "
            "00 00 00 01 00 04 00 2B 00 5A D1 21"
        },
    ),
    "lift-ba-vanke": (
        [bit("general_fault"), bit("trapped"), bit("alarm_button"), value("starts", 70000)],
        {
            "02 03 00 40 00 17 04 23": "02 03 2E 00 04 00 00 00 00 00 00 80 00 00 02 00 00 00 00 22 38 00 01 11 70 "
            "00 09 FB F1 00 03 94 47 00 00 A8 CA 00 00 0C 8A 00 01 81 CD 00 00 00 00 E3 97",
            "02 06 00 47 00 00 39 EC": "02 86 01 73 A0",
        },
    ),
}


@pytest.mark.parametrize("kind", FAMILIES)
async def test_each_family_by_the_documents_bytes(sim: StartSim, kind: str) -> None:
    """Sent and read by pyserial, compared byte by byte; each family has its frames."""
    commands, frames = CASES[kind]
    slave = await sim(kind)
    for do, arguments in commands:
        await slave.command(do, **arguments)
    got = {request: await raw(slave.endpoint, request, len(bytes.fromhex(reply))) for request, reply in frames.items()}
    assert got == frames


async def test_an_address_that_all_are_told(sim: StartSim) -> None:
    """A broadcast has no reply; the board goes by its new address."""
    board = await sim("waveshare-relay-8ch")
    reply = "05 03 02 00 05 89 87"
    assert await raw(board.endpoint, "00 06 40 00 00 05 5D D8" + "00 03 40 00 00 01 90 1B", 7) == reply


async def test_what_is_broken_is_mended(sim: StartSim) -> None:
    """The value comes back, and its connected bit with it; a wrong name is answered with the right ones."""
    module = await sim("mb8art", "--baud", "0")
    await module.command("value", name="ch1", to=4.1)
    ask, connected = "01 04 00 00 00 01 31 CA", "01 02 00 00 00 01 B9 CA"
    seen = []
    for do in ("fail", "mend"):
        await module.command(do, name="ch1")
        seen += [await raw(module.endpoint, ask, 7), await raw(module.endpoint, connected, 6)]
    assert seen == ["01 04 02 75 30 9F B4", "01 02 01 00 A1 88", "01 04 02 00 29 78 EE", "01 02 01 01 60 48"]
    with pytest.raises(AssertionError, match="has no ch9, but ch1, ch2"):
        await module.command("value", name="ch9", to=0)
    with pytest.raises(AssertionError, match="how ch1 fails: open, short"):
        await module.command("fail", name="ch1", how="melted")


async def test_writes_are_written_down(sim: StartSim) -> None:
    """What a device lets itself be told stands in its log; what it refuses does not."""
    controller = await sim("carel-ir33", "--baud", "0")
    for request in ("01 06 01 94 00 32 48 0F", "01 05 00 20 FF 00 8D F0", "01 05 00 05 FF 00 9C 3B"):
        await raw(controller.endpoint, request, 5)
    written = [(entry["name"], entry["value"]) for entry in controller.log() if entry["event"] == "written"]
    assert written == [("setpoint", 50), ("defrost_command", 1)]


ASK, GOOD = "01 04 00 01 00 02 20 0B", "01 04 04 01 31 02 22 2A CE"
NEXT, REPLY_TO_NEXT = "01 03 01 01 00 01 D4 36", "01 03 02 00 01 79 84"
SPOILT = {
    "silent": "",
    "late": GOOD,
    "half": "01 04 04 01",
    "split": GOOD,
    "glued": f"{GOOD} 01 04 04 01 31 02 23 EB 0E",
    "noise": f"00 {GOOD}",
    "garbage": None,
    "crc": "01 04 04 01 31 02 22 2A 31",
    "collision": "00 04 00 01 00 02 22 0A",
    "echo_only": ASK,
    "short": "01 04 02 01 31 79 74",
    "long": "01 04 06 01 31 02 22 02 22 3C 4D",
    "wrong_function": "01 03 04 01 31 02 22 2B 79",
    "other_slave": "02 04 04 01 31 02 22 19 CE",
    "exception": "01 84 04 42 C3",
    "sentinel": "01 04 04 80 00 FF FF D3 F4",
}


async def test_each_fault_by_its_bytes(sim: StartSim) -> None:
    """One reply is spoilt, the one behind it is sound and comes behind it, however late that is."""
    sensor = await sim("xy-md02")
    await sensor.command("set", temperature=30.5, humidity=54.6)

    def talk() -> str:
        with serial.Serial(sensor.endpoint, 9600, timeout=2) as port:
            port.write(bytes.fromhex(ASK + NEXT))
            said = bytes(port.read_until(bytes.fromhex(REPLY_TO_NEXT))).hex(" ").upper()
            assert said.endswith(REPLY_TO_NEXT)
            return said.removesuffix(REPLY_TO_NEXT).strip()

    async def spoilt(fault: str) -> str:
        await sensor.command("fault", kind=fault, count=1, seconds=0.1)
        return await asyncio.to_thread(talk)

    got = {fault: await spoilt(fault) for fault in FAULTS}
    garbage = got["garbage"]
    assert len(bytes.fromhex(garbage)) == 9 and garbage != GOOD
    assert got == SPOILT | {"garbage": garbage}
    assert [entry["kind"] for entry in sensor.log() if entry["event"] == "fault"] == list(FAULTS)


async def test_while_one_is_late_another_answers(sim: StartSim) -> None:
    """The line is free meanwhile."""
    line = await sim("modbus", "--slave", "1=xy-md02", "--slave", "5=waveshare-relay-8ch")
    await line.command("set", slave=1, temperature=30.5, humidity=54.6)
    await line.command("fault", slave=1, kind="late", count=1, seconds=0.2)
    said = await raw(line.endpoint, f"{ASK} 05 03 40 00 00 01 90 4E", 16)
    assert said == f"05 03 02 00 05 89 87 {GOOD}"


async def test_a_command_without_its_slave(sim: StartSim) -> None:
    """Which there are is said."""
    bus = await sim("modbus", "--slave", "1=xy-md02", "--slave", "3=renke")
    with pytest.raises(AssertionError, match="`slave` is wanted; slaves: 1, 3"):
        await bus.command("fault", kind="garbage")
    with pytest.raises(AssertionError, match="there is no slave 2; slaves: 1, 3"):
        await bus.command("clear", slave=2)


async def test_faults_that_a_device_cannot_have_are_refused(sim: StartSim) -> None:
    """Modbus TCP has no serial line, and not every device a sentinel; an unknown word is answered with all words."""
    board = await sim("waveshare-io-8ch", "--tcp", "--listen", "127.0.0.1:0")
    for kind in (*NOT_ON_TCP, "sentinel"):
        with pytest.raises(AssertionError, match=f"has no {kind}"):
            await board.command("fault", kind=kind)
    with pytest.raises(AssertionError, match=", ".join(FAULTS)):
        await board.command("fault", kind="flood")


class Line(WireLog):
    """A wire in this process: its pieces can be told apart, and the next request comes without any pause.

    It is the log too, and asks again when a reply is whole or a request was not heard.
    """

    endpoint = ""
    speed = None

    def __init__(self, *requests: str) -> None:
        super().__init__(None, "")
        self.pieces: list[bytes] = []
        self.unheard = 0
        self.over = asyncio.Event()
        self._left = list(requests)
        self._asked: asyncio.Queue[bytes] = asyncio.Queue()
        self._ask()

    def _ask(self) -> None:
        if self._left:
            self._asked.put_nowait(bytes.fromhex(self._left.pop(0)))
        else:
            self.over.set()

    def __call__(self, event: str, **fields: Any) -> None:
        if fields.get("kind") == "no_silence":
            self.unheard += 1
            self._ask()

    async def read(self) -> bytes:
        return await self._asked.get()

    def write(self, data: bytes) -> None:
        self.pieces.append(data)
        if b"".join(self.pieces).endswith(bytes.fromhex(GOOD)):
            self._ask()

    def unplug(self) -> None: ...
    def replug(self) -> None: ...

    async def serve(self, timing: Timing, guard_s: float = 0.0, *, strict: bool = False) -> None:
        """A thermometer, until nothing is left to be asked."""
        slave = Thermometer(XY_MD02, 1, self)
        slave.set(30.5, 54.6)
        slave.guard_s = guard_s
        link = Link(self, [slave], self, timing, tcp=False, echo=False, strict=strict, own_speed=False)
        serving = asyncio.create_task(link.serve())
        async with asyncio.timeout(HANG_S):
            await self.over.wait()
        serving.cancel()


@pytest.mark.parametrize(("baud", "pieces"), [(0, [9]), (2400, [1] * 9), (9600, [3] * 3), (115200, [9])])
async def test_bytes_take_their_time(baud: int, pieces: list[int]) -> None:
    """The reply comes in pieces of a few milliseconds, and never sooner than the wire and the slave allow."""
    line, begin = Line(ASK), time.monotonic()
    await line.serve(Timing(baud, 0.02))
    assert [len(piece) for piece in line.pieces] == pieces
    assert time.monotonic() - begin >= 0.02 + (17 * 11 / baud if baud else 0)


@pytest.mark.parametrize(("strict", "heard"), [(False, 3), (True, 1)])
async def test_a_request_without_silence(strict: bool, heard: int) -> None:
    """Too soon after a reply, or with another one behind it: a strict slave does not hear it, others do not mind."""
    line = Line(ASK, ASK, ASK + NEXT) if strict else Line(ASK, ASK, ASK)
    await line.serve(Timing(1200, 0.0), strict=strict)
    assert (len(b"".join(line.pieces)) // 9, line.unheard) == (heard, 3 - heard)


async def test_a_device_that_needs_a_pause() -> None:
    """Longer than the silence of the standard: without it the request is not heard."""
    line = Line(ASK, ASK)
    await line.serve(Timing(0, 0.0), 0.5, strict=True)
    assert line.unheard == 1


async def test_a_slave_at_another_speed_hears_nothing(sim: StartSim) -> None:
    """The speed that the master has given its port decides, as with a UART."""
    sensor = await sim("xy-md02", "--baud", "4800", "--own-speed")
    with serial.Serial(sensor.endpoint, 9600, timeout=2) as port:
        port.write(bytes.fromhex(ASK))
        await eventually(lambda: [(entry["kind"], entry["baud"]) for entry in sensor.log()] == [("other_speed", 9600)])
        port.baudrate = 4800
        port.write(bytes.fromhex(NEXT))
        assert await asyncio.to_thread(port.read, 7) == bytes.fromhex(REPLY_TO_NEXT)
