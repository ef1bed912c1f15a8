"""A recording played on the wire, asked by pyserial and plain sockets."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import serial  # type: ignore[import-untyped]

from firmware_sim.replay import Bytes, Exchanges, ModbusTcp, Said, read
from firmware_sim.wire import Unusable
from support.context import until
from support.sims import Sim, StartSim

ASK, OTHER = "01 04 00 01 00 02 20 0b", "01 04 00 02 00 01 90 0a"
WARM, COLD = "01 04 04 01 31 02 22 2a ce", "01 04 04 ff 33 02 22 5b a9"


def recording(path: Path, *lines: tuple[float, str, str], driver: str = "modbus_rtu") -> str:
    """A file as `doorpost device record` writes it; (seconds, to, hex)."""
    header = {"doorpost_recording": 1, "version": "0", "device": {"id": "room1"}, "line": {"driver": driver}}
    said = [{"us": round(s * 1e6), "to": to, "hex": data} for s, to, data in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *said)))
    return str(path)


def exchanges(path: Path, *lines: tuple[float, str, str], tcp: bool = False) -> Exchanges:
    _, recorded = read(Path(recording(path, *lines)))
    return (ModbusTcp() if tcp else Bytes()).exchanges(recorded)


async def ask(sim: Sim, *requests: str) -> list[str]:
    """What is answered to each, by a serial library that is not ours."""

    def talk() -> list[str]:
        answers = []
        with serial.Serial(sim.endpoint, 9600, timeout=5) as port:
            for request in requests:
                port.write(bytes.fromhex(request))
                answers.append(port.read(9).hex(" "))
        return answers

    return await asyncio.to_thread(talk)


def test_replies_belong_to_the_request_before_them(tmp_path: Path) -> None:
    """With their delay; a request without one was not answered; what came first was said unasked."""
    found = exchanges(
        tmp_path / "r",
        (0.5, "gateway", "aa"),
        (1.0, "device", ASK),
        (1.1, "gateway", "01 04"),
        (1.2, "gateway", "04"),
        (2.0, "device", OTHER),
        (3.0, "device", ASK),
        (3.25, "gateway", "ff"),
    )
    assert found.alone == (Said(0.5, b"\xaa"),)
    first, second = found.replies[bytes.fromhex(ASK)]
    assert [(round(after, 3), data.hex()) for after, data in first] == [(0.1, "0104"), (0.2, "04")]
    assert second == (Said(0.25, b"\xff"),)
    assert found.replies[bytes.fromhex(OTHER)] == [()]


def test_tcp_replies_are_told_by_their_number(tmp_path: Path) -> None:
    """Two requests under way at once, answered the other way round, in pieces."""
    found = exchanges(
        tmp_path / "r",
        (0.0, "device", "00 07 00 00 00 06 01 04 00 00 00 01"),
        (0.1, "device", "00 08 00 00 00 06 02 04 00 00 00 01"),
        (0.2, "gateway", "00 08 00 00 00 05 02 04 02 00"),
        (0.3, "gateway", "22 00 07 00 00 00 05 01 04 02 00 11"),
        tcp=True,
    )
    told = {key.hex(): [said.data.hex() for (said,) in replies] for key, replies in found.replies.items()}
    assert told == {
        "000000060104000000" + "01": ["00070000000501040200" + "11"],
        "000000060204000000" + "01": ["00080000000502040200" + "22"],
    }


async def test_each_request_is_answered_as_it_was(sim: StartSim, tmp_path: Path) -> None:
    """One reply after the other, then from the beginning; torn and glued requests too."""
    file = recording(
        tmp_path / "r",
        (0.0, "device", ASK),
        (0.01, "gateway", WARM),
        (1.0, "device", ASK),
        (1.01, "gateway", COLD),
    )
    one = await sim("replay", file)
    assert one.ready["requests"] == 1
    assert await ask(one, ASK, ASK, ASK) == [WARM, COLD, WARM]
    assert await ask(one, f"{ASK} {ASK}", "") == [COLD, WARM]


async def test_what_is_not_in_the_recording_stays_unanswered(sim: StartSim, tmp_path: Path) -> None:
    """It is written down, and what is known is answered, however close behind it."""
    one = await sim("replay", recording(tmp_path / "r", (0.0, "device", ASK), (0.01, "gateway", WARM)))
    with serial.Serial(one.endpoint, 9600, timeout=5) as port:
        port.write(bytes.fromhex(OTHER))
        await until(lambda: [line for line in one.log() if line["event"] == "unknown"])
    assert await ask(one, f"{OTHER} {ASK}") == [WARM]
    told = [(line["event"], line["hex"]) for line in one.log()]
    assert told == [("unknown", OTHER), ("unknown", OTHER), ("asked", ASK), ("said", WARM)]


async def test_what_a_device_says_on_its_own(sim: StartSim, tmp_path: Path) -> None:
    """A scanner is asked nothing: its codes come by time, and once more on command."""
    file = recording(tmp_path / "r", (0.02, "gateway", "41 31 0d"), (0.03, "gateway", "42 0d"), driver="scanner")
    one = await sim("replay", file)
    with serial.Serial(one.endpoint, 9600, timeout=5) as port:
        assert await asyncio.to_thread(port.read, 5) == b"A1\rB\r"
        await one.command("play")
        assert await asyncio.to_thread(port.read, 5) == b"A1\rB\r"


async def test_each_connection_hears_it_from_the_beginning(sim: StartSim, tmp_path: Path) -> None:
    """A device that speaks first, as LLRP readers do, greets each client; and the first reply is the first again."""
    lines = [(0.0, "gateway", "48 49"), (1.0, "device", ASK), (1.01, "gateway", WARM)]
    lines += [(2.0, "device", ASK), (2.01, "gateway", COLD)]
    one = await sim("replay", recording(tmp_path / "r", *lines, driver="rfid_llrp"), "--listen", "127.0.0.1:0")
    host, _, port = one.endpoint.removeprefix("tcp://").rpartition(":")
    for _ in range(2):
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.readexactly(2) == b"HI"
        writer.write(bytes.fromhex(ASK))
        assert (await reader.readexactly(9)).hex(" ") == WARM
        writer.close()


async def test_over_tcp_the_number_is_todays(sim: StartSim, tmp_path: Path) -> None:
    """The recorded one would be taken for a late reply."""
    file = recording(
        tmp_path / "r",
        (0.0, "device", "00 07 00 00 00 06 01 04 00 00 00 01"),
        (0.01, "gateway", "00 07 00 00 00 05 01 04 02 00 11"),
        driver="modbus_tcp",
    )
    one = await sim("replay", file, "--listen", "127.0.0.1:0")
    host, _, port = one.endpoint.removeprefix("tcp://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(bytes.fromhex("be ef 00 00 00 06 01 04 00 00 00 02 12 34 00 00 00 06 01 04 00 00 00 01"))
    assert (await reader.readexactly(11)).hex(" ") == "12 34 00 00 00 05 01 04 02 00 11"
    writer.close()
    assert [line["hex"][:5] for line in one.log() if line["event"] == "unknown"] == ["be ef"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json\n",
        "{}\n",
        '{"doorpost_recording": 1}\n',
        '{"doorpost_recording": 1}\n{"us": 1, "to": "nobody", "hex": ""}\n',
        "[]\n",
    ],
)
def test_a_file_that_is_no_recording(tmp_path: Path, content: str) -> None:
    """One line says so."""
    (tmp_path / "r").write_text(content)
    with pytest.raises(Unusable, match="is no recording"):
        read(tmp_path / "r")


def test_a_recording_of_another_time(tmp_path: Path) -> None:
    """Missing, or in a format that was made later."""
    with pytest.raises(Unusable, match="No such file"):
        read(tmp_path / "missing")
    newer: dict[str, Any] = {"doorpost_recording": 2, "version": "9"}
    (tmp_path / "r").write_text(json.dumps(newer) + "\n")
    with pytest.raises(Unusable, match="newer doorpost"):
        read(tmp_path / "r")
