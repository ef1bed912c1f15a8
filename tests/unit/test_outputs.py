"""Sirens and lamps on the real driver and a board on a pty: what the board itself logs is what people hear and see."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from drivers.modbus.bus import ModbusBus
from drivers.modbus.driver import ModbusConfig, ModbusDevice
from gateway import outputs
from gateway.outputs import Outputs
from gateway.settings.schema import Output
from model.errors import TransientError
from model.observation import Observation, Poll
from model.ports import Driver
from support.context import MemoryContext
from support.modbus import PATIENT_S, DeviceContext, eventually, new_bus, open_bus
from support.sims import Sim, StartSim

SIREN = {"cold": frozenset({"siren"})}
QUIET: dict[str, frozenset[str]] = {}


class BoardContext(DeviceContext):
    """Tells the outputs what the board says, as the daemon does."""

    def __init__(self, device: str, bus: ModbusBus, switching: Outputs) -> None:
        super().__init__(device, bus)
        self._switching = switching

    def emit(self, observation: Observation) -> None:
        super().emit(observation)
        if isinstance(observation, Poll):
            self._switching.seen(observation)


def output(device: str = "d1", mode: str = "flash", relay: str = "relay1", on: str = "siren") -> Output:
    fields = {"id": f"{device}-{relay}", "device": device, "output": relay, "mode": mode, "on": [on]}
    return Output.model_validate(fields)


def switched(board: Sim) -> list[tuple[str, bool]]:
    return [(e["output"], e["on"]) for e in board.log() if e["event"] == "output"]


async def keep(driver: Driver) -> None:
    """As the supervisor does."""
    while True:
        try:
            await driver.run()
        except TransientError:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def boards(
    buses: Mapping[str, ModbusBus],
    *wanted: Output,
    every_s: float = 0.05,
    made: Mapping[str, Driver] = MappingProxyType({}),
) -> AsyncIterator[tuple[Outputs, dict[str, BoardContext]]]:
    """A board as slave 1 of each bus and the outputs on them, all running; `made` are other drivers."""
    drivers: dict[str, Driver] = dict(made)
    contexts: dict[str, BoardContext] = {}

    switching = Outputs(wanted, lambda device: drivers[device])
    for device, bus in buses.items():
        fields: dict[str, Any] = {"slave": 1, "profile": "waveshare-io-8ch", "bus": "bus", "timeout_s": PATIENT_S}
        config = ModbusConfig(id=device, driver="modbus", every_s=every_s, **fields)
        contexts[device] = BoardContext(device, bus, switching)
        drivers[device] = ModbusDevice(config, contexts[device])
    tasks = {asyncio.create_task(keep(drivers[device])) for device in contexts}
    tasks.add(asyncio.create_task(switching.run()))
    try:
        yield switching, contexts
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "RETRY_S", 0.05)


async def test_a_siren_sounds_while_it_is_refreshed_and_stops_by_itself(
    sim: StartSim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On for longer than the board's own timer, without a break; once nobody refreshes it, the board ends it."""
    monkeypatch.setattr(outputs, "REFRESH_S", 0.2)
    monkeypatch.setattr(outputs, "FLASH_S", 2.0)
    board = await sim("waveshare-io-8ch")
    async with open_bus(board.endpoint) as bus:
        async with boards({"d1": bus}, output()) as (made, contexts):
            made.show(SIREN)
            await eventually(lambda: switched(board))
            since = time.monotonic()
            await contexts["d1"].until(lambda: time.monotonic() - since > 2.5)
            assert switched(board) == [("relay1", True)]
        await eventually(lambda: switched(board) == [("relay1", True), ("relay1", False)])


async def test_each_lift_has_lamps_of_its_own(sim: StartSim) -> None:
    """Two lifts on one board: a call in one lights nothing in the other; a siren that names no rule sounds for both."""
    board = await sim("waveshare-io-8ch")
    lamps = [
        output(relay=f"relay{n}", mode="hold", on="lamp_yellow").model_copy(update={"rules": [f"lift-{n}"]})
        for n in (1, 2)
    ]
    both = output(relay="relay3", mode="hold")
    async with open_bus(board.endpoint) as bus, boards({"d1": bus}, *lamps, both) as (made, contexts):
        made.show({"lift-1": frozenset(), "lift-2": frozenset({"lamp_yellow", "siren"})})
        await contexts["d1"].until(lambda: len(switched(board)) >= 2)
        made.show({"lift-1": frozenset({"lamp_yellow", "siren"}), "lift-2": frozenset({"siren"})})
        await contexts["d1"].until(lambda: len(switched(board)) >= 4)
    assert sorted(switched(board)[:2]) == [("relay2", True), ("relay3", True)]
    assert sorted(switched(board)[2:]) == [("relay1", True), ("relay2", False)]


async def test_silence_is_at_once(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off by an order, not by the timer, though no poll has told yet that it was on."""
    monkeypatch.setattr(outputs, "FLASH_S", 600.0)
    board = await sim("waveshare-io-8ch")
    async with open_bus(board.endpoint) as bus, boards({"d1": bus}, output(), every_s=600) as (made, contexts):
        await contexts["d1"].until(lambda: contexts["d1"].polls)
        made.show(SIREN)
        await eventually(lambda: switched(board) == [("relay1", True)])
        made.show(QUIET)
        await eventually(lambda: switched(board) == [("relay1", True), ("relay1", False)])


async def test_a_lamp_is_set_again_after_the_board_has_restarted(sim: StartSim) -> None:
    """The board has lost it each time; what is off is not touched."""
    board = await sim("waveshare-io-8ch")
    lamp, other = output(mode="hold"), output(mode="hold", relay="relay2", on="lamp_green")
    async with open_bus(board.endpoint) as bus, boards({"d1": bus}, lamp, other) as (made, _):
        made.show(SIREN)
        expected: list[tuple[str, bool]] = [("relay1", True)]
        await eventually(lambda: switched(board) == expected)
        for _ in range(3):
            await board.command("reboot")
            expected.extend([("relay1", False), ("relay1", True)])
            await eventually(lambda: switched(board) == expected)
        made.show(QUIET)
        expected.append(("relay1", False))
        await eventually(lambda: switched(board) == expected)


async def test_a_lamp_lost_before_it_was_ever_seen_lit_is_set_again(sim: StartSim) -> None:
    """The board restarts between the order and the next poll: that poll says what the one before said, and is wrong."""
    board = await sim("waveshare-io-8ch")
    async with (
        open_bus(board.endpoint) as bus,
        boards({"d1": bus}, output(mode="hold"), every_s=600) as (made, contexts),
    ):
        context = contexts["d1"]
        await context.until(lambda: context.polls)
        made.show(SIREN)
        await eventually(lambda: made._seen["d1", "relay1"])
        await board.command("reboot")
        made.seen(context.polls[-1])
        await eventually(lambda: switched(board) == [("relay1", True), ("relay1", False), ("relay1", True)])


async def test_a_board_left_on_by_an_earlier_run_is_put_right(sim: StartSim) -> None:
    """A held lamp outlives the gateway: the next run switches it off when nothing wants it."""
    board = await sim("waveshare-io-8ch")
    async with open_bus(board.endpoint) as bus:
        async with boards({"d1": bus}, output(mode="hold")) as (made, _):
            made.show(SIREN)
            await eventually(lambda: switched(board) == [("relay1", True)])
        async with boards({"d1": bus}, output(mode="hold")) as (made, _):
            await eventually(lambda: switched(board) == [("relay1", True), ("relay1", False)])


async def test_a_board_that_is_away_holds_up_nobody_and_is_tried_again(sim: StartSim, tmp_path: Path) -> None:
    """The other siren sounds at once; this one when its line is there. Both were wanted all the time."""
    here = await sim("waveshare-io-8ch")
    line = str(tmp_path / "line")
    away = new_bus(line, MemoryContext("away"))
    trying = asyncio.create_task(keep(away))
    async with open_bus(here.endpoint) as bus, boards({"d1": away, "d2": bus}, output("d1"), output("d2")) as (made, _):
        made.show(SIREN)
        await eventually(lambda: switched(here) == [("relay1", True)])
        come = await sim("waveshare-io-8ch", "--port", line)
        await eventually(lambda: switched(come) == [("relay1", True)])
    trying.cancel()
    await asyncio.wait({trying})


class Buggy:
    """A driver whose `flash` has a bug."""

    def __init__(self, config: object, context: object) -> None:
        pass

    async def run(self) -> None:
        pass

    async def switch(self, output: str, on: bool) -> None:
        raise KeyError(output)

    async def flash(self, output: str, seconds: float) -> None:
        raise KeyError(output)


async def test_a_bug_of_one_driver_silences_no_other_siren(sim: StartSim, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and tried again like any failure."""
    board = await sim("waveshare-io-8ch")
    async with open_bus(board.endpoint) as bus:
        async with boards({"d1": bus}, output("d1"), output("d2"), made={"d2": Buggy(None, None)}) as (made, _):
            made.show(SIREN)
            await eventually(lambda: switched(board) == [("relay1", True)])
            made.show(QUIET)
            await eventually(lambda: switched(board) == [("relay1", True), ("relay1", False)])
        assert "KeyError" in caplog.text
