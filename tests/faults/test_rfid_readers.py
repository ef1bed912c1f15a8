"""Readers that are asked, UHFReader18, 288M and R2000, with spoilt frames, without an answer, and unplugged."""

import asyncio
from pathlib import Path

import pytest

from drivers.rfid.r2000.config import R2000Config
from drivers.rfid.r2000.driver import R2000Device
from drivers.rfid.uhfreader.config import UhfReaderConfig
from drivers.rfid.uhfreader.driver import UhfReaderDevice
from model.errors import TransientError
from model.ports import Bank, Health
from support.context import MemoryContext, running, until
from support.sims import Sim, StartSim

ONLINE = (Health.ONLINE, None)
DAMAGED = (Health.DEGRADED, "rfid_damaged")
EPC = "3034257BF7194E4000001A01"
KINDS = ["uhfreader288", "r2000"]
UHFREADERS = ["uhfreader18", "uhfreader288"]


def reader(sim: Sim, context: MemoryContext) -> UhfReaderDevice | R2000Device:
    kind = sim.ready["sim"]
    values = {"id": "gate", "driver": "x", "port": sim.endpoint, "every_s": 0.02, "window_s": 0.05, "answer_s": 0.3}
    if kind == "r2000":
        return R2000Device(R2000Config.model_validate(values), context)
    return UhfReaderDevice(UhfReaderConfig.model_validate({"model": kind, **values}), context)


def epcs(context: MemoryContext) -> set[str]:
    return {window.epc for window in context.observations}


def told(context: MemoryContext, epc: str) -> int:
    return sum(window.count for window in context.observations if window.epc == epc)


def logged(sim: Sim, event: str, epc: str) -> int:
    return sum(line["event"] == event and line["epc"] == epc for line in sim.log())


@pytest.mark.parametrize("what", ["crc", "half", "garbage"])
@pytest.mark.parametrize("kind", KINDS)
async def test_damaged_frames_are_no_reads(sim: StartSim, kind: str, what: str) -> None:
    """It costs that one read, is told with a count, and the next inventory is asked for."""
    device, context = await sim(kind, "--every", "0"), MemoryContext("gate")
    async with running(reader(device, context)):
        await device.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
        await device.command("fault", kind=what)
        await context.until(lambda: context.healths[-1] == DAMAGED)
        await device.command("tag_out", epc=EPC)
        await device.command("tag_in", epc="30FF")
        await context.until(lambda: "30FF" in epcs(context))
    assert told(context, EPC) == logged(device, "tag", EPC)
    assert kind == "r2000" or logged(device, "bad_tag", EPC) > 0  # other frames tell no tag
    assert [one for one in context.healths if one not in (ONLINE, DAMAGED)] == []


@pytest.mark.parametrize("what", ["split", "noise", "glued"])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_does_no_harm(sim: StartSim, kind: str, what: str) -> None:
    """Pieces, a byte in front and a frame that nobody asked for cost no read and give none."""
    device, context = await sim(kind, "--every", "0"), MemoryContext("gate")
    await device.command("tag_in", epc=EPC)
    async with running(reader(device, context)):
        await device.command("fault", kind=what, count=6, seconds=0.02 if what == "split" else None)
        await until(lambda: logged(device, "tag", EPC) > 8)
        await device.command("tag_out", epc=EPC)
        await device.command("tag_in", epc="30FF")
        await context.until(lambda: "30FF" in epcs(context))
    extra = 6 if what == "glued" else 0
    assert logged(device, "tag", EPC) <= told(context, EPC) <= logged(device, "tag", EPC) + extra
    assert {health for health, _ in context.healths} <= {Health.ONLINE, Health.DEGRADED}


@pytest.mark.parametrize("kind", KINDS)
async def test_late_answers_are_nobodys(sim: StartSim, kind: str) -> None:
    """An answer behind the end of the driver's patience belongs to no later question: the next run lets it pass."""
    device, context = await sim(kind, "--every", "0"), MemoryContext("gate")
    one = reader(device, context)
    run = asyncio.create_task(one.run())
    await context.until(lambda: context.healths == [ONLINE])
    await device.command("fault", kind="late", seconds=0.35 if kind == "r2000" else 0.65)
    with pytest.raises(TransientError, match="device_silent"):
        await run
    await device.command("tag_in", epc=EPC)
    async with running(one):
        await context.until(lambda: EPC in epcs(context))
    assert told(context, EPC) == logged(device, "tag", EPC)
    assert context.healths == [ONLINE]


@pytest.mark.parametrize("kind", KINDS)
async def test_hung_unplugged_and_back(sim: StartSim, tmp_path: Path, kind: str) -> None:
    """Silence and the port's loss end the run with their names; the next run works, and no window is lost."""
    device, context = await sim(kind, "--every", "0", "--port", str(tmp_path / "uhf")), MemoryContext("gate")
    one = reader(device, context)
    await device.command("tag_in", epc=EPC)
    for do, code in (("hang", "device_silent"), ("unplug", "port_gone")):
        run = asyncio.create_task(one.run())
        await context.until(lambda: EPC in epcs(context))
        before = logged(device, "tag", EPC)
        await until(lambda b=before: logged(device, "tag", EPC) > b + 3)  # type: ignore[misc]
        await device.command(do)
        with pytest.raises(TransientError, match=code):
            await run
        await device.command("unplug")
        await device.command("replug")
    assert told(context, EPC) >= logged(device, "tag", EPC) - 2  # what was on its way


async def test_a_brown_out_forgets_the_antenna(sim: StartSim) -> None:
    """An R2000 reader without power for a moment is on its first antenna again: reads are never told of another one."""
    device, context = await sim("r2000", "--every", "0"), MemoryContext("gate")
    values = {"id": "gate", "driver": "x", "port": device.endpoint, "every_s": 0.02, "antennas": [3]}
    await device.command("tag_in", epc=EPC)
    async with running(R2000Device(R2000Config.model_validate(values), context)):
        for _ in range(3):
            await device.command("reboot")
            before = logged(device, "tag", EPC)
            await until(lambda b=before: logged(device, "tag", EPC) > b + 2)  # type: ignore[misc]
    assert {window.antenna for window in context.observations} == {3}


@pytest.mark.parametrize("kind", UHFREADERS)
async def test_banks(sim: StartSim, kind: str) -> None:
    """Of two tags the one that is meant; what a tag refuses has its name, and the reads go on."""
    device, context = await sim(kind, "--every", "0"), MemoryContext("gate")
    one = reader(device, context)
    assert isinstance(one, UhfReaderDevice)
    async with running(one):
        for epc in (EPC, "30FF257BF7194E4000001A02"):
            await device.command("tag_in", epc=epc)
        await context.until(lambda: len(epcs(context)) == 2)
        done = await one.write_bank(Bank.USER, 1, b"\x12\x34", bytes(4), EPC)
        assert (done.epc, done.data) == (EPC, b"\x12\x34")
        with pytest.raises(TransientError, match="rfid_several_tags"):
            await one.write_bank(Bank.USER, 1, b"\x12\x34", bytes(4), None)
        with pytest.raises(TransientError, match="rfid_tag_overrun"):
            await one.read_bank(Bank.USER, 7, 2, bytes(4), EPC)
        await device.command("tag_password", epc=EPC, password="0000BEEF")
        with pytest.raises(TransientError, match="rfid_tag_locked"):
            await one.write_bank(Bank.USER, 1, b"\x12\x34", bytes(4), EPC)
        with pytest.raises(TransientError, match="rfid_tag_password"):
            await one.write_bank(Bank.USER, 1, b"\x12\x34", bytes.fromhex("00001234"), EPC)
        await device.command("fault", kind="exception", count=99)
        with pytest.raises(TransientError, match="rfid_refused"):
            await one.read_bank(Bank.TID, 0, 2, bytes(4), EPC)
        await device.command("fault", kind="split")
        assert (await one.read_bank(Bank.TID, 0, 1, bytes(4), EPC)).data == bytes.fromhex("E280")
        await device.command("antenna", number=1, there=False)
        if kind == "uhfreader288":
            with pytest.raises(TransientError, match="rfid_antenna"):
                await one.read_bank(Bank.TID, 0, 1, bytes(4), EPC)
        await device.command("antenna", number=1, there=True)
        assert (await one.read_bank(Bank.TID, 0, 1, bytes(4), EPC)).data == bytes.fromhex("E280")
    assert {health for health, _ in context.healths} <= {Health.ONLINE, Health.DEGRADED}
