"""The centre's database is put back from a copy: it notices, gateways send again what they hold, and the counts agree."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from central import queries
from central.store import database, reader
from gateway.demo.broker import Broker
from model.record import STREAMS, Stream
from support.centre import CentreProcess, password, running
from support.source import at
from support.uplinks import Gateway, settings
from sync.contract.topics import down_ack
from sync.mqtt import MqttLink, MqttSettings


@pytest.fixture
async def gateway(broker: Broker, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with Gateway(settings(broker), tmp_path / "gateway") as gateway:
        yield gateway


async def write(gateway: Gateway) -> None:
    """Some of everything, to the end of it, and the readings in a segment of their own."""
    await gateway.write(Stream.READING, 300, padding=400)
    await gateway.journal.rotate("reading")
    await gateway.write(Stream.EVENT, 5)
    await gateway.write(Stream.ALARM, 2)
    await gateway.settled(*STREAMS)


def put_back(data: Path, copy: Path) -> None:
    for path in data.glob("central.db*"):
        path.unlink()
    shutil.copy(copy, database(data))


async def yesterday(data: Path, broker: Broker, gateway: Gateway) -> Path:
    """A copy of the database; more has come in since, and then the centre is killed."""
    async with running(data, broker):
        await write(gateway)
    copy = data.with_name("copy.db")
    shutil.copy(database(data), copy)
    async with running(data, broker) as centre:
        await write(gateway)
        await write(gateway)
        await centre.kill()
    return copy


async def agreed(centre: CentreProcess, gateway: Gateway, epoch: int) -> dict[Stream, dict[str, Any]]:
    """Once the gateway has believed the epoch: what is stored of each stream, which with what is declared lost is all of it."""
    await gateway.until(lambda: all(gateway.uplink.lanes[s].epoch == epoch for s in STREAMS))
    await gateway.settled(*STREAMS)
    counts = queries.counts(reader(centre.data))
    lanes = counts["gateways"]["gw-1"]["stores"][gateway.journal.store]
    assert counts["epoch"] == epoch
    for stream in STREAMS:
        lane, captured = lanes[stream], gateway.journal.last(stream)
        assert (lane["rows"] + lane["lost"], lane["upto"], lane["missing"]) == (captured, captured, 0)
    audit = queries.audit(reader(centre.data))
    assert (audit["broken"], audit["unaccounted"]) == (0, 0)
    return {stream: lanes[stream] for stream in STREAMS}


async def test_gateways_send_again(broker: Broker, gateway: Gateway, tmp_path: Path) -> None:
    """The retained acknowledgements tell. What the gateway has dropped since, after its acknowledgement, is declared as retired."""
    data = tmp_path / "centre"
    copy = await yesterday(data, broker, gateway)
    first, second, _ = [info for info in await gateway.journal.inventory() if info.series == "reading" and info.closed]
    marks = {stream: gateway.uplink.lanes[stream].upto for stream in STREAMS}
    for info in (first, second):
        await gateway.journal.drop(info, marks, "retired", at())
    assert gateway.journal.low(Stream.READING) == 601
    put_back(data, copy)
    async with running(data, broker) as centre:
        lanes = await agreed(centre, gateway, epoch=2)
        assert {s: lane["lost"] for s, lane in lanes.items() if lane["lost"]} == {Stream.READING: 300}
        await write(gateway)
        await agreed(centre, gateway, epoch=2)


async def test_restored_twice(broker: Broker, gateway: Gateway, tmp_path: Path) -> None:
    """The same old copy again: its epoch is one that the gateways have long left behind."""
    data = tmp_path / "centre"
    copy = await yesterday(data, broker, gateway)
    for epoch in (2, 3):
        put_back(data, copy)
        async with running(data, broker) as centre:
            await agreed(centre, gateway, epoch)


async def test_the_broker_has_forgotten_too(broker: Broker, gateway: Gateway, tmp_path: Path) -> None:
    """No acknowledgement is retained any more: the gateways' births tell."""
    data = tmp_path / "centre"
    copy = await yesterday(data, broker, gateway)
    for epoch in (2, 3):
        put_back(data, copy)
        broker.kill()
        broker.start()
        async with running(data, broker) as centre:
            await agreed(centre, gateway, epoch)


async def test_a_gateway_that_was_connected_all_the_time(broker: Broker, gateway: Gateway, tmp_path: Path) -> None:
    """The copy knows its session, and no acknowledgement is retained: it says its watermarks again at the centre's birth."""
    data = tmp_path / "centre"
    copy = await yesterday(data, broker, gateway)
    link = MqttLink(
        MqttSettings(broker.url, "central", password(broker, "central")),
        client_id="operator",
        clean_start=True,
        will=None,
        on_message=lambda *_: None,
    )
    await link.connect()
    for epoch in (2, 3):
        put_back(data, copy)
        for stream in STREAMS:
            await link.publish(down_ack("gw-1", gateway.journal.store, stream), b"", retain=True)
        async with running(data, broker) as centre:
            await agreed(centre, gateway, epoch)
    await link.close()
