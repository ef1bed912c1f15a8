"""An M100 module that loses its power, refuses, and says one thing while it is asked another."""

import asyncio
from typing import Any

import pytest

from drivers.rfid.m100.config import M100Config
from drivers.rfid.m100.driver import M100Device
from model.errors import TransientError
from model.ports import Bank, Health
from support.context import MemoryContext, running, until
from support.sims import Sim, StartSim

ONLINE = (Health.ONLINE, None)
EPC, OTHER = "3034257BF7194E4000001A01", "30FF257BF7194E4000001A02"
SETTINGS = {
    "region": "china900",
    "power_dbm": 20,
    "q": 5,
    "session": "S1",
    "target": "B",
    "select": {"mask": "3034"},
}
WRITTEN = [("region", "01"), ("power", "07d0"), ("query", "11a8")]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator answers at once."""
    for name, seconds in (("module.ANSWER_S", 0.3), ("module.ROUND_S", 0.03), ("driver.REQUESTED_S", 0.1)):
        monkeypatch.setattr(f"drivers.rfid.m100.{name}", seconds)


def module(sim: Sim, context: MemoryContext, **settings: Any) -> M100Device:
    values = {"id": "gate", "driver": "rfid_m100", "port": sim.endpoint, "window_s": 0.1, "rearm_s": 0.2, **settings}
    return M100Device(M100Config.model_validate(values), context)


def epcs(context: MemoryContext) -> set[str]:
    return {window.epc for window in context.observations}


def written(sim: Sim) -> list[tuple[str, str]]:
    return [(line["name"], line["value"]) for line in sim.log() if line["event"] == "written"]


async def test_settings_and_again_after_a_brown_out(sim: StartSim) -> None:
    """Region, power, query and mask are written at the start; a module that has lost them in silence is given them again."""
    reader, context = await sim("m100", "--every", "0", "--rate", "50"), MemoryContext("gate")
    await reader.command("tag_in", epc=OTHER)
    async with running(module(reader, context, framing="bb", **SETTINGS)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
        assert written(reader) == WRITTEN
        await reader.command("reboot")
        await until(lambda: written(reader) == 2 * WRITTEN)
        before = len(context.observations)
        await context.until(lambda: len(context.observations) > before)
    assert epcs(context) == {EPC}  # the mask leaves the other one out
    assert context.healths == [ONLINE]


async def test_nothing_is_written_that_is_not_given(sim: StartSim) -> None:
    """Without settings the module stays as it is."""
    reader, context = await sim("m100", "--every", "0", "--rate", "50"), MemoryContext("gate")
    async with running(module(reader, context)):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
    assert written(reader) == []


@pytest.mark.parametrize("framing", ["bb", "aa"])
async def test_set_while_an_inventory_goes_on(sim: StartSim, framing: str) -> None:
    """An inventory that an earlier run has left goes on in between: its tags and its `15` are nobody's answer."""
    reader = await sim("m100", "--every", "0", "--rate", "500", "--framing", framing)
    for tags in (0, 1):
        if tags:
            await reader.command("tag_in", epc=EPC)
        for settings in ({}, SETTINGS, SETTINGS):
            context = MemoryContext("gate")
            async with running(module(reader, context, framing=framing, **settings)):
                await context.until(lambda c=context: c.healths)  # type: ignore[misc]
            assert context.healths == [ONLINE]


@pytest.mark.parametrize(
    ("skip", "setting", "value"),
    [(2, "region", "china900"), (3, "power_dbm", "20.0"), (6, "q, session, target", "5, S1, B"), (7, "select", "3034")],
)
async def test_a_refused_setting(sim: StartSim, skip: int, setting: str, value: str) -> None:
    """The setting, its value and the error by its name; nothing is read until it is right."""
    reader, context = await sim("m100", "--every", "0"), MemoryContext("gate")
    await reader.command("fault", kind="exception", skip=skip)  # who it is, stop, then the settings
    told = f"rfid_setting_refused setting={setting} value={value} error=17 \\(command error\\)"
    with pytest.raises(TransientError, match=told):
        await module(reader, context, framing="bb", **SETTINGS).run()
    assert context.healths == []


async def test_power_that_is_not_kept(sim: StartSim) -> None:
    """The module says yes and does less: what it was read back is told."""
    reader, context = await sim("m100", "--every", "0"), MemoryContext("gate")
    with pytest.raises(TransientError, match=r"rfid_setting_not_kept setting=power_dbm value=30.0 kept=26.0"):
        await module(reader, context, power_dbm=30).run()
    assert context.healths == []


async def test_banks_beside_a_busy_field(sim: StartSim) -> None:
    """Tags pass while one is read and written: its answers are its own, the reads go on, the mask is there again."""
    reader, context = await sim("m100", "--every", "0", "--rate", "200"), MemoryContext("gate")
    device = module(reader, context, select={"mask": "3034"})
    async with running(device):
        for epc in (EPC, OTHER):
            await reader.command("tag_in", epc=epc)
        await context.until(lambda: epcs(context) == {EPC})
        done = await device.write_bank(Bank.USER, 1, b"\x12\x34", bytes(4), OTHER)
        assert (done.epc, done.data) == (OTHER, b"\x12\x34")
        assert (await device.read_bank(Bank.USER, 0, 3, bytes(4), EPC)).data == bytes(6)
        with pytest.raises(TransientError, match="rfid_several_tags"):
            await device.write_bank(Bank.USER, 1, b"\x12\x34", bytes(4), None)
        seen = len(context.observations)
        await context.until(lambda: len(context.observations) > seen + 2)
        assert {window.epc for window in context.observations[seen + 2 :]} == {EPC}
    assert context.healths == [ONLINE]


async def test_a_longer_epc_that_begins_alike(sim: StartSim) -> None:
    """The tag with the short one is meant, and it alone is written; the inventory has no mask after it."""
    reader, context = await sim("m100", "--every", "0", "--rate", "50"), MemoryContext("gate")
    device = module(reader, context)
    async with running(device):
        for epc in (EPC, EPC[:8]):
            await reader.command("tag_in", epc=epc)
        await context.until(lambda: len(epcs(context)) == 2)
        assert (await device.write_bank(Bank.USER, 0, b"\x12\x34", bytes(4), EPC[:8])).epc == EPC[:8]
        seen = len(context.observations)
        await context.until(lambda: {o.epc for o in context.observations[seen:]} == {EPC, EPC[:8]})
    assert [line["epc"] for line in reader.log() if line["event"] == "tag_written"] == [EPC[:8]]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_mask_that_was_left(sim: StartSim, killed: bool) -> None:
    """The next run takes it away, and so does the next gateway, which knows nothing of it."""
    reader, context = await sim("m100", "--every", "0", "--rate", "5"), MemoryContext("gate")
    device = module(reader, context, rearm_s=30)
    await leave_mask(reader, context, device)
    async with running(module(reader, context) if killed else device):
        seen = len(context.observations)
        await context.until(lambda: {o.epc for o in context.observations[seen:]} == {EPC, OTHER})


@pytest.mark.parametrize(("kind", "lost"), [("silent", 1), ("crc", 1), ("half", 1), ("silent", 2)])
async def test_a_mask_that_was_left_and_a_lost_answer(
    sim: StartSim, monkeypatch: pytest.MonkeyPatch, kind: str, lost: int
) -> None:
    """The module is asked once more at once; where that is lost too, it is told until a later time goes well."""
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 0)
    reader, context = await sim("m100", "--every", "0", "--rate", "5"), MemoryContext("gate")
    await leave_mask(reader, context, module(reader, context, rearm_s=30))
    if lost > 1:
        monkeypatch.setattr("drivers.rfid.m100.driver.UNMASK_S", 0.1)
    await reader.command("fault", kind=kind, skip=1, count=lost)  # who it is, then stop
    fresh = MemoryContext("gate")
    async with running(module(reader, fresh, framing="bb", rearm_s=30)):
        await fresh.until(lambda: epcs(fresh) == {EPC, OTHER})
        await fresh.until(lambda: fresh.healths[-1] == ONLINE)
    assert ((Health.DEGRADED, "rfid_mask_left") in fresh.healths) == (lost > 1)


async def leave_mask(reader: Sim, context: MemoryContext, device: M100Device) -> None:
    """The module falls silent while it is masked for an access to one of two tags."""
    for epc in (EPC, OTHER):
        await reader.command("tag_in", epc=epc)
    run = asyncio.create_task(device.run())
    await context.until(lambda: len(epcs(context)) == 2)
    await reader.command("fault", kind="silent", skip=10, count=99)
    unheard = r"device_silent|device_not_understood|rfid_tag_lost"
    with pytest.raises(TransientError, match=unheard):
        await device.write_bank(Bank.USER, 0, b"\x12\x34", bytes(4), EPC)
    with pytest.raises(TransientError, match=unheard):
        await run
    await reader.command("fault", kind="split")


async def test_a_module_that_knows_no_masks(sim: StartSim) -> None:
    """It says so at the start, where no mask may be: its tags are read, and none can be hidden."""
    reader, context = await sim("m100", "--every", "0", "--rate", "50"), MemoryContext("gate")
    await reader.command("fault", kind="exception", skip=2)  # who it is, stop, then the mask
    async with running(module(reader, context, framing="bb")):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
    assert context.healths == [ONLINE]


@pytest.mark.parametrize("kind", ["crc", "half", "silent", "garbage"])
async def test_a_spoilt_answer_ends_the_run(sim: StartSim, kind: str) -> None:
    """Of an answer that did not come nothing is believed: who asked is told, and the driver begins anew."""
    reader, context = await sim("m100", "--every", "0", "--rate", "1"), MemoryContext("gate")
    device = module(reader, context, rearm_s=30)
    run = asyncio.create_task(device.run())
    await context.until(lambda: context.healths == [ONLINE])
    await reader.command("fault", kind=kind, count=20)
    with pytest.raises(TransientError, match="device_"):
        await device.read_bank(Bank.TID, 0, 2, bytes(4), None)
    with pytest.raises(TransientError, match="device_"):
        await run
    with pytest.raises(TransientError, match="rfid_reader_away"):
        await device.read_bank(Bank.TID, 0, 2, bytes(4), None)


async def test_what_a_tag_refuses(sim: StartSim) -> None:
    """Overrun, lock and a wrong password each have their name, and the reader goes on reading."""
    reader, context = await sim("m100", "--every", "0", "--rate", "50"), MemoryContext("gate")
    device = module(reader, context)
    async with running(device):
        await reader.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
        with pytest.raises(TransientError, match="rfid_tag_overrun"):
            await device.read_bank(Bank.USER, 7, 2, bytes(4), None)
        await reader.command("tag_password", epc=EPC, password="0000BEEF")
        with pytest.raises(TransientError, match="rfid_tag_locked"):
            await device.write_bank(Bank.USER, 0, b"\x12\x34", bytes(4), None)
        with pytest.raises(TransientError, match="rfid_tag_password"):
            await device.write_bank(Bank.USER, 0, b"\x12\x34", bytes.fromhex("00001234"), None)
        assert (await device.write_bank(Bank.USER, 0, b"\x12\x34", bytes.fromhex("0000BEEF"), None)).data == b"\x12\x34"
    assert context.healths == [ONLINE]
