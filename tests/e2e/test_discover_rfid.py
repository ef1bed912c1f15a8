"""Searching for readers of cards and tags, over real pseudo terminals and sockets."""

import asyncio
import json
import signal
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from drivers.common.transport import open_transport
from firmware_sim.rfid_uhfreader import crc16
from gateway import reader_search
from gateway.cli import tree
from gateway.clock import SystemClock
from gateway.reader_questions import QUESTIONS
from gateway.reader_search import Listening, Search
from model.texts import text
from support.pty_device import pty_device
from support.sims import StartSim
from support.small_gateway import start


def command(*args: str, lang: str = "en") -> Result:
    return CliRunner().invoke(tree(lang), ["discover", "rfid", *args])


def checked(settings: dict[str, Any]) -> Any:
    """As the driver itself reads them."""
    (point,) = entry_points(group="doorpost.drivers", name=settings["driver"])
    return point.load().Config.model_validate(settings)


READERS = [
    ("m100", [], "m100", {"framing": "bb"}),
    ("m100", ["--framing", "aa"], "m100", {"framing": "aa"}),
    ("r2000", [], "r2000", {"address": 1}),
    ("uhfreader18", [], "uhfreader", {"address": 0}),
    ("uhfreader288", [], "uhfreader", {"address": 0}),
    ("pn532", [], "pn532", {}),
]


@pytest.mark.parametrize(("kind", "options", "protocol", "settings"), READERS)
async def test_each_reader_is_known(
    sim: StartSim, kind: str, options: list[str], protocol: str, settings: dict[str, Any]
) -> None:
    """By its checked answer, and what is proposed is what its driver takes."""
    reader = await sim(kind, "--every", "0", *options)
    told = await asyncio.to_thread(command, reader.endpoint, "--json", "--listen", "0")
    found, last = map(json.loads, told.stdout.splitlines())
    assert (told.exit_code, found["protocol"], found["port"]) == (0, protocol, reader.endpoint)
    assert found["settings"].items() >= settings.items()
    assert last == {"found": 1, "ports": [reader.endpoint], "hosts": [], "interrupted": False, "problems": []}
    chosen = {key: values[0] for key, values in found["choose"].items()}
    checked({"id": "reader1", "driver": found["driver"], "port": found["port"], **found["settings"], **chosen})


async def test_a_card_is_held_to_a_reader_that_cannot_be_asked(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person is asked to, and the proposed lines can be copied."""
    monkeypatch.setattr(reader_search, "order", list)  # the questions before it are in the other tests
    reader = await sim("id12la", "--every", "0")
    await reader.command("card_in", uid="0A00B14D3F")
    told = await asyncio.to_thread(command, reader.endpoint, "--listen", "10")
    assert told.exit_code == 0
    assert f"Now hold a card to the reader, for 10 s: {reader.endpoint}" in told.stderr
    head, *lines, last = told.stdout.splitlines()
    assert (head, last) == (
        f"{reader.endpoint}, 9600 8N1: 125 kHz reader; it read the card 0A00B14D3F",
        "Readers found: 1",
    )
    (device,) = tomllib.loads("\n".join(lines))["device"]
    assert checked(device).port == reader.endpoint


async def searched(*ports: str, listen_s: float = 0, answer_s: float = 0.02) -> tuple[Search, list[Any]]:
    """In less time than a real reader may need; all that is said to `tell`."""
    events: list[Any] = []
    search = Search(ports, [], listen_s, SystemClock(), events.append, answer_s=answer_s)
    await search.run()
    return search, events


def information(address: int) -> bytes:
    """A reader's answer by the manual's words: version 3.1, type 09, protocols, band, power, scan time."""
    body = bytes((13, address, 0x21, 0, 3, 1, 9, 2, 0x31, 0x80, 26, 10))
    return body + crc16(body)


async def test_at_the_baud_rate_of_the_reader() -> None:
    """It answers at one only, and that one is proposed."""
    asked: list[bytes] = []

    def answer(data: bytes, speed: int) -> bytes:
        asked.append(data)
        return information(7) if speed == 9600 and data == bytes.fromhex("04 FF 21 19 95") else b""

    async with pty_device(answer) as device:
        search, events = await searched(device.endpoint)
    (found,) = search.found
    assert (found.baudrate, found.protocol, found.answer.settings) == (9600, "uhfreader", {"address": 7})
    assert found.answer.says == "3.1 (09)"
    assert set(asked) <= {one for question in QUESTIONS for one in (question.asked, question.before)}
    assert events[-1] is found, "after an answer nothing else is asked"


@pytest.mark.parametrize("how", ["echo", "damaged", "noise", "silent"])
async def test_what_is_no_answer_is_no_reader(how: str) -> None:
    """Our own bytes, an answer with a wrong checksum, a device that talks all the time, nobody."""

    def answer(data: bytes, _: int) -> bytes:
        damaged = information(0)[:-1] + b"\x00" + bytes.fromhex("BB 01 03 00 02 00 41 48 7E A0 05 01 72 01 09 DF")
        return {"echo": data, "damaged": damaged, "noise": bytes(range(256)) * 2, "silent": b""}[how]

    async with pty_device(answer) as device:
        search, events = await searched(device.endpoint, listen_s=0.05)
    assert (search.found, search.problems) == ([], [])
    assert isinstance(events[-1], Listening)


async def test_one_port_that_cannot_be_asked_ends_nothing(sim: StartSim, tmp_path: Path) -> None:
    """The others are asked; what is wrong is told with its hint."""
    reader = await sim("m100", "--every", "0")
    absent = str(tmp_path / "absent")
    async with pty_device(lambda data, _: b"") as device:
        line = await open_transport(device.endpoint)
        told = await asyncio.to_thread(command, absent, device.endpoint, reader.endpoint, "--json", "--listen", "0")
        await line.close()
    found, last = map(json.loads, told.stdout.splitlines())
    assert (told.exit_code, found["port"]) == (1, reader.endpoint)
    assert {problem["code"] for problem in last["problems"]} == {"discover_absent", "port_held"}
    assert all(problem["hint"] for problem in last["problems"])
    assert "waits for it" not in str(last["problems"])


async def test_in_the_network(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """A UHFReader and a reader that speaks LLRP at one address; a port on which nobody listens is no problem."""
    uhf = await sim("uhfreader18", "--every", "0", "--listen", "127.0.0.1:0")
    llrp = await sim("llrp", "--every", "0", "--listen", "127.0.0.1:0")
    monkeypatch.setattr(reader_search, "UHFREADER_PORTS", (1, int(uhf.endpoint.rpartition(":")[2])))
    monkeypatch.setattr(reader_search, "LLRP_PORT", int(llrp.endpoint.rpartition(":")[2]))
    search = Search([], ["127.0.0.1"], 0, SystemClock(), lambda _: None)
    await search.run()
    assert [(one.protocol, one.port, one.baudrate) for one in search.found] == [
        ("uhfreader", uhf.endpoint, None),
        ("llrp", llrp.endpoint, None),
    ]
    assert search.problems == []
    for one in search.found:
        chosen = {key: values[0] for key, values in one.answer.choose.items()}
        checked({"id": "r", "driver": one.driver, "port": one.port, **one.answer.settings, **chosen})


async def test_llrp_on_another_port(sim: StartSim) -> None:
    """It speaks first, and is asked politely: nothing else is, and afterwards it is free."""
    reader = await sim("llrp", "--every", "0", "--listen", "127.0.0.1:0")
    for _ in range(2):
        search, events = await searched(reader.endpoint)
        assert [(one.protocol, one.port) for one in search.found] == [("llrp", reader.endpoint)]
        assert [one.protocol for one in events] == ["llrp", "llrp"]


async def test_nobody_in_the_network(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wires are asked after."""
    monkeypatch.setattr(reader_search, "GREETING_S", 0.05)
    monkeypatch.setattr(reader_search, "UHFREADER_PORTS", (1,))
    monkeypatch.setattr(reader_search, "LLRP_PORT", 1)
    told = await asyncio.to_thread(command, "--host", "127.0.0.1")
    assert told.exit_code == 3
    assert "RX" not in told.stdout
    quiet = await sim("scanner", "--every", "0", "--listen", "127.0.0.1:0")
    assert "address" in (await asyncio.to_thread(command, quiet.endpoint, "--listen", "0")).stdout


async def test_a_serial_server_is_asked_as_it_is_set(sim: StartSim) -> None:
    """Without a baud rate."""
    reader = await sim("m100", "--every", "0", "--listen", "127.0.0.1:0")
    search, _ = await searched(reader.endpoint, answer_s=reader_search.ANSWER_S)
    assert [(one.protocol, one.baudrate) for one in search.found] == [("m100", None)]


async def test_nobody_is_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to look at; a port that was not asked at all has its own words."""
    monkeypatch.setattr(reader_search, "order", list)
    async with pty_device(lambda data, _: b"") as device:
        told = await asyncio.to_thread(command, device.endpoint, "--listen", "0", lang="zh")
    assert told.exit_code == 3
    assert told.stdout.startswith("没有读写器应答")
    told = await asyncio.to_thread(command, str(tmp_path / "absent"), lang="zh")
    assert told.exit_code == 3
    assert told.stdout.startswith("找到读写器：0 台\n")
    assert str(tmp_path / "absent") in told.stdout


async def test_ctrl_c_tells_what_was_found(sim: StartSim) -> None:
    """While another port is still asked; that one is free afterwards."""
    reader = await sim("m100", "--every", "0")
    async with pty_device(lambda data, _: b"") as device:
        searching = await start("discover", "rfid", reader.endpoint, device.endpoint, "--json", "--listen", "600")
        assert searching.stdout
        found = json.loads(await searching.stdout.readline())
        searching.send_signal(signal.SIGINT)
        out, _ = await searching.communicate()
        await (await open_transport(device.endpoint)).close()
    last = json.loads(out)
    assert (searching.returncode, found["protocol"]) == (130, "m100")
    assert (last["found"], last["interrupted"]) == (1, True)


def test_each_protocol_has_its_words() -> None:
    """In both languages."""
    for protocol in ("em4100", "llrp", *(one.protocol for one in QUESTIONS)):
        for lang in ("en", "zh"):
            assert "x1" in text(f"discover.rfid.{protocol}", lang, says="x1")


def test_a_modbus_port_that_is_not_there(tmp_path: Path) -> None:
    """Nor is that one waited for."""
    told = CliRunner().invoke(tree("en"), ["discover", "modbus", str(tmp_path / "absent")])
    assert "is not there" in told.stderr
    assert "discover serial" in told.stderr
