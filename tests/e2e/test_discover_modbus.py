"""Searching a Modbus line: who is there, what fits, and what is wrong with the line where nobody is understood."""

import asyncio
import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress

import pytest
from click.testing import CliRunner, Result

from drivers.common.tap import TAPS, To
from drivers.common.transport import open_transport
from drivers.modbus.asker import RtuAsker
from drivers.modbus.discover import FoundSlave, Scan, Setting, likely, narrowed
from drivers.modbus.library import known_profiles
from drivers.modbus.pdu import read, write_coil
from drivers.modbus.plan import Plan, plan
from firmware_sim.modbus_link import crc
from gateway.cli import tree
from model.errors import TransientError
from support.pty_device import PtyDevice, pty_device
from support.sims import StartSim
from support.small_gateway import start
from support.terminal import on_terminal

PLANS = [plan(name) for name in known_profiles()]
NEW = [Setting(9600)]


def reply(request: bytes) -> bytes:
    """Exception 2, as one that has nothing at that address."""
    body = bytes((request[0], request[1] | 0x80, 2))
    return body + crc(body).to_bytes(2, "little")


async def search(
    port: str,
    addresses: Iterable[int],
    settings: list[Setting] = NEW,
    plans: list[Plan] | None = None,
    answer_s: float = 0.05,
) -> tuple[Scan, dict[int, FoundSlave]]:
    """In less time than a real line would need; a simulator is another process and may have to wait for its turn."""
    scan = Scan(port, settings, list(addresses), plans or [], answer_s=answer_s, pause_s=0.004)
    found = {event.address: event async for event in scan.run() if isinstance(event, FoundSlave)}
    return scan, found


def codes(scan: Scan) -> list[str]:
    return [problem.code for problem in scan.problems()]


def wrong(scan: Scan) -> set[str]:
    """Without what a machine that has too much to do makes of a good line."""
    return set(codes(scan)) - {"discover_slow"}


def profiles(one: FoundSlave) -> list[tuple[str, str]]:
    return [(candidate.profile, candidate.why) for candidate in one.candidates]


async def test_who_is_there_and_what_fits(sim: StartSim) -> None:
    """An exception is an answer; identification goes before plausible values; nothing but reads was sent."""
    bus = await sim(
        "modbus",
        "--baud",
        "0",
        *("--slave", "1=xy-md02"),
        *("--slave", "2=waveshare-io-8ch"),
        *("--slave", "12=lift-gbt-1"),
    )
    sent: list[bytes] = []

    def tap(to: To, data: bytes) -> None:
        if to == "device":
            sent.append(data)

    token = TAPS.set([tap])
    scan, found = await search(bus.endpoint, (1, 2, 3, 12), plans=PLANS, answer_s=0.4)
    TAPS.reset(token)
    assert set(found) == {1, 2, 12}
    assert (wrong(scan), scan.asked) == (set(), 4)
    assert profiles(found[1])[0] == ("xy-md02", "answers")
    assert found[1].candidates[0].usual
    assert profiles(found[2])[0] == ("waveshare-io-8ch", "answers")
    assert profiles(found[12]) == [("lift-gbt-1", "identity")]
    assert {frame[1] for frame in sent} <= {1, 2, 3, 4}
    assert [line for line in bus.log() if line["event"] == "output"] == []


async def test_a_write_cannot_be_asked(sim: StartSim) -> None:
    """Whoever calls it: the bytes do not go out."""
    async with pty_device(lambda data, _: b"") as device:
        line = await open_transport(device.endpoint)
        with pytest.raises(AssertionError):
            await RtuAsker(line, 9600, 0).ask(1, write_coil(0, 0xFF00), 0.1)
        await line.close()
        assert not device.asked.is_set()


async def test_the_speed_is_found_and_then_kept() -> None:
    """A device that is set to 4800 baud: the others are not tried any more."""
    heard: list[tuple[int, int]] = []

    def answer(data: bytes, baudrate: int) -> bytes:
        heard.append((baudrate, data[0]))
        return reply(data) if (baudrate, data[0]) == (4800, 2) else b""

    async with pty_device(answer) as device:
        scan, found = await search(device.endpoint, (1, 2, 11), [Setting(9600), Setting(4800), Setting(19200)])
    assert [(one.address, one.setting, one.exception) for one in found.values()] == [(2, Setting(4800), 2)]
    assert list(dict.fromkeys(heard))[:6] == [(9600, 1), (9600, 2), (4800, 1), (4800, 2), (4800, 11)]
    assert wrong(scan) == set()


async def test_one_that_answers_late_is_found_all_the_same() -> None:
    """Its reply comes when the next address is asked: it is its own, and that one's is not damaged by it."""
    missing: list[bytes] = []
    asked: list[int] = []

    def answer(data: bytes, _: int) -> bytes:
        asked.append(data[0])
        if asked == [5, 5]:
            missing.append(reply(data))
        if data[0] == 6 and missing:
            return missing.pop()
        return reply(data) if data[0] == 5 and len(asked) > 2 else b""

    async with pty_device(answer) as device:
        scan, found = await search(device.endpoint, (5, 6, 7))
    assert (set(found), scan.damaged, wrong(scan)) == ({5}, set(), set())


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_slow_device_is_no_two(sim: StartSim, tcp: bool) -> None:
    """All its replies come when the next question is out; what fits it is found all the same, and its time is told."""
    wire = ("--listen", "127.0.0.1:0", "--tcp") if tcp else ()
    bus = await sim("modbus", "--slave", "3=xy-md02", "--baud", "0", *wire)
    await bus.command("fault", kind="late", seconds=0.2)
    scan, found = await search(bus.endpoint, (2, 3, 4), plans=[plan("xy-md02")], answer_s=0.1)
    assert (set(found), scan.damaged, codes(scan)) == ({3}, set(), ["discover_slow"])
    assert profiles(found[3]) == [("xy-md02", "answers")]


async def test_a_late_reply_is_not_that_to_the_next_question(sim: StartSim) -> None:
    """Both look alike: the second question waits until the first is answered or forgotten."""
    bus = await sim("xy-md02", "--baud", "0")
    await bus.command("set", temperature=20.0, humidity=50.0)
    await bus.command("fault", kind="late", count=1, seconds=0.2)
    line = await open_transport(bus.endpoint)
    asker = RtuAsker(line, 9600, 0.004)
    assert (await asker.ask(1, read(4, 1, 1), 0.1)).kind == "silent"
    assert (await asker.ask(1, read(4, 2, 1), 5)).data == (500).to_bytes(2)
    assert asker.late == [1]
    await line.close()


async def test_two_slaves_at_one_address() -> None:
    """Their replies run into each other, at this address alone."""

    def answer(data: bytes, _: int) -> bytes:
        if data[0] == 2:
            return bytes(a & b for a, b in zip(reply(data), b"\x02\x03\x02\x11\x47", strict=True))
        return reply(data) if data[0] == 1 else b""

    async with pty_device(answer) as device:
        scan, found = await search(device.endpoint, (1, 2, 3))
    assert set(found) == {1}
    assert [(problem.code, problem.params["address"]) for problem in scan.problems()] == [("discover_collision", 2)]


async def test_one_damaged_place_and_nobody_else() -> None:
    """Nothing is known of the other addresses."""
    async with pty_device(lambda data, _: bytes(byte ^ 0xFF for byte in reply(data))) as device:
        scan, _ = await search(device.endpoint, (1,))
    assert codes(scan) == ["discover_damaged"]


async def test_swapped_wires() -> None:
    """Each bit comes inverted, whoever is asked and however the line is set: never a frame."""
    async with pty_device(lambda data, _: bytes(byte ^ 0xFF for byte in reply(data))) as device:
        scan, found = await search(device.endpoint, (1, 2), [Setting(9600), Setting(4800)])
    assert (found, codes(scan)) == ({}, ["discover_garbled"])


async def test_nobody_and_an_adapter_that_hears_itself() -> None:
    """Our own bytes are nobody's answer."""
    async with pty_device(lambda data, _: data) as device:
        scan, found = await search(device.endpoint, (1, 2))
    assert (found, codes(scan)) == ({}, ["discover_echo", "discover_nobody"])
    async with pty_device(lambda data, _: data + reply(data)) as device:
        scan, found = await search(device.endpoint, (1,))
    assert (set(found), codes(scan)) == ({1}, ["discover_echo"])


async def test_somebody_talks_by_itself() -> None:
    """A sensor in its automatic mode is no answer."""
    async with pty_device(lambda data, _: b"") as device:
        scan = Scan(device.endpoint, NEW, [1, 2], [], answer_s=0.05)
        async for _ in scan.run():
            device.say(b"27.4C,67.7%\r\n")
    assert (scan.found, codes(scan)) == ([], ["discover_unasked"])


async def test_a_line_that_is_never_silent_is_left_alone() -> None:
    """Questions in between would harm those who talk there."""
    async with pty_device(lambda data, _: b"") as device:
        babble = asyncio.create_task(babbling(device))
        scan = Scan(device.endpoint, NEW, [1], [], pause_s=0.5)
        with pytest.raises(TransientError, match="modbus_line_talks"):
            _ = [event async for event in scan.run()]
        babble.cancel()
        assert not device.asked.is_set()


async def babbling(device: PtyDevice) -> None:
    while True:
        device.say(b"27.4C,67.7%\r\n")
        await asyncio.sleep(0.001)


async def test_a_tcp_device_that_ignores_the_address_is_one_device() -> None:
    """It would be found 247 times."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                asked = await reader.readexactly(12)
                writer.write(asked[:5] + bytes((3, asked[6], asked[7] | 0x80, 2)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    scan, found = await search(f"tcp://127.0.0.1:{port}", range(1, 248))
    server.close()
    assert (len(found), scan.asked, codes(scan)) == (8, 8, ["discover_alike"])


@pytest.mark.parametrize("tcp", [False, True])
async def test_modbus_tcp_and_rtu_over_tcp_are_told_apart(sim: StartSim, tcp: bool) -> None:
    """By trying. A gateway that speaks for a slave which it cannot reach is not that slave."""
    options = ("--slave", "2=xy-md02", "--baud", "0", "--listen", "127.0.0.1:0")
    bus = await sim("modbus", *options, *(["--tcp"] if tcp else []))
    scan, found = await search(bus.endpoint, (1, 2), plans=[plan("xy-md02")], answer_s=0.15)
    assert scan.tcp is tcp
    assert [(one.address, one.setting) for one in found.values()] == [(2, None)]
    assert profiles(found[2]) == [("xy-md02", "answers")]


def test_settings_in_their_order() -> None:
    """The most likely first, each once, with those that the profiles know; narrowed to what a person names."""
    order = likely(PLANS)
    assert order[:3] == [Setting(9600), Setting(4800), Setting(9600, "E")]
    assert len(set(order)) == len(order)
    lines = [how.profile.line for how in PLANS if how.profile.line]
    assert {Setting(line.baudrate, line.parity, line.stopbits) for line in lines} <= set(order)
    assert narrowed(order, [14400], ["E"]) == [Setting(14400, "E")]
    assert {one.parity for one in narrowed(order, [], ["O"])} == {"O"}


def command(*args: str) -> Result:
    """`doorpost discover modbus` in this process: what the other end of the line says, another thread or process says."""
    return CliRunner().invoke(tree("en"), ["discover", "modbus", *args])


async def test_the_command(sim: StartSim) -> None:
    """A line for each slave, then the sum."""
    one = await sim("xy-md02", "--baud", "0")
    told = await asyncio.to_thread(command, one.endpoint, *("--baud", "9600"), *("--addresses", "1"), "--json")
    found, last = map(json.loads, told.stdout.splitlines())
    assert (told.exit_code, told.stderr) == (0, "")
    assert found["line"] == {"baudrate": 9600, "parity": "N", "stopbits": 1}
    assert found["candidates"][0]["profile"] == "xy-md02"
    assert last == {"driver": "modbus_rtu", "found": 1, "asked": 1, "interrupted": False, "problems": []}


async def test_the_command_says_what_to_write(sim: StartSim) -> None:
    """On the network it has been tried out; and why a candidate is one."""
    bus = await sim("xy-md02", "--baud", "0", "--listen", "127.0.0.1:0", "--tcp")
    told = await asyncio.to_thread(command, bus.endpoint, "--addresses", "1")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, 'For the settings: the bus has driver = "modbus_tcp"')
    one = await sim("xy-md02", "--baud", "0")
    told = await asyncio.to_thread(command, one.endpoint, *("--baud", "9600"), *("--addresses", "1"))
    assert "compare them with its display (found at its factory line setting)\n" in told.stdout
    assert told.stdout.splitlines()[-1] == 'For the settings: the bus has driver = "modbus_rtu"'


def test_nobody_is_told_with_the_time_that_it_takes() -> None:
    """On a terminal the time left stands on a line that is gone when it is over; then what to look at. Exit code 3."""
    master, slave = os.openpty()
    narrow = (os.ttyname(slave), "--baud", "115200", "--parity", "N", "--addresses", "77")
    told = command(*narrow)
    shown = on_terminal("gateway.cli", "discover", "modbus", *narrow, "--lang", "en", columns=80)
    os.close(master)
    os.close(slave)
    assert told.exit_code == 3
    assert told.stdout.startswith("Devices found: 0; questions: 1\nNobody answers on ")
    assert "A on A and B on B" in told.stdout
    assert "115200 8N1, address 77; found: 0; at most 0:" in shown
    assert shown.rpartition("\r\x1b[K")[2].startswith("Devices found: 0; questions: 1")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["rs485"], "rs485 不是端口"),
        (["tcp://host"], "须带端口号"),
        (["/dev/x", "--addresses", "0-3"], "1 到 247 的数字"),
        (["/dev/x", "--addresses", "a"], "1 到 247 的数字"),
    ],
)
def test_a_wrong_command_line(wrong: list[str], said: str) -> None:
    """Nothing is opened; what to write is said in the chosen language."""
    told = CliRunner().invoke(tree("zh"), ["discover", "modbus", *wrong])
    assert told.exit_code == 2
    assert said in told.stderr


async def test_a_setting_that_the_port_cannot_have_is_left_out() -> None:
    """A pseudo terminal has no parity; the settings behind it are tried all the same."""
    async with pty_device(lambda data, speed: reply(data) if speed == 4800 else b"") as device:
        _, found = await search(device.endpoint, [1], [Setting(9600), Setting(9600, "E"), Setting(4800)])
    assert [one.setting for one in found.values()] == [Setting(4800)]


async def test_a_port_that_somebody_holds() -> None:
    """Who it is stands in the answer."""
    async with pty_device(lambda data, _: b"") as device:
        line = await open_transport(device.endpoint)
        told = await asyncio.to_thread(command, device.endpoint, "--json")
        await line.close()
    assert told.exit_code == 1
    assert f"({os.getpid()})" in json.loads(told.stdout)["error"]["params"]["holder"]


async def test_ctrl_c_tells_what_was_found() -> None:
    """It would go on for minutes: what is known by then is said, with the exit code of an interruption."""
    async with pty_device(lambda data, _: reply(data) if data[0] == 1 else b"") as device:
        searching = await start("discover", "modbus", device.endpoint, "--json")
        assert searching.stdout
        assert json.loads(await searching.stdout.readline())["slave"] == 1
        searching.send_signal(signal.SIGINT)
        out, err = await searching.communicate()
    last = json.loads(out)
    assert (searching.returncode, err) == (130, b"")
    assert (last["found"], last["interrupted"]) == (1, True)
