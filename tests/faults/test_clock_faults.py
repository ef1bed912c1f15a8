"""A wall clock that starts in 1970, is set right, or jumps: nothing is restamped, no timer jumps, and all is located in the end.

The daemon, the broker, the centre and the device are real; libfaketime moves the daemon's wall clock alone. Three hours
are not waited for: that a clock set right so late locates them is in `tests/unit/test_central_timeline.py`.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from central import queries
from central.store import reader
from gateway.demo.broker import Broker
from support import sims
from support.centre import password, running
from support.exactly_once import assert_at_centre
from support.faked_clock import daemon, now_us
from support.sims import Sim
from sync.journal.journal import Journal

HOUR_S = 3600
FAULT_US = 5_000_000
"""`fault_delay_s` of the profile."""
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
id = "bus"
driver = "modbus_tcp"
port = "tcp://{sensor}"
[[device]]
id = "room1"
driver = "modbus"
bus = "bus"
slave = 1
profile = "xy-md02"
every_s = 0.5
[[rule]]
id = "cold"
rule = "temperature"
point = "room1.temperature"
profile = "gsp-cold-2-8"
"""


@pytest.fixture
async def sensor(tmp_path: Path) -> AsyncIterator[Sim]:
    """A probe at 5 degrees."""
    sim = await sims.start("xy-md02", "--listen", "127.0.0.1:0", "--tcp", "--id", "1", log=tmp_path / "wire.jsonl")
    await sim.command("set", temperature=5.0)
    yield sim
    await sim.stop()


@pytest.fixture
def config(tmp_path: Path, broker: Broker, sensor: Sim) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(
        SETTINGS.format(
            broker=broker.url, password=password(broker, "gw-1"), sensor=sensor.endpoint.removeprefix("tcp://")
        )
    )
    return path


def polled(snapshot: dict[str, Any]) -> bool:
    return any(device["points"] for device in snapshot["devices"])


async def assert_all_there(directory: Path) -> None:
    """Every record of the gateway is at the centre, once."""
    journal = await Journal.open(directory / "gw" / "stores", "gw-1")
    await assert_at_centre(directory / "centre", journal)
    await journal.close()


def at_the_centre(data: Path, stream: str) -> list[dict[str, Any]]:
    return list(queries.records(reader(data), "gw-1", stream, None))


async def test_a_clock_that_starts_in_1970_and_is_set_right(
    tmp_path: Path, broker: Broker, config: Path, sensor: Sim
) -> None:
    """Before: said to be unknown. After: the same records, located within the minutes in which they were made."""
    began = now_us()
    async with running(tmp_path / "centre", broker), daemon(config, tmp_path / "gw", seconds=60 - began // 10**6) as gw:
        await gw.until(polled)
        await sensor.command("set", temperature=12.0)
        before = await gw.until(lambda s: s["alarms"])
        assert before["time_source"] == before["alarms"][0]["raised_source"] == "unknown"
        assert before["now"] < HOUR_S * 10**6
        (cold,) = await gw.until_records("alarm", "alarm.raised/1", 1)
        await gw.until_records("reading", "reading.poll/1", 1, since=cold["body"]["cause"]["t"])
        old = {stream: await gw.records(stream) for stream in ("alarm", "audit", "reading")}
        assert all(r["at"] < HOUR_S * 10**6 and r["tq"] == ["unknown", None] for of in old.values() for r in of)

        gw.move(0)
        (step,) = await gw.until_records("audit", "clock.step/1", 1)
        *_, anchor = await gw.until_records("audit", "time.anchor/1", 2)
        assert abs(step["body"]["step"] - (began - 60 * 10**6)) < 60 * 10**6
        assert anchor["body"]["source"] != "unknown"
        await gw.until_records("reading", "reading.poll/1", 1, since=anchor["at"])
        shown = await gw.until(lambda s: s["alarms"][0]["raised_source"] != "unknown")
        assert began < shown["alarms"][0]["raised"] < now_us()
        assert len(await gw.records("alarm")) == 1
        for stream, records in old.items():
            assert (await gw.records(stream))[: len(records)] == records

        midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        day = {"since": int(midnight * 1e6) - 10**12, "until": int(midnight * 1e6) + 10**12}
        (plot,) = await gw.ask("plot", device="room1", point="temperature", **day)
        assert all(began <= minute["t"] <= now_us() for minute in plot["minutes"])
        assert min(minute["low"] for minute in plot["minutes"]) < 8 < max(minute["high"] for minute in plot["minutes"])
        assert sum(minute["good"] for minute in plot["minutes"]) >= len(old["reading"])
        *_, rebuilt = await gw.ask("rebuild")
        assert rebuilt["done"] == rebuilt["of"] >= len(old["reading"])
        (again,) = await gw.ask("plot", device="room1", point="temperature", **day)
        first, same = plot["minutes"][0], again["minutes"][0]  # which may be still the minute that it is now
        assert (same["t"], same["low"] <= first["low"], same["good"] >= first["good"]) == (first["t"], True, True)
    await assert_all_there(tmp_path)
    for stream in ("alarm", "audit", "reading"):
        records = at_the_centre(tmp_path / "centre", stream)
        assert {r["t"] < HOUR_S * 10**6 for r in records} == ({True} if stream == "alarm" else {True, False})
        assert all(began <= r["utc"] <= now_us() and r["utc_tq"][0] != "unknown" for r in records)
    readings = [r["utc"] for r in at_the_centre(tmp_path / "centre", "reading")]
    assert readings == sorted(readings)
    (alarm,) = queries.alarms(reader(tmp_path / "centre"))
    assert (alarm["raised"], alarm["raised_tq"]) == (old["alarm"][0]["at"], ["unknown", None])
    assert began < alarm["raised_utc"] < now_us()


async def test_an_hour_forwards_and_back_while_a_timer_runs(
    tmp_path: Path, broker: Broker, config: Path, sensor: Sim
) -> None:
    """The fault's delay is neither over at once nor an hour late; each jump is a record, and the order stays that of the numbers."""
    began = now_us()
    async with running(tmp_path / "centre", broker), daemon(config, tmp_path / "gw") as gw:
        await gw.until(polled)
        await sensor.command("fault", kind="silent")
        await gw.until(lambda s: any(p["quality"] != "good" for d in s["devices"] for p in d["points"]))
        gw.move(HOUR_S)
        await gw.until_records("audit", "clock.step/1", 1)
        gw.move(0)
        steps = [r["body"]["step"] for r in await gw.until_records("audit", "clock.step/1", 2)]
        assert [round(step / 1e6 / HOUR_S, 2) for step in steps] == [1, -1]
        await gw.until(lambda s: s["alarms"])
    await assert_all_there(tmp_path)
    (raised,) = at_the_centre(tmp_path / "centre", "alarm")
    assert FAULT_US <= raised["mono"] - raised["body"]["cause"]["mono"] < HOUR_S * 10**6
    readings = [r["mono"] for r in at_the_centre(tmp_path / "centre", "reading")]
    assert readings == sorted(readings)
    assert any(r["t"] > now_us() for r in at_the_centre(tmp_path / "centre", "audit"))
    assert began <= raised["utc"] <= now_us() + HOUR_S * 10**6
