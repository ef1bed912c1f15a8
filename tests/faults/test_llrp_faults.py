"""What a reader on the network can do to us: fall silent, tear, mix up and spoil what it says, start anew, go away."""

import asyncio
from typing import Any

import pytest

from drivers.rfid.llrp import running as running_
from drivers.rfid.llrp import session
from drivers.rfid.llrp.config import LlrpConfig
from drivers.rfid.llrp.driver import LlrpDevice
from model.errors import TransientError
from model.observation import TagWindow
from model.ports import Health
from support.context import HANG_S, MemoryContext, running, until
from support.sims import Sim, StartSim

EPC, LATER = "3034257BF7194E4000001A01", "3034257BF7194E4000001A02"
ONLINE = (Health.ONLINE, None)


def device(sim: Sim, context: MemoryContext, **settings: Any) -> LlrpDevice:
    values = {"id": "gate", "driver": "rfid_llrp", "port": sim.endpoint, "window_s": 0.2, **settings}
    return LlrpDevice(LlrpConfig.model_validate(values), context)


def epcs(context: MemoryContext) -> set[str]:
    return {one.epc for one in context.observations if isinstance(one, TagWindow)}


def counted(context: MemoryContext) -> int:
    return sum(one.count for one in context.observations if isinstance(one, TagWindow))


def reported(sim: Sim) -> int:
    return sum(line["reads"] for line in sim.log() if line["event"] == "tag")


async def fails(run: "asyncio.Task[None]", code: str) -> None:
    with pytest.raises(TransientError, match=code):
        async with asyncio.timeout(HANG_S):
            await run


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for an answer."""
    monkeypatch.setattr(session, "ANSWER_S", 0.3)
    monkeypatch.setattr(session, "PARTING_S", 0.1)


async def test_half_open(sim: StartSim, hasty: None) -> None:
    """A reader of which nothing comes any more is given up after two keepalives, and loses no read that had come."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context, keepalive_s=0.2).run())
    await reader.command("tag_in", epc=EPC)
    await context.until(lambda: EPC in epcs(context))
    await reader.command("silent")
    await fails(run, "device_silent")
    assert counted(context) == reported(reader)


async def test_empty_field_is_no_dead_reader(sim: StartSim) -> None:
    """Keepalives alone are enough, and each is acknowledged."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    async with running(device(reader, context, keepalive_s=0.1)):
        await until(lambda: sum(line["event"] == "acked" for line in reader.log()) > 4)
    assert context.healths == [ONLINE]


async def test_reboot(sim: StartSim) -> None:
    """It has forgotten all that it was told: the next run tells it again."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    gate = device(reader, context)
    run = asyncio.create_task(gate.run())
    await reader.command("tag_in", epc=EPC)
    await context.until(lambda: EPC in epcs(context))
    await reader.command("reboot")
    await fails(run, "port_gone")
    assert counted(context) == reported(reader)
    await reader.command("tag_out", epc=EPC)
    await reader.command("tag_in", epc=LATER)
    async with running(gate):
        await context.until(lambda: LATER in epcs(context))


async def test_reader_hangs_up(sim: StartSim) -> None:
    """With its own word for it, which is told."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context).run())
    await context.until(lambda: context.healths == [ONLINE])
    await reader.command("hang_up")
    await fails(run, "llrp_closed")


@pytest.mark.parametrize("kind", ["split", "glued"])
async def test_pieces_and_lumps(sim: StartSim, kind: str) -> None:
    """Each message in two pieces, or with an answer behind it that nobody asked for: nothing is lost, nothing is wrong."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    await reader.command("fault", kind=kind, count=None, seconds=0.002)
    async with running(device(reader, context)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: counted(context) > 5)
    assert context.healths == [ONLINE]
    assert counted(context) == reported(reader)


@pytest.mark.parametrize(("kind", "code"), [("garbage", "device_not_understood"), ("noise", "device_not_understood")])
async def test_stream_that_cannot_be_followed(sim: StartSim, kind: str, code: str) -> None:
    """Where no message can begin the connection is given up, with all reads that came before."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context).run())
    await reader.command("tag_in", epc=EPC)
    await context.until(lambda: EPC in epcs(context))
    await reader.command("fault", kind=kind)
    await fails(run, code)
    assert epcs(context) == {EPC}


async def test_half_a_message(sim: StartSim, hasty: None) -> None:
    """The rest never comes: what follows is taken for it, and then nothing makes sense any more."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context, keepalive_s=0.2).run())
    await reader.command("tag_in", epc=EPC)
    await context.until(lambda: EPC in epcs(context))
    await reader.command("fault", kind="half")
    await fails(run, "device_not_understood")
    assert epcs(context) == {EPC}


async def test_damaged_read_in_a_sound_frame(sim: StartSim) -> None:
    """Costs that read and none behind it, is counted and told; the connection goes on."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    async with running(device(reader, context)):
        await context.until(lambda: context.healths == [ONLINE])
        good = f"00F0 0011 8D {LATER}"
        await reader.command("noise", hex=f"043D 00000027 00000009 00F0 000C 81 0001 86 CF 82 0005 {good}")
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "rfid_damaged"))
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
    assert epcs(context) == {LATER, EPC}


async def test_length_beyond_all_measure(sim: StartSim) -> None:
    """A gigabyte is not waited for."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context).run())
    await context.until(lambda: context.healths == [ONLINE])
    await reader.command("noise", hex="043D4000000000000009")
    await fails(run, "device_not_understood")


async def test_length_that_lies(sim: StartSim, hasty: None) -> None:
    """Bytes without end are no sign of life: what follows is taken for the rest of a message that never is whole."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context, keepalive_s=0.2).run())
    await context.until(lambda: context.healths == [ONLINE])
    await reader.command("noise", hex="043D 00080000 00000009")
    await reader.command("tag_in", epc=EPC)
    await fails(run, "device_not_understood")
    assert context.observations == []


async def test_inventory_that_cannot_be_started(sim: StartSim, hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """DEGRADED with what the reader says, and started again until it runs."""
    monkeypatch.setattr(running_, "START_AGAIN_US", 50_000)
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 0)
    reader, context = await sim("llrp", "--every", "0", "--rate", "100"), MemoryContext("gate")
    async with running(device(reader, context)):
        await context.until(lambda: context.healths == [ONLINE])
        await reader.command("fault", kind="exception", count=None)
        await reader.command("end_inventory")
        await context.until(lambda: context.healths == [ONLINE, (Health.DEGRADED, "llrp_refused")])
        await reader.command("tag_in", epc=EPC)
        await reader.command("fault", kind="split")
        await context.until(lambda: EPC in epcs(context))
        await context.until(lambda: context.healths[-1] == ONLINE)


async def test_answer_that_does_not_come(sim: StartSim, hasty: None) -> None:
    """Nothing is told of a reader that takes the connection and no questions."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context).run())
    await reader.command("silent")
    await fails(run, "device_silent")


async def test_parting_from_a_dead_reader_is_bounded(sim: StartSim, hasty: None) -> None:
    """Cancelled while the reader hears nothing, the run ends all the same."""
    reader, context = await sim("llrp", "--every", "0"), MemoryContext("gate")
    run = asyncio.create_task(device(reader, context).run())
    await context.until(lambda: context.healths == [ONLINE])
    await reader.command("silent")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(HANG_S):
            await run


async def test_reads_on_the_way_at_the_end_are_not_lost(sim: StartSim) -> None:
    """Cancelled in mid-window, the driver takes all that the reader says until it is seen off, and hands it over."""
    reader, context = await sim("llrp", "--every", "0", "--rate", "500"), MemoryContext("gate")
    async with running(device(reader, context, window_s=3600)):
        await reader.command("tag_in", epc=EPC)
        await until(lambda: reported(reader) > 20)
    await until(lambda: any(line["event"] == "disconnected" for line in reader.log()))
    assert counted(context) == reported(reader) > 20
