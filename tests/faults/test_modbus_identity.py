"""Is it still the same device? After each start, each re-plugging and each silence it is asked before its values count."""

import asyncio
from pathlib import Path

import pytest

from drivers.modbus.library import load_profile
from drivers.modbus.pdu import SlaveMissed, read, write, write_coil
from drivers.modbus.slave import Terms
from model.errors import TransientError
from model.observation import Quality
from model.ports import Health
from support.context import MemoryContext, running
from support.modbus import IMPATIENT_S, LATE_S, device, kept, new_bus, open_bus
from support.sims import StartSim


async def test_another_device_after_replugging_gives_no_value(sim: StartSim, tmp_path: Path) -> None:
    """The plug goes in again elsewhere: same address, same registers, other type. Not one value of it is taken."""
    port = str(tmp_path / "ttyUSB0")
    first = await sim("modbus", "--slave", "1=mb8art", "--port", port)
    bus_context = MemoryContext("bus")
    bus = new_bus(port, bus_context)
    driver, context = device(bus, 1, "mb8art")

    keeping = asyncio.create_task(kept(bus))
    await bus_context.until(lambda: (Health.ONLINE, None) in bus_context.healths)
    run = asyncio.create_task(driver.run())
    await context.until(lambda: len(context.good()) >= 3)
    await first.command("unplug")
    await context.until(lambda: context.polls[-1].quality == [Quality.COMM_ERROR] * 9)
    seen = len(context.good())
    await first.command("value", name="type", to=56)
    for n in range(1, 9):
        await first.command("value", name=f"ch{n}", to=99.9)
    await first.command("replug")
    with pytest.raises(TransientError, match=r"modbus_other_device|bus_down"):
        await run
    while True:
        with pytest.raises(TransientError) as caught:
            await driver.run()
        if caught.value.code == "modbus_other_device":
            break
    assert len(context.good()) == seen
    await first.command("value", name="type", to=57)
    async with running(driver):
        await context.until(lambda: len(context.good()) > seen)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_board_that_is_set_wrongly_works_and_is_shown(sim: StartSim) -> None:
    """An input that would switch its relay by itself: the siren must still work, so it is a warning."""
    board = await sim("waveshare-io-8ch", "--baud", "0")
    async with open_bus(board.endpoint) as bus:
        # the vendor's tool: what the gateway itself never writes
        bus.register(1, Terms("d1", frozenset({(6, 0x1002)})))
        await bus.request(1, read(1, 0, 8))
        await bus.request(1, write(bytes.fromhex("06 1002 0001")))
    async with open_bus(board.endpoint) as bus:
        driver, context = device(bus, 1, "waveshare-io-8ch")
        async with running(driver):
            await context.until(context.good)
            await driver.switch("relay1", True)
            await context.until(lambda: context.good()[-1]["relay1"])
    assert context.healths == [(Health.DEGRADED, "modbus_setting_wrong")]


async def test_a_contact_is_read_as_it_is_wired(sim: StartSim) -> None:
    """Normally closed: an open loop, or a cut wire, is active; a changeover contact tells a cut wire from both."""
    board = await sim("waveshare-io-8ch", "--baud", "0")
    await board.command("contact", di=1, on=True)
    await board.command("contact", di=3, on=True)
    contacts = {"di1": {"normally": "closed", "debounce_s": 0.0}, "di2": {"pair": "di3", "debounce_s": 0.0}}
    async with open_bus(board.endpoint) as bus:
        driver, context = device(bus, 1, "waveshare-io-8ch", contacts=contacts)
        async with running(driver):
            await context.until(context.good)
            assert [context.good()[0][name] for name in ("di1", "di2")] == [0, 0]
            await board.command("contact", di=1, on=False)
            await context.until(lambda: context.good()[-1]["di1"] == 1)
            await board.command("contact", di=3, on=False)
            await context.until(lambda: context.polls[-1].quality)
            assert context.polls[-1].values[1] is None
            assert context.polls[-1].quality_of(1) is Quality.SENSOR_FAULT
            await board.command("contact", di=2, on=True)
            await context.until(lambda: context.good()[-1]["di2"] == 1)


async def test_a_slave_that_is_gone_rests(sim: StartSim) -> None:
    """Three times without an answer: most writes to it fail at once and cost the line nothing, and it is back by itself."""
    line = await sim("modbus", "--slave", "1=waveshare-io-8ch", "--slave", "2=xy-md02")
    await line.command("fault", slave=1, kind="silent")
    async with open_bus(line.endpoint, 2) as bus:
        writes = load_profile("waveshare-io-8ch").allowed_writes
        bus.register(1, Terms("io1", writes, timeout_s=0.3, marker=read(1, 0, 16)))
        await bus.request(2, read(4, 1, 2))
        asked = [asyncio.create_task(bus.request(1, write_coil(0, 0))) for _ in range(50)]
        for task in asked:
            with pytest.raises(SlaveMissed):
                await task
        assert 3 <= sum(entry["event"] == "fault" for entry in line.log()) < 25
        await line.command("clear")
        assert await bus.request(1, read(1, 0, 8)) == b"\x00"


async def test_behind_a_serial_server(sim: StartSim) -> None:
    """RTU frames as they are over TCP, late replies and all."""
    sensor = await sim("xy-md02", "--listen", "127.0.0.1:0")
    async with open_bus(sensor.endpoint, rtu=True) as bus:
        driver, context = device(bus, 1, "xy-md02", timeout_s=IMPATIENT_S)
        async with running(driver):
            await context.until(lambda: len(context.good()) >= 3)
            await sensor.command("fault", kind="late", count=1, seconds=LATE_S)
            await context.until(lambda: any(poll.quality for poll in context.polls))
            seen = len(context.good())
            await context.until(lambda: len(context.good()) > seen + 2)
    sent = [line["values"] for line in sensor.log() if line["event"] == "reading" and len(line["values"]) == 2]
    assert context.good() == sent[: len(context.good())]
