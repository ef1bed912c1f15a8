"""An alarm while the disk takes nothing, on the whole way: device, daemon, broker, centre; each a process of its own."""

import asyncio
import errno
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from central import queries
from central.store import reader
from gateway.demo.broker import Broker
from gateway.demo.processes import leashed
from support.centre import central, password, running
from support.diskfaults import CHANGES, Faults, Kind, environment
from support.sims import Sim, StartSim

SETTINGS = """\
schema = 1
[gateway]
id = "gw-1"
[sync]
broker = "{broker}"
password_file = "{password}"
[web]
listen = "127.0.0.1:0"
[[bus]]
id = "rs485"
driver = "modbus_rtu"
port = "{port}"
[[device]]
id = "room1"
driver = "modbus"
bus = "rs485"
slave = 1
profile = "xy-md02"
every_s = 0.2
[[device]]
id = "board"
driver = "modbus"
bus = "rs485"
slave = 3
profile = "waveshare-io-8ch"
every_s = 0.2
[[rule]]
id = "cold"
rule = "temperature"
point = "room1.temperature"
profile = "gsp-cold-2-8"
[[output]]
id = "siren"
device = "board"
output = "relay1"
on = ["siren"]
"""
DISKS = {
    "read-only": (errno.EROFS, (*CHANGES, Kind.OPEN)),
    "full": (errno.ENOSPC, (Kind.CREATE, Kind.WRITE, Kind.MKDIR)),
}


class Place:
    """A cold room, its gateway on a disk that can fail, a broker and the desk."""

    def __init__(self, directory: Path, broker: Broker, bus: Sim) -> None:
        self.centre = directory / "centre"
        self.faults = Faults(directory / "control")
        self.bus = bus
        self._disk = directory / "disk"
        self._disk.mkdir()
        self._settings = directory / "site.toml"
        self._settings.write_text(
            SETTINGS.format(broker=broker.url, password=password(broker, "gw-1"), port=bus.endpoint)
        )

    async def start(self) -> None:
        command = leashed(sys.executable, "-m", "gateway.cli", "run", "--config", str(self._settings))
        command += ["--data", str(self._disk / "data")]
        with self._settings.with_suffix(".log").open("wb") as log:
            env = environment(self._disk, self.faults)
            self._gateway = await asyncio.create_subprocess_exec(*command, env=env, stdout=log, stderr=log)

    async def stop(self) -> None:
        """AssertionError when it does not end in good order."""
        self._gateway.terminate()
        assert await self._gateway.wait() == 0

    def siren(self) -> bool:
        """What the board's relay did last."""
        states = [line["on"] for line in self.bus.log() if line["event"] == "output" and line["output"] == "relay1"]
        return bool(states) and states[-1]

    def alarms(self) -> list[dict[str, Any]]:
        """What the desk shows, the newest first."""
        return sorted(queries.alarms(reader(self.centre)), key=lambda alarm: -alarm["received"])

    def records(self, kind: str) -> list[dict[str, Any]]:
        return list(queries.records(reader(self.centre), "gw-1", None, kind))


async def until(true: Callable[[], object]) -> None:
    """Look again until it is; the test's own time limit ends it."""
    while True:
        if true():
            return
        await asyncio.sleep(0.05)


@pytest.fixture
async def place(tmp_path: Path, broker: Broker, sim: StartSim) -> AsyncIterator[Place]:
    slaves = ["--slave", "1=xy-md02", "--slave", "3=waveshare-io-8ch"]
    bus = await sim("modbus", "--port", str(tmp_path / "rs485"), *slaves)
    async with running(tmp_path / "centre", broker):
        yield Place(tmp_path, broker, bus)


async def test_an_alarm_while_the_disk_takes_nothing(place: Place) -> None:
    """Siren and desk know of it at once, past the journal; its record follows when the disk is back, and is the same alarm."""
    await place.start()
    for action, kinds in DISKS.values():
        shown = len(place.alarms())
        polls = len(place.records("reading.poll/1"))
        await until(lambda polls=polls: len(place.records("reading.poll/1")) > polls)  # type: ignore[misc]
        place.faults.arm(action, *kinds)
        await place.bus.command("set", slave=1, temperature=9.0)
        await until(place.siren)
        await until(lambda shown=shown: len(place.alarms()) > shown)  # type: ignore[misc]
        alarm = place.alarms()[0]
        assert (alarm["state"], alarm["urgent_only"], alarm["seq"]) == ("raised", True, None)
        place.faults.lift()
        await until(lambda: not place.alarms()[0]["urgent_only"])
        merged = place.alarms()[0]
        assert (merged["alarm"], merged["state"], len(place.alarms())) == (alarm["alarm"], "raised", shown + 1)
        await place.bus.command("set", slave=1, temperature=4.0)
        await until(lambda: place.alarms()[0]["state"] == "cleared" and not place.siren())
    await place.stop()
    raised = [record["body"] for record in place.records("alarm.raised/1")]
    assert [body.get("unjournalled") for body in raised] == [True, True]
    code, audit = await central(place.centre, "audit")
    assert (code, audit["broken"], audit["unaccounted"]) == (0, 0, 0)
