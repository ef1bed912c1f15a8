"""The LLRP driver against the simulated reader, over a real socket."""

import asyncio
import struct
from typing import Any

import pytest

from drivers.common.tap import TAPS
from drivers.rfid.llrp import params, session
from drivers.rfid.llrp import running as running_
from drivers.rfid.llrp.config import LlrpConfig
from drivers.rfid.llrp.driver import LlrpDevice
from drivers.rfid.llrp.params import MessageType
from drivers.rfid.llrp.who import Identity, who
from model.errors import DriverError, PermanentError, TransientError
from model.observation import Poll, Quality, TagWindow
from model.ports import Health
from support.context import MemoryContext, running, until
from support.sims import Sim, StartSim

EPC, SHORT, LATER = "3034257BF7194E4000001A01", "30AA", "3034257BF7194E4000001A02"
ONLINE = (Health.ONLINE, None)
EPOCH_2026_US = 1_767_225_600_000_000


def device(sim: Sim, context: MemoryContext, **settings: Any) -> LlrpDevice:
    values = {"id": "gate", "driver": "rfid_llrp", "port": sim.endpoint, "window_s": 0.2, **settings}
    return LlrpDevice(LlrpConfig.model_validate(values), context)


def windows(context: MemoryContext) -> list[TagWindow]:
    return [one for one in context.observations if isinstance(one, TagWindow)]


def polls(context: MemoryContext) -> list[Poll]:
    return [one for one in context.observations if isinstance(one, Poll)]


def epcs(context: MemoryContext) -> set[str]:
    return {window.epc for window in windows(context)}


def counted(context: MemoryContext) -> int:
    return sum(window.count for window in windows(context))


def reported(sim: Sim) -> int:
    return sum(line["reads"] for line in sim.log() if line["event"] == "tag")


def logged(sim: Sim, event: str) -> int:
    return sum(line["event"] == event for line in sim.log())


def rospec(sim: Sim) -> bytes:
    return bytes.fromhex(
        next(line["value"] for line in reversed(sim.log()) if line.get("name") == "rospec" and line["value"])
    )


async def test_tags_with_all_that_is_told(sim: StartSim) -> None:
    """Each read is in one window, with antenna, RSSI, channel and both clocks; the connection ends in order and loses none."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "200"), MemoryContext("gate")
    async with running(device(reader, context)):
        await context.until(lambda: context.healths == [ONLINE])
        await reader.command("tag_in", epc=EPC)
        await reader.command("tag_in", epc=SHORT)
        await context.until(lambda: {(one.epc, one.antenna) for one in windows(context)} >= {(EPC, 4), (SHORT, 1)})
        await context.until(lambda: any(one.count > 1 for one in windows(context)))
    await until(lambda: logged(reader, "disconnected"))
    stopped, parted = reader.log()[-2:]
    assert (stopped["event"], stopped["name"], stopped["value"]) == ("written", "rospec", ""), "its antennas are silent"
    assert (parted["event"], parted["orderly"]) == ("disconnected", True)
    assert counted(context) == reported(reader) > 0
    assert {window.pc for window in windows(context)} == {"3000", "0800"}
    for window in windows(context):
        assert window.rssi_peak is not None and -62 <= window.rssi_peak <= -48
        assert window.channel is not None and 1 <= window.channel <= 16
        assert window.first.mono <= window.last.mono < window.first.mono + 200_000
        assert window.reader_first is not None and window.reader_last is not None
        assert EPOCH_2026_US < window.reader_first <= window.reader_last
    assert context.healths == [ONLINE]


async def test_settings_reach_the_reader(sim: StartSim) -> None:
    """Antennas alone are used; dBm becomes the nearest index that is not higher; session, population, mode; TID is read."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "200"), MemoryContext("gate")
    settings = {"antennas": [2, 3], "power_dbm": 27.6, "session": "S2", "population": 8, "mode": 1000, "tid_words": 6}
    async with running(device(reader, context, **settings)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: len({one.antenna for one in windows(context)}) == 2)
    assert {window.antenna for window in windows(context)} == {2, 3}
    assert all(
        window.tid and window.tid.startswith("E2801160") and len(window.tid) == 24 for window in windows(context)
    )
    for antenna in (2, 3):  # 27.5 dBm is the 71st step of a quarter
        assert struct.pack(">HHHHHH", antenna, 0x00E0, 10, 1, 0, 71) in rospec(reader)
    assert rospec(reader).count(bytes.fromhex("014F 0008 03E8 0000 0150 000B 80 0008 00000000")) == 2


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"antennas": [1, 5]}, "llrp_antenna_unknown"),
        ({"inputs": {"door": {"gpi": 5}}}, "llrp_gpi_unknown"),
        ({"mode": 77}, "llrp_mode_unknown"),
        ({"power_dbm": 9.9}, "llrp_power_low"),
    ],
)
async def test_what_the_reader_cannot_do(sim: StartSim, settings: dict[str, Any], code: str) -> None:
    """Stands in the error, before anything of the reader is changed; the connection is given back."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    with pytest.raises(PermanentError, match=code):
        await device(reader, context, **settings).run()
    await until(lambda: logged(reader, "disconnected"))
    assert (context.healths, logged(reader, "written")) == ([], 0)


async def test_inputs_are_contacts(sim: StartSim) -> None:
    """Their state at the start, each change, each keepalive; a reader that is lost says nothing of them."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    await reader.command("gpi", port=2, high=True)
    inputs = {"door": {"gpi": 2, "normally": "closed", "debounce_s": 0}, "hatch": {"gpi": 1, "debounce_s": 0.05}}
    run = asyncio.create_task(device(reader, context, inputs=inputs, keepalive_s=0.5).run())
    await context.until(lambda: [poll.values for poll in polls(context)] == [[0, 0]])
    await reader.command("gpi", port=2, high=False)
    await context.until(lambda: polls(context)[-1].values == [1, 0])
    await reader.command("gpi", port=1, high=True)
    await context.until(lambda: polls(context)[-1].values == [1, 1])
    told = len(polls(context))
    await context.until(lambda: len(polls(context)) > told)
    await reader.command("unplug")
    with pytest.raises(TransientError, match="port_gone"):
        await run
    assert (polls(context)[-1].values, polls(context)[-1].quality) == ([None, None], [Quality.COMM_ERROR] * 2)
    assert [point.name for point in polls(context)[0].map.points] == ["door", "hatch"]


async def test_antenna_that_is_torn_off(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """DEGRADED for as long as it is off, by its number; well again with it. One that is not used is nobody's concern."""
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 100_000)
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    async with running(device(reader, context, antennas=[1, 2], keepalive_s=0.1)):
        await context.until(lambda: context.healths == [ONLINE])
        await reader.command("antenna", number=4, there=False)
        await reader.command("antenna", number=2, there=False)
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "llrp_antenna_gone"))
        alive = logged(reader, "acked")
        await until(lambda: logged(reader, "acked") > alive + 3)
        assert context.healths[-1] == (Health.DEGRADED, "llrp_antenna_gone")
        await reader.command("antenna", number=2, there=True)
        await context.until(lambda: context.healths[-1] == ONLINE)


async def test_antenna_that_is_missing_at_the_start(sim: StartSim) -> None:
    """One that the settings name is missed at once; where they name none, those are used that are there."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    await reader.command("antenna", number=2, there=False)
    async with running(device(reader, context, antennas=[1, 2])):
        await context.until(lambda: context.healths == [(Health.DEGRADED, "llrp_antenna_gone")])
    await until(lambda: logged(reader, "disconnected"))
    every = MemoryContext("gate")
    async with running(device(reader, every)):
        await every.until(lambda: every.healths == [ONLINE])


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"do": "exception", "why": "hot"}, "llrp_exception"),
        ({"do": "overflow"}, "llrp_overflow"),
        # ERROR_MESSAGE with the number 0: it could not read that of ours
        ({"do": "noise", "hex": "0464 00000012 00000000 011F 0008 0064 0000"}, "llrp_refused"),
    ],
)
async def test_what_the_reader_complains_of(sim: StartSim, command: dict[str, Any], code: str) -> None:
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    async with running(device(reader, context)):
        await context.until(lambda: context.healths == [ONLINE])
        await reader.command(**command)
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, code))


async def test_inventory_that_ends_is_started_again(sim: StartSim) -> None:
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    async with running(device(reader, context)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
        await reader.command("end_inventory")
        await reader.command("tag_in", epc=LATER)
        await context.until(lambda: LATER in epcs(context))
    assert context.healths == [ONLINE]


async def test_an_empty_field_of_a_reader_without_events(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked whether its inventory runs it says so; it is not started over and over, and nothing is wrong."""
    monkeypatch.setattr(params, "EVENT_ROSPEC", 7)  # another one is asked for
    monkeypatch.setattr(running_, "START_US", 1000)
    monkeypatch.setattr(running_, "START_AGAIN_US", 20_000)
    said = list[bytes]()
    TAPS.set([lambda who, data: said.append(data) if who == "device" else None])
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    async with running(device(reader, context, keepalive_s=0.1)):
        await until(lambda: logged(reader, "acked") > 2)
    starts = [data for data in said if data[:2] == bytes((4, MessageType.START_ROSPEC))]
    assert (len(starts), context.healths) == (1, [ONLINE])


async def test_unknown_parameters_and_messages(sim: StartSim) -> None:
    """Custom ones, ones of other standards, TVs that nobody knows: all else is understood as before."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    await reader.command("unknown")
    async with running(device(reader, context, tid_words=4)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
    assert context.healths == [ONLINE]
    assert all(window.tid and len(window.tid) == 16 for window in windows(context))


@pytest.mark.parametrize("command", ["forget_time", None])
async def test_readers_clock_is_kept_as_it_is(sim: StartSim, command: str | None) -> None:
    """1970 stays 1970, beside our own time; a reader that counts only how long it runs has none."""
    options = [] if command else ["--uptime"]
    reader, context = await sim("llrp", "--every", "0", *options), MemoryContext("gate")
    if command:
        await reader.command(command)
    async with running(device(reader, context)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
    (window, *_) = windows(context)
    assert window.first.t > EPOCH_2026_US
    if command:
        assert window.reader_first is not None and window.reader_first < 86_400_000_000
    else:
        assert (window.reader_first, window.reader_last) == (None, None)


async def test_reads_for_nobody_are_left_out(sim: StartSim) -> None:
    """What was read while the link was lost was read when nobody looked at the clock."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context).run())
    await reader.command("tag_in", epc=EPC)
    await context.until(lambda: EPC in epcs(context))
    await reader.command("unplug")
    with pytest.raises(TransientError, match="port_gone"):
        await run
    await reader.command("tag_out", epc=EPC)
    await reader.command("tag_in", epc=SHORT)  # the inventory runs on in the reader, which holds its reports back
    await until(lambda: logged(reader, "disconnected"))
    await reader.command("tag_out", epc=SHORT)
    await reader.command("tag_in", epc=LATER)
    await reader.command("replug")
    again = MemoryContext("gate")
    async with running(device(reader, again)):
        await again.until(lambda: LATER in epcs(again))
    assert epcs(again) == {LATER}


async def test_a_reader_that_is_taken(sim: StartSim) -> None:
    """The second is told by name and asks again only after half a minute; the first goes on, and hears of it."""
    reader = await sim("llrp", "--every", "0", "--rate", "100")
    first, second = MemoryContext("gate"), MemoryContext("gate")
    async with running(device(reader, first)):
        await first.until(lambda: first.healths == [ONLINE])
        with pytest.raises(TransientError, match="llrp_in_use") as refused:
            await device(reader, second).run()
        assert refused.value.pause_s == 30
        await first.until(lambda: first.healths[-1] == (Health.DEGRADED, "llrp_attempted"))
        await reader.command("tag_in", epc=EPC)
        await first.until(lambda: EPC in epcs(first))
    assert (second.healths, second.observations) == ([], [])


async def test_who_is_it(sim: StartSim) -> None:
    """Model, firmware and antennas, with nothing changed; a reader that serves somebody says so, and goes on serving him."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100", "--antennas", "2"), MemoryContext("gate")
    port = int(reader.endpoint.rpartition(":")[2])
    said = await who("127.0.0.1", port, context.clock)
    assert said == Identity(manufacturer=0, model=4040, firmware="5.14.0-doorpost", antennas=2, inputs=4)
    assert logged(reader, "written") == 0
    async with running(device(reader, context)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: context.healths == [ONLINE])
        with pytest.raises(TransientError, match="llrp_in_use"):
            await who("127.0.0.1", port, context.clock)
        seen = counted(context)
        await context.until(lambda: counted(context) > seen)


async def test_who_is_not_one(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, another language and a port where nobody listens are told apart."""
    monkeypatch.setattr(session, "ANSWER_S", 1.0)
    monkeypatch.setattr(session, "PARTING_S", 0.1)
    quiet = await sim("scanner", "--every", "0", "--listen", "127.0.0.1:0")
    chatty = await sim("scanner", "--every", "0.05", "--listen", "127.0.0.1:0")
    context = MemoryContext("gate")
    for endpoint, code in (
        (quiet.endpoint, "device_silent"),
        (chatty.endpoint, "device_not_understood"),
        ("tcp://127.0.0.1:1", "port_unreachable"),
    ):
        with pytest.raises(TransientError, match=code):
            await who("127.0.0.1", int(endpoint.rpartition(":")[2]), context.clock)


async def test_a_refusal_says_what_and_why(sim: StartSim) -> None:
    """The request, the reader's number and its words."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    await reader.command("fault", kind="exception", count=2)  # the greeting is the first message
    with pytest.raises(DriverError) as refused:
        await device(reader, context).run()
    assert refused.value.code == "llrp_refused"
    assert refused.value.params == {"what": "GET_READER_CAPABILITIES", "number": 401, "text": "the reader has failed"}
