"""One driver's life: tried again, stopped, cancelled; its health told once per change, and nobody else touched."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from drivers.common.config import DeviceConfig
from drivers.modbus.bus import ModbusRtuBus, ModbusRtuConfig
from drivers.modbus.driver import ModbusConfig, ModbusDevice
from gateway import supervisor
from gateway.settings.schema import Configured
from gateway.supervisor import Supervised
from model.errors import PermanentError, TransientError
from model.observation import Observation
from model.ports import Context, Health
from support.context import SystemClock, until
from support.sims import StartSim

Told = list[tuple[str, Health, str | None]]


class Scripted:
    """A driver that does one thing after the other at each `run`, and then runs until it is cancelled."""

    script: ClassVar[list[Callable[["Scripted"], None]]] = []

    def __init__(self, config: object, context: Context) -> None:
        self.context = context
        self.runs = 0
        self.closed = 0

    async def run(self) -> None:
        self.runs += 1
        try:
            if self.script:
                self.script.pop(0)(self)
                return
            self.context.health(Health.ONLINE)
            await asyncio.Event().wait()
        finally:
            self.closed += 1


class Plant:
    """Supervised drivers, and what was told of them."""

    def __init__(self) -> None:
        self.told: Told = []
        self.emitted: list[Observation] = []
        self.supervised: dict[str, Supervised] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, factory: type[Any], config: Any = None) -> Supervised:
        configured = Configured[Any](factory, config or DeviceConfig(id=name, driver="scripted"))
        one = Supervised(
            name, configured, SystemClock(), self.emitted.append, self._commit, self.supervised, self._changed
        )
        self.supervised[name] = one
        self.tasks[name] = asyncio.create_task(one.keep())
        return one

    def of(self, name: str) -> list[tuple[Health, str | None]]:
        return [(health, code) for device, health, code in self.told if device == name]

    def _commit(self, observation: Observation) -> "asyncio.Future[int]":
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.emitted.append(observation)
        done.set_result(len(self.emitted))
        return done

    def _changed(self, one: Supervised) -> None:
        self.told.append((one.device, one.state, one.problem.code if one.problem else None))


def fails(error: Exception) -> Callable[[Scripted], None]:
    def fail(driver: Scripted) -> None:
        raise error

    return fail


def scripted(*script: Callable[[Scripted], None]) -> type[Scripted]:
    return type("Scripted", (Scripted,), {"script": list(script)})


@asynccontextmanager
async def plant() -> AsyncIterator[Plant]:
    made = Plant()
    try:
        yield made
    finally:
        for task in made.tasks.values():
            task.cancel()
        await asyncio.gather(*made.tasks.values(), return_exceptions=True)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(supervisor, "BACKOFF_MAX_S", 0.02)


async def test_after_a_transient_error_it_runs_again() -> None:
    """As often as it takes; each outage is told with its reason, and the return."""
    async with plant() as site:
        gone = TransientError("port_absent", port="/dev/x")
        one = site.start("a", scripted(fails(gone), fails(gone), lambda d: None))
        await until(lambda: one.state is Health.ONLINE)
        driver: Any = one.driver
        assert (driver.runs, driver.closed) == (4, 3)
    assert site.of("a") == [
        (Health.OFFLINE, "port_absent"),
        (Health.OFFLINE, "driver_ended"),
        (Health.ONLINE, None),
    ]


async def test_an_error_may_ask_for_a_longer_pause() -> None:
    """Who serves another client is not asked as often as one whose cable may come back."""

    class Taken(TransientError):
        pause_s = 1e6

    async with plant() as site:
        taken = site.start("taken", scripted(fails(Taken("llrp_in_use", port="x"))))
        other = site.start("other", scripted(*[fails(TransientError("port_gone", port="x", why="x"))] * 5))
        await until(lambda: other.state is Health.ONLINE)
        driver: Any = taken.driver
        assert (driver.runs, taken.state) == (1, Health.OFFLINE)


async def test_after_a_permanent_error_it_stays_stopped() -> None:
    """Told as a fault; its task ends without an error, which would end the others."""
    async with plant() as site:
        one = site.start("a", scripted(fails(PermanentError("output_unknown", device="a", output="x"))))
        await site.tasks["a"]
        driver: Any = one.driver
        assert (driver.runs, one.state) == (1, Health.FAULT)
    assert site.of("a") == [(Health.FAULT, "output_unknown")]


async def test_a_bug_in_one_driver_is_its_own_outage(caplog: pytest.LogCaptureFixture) -> None:
    """Each crash is logged with its traceback, the outage told once, the driver tried again; the others run on."""
    async with plant() as site:
        good = site.start("good", scripted())
        bad = site.start("bad", scripted(fails(ZeroDivisionError("oops")), fails(KeyError("x"))))
        await until(lambda: bad.state is Health.ONLINE)
        driver: Any = good.driver
        assert driver.runs == 1
    assert site.of("good") == [(Health.ONLINE, None)]
    assert [code for _, code in site.of("bad")] == ["driver_crashed", None]
    assert "ZeroDivisionError: oops" in caplog.text
    assert "KeyError: 'x'" in caplog.text


async def test_health_is_told_once_per_change() -> None:
    """The same state for the same reason is no news, whatever its numbers are now; another reason is, and keeps `since`."""
    async with plant() as site:
        one = site.start("a", scripted())
        await until(lambda: one.state is Health.ONLINE)
        since = one.since
        one.health(Health.ONLINE)
        for brightness in range(100):
            one.health(Health.DEGRADED, TransientError("camera_blind", brightness=brightness))
        degraded = one.since
        assert one.problem
        assert one.problem.params == {"brightness": 99}, "what is shown is the newest"
        one.health(Health.DEGRADED, TransientError("scan_dropped", count=1))
        assert one.since == degraded >= since
    assert site.of("a") == [
        (Health.ONLINE, None),
        (Health.DEGRADED, "camera_blind"),
        (Health.DEGRADED, "scan_dropped"),
    ]


async def test_cancellation_ends_it_and_closes_what_was_open() -> None:
    """In the middle of a run as in the middle of a pause."""
    async with plant() as site:
        running = site.start("a", scripted())
        pausing = site.start("b", scripted(*[fails(TransientError("port_absent", port="x"))] * 1000))
        await until(lambda: running.state is Health.ONLINE and pausing.state is Health.OFFLINE)
        for task in site.tasks.values():
            task.cancel()
        await asyncio.wait(site.tasks.values())
        assert all(task.cancelled() for task in site.tasks.values())
        a: Any = running.driver
        assert a.closed == a.runs == 1


class Bus(Scripted):
    """It tells how it is when it is told to."""

    async def run(self) -> None:
        self.context.health(Health.OFFLINE, TransientError("port_absent", port="/dev/x"))
        await asyncio.Event().wait()


class OnBus(Scripted):
    async def run(self) -> None:
        self.runs += 1
        if self.context.bus("b").context.state is not Health.ONLINE:
            raise TransientError("bus_down", bus="b")
        self.context.health(Health.ONLINE)
        await asyncio.Event().wait()


class OnBusConfig(DeviceConfig):
    bus: str = "b"


async def test_a_device_is_back_with_its_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it was tried in vain: it does not wait for a pause of its own, and is not tried while the bus is away."""
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 1e6)
    monkeypatch.setattr(supervisor, "BACKOFF_MAX_S", 1e6)
    async with plant() as site:
        bus = site.start("b", Bus)
        device = site.start("a", OnBus, OnBusConfig(id="a", driver="scripted"))
        await until(lambda: device.state is Health.OFFLINE)
        driver: Any = device.driver
        assert driver.runs == 1
        bus.health(Health.ONLINE)
        await until(lambda: device.state is Health.ONLINE)
        assert driver.runs == 2


async def test_a_real_bus_that_comes_late(sim: StartSim, tmp_path: Path) -> None:
    """Bus and device are tried until the line is there, lost with it, and back with it; both say why meanwhile."""
    line = str(tmp_path / "line")
    async with plant() as site:
        site.start("bus", ModbusRtuBus, ModbusRtuConfig(id="bus", driver="modbus_rtu", port=line))
        config = ModbusConfig(
            id="room1", driver="modbus", bus="bus", slave=1, profile="xy-md02", every_s=0.05, timeout_s=5
        )
        room = site.start("room1", ModbusDevice, config)
        await until(lambda: room.state is Health.OFFLINE)
        assert site.of("bus") == [(Health.OFFLINE, "port_absent")]
        assert site.of("room1") == [(Health.OFFLINE, "bus_down")]
        sensor = await sim("xy-md02", "--port", line)
        await until(lambda: room.state is Health.ONLINE)
        await sensor.command("unplug")
        await until(lambda: room.state is Health.OFFLINE)
        await sensor.command("replug")
        await until(lambda: room.state is Health.ONLINE)
        assert site.supervised["bus"].state is Health.ONLINE
    assert room.points and room.points.device == "room1"
