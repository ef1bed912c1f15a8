"""DS18B20 thermometers whose files lie, hang and vanish, on the simulator's bus."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drivers.w1 import driver
from drivers.w1.config import W1Config
from drivers.w1.driver import W1Device
from model.errors import SettingsError, TransientError
from model.ports import Health
from support.context import MemoryContext, running
from support.sims import Sim, StartSim

ROOM, PIPE = "28-0316a2794bff", "28-0000075f2f4e"
BOTH = ("--sensor", f"{ROOM}=4.5", "--sensor", f"{PIPE}=-18.25")


class Bus(MemoryContext):
    """The gateway's side of a driver on the bus at `base`."""

    def __init__(self, base: Path) -> None:
        super().__init__("t")
        settings = {"sensors": {"room": ROOM, "pipe": PIPE}, "every_s": 0.1, "base": str(base)}
        self.driver = W1Device(W1Config.model_validate({"id": "t", "driver": "ds18b20", **settings}), self)

    def said(self, start: int = 0) -> list[tuple[Any, Any]]:
        """Room and pipe of each poll, the quality where it is not good."""
        return [
            tuple(poll.quality_of(i).value if v is None else v for i, v in enumerate(poll.values))
            for poll in self.observations[start:]
        ]

    async def until_said(self, room: object, pipe: object) -> None:
        """Until a poll from now on says this."""
        start = len(self.observations)
        await self.until(lambda: (room, pipe) in self.said(start))


async def begin(sim: StartSim, base: Path, *options: str) -> Sim:
    return await sim("ds18b20", "--port", str(base), "--conversion", "0", *options)


@pytest.mark.parametrize("options", [(), ("--old-kernel",)])
async def test_every_sensor_of_a_bus(sim: StartSim, tmp_path: Path, options: tuple[str, ...]) -> None:
    """In one poll, in millidegrees; all measure at once where the kernel can tell them to."""
    one = await begin(sim, tmp_path / "w1", *BOTH, *options)
    bus = Bus(tmp_path / "w1")
    async with running(bus.driver):
        await bus.until_said(4500, -18250)
        await one.command("set", temperature=-0.0625, sensor=ROOM)
        await bus.until_said(-62, -18250)
    assert bus.healths == [(Health.ONLINE, None)]
    assert all(poll.quality is None for poll in bus.observations)
    assert any(line["event"] == "bulk" for line in one.log()) == (not options)
    points = bus.driver.point_map(bus.driver._config).points
    assert [(p.name, p.unit, p.value(4500)) for p in points] == [("room", "Cel", 4.5), ("pipe", "Cel", 4.5)]


@pytest.mark.parametrize("how", ["reset", "zero", "wiring", "wiring_low"])
async def test_a_lie_is_no_temperature(sim: StartSim, tmp_path: Path, how: str) -> None:
    """From the first read, and between good ones; the other sensor goes on."""
    one = await begin(sim, tmp_path / "w1", *BOTH)
    await one.command("lie", how=how, sensor=PIPE)
    bus = Bus(tmp_path / "w1")
    async with running(bus.driver):
        await bus.until_said(4500, "sensor_fault")
        await one.command("clear")
        await bus.until_said(4500, -18250)
        await one.command("lie", how=how, sensor=PIPE)
        await bus.until_said(4500, "sensor_fault")
    assert {said[1] for said in bus.said()} == {"sensor_fault", -18250}


@pytest.mark.parametrize("kind", ["crc", "half", "garbage", "silent"])
async def test_a_read_that_fails(sim: StartSim, tmp_path: Path, kind: str) -> None:
    """Is that sensor's alone, and is told."""
    one = await begin(sim, tmp_path / "w1", *BOTH)
    bus = Bus(tmp_path / "w1")
    async with running(bus.driver):
        await bus.until_said(4500, -18250)
        await one.command("fault", kind=kind, sensor=ROOM)
        await bus.until_said("comm_error", -18250)
        await one.command("clear")
        await bus.until_said(4500, -18250)
    assert bus.healths[:2] == [(Health.ONLINE, None), (Health.DEGRADED, "w1_sensor_silent")]
    assert {said[0] for said in bus.said()} == {"comm_error", 4500}


async def test_a_ramp_through_85_degrees(sim: StartSim, tmp_path: Path) -> None:
    """What is reached step by step is believed, though it is the number of a reset."""
    one = await begin(sim, tmp_path / "w1", *BOTH)
    await one.command("set", temperature=81)
    bus = Bus(tmp_path / "w1")
    async with running(bus.driver):
        await bus.until_said(81000, 81000)
        await one.command("ramp", to=85, per_s=20)
        await bus.until_said(85000, 85000)


async def test_a_sensor_that_hangs(sim: StartSim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reader waits, the other sensor's does not, and neither does a cancel."""
    one = await begin(sim, tmp_path / "w1", *BOTH)
    bus = Bus(tmp_path / "w1")
    async with running(bus.driver):
        await bus.until_said(4500, -18250)
        monkeypatch.setattr(driver, "READ_S", 0.5)
        monkeypatch.setattr(driver, "MEASURE_S", 0)
        await one.command("fault", kind="late", sensor=PIPE, seconds=3600)
        await bus.until_said(4500, "comm_error")
        await one.command("set", temperature=5, sensor=ROOM)
        await bus.until_said(5000, "comm_error")
    await one.command("unplug", sensor=PIPE)  # that lets the reader go
    reader = bus.driver._workers[1]._thread
    assert reader
    await asyncio.to_thread(reader.join)
    await one.command("clear")
    await one.command("replug", sensor=PIPE)
    async with running(bus.driver):
        await bus.until_said(5000, -18250)


async def test_a_late_value_is_not_taken_for_a_new_one(
    sim: StartSim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after its time was up is dropped."""
    one = await begin(sim, tmp_path / "w1", *BOTH)
    bus = Bus(tmp_path / "w1")
    async with running(bus.driver):
        await bus.until_said(4500, -18250)
        monkeypatch.setattr(driver, "READ_S", 0.5)
        monkeypatch.setattr(driver, "MEASURE_S", 0)
        await one.command("fault", kind="late", sensor=PIPE, seconds=1, count=1)
        await bus.until_said(4500, "comm_error")
        start = len(bus.observations)
        await one.command("set", temperature=30, sensor=PIPE)
        await bus.until_said(4500, 30000)
    assert {said[1] for said in bus.said(start)} == {"comm_error", 30000}


async def test_a_sensor_that_is_pulled_out(sim: StartSim, tmp_path: Path) -> None:
    """The others go on; put in again it counts again."""
    one = await begin(sim, tmp_path / "w1", *BOTH)
    bus = Bus(tmp_path / "w1")
    async with running(bus.driver):
        await bus.until_said(4500, -18250)
        await one.command("unplug", sensor=ROOM)
        await bus.until_said("comm_error", -18250)
        await one.command("replug", sensor=ROOM)
        await bus.until_said(4500, -18250)


async def test_all_sensors_gone(sim: StartSim, tmp_path: Path) -> None:
    """Is told in a few polls, then the driver ends; it says what there is instead."""
    one = await begin(sim, tmp_path / "w1", *BOTH, "--sensor", "28-00000000000a")
    bus = Bus(tmp_path / "w1")
    with pytest.raises(TransientError) as told:
        async with running(bus.driver):
            await bus.until_said(4500, -18250)
            await one.command("unplug", sensor=ROOM)
            await one.command("unplug", sensor=PIPE)
            await bus.until(lambda: bus.said()[-driver.GIVE_UP_AFTER :] == [("comm_error", "comm_error")] * 3)
    assert (told.value.code, told.value.params["found"]) == ("w1_sensors_absent", "28-00000000000a")
    polls = len(bus.observations)
    with pytest.raises(TransientError):
        await bus.driver.run()
    assert len(bus.observations) == polls  # what is not there says nothing


async def test_all_sensors_mute(sim: StartSim, tmp_path: Path) -> None:
    """A short circuit: the kernel still shows them all."""
    one = await begin(sim, tmp_path / "w1", *BOTH)
    await one.command("fault", kind="silent")
    bus = Bus(tmp_path / "w1")
    with pytest.raises(TransientError) as told:
        await bus.driver.run()
    assert told.value.code == "w1_silent"
    assert not bus.observations


async def test_no_bus(tmp_path: Path) -> None:
    """The kernel's module is not loaded."""
    bus = Bus(tmp_path / "w1")
    with pytest.raises(TransientError) as told:
        await bus.driver.run()
    assert told.value.code == "w1_bus_absent"


async def test_nothing_is_replaced(sim: StartSim, tmp_path: Path) -> None:
    """The simulator takes only a directory that is its own; what a killed one left goes."""
    first = await begin(sim, tmp_path / "w1", *BOTH)
    first.kill()
    await first.process.wait()
    await begin(sim, tmp_path / "w1", *BOTH)
    bus = Bus(tmp_path / "w1")
    async with running(bus.driver):
        await bus.until_said(4500, -18250)
    (tmp_path / "precious").touch()
    with pytest.raises(AssertionError):
        await begin(sim, tmp_path)


def test_one_sensor_has_one_name() -> None:
    """Told with the settings: a line that was copied and not changed."""
    config = W1Config.model_validate({"id": "t", "driver": "ds18b20", "sensors": {"room": ROOM, "pipe": ROOM}})
    with pytest.raises(SettingsError) as told:
        W1Device.point_map(config)
    assert (told.value.code, told.value.params) == (
        "w1_sensor_twice",
        {"sensor": ROOM, "name": "pipe", "owner": "room"},
    )


def test_sensors_may_measure_one_after_the_other() -> None:
    """Without a supply of their own they do: the last of eight begins when seven have taken their 0.75 s."""
    sensors = {f"room{n}": f"28-00000000000{n}" for n in range(8)}
    config = W1Config.model_validate({"id": "t", "driver": "ds18b20", "sensors": sensors})
    assert W1Device(config, MemoryContext("t")).read_s >= 8 * 0.75 + 2 * 0.75
