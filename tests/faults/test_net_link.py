"""Faults of the network (docs/faults.md): half-open connections, a partition with both sides alive, and its healing."""

from pathlib import Path

import pytest

from gateway.demo.broker import Broker
from model.record import Stream
from support.proxy import chain
from support.source import new_id


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead link is found out within seconds."""
    monkeypatch.setattr("sync.mqtt.KEEPALIVE_S", 1)


@pytest.mark.usefixtures("quick", "soon")
async def test_half_open_connection(broker: Broker, tmp_path: Path) -> None:
    """2: TCP says nothing, and all that is sent is gone: the keepalive finds it out, and it goes out again on a new connection."""
    async with chain(broker, tmp_path) as way:
        way.near.stall()
        for stream in (Stream.ALARM, Stream.READING):
            await way.gateway.write(stream, boots=[new_id() for _ in range(5)])
        assert way.gateway.uplink.state == "online"
        await way.offline()
        way.near.resume()
        await way.settled()
        await way.assert_exactly_once()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("sides", ["near", "far", "near far"])
async def test_short_partition_heals(broker: Broker, tmp_path: Path, sides: str) -> None:
    """24: the gateway, the centre or both are cut off and alive; TCP carries on afterwards, in the same connections."""
    async with chain(broker, tmp_path) as way:
        before = way.near.seen["up", "CONNECT"], way.far.seen["up", "CONNECT"]
        for side in sides.split():
            getattr(way, side).freeze()
        for stream in (Stream.ALARM, Stream.READING):
            await way.gateway.write(stream, boots=[new_id() for _ in range(12)])
        for side in sides.split():
            getattr(way, side).resume()
        await way.settled()
        await way.assert_exactly_once()
        assert (way.near.seen["up", "CONNECT"], way.far.seen["up", "CONNECT"]) == before


@pytest.mark.usefixtures("quick", "soon")
async def test_long_partition_heals(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """24: it lasts until the gateway has given up its connection and failed to make another; what was on its way comes late."""
    monkeypatch.setattr("sync.mqtt.CONNECT_TIMEOUT_S", 0.5)
    async with chain(broker, tmp_path) as way:
        way.near.freeze()
        for stream in (Stream.ALARM, Stream.READING):
            await way.gateway.write(stream, boots=[new_id() for _ in range(12)])
        await way.offline()
        await way.gateway.until(lambda: getattr(way.gateway.uplink.problem, "code", "") == "broker_silent")
        way.near.resume()
        await way.settled()
        await way.assert_exactly_once()
