"""Faults of the broker (docs/faults.md): it ends, is slow, forgets to answer, says no, is full."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from firmware_sim.mqtt_proxy_faults import Fault
from gateway.demo.broker import Broker
from model.record import Draft, Stream
from support.journals import KIND
from support.mosquitto import configured
from support.proxy import ACKS, chain
from support.source import at, new_id
from sync.lane import Counts


def boots(count: int) -> list[str]:
    """A record in each boot is a batch of its own."""
    return [new_id() for _ in range(count)]


def noise(stream: Stream, count: int, size: int) -> list[Draft]:
    """Records that do not get smaller by packing."""
    return [Draft(KIND[stream], msgspec.json.encode({"x": os.urandom(size).hex()}), at()) for _ in range(count)]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("end", [Broker.stop, Broker.kill])
async def test_broker_ends_with_batches_in_flight(
    broker: Broker, tmp_path: Path, end: Callable[[Broker], None]
) -> None:
    """1: SIGTERM and kill -9 while batches are stored at the centre, but not yet acknowledged."""
    async with chain(broker, tmp_path) as way:
        held = way.near.add(Fault("hold", way="down", topic=ACKS))
        for stream in (Stream.ALARM, Stream.EVENT, Stream.READING):
            await way.gateway.write(stream, boots=boots(10))
        await way.near.until(lambda: held.hits >= 3)
        await asyncio.to_thread(end, broker)
        await way.offline()
        await way.near.clear()
        await way.gateway.write(Stream.ALARM, 5)
        await asyncio.to_thread(broker.start)
        await way.settled()
        await way.assert_exactly_once()
        assert way.duplicates()


async def test_slow_broker_leaves_room_for_alarms(broker: Broker, tmp_path: Path) -> None:
    """3: while no PUBACK comes, readings end where the slots for alarms begin; nothing is sent twice for impatience."""
    async with chain(broker, tmp_path) as way:
        slow = way.near.add(Fault("hold", "PUBACK", "down"))
        await way.gateway.write(Stream.READING, boots=boots(40))
        await way.near.until(lambda: slow.hits >= 16)
        await way.gateway.write(Stream.ALARM, 3)
        await way.gateway.settled(Stream.ALARM)
        assert way.gateway.uplink.counts(Stream.READING).waiting >= 24
        way.near.add(Fault("late", "PUBACK", "down", seconds=0.02))
        await way.near.clear()
        await way.settled()
        await way.assert_exactly_once()
        assert way.duplicates() == 0


@pytest.mark.usefixtures("quick")
async def test_lost_puback_costs_no_record(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """4: more of them are lost than the broker allows publishes: the link that they have filled is given up."""
    monkeypatch.setattr("sync.mqtt.PUBACK_TIMEOUT_S", 0.5)
    async with chain(broker, tmp_path) as way:
        lost = way.near.add(Fault("drop", "PUBACK", "down", count=20))
        for stream in (Stream.READING, Stream.ALARM):
            await way.gateway.write(stream, boots=boots(30))
        await way.settled()
        await way.assert_exactly_once()
        assert lost.hits == 20


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("code", [0x87, 0x97, 0x10])
async def test_reason_code_of_a_puback_proves_nothing(broker: Broker, tmp_path: Path, code: int) -> None:
    """5: not authorised, quota exceeded, nobody subscribed, and it has arrived all the same: a refusal is told, and overcome."""
    async with chain(broker, tmp_path) as way:
        held = way.near.add(Fault("hold", way="down", topic=ACKS))
        said = way.near.add(Fault("code", "PUBACK", "down", code=code, count=3))
        await way.gateway.write(Stream.EVENT, boots=boots(5))
        await way.near.until(lambda: said.hits == 3 and held.hits > 0)
        if code >= 0x80:
            await way.gateway.until(lambda: way.gateway.uplink.problem is not None)
            assert getattr(way.gateway.uplink.problem, "code", None) == "publish_refused"
        await way.near.clear()
        await way.settled()
        await way.assert_exactly_once()
        assert way.gateway.uplink.problem is None


@pytest.mark.usefixtures("quick")
async def test_centre_down_past_the_queue_of_the_broker(broker: Broker, tmp_path: Path) -> None:
    """7: the broker says PUBACK to alarms for which it has no room any more; they come again when the centre does."""
    async with configured(broker, "max_queued_messages 3"), chain(broker, tmp_path) as way:
        await way.centre.kill()
        await way.gateway.until(lambda: way.gateway.uplink.central == "down")
        answered = way.near.seen["down", "PUBACK"]
        for stream in (Stream.ALARM, Stream.READING):
            await way.gateway.write(stream, boots=boots(20))
        await way.near.until(lambda: way.near.seen["down", "PUBACK"] >= answered + 8)
        assert "messages are being dropped for client central" in broker.log.read_text()
        await way.start_centre()
        await way.settled()
        await way.assert_exactly_once()


@pytest.mark.usefixtures("quick")
async def test_packet_larger_than_the_broker_takes(broker: Broker, tmp_path: Path) -> None:
    """23: batches are cut to what it says that it takes, and nobody is disconnected."""
    async with configured(broker, "max_packet_size 3000"), chain(broker, tmp_path) as way:
        for stream in (Stream.ALARM, Stream.READING):
            await way.gateway.journal.append(noise(stream, 50, 200))
        await way.settled()
        await way.assert_exactly_once()
        assert way.gateway.uplink.problem is None
        assert way.near.seen["up", "CONNECT"] == 1


@pytest.mark.usefixtures("quick")
async def test_record_larger_than_the_broker_takes(broker: Broker, tmp_path: Path) -> None:
    """23: a single one cannot be cut: it is told and not tried, the other streams go on; it goes out where the broker takes it."""
    async with chain(broker, tmp_path) as way:
        async with configured(broker, "max_packet_size 3000"):
            await way.near.until(lambda: way.near.seen["down", "CONNACK"] == 2)
            await way.online()
            await way.gateway.journal.append(noise(Stream.READING, 1, 4000))
            await way.gateway.until(lambda: way.gateway.uplink.problem is not None)
            assert getattr(way.gateway.uplink.problem, "code", None) == "publish_too_large"
            await way.gateway.write(Stream.ALARM, 3)
            await way.gateway.settled(Stream.ALARM)
            assert way.gateway.uplink.counts(Stream.READING) == Counts(1, 0, 1, 0, 0)
            assert way.near.seen["up", "CONNECT"] == 2
        await asyncio.to_thread(broker.start)
        await way.settled()
        await way.assert_exactly_once()
        assert way.gateway.uplink.problem is None
