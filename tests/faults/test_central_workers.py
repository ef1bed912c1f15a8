"""Several processes of one centre on one database: each record once, whoever takes it, and whoever dies."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from central import queries
from central.ingest import Ingest
from central.store import Store, reader
from gateway.demo.broker import Broker
from model.record import Stream
from support.centre import USERS, GatewayEnd, password, running
from support.source import STORE, Source
from support.uplinks import Gateway, settings
from sync.contract.messages import Ack, encode
from sync.contract.topics import down_ack
from sync.mqtt import MqttLink, MqttSettings

ACK = down_ack("gw-1", STORE, Stream.READING)
SERVER = ("run", "--shared")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto")
    broker.start()
    yield broker
    broker.stop()


def lanes(data: Path) -> dict[tuple[str, str], dict[str, Any]]:
    gateways = queries.counts(reader(data))["gateways"]
    return {
        (gw, stream): lane
        for gw, one in gateways.items()
        for streams in one["stores"].values()
        for stream, lane in streams.items()
    }


async def begun(gateway: Gateway) -> None:
    await gateway.until(lambda: gateway.uplink.counts(Stream.READING).acknowledged > 0)


@pytest.mark.timeout(
    240
)  # what the killed worker held comes again after times without progress, which double up to a minute
async def test_a_worker_killed_in_the_middle(broker: Broker, tmp_path: Path) -> None:
    """Two gateways, two workers and the server, one worker killed: every record is there once, all watermarks are complete."""
    data = tmp_path / "centre"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(data, broker, *SERVER))
        workers = [await stack.enter_async_context(running(data, broker, "worker", "--name", n)) for n in ("a", "b")]
        gateways = [
            await stack.enter_async_context(Gateway(settings(broker, gw), tmp_path / gw, gw=gw))
            for gw in ("gw-1", "gw-2")
        ]
        for gateway in gateways:
            await gateway.write(Stream.READING, 1500, padding=300)
            await gateway.write(Stream.EVENT, 40)
        await asyncio.gather(*(begun(gateway) for gateway in gateways))
        await workers[0].kill()
        for gateway in gateways:
            await gateway.write(Stream.ALARM, 3)
        await asyncio.gather(*(g.settled(Stream.ALARM, Stream.EVENT, Stream.READING) for g in gateways))
        for gateway in gateways:
            counts = {s: gateway.uplink.counts(s) for s in (Stream.ALARM, Stream.EVENT, Stream.READING)}
            assert {s: (c.captured, c.acknowledged) for s, c in counts.items()} == {
                Stream.ALARM: (3, 3), Stream.EVENT: (40, 40), Stream.READING: (1500, 1500)
            }  # fmt: skip
    found = lanes(data)
    for gw in ("gw-1", "gw-2"):
        for stream, count in (("alarm", 3), ("event", 40), ("reading", 1500)):
            lane = found[gw, stream]
            assert (lane["rows"], lane["upto"], lane["missing"], lane["refused"]) == (count, count, 0, 0)
    audit = queries.audit(reader(data))
    assert (audit["broken"], audit["unaccounted"]) == (0, 0)


async def test_workers_wait_for_the_server(broker: Broker, tmp_path: Path) -> None:
    """Only it finds out whether the database is older than what was acknowledged: nobody answers before."""
    data = tmp_path / "centre"
    source = Source(count=4)
    store = Store(data)
    Ingest(store).take([source.batch(1, 2)])
    store.close()
    async with GatewayEnd(broker) as gateway, running(data, broker, "worker", "--name", "a", wait=False) as worker:
        central = await central_link(broker)
        await central.publish(ACK, encode(Ack(ingest=1, upto=4, head=source.hash(4).hex())), retain=True)
        await gateway.ack()
        while b"central-a" not in broker.log.read_bytes():  # noqa: ASYNC110  the broker says who has come
            await asyncio.sleep(0.02)
        await gateway.send(source.batch(1, 1))
        async with running(data, broker, *SERVER):
            await worker.until_ready()
            assert await gateway.ack() == {"ingest": 2, "upto": 2, "head": source.hash(2).hex()}
            await gateway.send(*[source.batch()] * 2)  # one of each takes one
            for _ in range(2):
                assert await gateway.ack() == {"ingest": 2, "upto": 4, "head": source.hash(4).hex()}
        await central.close()


async def test_an_overtaken_acknowledgement_is_put_right(broker: Broker, tmp_path: Path) -> None:
    """Two workers' answers may come in the wrong order: what stays at the broker in the end is what is committed."""
    data = tmp_path / "centre"
    source = Source(count=9)
    async with running(data, broker, *SERVER), running(data, broker, "worker", "--name", "a"):
        async with GatewayEnd(broker) as gateway:
            await gateway.send(source.batch())
            right = await gateway.ack()
            assert right["upto"] == 9
            central = await central_link(broker)
            await central.publish(ACK, encode(Ack(ingest=1, upto=3, head=source.hash(3).hex())), retain=True)
            assert (await gateway.ack())["upto"] == 3
            assert await gateway.ack() == right
            await central.close()
        async with GatewayEnd(broker) as gateway:
            assert await gateway.ack() == right


async def central_link(broker: Broker) -> MqttLink:
    link = MqttLink(
        MqttSettings(broker.url, "central", password(broker, "central")),
        client_id="another",
        clean_start=True,
        will=None,
        on_message=lambda *_: None,
    )
    await link.connect()
    return link


def test_two_processes_see_what_the_other_has_committed(tmp_path: Path) -> None:
    """Lanes are kept in memory, but not longer than they are true; so is the epoch."""
    stores = [Store(tmp_path), Store(tmp_path)]
    one, other = (Ingest(store) for store in stores)
    source = Source(count=30)
    assert json.loads(one.take([source.batch(1, 10)]).acks[ACK])["upto"] == 10
    assert json.loads(other.take([source.batch(21, 30)]).acks[ACK])["missing"] == [[11, 20]]
    assert json.loads(one.take([source.batch(11, 20)]).acks[ACK])["upto"] == 30
    assert json.loads(other.take([source.batch(1, 30)]).acks[ACK])["upto"] == 30
    with stores[0].transaction():
        stores[0].raise_epoch(6)
    assert json.loads(other.take([source.batch(1, 1)]).acks[ACK])["ingest"] == 7
    (row,) = stores[0].rows("SELECT rows, duplicates FROM lane")
    assert row == (30, 31)
    for store in stores:
        store.close()
