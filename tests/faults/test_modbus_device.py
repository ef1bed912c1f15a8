"""A Modbus device from the wire to its polls, and what becomes of them when something is wrong."""

import asyncio

import pytest

from drivers.modbus.driver import ModbusDevice
from drivers.modbus.pdu import read
from model.errors import PermanentError, TransientError
from model.observation import Quality
from model.ports import Driver, Health, Switching
from support.context import running
from support.modbus import IMPATIENT_S, LATE_S, device, eventually, named, open_bus
from support.sims import Sim, StartSim


def readings(sim: Sim) -> list[dict[str, int]]:
    """Of both values: after a lost reply the line is found again by a question for one."""
    return [line["values"] for line in sim.log() if line["event"] == "reading" and len(line["values"]) == 2]


def outputs(sim: Sim) -> list[tuple[str, bool]]:
    return [(line["output"], line["on"]) for line in sim.log() if line["event"] == "output"]


@pytest.mark.parametrize(("kind", "profile"), [("xy-md02", "xy-md02"), ("renke", "renke-rs-ws-n01")])
@pytest.mark.parametrize("wire", [[], ["--tcp", "--listen", "127.0.0.1:0"]], ids=["rtu", "tcp"])
async def test_each_reading_of_the_wire_becomes_one_poll(
    sim: StartSim, kind: str, profile: str, wire: list[str]
) -> None:
    """What the sensor logged as sent is what was emitted, in order, none twice; ONLINE comes with the first."""
    sensor = await sim(kind, *wire)
    await sensor.command("set", temperature=-18.0)
    async with open_bus(sensor.endpoint) as bus:
        driver, context = device(bus, 1, profile)
        assert isinstance(driver, Switching)
        async with running(driver):
            await context.until(lambda: len(context.polls) >= 8)
    assert context.good() == readings(sensor)[: len(context.polls)]
    assert all(-183 <= (values["temperature"] or 0) <= -177 for values in context.good())
    assert context.healths == [(Health.ONLINE, None)]


async def test_a_sentinel_is_a_fault_and_never_a_number(sim: StartSim) -> None:
    """The quality says so, the value is None, and the next good reading is good again."""
    sensor = await sim("renke")
    async with open_bus(sensor.endpoint) as bus:
        driver, context = device(bus, 1, "renke-rs-ws-n01")
        async with running(driver):
            await context.until(lambda: len(context.good()) >= 2)  # behind the marker
            await sensor.command("fault", kind="sentinel", count=1)
            await context.until(
                lambda: any(poll.quality for poll in context.polls) and context.polls[-1].quality is None
            )
    (poll,) = [poll for poll in context.polls if poll.quality]
    assert named(poll) == {"humidity": None, "temperature": None}
    assert poll.quality == [Quality.IMPLAUSIBLE, Quality.SENSOR_FAULT]


@pytest.mark.parametrize("kind", ["silent", "late", "crc", "exception"])
async def test_one_lost_poll_is_a_gap_in_the_values(sim: StartSim, kind: str) -> None:
    """A failed poll is emitted with no value at all, the device is unsteady, and all other polls are the wire's."""
    sensor = await sim("xy-md02")
    async with open_bus(sensor.endpoint) as bus:
        driver, context = device(bus, 1, "xy-md02", timeout_s=IMPATIENT_S)
        async with running(driver):
            await context.until(lambda: len(context.polls) >= 2)
            await sensor.command("fault", kind=kind, count=1, seconds=LATE_S)
            await context.until(
                lambda: any(poll.quality for poll in context.polls) and context.polls[-1].quality is None
            )
    (poll,) = [poll for poll in context.polls if poll.quality]
    assert (poll.values, poll.quality) == ([None, None], [Quality.COMM_ERROR] * 2)
    assert context.healths[1][0] == Health.DEGRADED
    assert context.good() == readings(sensor)[: len(context.good())]


async def test_three_lost_polls_end_the_run(sim: StartSim) -> None:
    """The supervisor is told; a run that never had an answer says nothing but its error."""
    sensor = await sim("xy-md02")
    async with open_bus(sensor.endpoint) as bus:
        driver, context = device(bus, 1, "xy-md02")
        run = asyncio.create_task(driver.run())
        await context.until(context.good)
        await sensor.command("fault", kind="exception")
        with pytest.raises(TransientError, match="modbus_exception_failure"):
            await run
        assert [poll.quality for poll in context.polls if poll.quality] == [[Quality.COMM_ERROR] * 2] * 3
        said = len(context.polls)
        with pytest.raises(TransientError, match="modbus_exception_failure"):
            await driver.run()
        assert len(context.polls) == said


async def test_a_dead_slave_hurts_only_itself(sim: StartSim) -> None:
    """Two on one line: while one is dead each poll of the other is good."""
    line = await sim("modbus", "--slave", "1=xy-md02", "--slave", "2=xy-md02")
    await line.command("fault", slave=1, kind="silent")
    async with open_bus(line.endpoint) as bus:
        dead, _ = device(bus, 1, "xy-md02", timeout_s=IMPATIENT_S)
        alive, context = device(bus, 2, "xy-md02")

        async def again_and_again() -> None:
            while True:
                with pytest.raises(TransientError, match="modbus_timeout"):
                    await dead.run()

        trying = asyncio.create_task(again_and_again())
        async with running(alive):
            await context.until(lambda: len(context.polls) >= 10)
        trying.cancel()
    assert context.good() == readings(line)[: len(context.polls)]
    assert context.healths == [(Health.ONLINE, None)]


async def test_the_lift_speaks(sim: StartSim) -> None:
    """A press of the alarm button and what the lift does are the polls' changes; nothing has to be lost between."""
    lift = await sim("lift-gbt-1")
    async with open_bus(lift.endpoint) as bus:
        driver, context = device(bus, 1, "lift-gbt-1")
        async with running(driver):
            await context.until(context.good)
            await lift.command("press")
            await context.until(lambda: context.good()[-1]["alarm_button"])
            await lift.command("lift", floor=7, display_floor=-2, speed=-150, run_count=70000)
            await context.until(lambda: context.good()[-1]["floor"] == 7)
            await lift.command("release")
            await context.until(lambda: context.good()[-1]["alarm_button"] == 0)
    pressed = next(values for values in context.good() if values["alarm_button"])
    assert (pressed["alarm_code"], pressed["event_seq"], pressed["profile_id"]) == (90, 1, 0x0101)
    moved = next(values for values in context.good() if values["floor"] == 7)
    assert (moved["display_floor"], moved["speed"], moved["run_count"]) == (-2, -150, 70000)
    assert context.good()[-1]["alarm_code"] == 0


async def test_contacts_and_relays(sim: StartSim) -> None:
    """Inputs are seen; an output is switched, read back, and found lost after the board has restarted."""
    board = await sim("waveshare-io-8ch")
    async with open_bus(board.endpoint) as bus:
        driver, context = device(bus, 1, "waveshare-io-8ch")
        async with running(driver):
            await context.until(context.good)
            await board.command("contact", di=3, on=True)
            await context.until(lambda: context.good()[-1]["di3"])
            await driver.switch("relay2", True)
            await context.until(lambda: context.good()[-1]["relay2"])
            await board.command("reboot")
            await context.until(lambda: not context.good()[-1]["relay2"])
            await driver.switch("relay2", True)
            await driver.switch("relay2", False)
            with pytest.raises(PermanentError, match="output_unknown"):
                await driver.switch("relay9", True)
    assert outputs(board) == [("relay2", True), ("relay2", False), ("relay2", True), ("relay2", False)]


async def test_a_siren_that_nobody_refreshes_stops_by_itself(sim: StartSim) -> None:
    """The board's own timer opens the relay, also when the gateway is gone; each refresh starts it anew."""
    board = await sim("waveshare-io-8ch")
    async with open_bus(board.endpoint) as bus:
        driver, context = device(bus, 1, "waveshare-io-8ch")
        async with running(driver):
            await context.until(context.good)
            for _ in range(3):
                await driver.flash("relay1", 0.5)
    assert outputs(board) == [("relay1", True)]
    await eventually(lambda: outputs(board) == [("relay1", True), ("relay1", False)])


async def test_switching_a_silent_board_is_an_error(sim: StartSim) -> None:
    """An order that the board has not confirmed was not carried out, as far as anyone knows."""
    board = await sim("waveshare-io-8ch")
    async with open_bus(board.endpoint) as bus:
        driver, context = device(bus, 1, "waveshare-io-8ch", every_s=60, timeout_s=IMPATIENT_S)
        async with running(driver):
            await context.until(context.good)
            await bus.request(1, read(1, 0, 8))  # behind the marker
            await board.command("fault", kind="silent", count=1)
            with pytest.raises(TransientError, match="modbus_timeout"):
                await driver.switch("relay1", True)


def test_the_device_is_a_driver() -> None:
    """The contract between the rooms, checked by mypy."""
    kind: type[Driver] = ModbusDevice
    assert kind is ModbusDevice
