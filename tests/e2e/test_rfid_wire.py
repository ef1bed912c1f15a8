"""The M100 driver against its simulator and against captures of real modules, over a real pseudo terminal."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drivers.common.transport import open_transport
from drivers.rfid.m100.config import M100Config
from drivers.rfid.m100.driver import M100Device
from model.errors import TransientError
from model.observation import TagWindow
from model.ports import Health
from support.context import MemoryContext, running, until
from support.sims import Sim, StartSim

EPC = "3034257BF7194E4000001A01"
EPC_OF_END_BYTES = "307EDD7EDDBBAA7EDD7EDD01"


def module(sim: Sim, context: MemoryContext, **settings: Any) -> M100Device:
    values = {"id": "gate", "driver": "rfid_m100", "port": sim.endpoint, "window_s": 0.2, **settings}
    return M100Device(M100Config.model_validate(values), context)


def epcs(context: MemoryContext) -> set[str]:
    return {window.epc for window in context.observations}


def counts(context: MemoryContext, epc: str) -> int:
    return sum(window.count for window in context.observations if window.epc == epc)


def logged(sim: Sim, event: str, epc: str) -> int:
    return sum(line["event"] == event and line["epc"] == epc for line in sim.log())


@pytest.mark.parametrize("framing", ["bb", "aa"])
@pytest.mark.parametrize("setting", ["auto", "same"])
async def test_tags_in_the_field(sim: StartSim, framing: str, setting: str) -> None:
    """Tags come as windows with count, RSSI and stamps; what leaves the field stays away; the framing finds itself."""
    reader, context = await sim("m100", "--every", "0", "--framing", framing, "--rate", "100"), MemoryContext("gate")
    async with running(module(reader, context, framing="auto" if setting == "auto" else framing)):
        await context.until(lambda: context.healths == [(Health.ONLINE, None)])
        await reader.command("tag_in", epc=EPC)
        await reader.command("tag_in", epc=EPC_OF_END_BYTES)
        await context.until(lambda: epcs(context) == {EPC, EPC_OF_END_BYTES})
        await reader.command("tag_out", epc=EPC)
        await reader.command("tag_out", epc=EPC_OF_END_BYTES)
        # all that the module had sent before it is in the windows that end before this one
        await reader.command("tag_in", epc="30FF")
        await context.until(lambda: "30FF" in epcs(context))
    for epc in (EPC, EPC_OF_END_BYTES):
        assert counts(context, epc) == logged(reader, "tag", epc) > 0
    for window in context.observations:
        assert isinstance(window, TagWindow)
        assert window.first.mono <= window.last.mono < window.first.mono + 200_000
        assert window.rssi_first is not None and window.rssi_peak is not None and window.rssi_last is not None
        assert -62 <= max(window.rssi_first, window.rssi_last) <= window.rssi_peak <= -48
    assert context.healths == [(Health.ONLINE, None)]


async def test_module_by_itself(sim: StartSim) -> None:
    """Without commands the simulator brings new SGTIN-96 tags through the field."""
    reader, context = await sim("m100", "--every", "0.05"), MemoryContext("gate")
    async with running(module(reader, context)):
        await context.until(lambda: len(epcs(context)) >= 2)
    assert all(epc.startswith("30") and len(epc) == 24 for epc in epcs(context))
    assert epcs(context) <= {line["epc"] for line in reader.log() if line["event"] == "tag"}


@pytest.mark.parametrize("what", ["tag_crc", "crc", "half"])
async def test_damaged_notifications_are_no_reads(sim: StartSim, what: str) -> None:
    """A wrong tag CRC, a wrong checksum or half a frame costs that one read and is counted; half a frame costs the one behind it too."""
    reader, context = await sim("m100", "--every", "0", "--rate", "50"), MemoryContext("gate")
    async with running(module(reader, context)):
        await context.until(lambda: context.healths == [(Health.ONLINE, None)])
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
        await reader.command("fault", kind=what)
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "rfid_damaged"))
        await reader.command("tag_out", epc=EPC)
        await reader.command("tag_in", epc="30FF")
        await context.until(lambda: "30FF" in epcs(context))
        context.time.ahead_us += 11_000_000
        await context.until(lambda: context.healths[-1] == (Health.ONLINE, None))
    assert logged(reader, "bad_tag", EPC) == 1
    assert counts(context, EPC) == logged(reader, "tag", EPC) - (what == "half")


async def test_garbage_between_frames(sim: StartSim) -> None:
    """Rubbish, a promise of 250 bytes among it, neither stops the reads nor becomes one."""
    reader, context = await sim("m100", "--every", "0", "--rate", "100"), MemoryContext("gate")
    async with running(module(reader, context)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
        await reader.command("noise", hex="00ffbb7ebb02220000bb022200fa")
        seen = counts(context, EPC)
        await context.until(lambda: counts(context, EPC) > seen + 20)
    assert epcs(context) == {EPC}


async def test_brown_out(sim: StartSim) -> None:
    """A module that rebooted in silence is told to go on."""
    reader, context = await sim("m100", "--every", "0"), MemoryContext("gate")
    async with running(module(reader, context, rearm_s=0.3)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
        await reader.command("reboot")
        await reader.command("tag_in", epc="30FF")
        await context.until(lambda: "30FF" in epcs(context))


async def test_reads_before_the_end_are_not_lost(sim: StartSim) -> None:
    """Cancelled in mid-window, the driver hands over what it has."""
    reader, context = await sim("m100", "--every", "0", "--rate", "100"), MemoryContext("gate")
    async with running(module(reader, context, window_s=3600)):
        await context.until(lambda: context.healths)
        await reader.command("tag_in", epc=EPC)
        await until(lambda: logged(reader, "tag", EPC) > 5)
        assert [window.count for window in context.observations] == [1]
    assert counts(context, EPC) > 1


async def test_unplugged_and_back(sim: StartSim, tmp_path: Path) -> None:
    """The port's loss is a TransientError that loses no window; after it is back, run() works again."""
    reader = await sim("m100", "--every", "0", "--rate", "100", "--port", str(tmp_path / "uhf"))
    context = MemoryContext("gate")
    device = module(reader, context, window_s=3600)
    run = asyncio.create_task(device.run())
    await context.until(lambda: context.healths)
    await reader.command("tag_in", epc=EPC)
    await until(lambda: logged(reader, "tag", EPC) > 5)
    await reader.command("unplug")
    with pytest.raises(TransientError, match="port_gone"):
        await run
    assert epcs(context) == {EPC}
    with pytest.raises(TransientError, match="port_absent"):
        await device.run()
    await reader.command("replug")
    await reader.command("tag_out", epc=EPC)
    await reader.command("tag_in", epc="30FF")
    again = module(reader, context)
    async with running(again):
        await context.until(lambda: "30FF" in epcs(context))


async def test_silent_or_foreign_device(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not answer 03 is not online: silence and another device's talk are told apart."""
    monkeypatch.setattr("drivers.rfid.m100.module.ANSWER_S", 0.3)
    quiet = await sim("scanner", "--every", "0")
    chatty = await sim("scanner", "--every", "0.05")
    context = MemoryContext("gate")
    with pytest.raises(TransientError, match="device_silent"):
        await module(quiet, context, framing="aa").run()
    with pytest.raises(TransientError, match="device_not_understood"):
        await module(chatty, context).run()
    assert context.healths == []


async def test_module_that_dies_on_the_way(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing for the watchdog's time, no answer to 03 either: the driver ends, for the supervisor to try again."""
    reader, context = await sim("m100", "--every", "0", "--listen", "127.0.0.1:0"), MemoryContext("gate")
    run = asyncio.create_task(module(reader, context, watchdog_s=0.5, rearm_s=0.3).run())
    await context.until(lambda: context.healths == [(Health.ONLINE, None)])
    monkeypatch.setattr("drivers.rfid.m100.module.ANSWER_S", 0.3)
    await reader.command("hang")
    with pytest.raises(TransientError, match="device_silent"):
        await run


async def test_captures_of_real_modules(sim: StartSim) -> None:
    """Tag frames that other people's modules sent, replayed over the wire, become windows."""
    reader, context = await sim("m100", "--every", "0"), MemoryContext("gate")
    async with running(module(reader, context)):
        await context.until(lambda: context.healths)
        await reader.command("noise", hex="BB02220011C9340030751FEB705C5904E3D50D703A76EF7E")
        await reader.command("noise", hex="BB02220011D63400E28011704000021D35AE4008D444C47E")
        await context.until(lambda: len(epcs(context)) == 2)
    assert epcs(context) == {"30751FEB705C5904E3D50D70", "E28011704000021D35AE4008"}
    assert [health for health, _ in context.healths] == [Health.ONLINE]


async def test_simulator_speaks_as_the_modules_do(sim: StartSim) -> None:
    """The vendor's commands get the answers that real modules gave, byte for byte."""
    reader = await sim("m100", "--every", "0", "--framing", "aa")
    wire = await open_transport(reader.endpoint, baudrate=115200)

    async def ask(command: str, size: int) -> bytes:
        await wire.write(bytes.fromhex(command))
        got = b""
        while len(got) < size:
            got += await wire.read()
        return got

    assert await ask("AA 00 03 00 01 00 04 DD", 23) == bytes.fromhex(
        "AA 01 03 00 10 00 4D 31 30 30 20 32 36 64 42 6D 20 56 31 2E 30 92 DD"
    )
    assert await ask("AA 00 22 00 00 22 DD", 8) == bytes.fromhex("AA 01 FF 00 01 15 16 DD")
    assert await ask("AA 00 28 00 00 28 DD", 8) == bytes.fromhex("AA 01 28 00 01 00 2A DD")
    assert await ask("AA 00 55 00 00 55 DD", 8) == bytes.fromhex("AA 01 FF 00 01 17 18 DD")
    assert await ask("AA 00 07 00 01 01 09 DD", 8) == bytes.fromhex("AA 01 07 00 01 00 09 DD")
    assert await ask("AA 00 08 00 00 08 DD", 8) == bytes.fromhex("AA 01 08 00 01 01 0B DD")
    assert await ask("AA 00 B6 00 02 07 D0 8F DD", 8) == bytes.fromhex("AA 01 B6 00 01 00 B8 DD")
    assert await ask("AA 00 B7 00 00 B7 DD", 9) == bytes.fromhex("AA 01 B7 00 02 07 D0 91 DD")
    assert await ask("AA 00 0D 00 00 0D DD", 9) == bytes.fromhex("AA 01 0D 00 02 10 20 40 DD")
    assert await ask("AA 00 0E 00 02 10 20 40 DD", 8) == bytes.fromhex("AA 01 0E 00 01 00 10 DD")
    assert await ask("AA 00 39 00 09 00 00 FF FF 03 00 00 00 02 45 DD", 8) == bytes.fromhex("AA 01 FF 00 01 09 0A DD")
    assert await ask(
        "AA 00 0C 00 13 01 00 00 00 20 60 00 30 75 1F EB 70 5C 59 04 E3 D5 0D 70 AD DD", 8
    ) == bytes.fromhex("AA 01 0C 00 01 00 0E DD")
    await reader.command("tag_in", epc="E28068900000500E88C6A4A7")
    tag = await ask("AA 00 22 00 00 22 DD", 24)
    captured = bytes.fromhex("AA 02 22 00 11 C7 30 00 E2 80 68 90 00 00 50 0E 88 C6 A4 A7 11 9B 29 DD")
    assert (tag[:5], tag[6:-2], tag[-1:]) == (captured[:5], captured[6:-2], captured[-1:])  # but RSSI and sum
    await wire.close()
