"""Faults of several gateways (docs/faults.md): two with one name, and two hundred that come back at once."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.demo.broker import Broker
from model.record import STREAMS, Stream
from support.centre import USERS, running
from support.exactly_once import assert_at_centre
from support.memory import memory_directory
from support.proxy import chain, through
from support.source import new_id
from support.uplinks import Gateway, settings
from sync.journal.reserve import Reserve
from sync.mqtt import MqttSettings

FLEET = 200


@pytest.mark.usefixtures("quick")
async def test_two_gateways_with_one_name(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """15: each throws the other out again and again; what both have gets home all the same, under their own stores."""
    monkeypatch.setattr("sync.uplink.RETRY_S", 0.5)
    async with chain(broker, tmp_path) as way:
        async with Gateway(through(way.near, settings(broker)), tmp_path / "twin") as twin:
            await way.gateway.until(lambda: way.gateway.uplink.problem is not None)
            assert getattr(way.gateway.uplink.problem, "code", None) == "link_lost"
            for gateway in (way.gateway, twin):
                for stream in (Stream.ALARM, Stream.READING):
                    await gateway.write(stream, boots=[new_id() for _ in range(20)])
            await twin.settled(*STREAMS)
            await way.settled()
            await assert_at_centre(way.data, twin.journal)
        await way.assert_exactly_once()


async def offline(gateway: Gateway) -> None:
    await gateway.until(lambda: gateway.uplink.state == "offline")


async def test_two_hundred_gateways_come_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """20: the broker dies under all of them and comes back with no memory; all connect again, and all is there."""
    monkeypatch.setattr(Reserve, "keep", lambda _: None)
    names = [f"gw-{number:03}" for number in range(FLEET)]
    async with AsyncExitStack() as fleet:
        # two hundred disks in one would be the test of a disk
        directory = Path(fleet.enter_context(memory_directory()))
        broker = Broker(USERS | dict.fromkeys(names, "secret"), directory / "broker", program="mosquitto")
        await asyncio.to_thread(broker.start)
        fleet.callback(broker.kill)
        password = directory / "password"
        password.write_text("secret")
        await fleet.enter_async_context(running(directory / "centre", broker))
        gateways = [Gateway(MqttSettings(broker.url, name, password), directory / name, gw=name) for name in names]
        for gateway in gateways:
            await fleet.enter_async_context(gateway)
        await asyncio.gather(*(gateway.write(Stream.READING, 5) for gateway in gateways))
        for gateway in gateways:
            await gateway.settled(*STREAMS)
        await asyncio.to_thread(broker.kill)
        await asyncio.gather(*(gateway.write(Stream.ALARM) for gateway in gateways))
        for gateway in gateways:
            await offline(gateway)
        await asyncio.to_thread(broker.start)
        for gateway in gateways:
            await gateway.settled(*STREAMS)
        await assert_at_centre(directory / "centre", *(gateway.journal for gateway in gateways))
