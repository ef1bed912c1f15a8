"""The whole way of a record, with a fault proxy on either side of the broker, steered from the test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from central import queries
from central.store import reader
from firmware_sim.mqtt_proxy import Proxy
from gateway.demo.broker import Broker
from model.record import STREAMS, Stream
from support.centre import CentreProcess, running
from support.exactly_once import assert_at_centre
from support.journals import GW
from support.uplinks import Gateway, settings
from sync.lane import Counts
from sync.mqtt import MqttSettings

ACKS = "v1/gw/+/down/ack/#"


@asynccontextmanager
async def proxied(broker: Broker) -> AsyncIterator[Proxy]:
    """A network to this broker, without faults so far."""
    proxy = Proxy("127.0.0.1", broker.port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()


def through(proxy: Proxy, way: MqttSettings) -> MqttSettings:
    """The same way to the broker, but over this network."""
    scheme = way.url.partition(":")[0]
    return replace(way, url=proxy.url.replace("mqtt", scheme, 1))


class Chain:
    """A gateway's journal and uplink, `near`, the broker, `far`, and the centre's process; `near` and `far` are proxies."""

    def __init__(self, broker: Broker, near: Proxy, far: Proxy, directory: Path) -> None:
        self.broker = broker
        self.near = near
        self.far = far
        self.data = directory / "centre"
        self.gateway = Gateway(through(near, settings(broker)), directory / "stores")
        self._centres = AsyncExitStack()

    async def start_centre(self) -> CentreProcess:
        """Always on the same data; it is stopped with the chain, or killed before."""
        self.centre = await self._centres.enter_async_context(running(self.data, self.broker, url=self.far.url))
        return self.centre

    async def online(self) -> None:
        await self.gateway.until(lambda: self.gateway.uplink.state == "online")

    async def offline(self) -> None:
        await self.gateway.until(lambda: self.gateway.uplink.state == "offline")

    async def settled(self) -> None:
        await self.gateway.settled(*STREAMS)

    async def assert_exactly_once(self) -> None:
        """The invariant, and that the gateway counts as the centre does."""
        await assert_at_centre(self.data, self.gateway.journal)
        for stream, lane in self.counts().items():
            counts = self.gateway.uplink.counts(Stream(stream))
            assert counts == Counts(counts.captured, lane["rows"], 0, lane["lost"], 0)

    def counts(self) -> dict[str, dict[str, int]]:
        """What the centre holds of the gateway's store, by stream."""
        found: dict[str, dict[str, int]] = queries.counts(reader(self.data))["gateways"][GW]["stores"][
            self.gateway.journal.store
        ]
        return found

    def duplicates(self) -> int:
        """How many records came to the centre once more."""
        return sum(lane["duplicates_removed"] for lane in self.counts().values())

    async def __aenter__(self) -> Self:
        await self.gateway.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.near.resume()
        self.far.resume()
        await self.gateway.__aexit__()
        await self._centres.aclose()


@asynccontextmanager
async def chain(broker: Broker, directory: Path) -> AsyncIterator[Chain]:
    """Everything runs and is connected; the broker is already there."""
    async with proxied(broker) as near, proxied(broker) as far, Chain(broker, near, far, directory) as made:
        await made.start_centre()
        # the centre has said of each stream how much it holds: what it says from now on is about what is sent from now on
        await made.gateway.until(lambda: all(lane.epoch for lane in made.gateway.uplink.lanes.values()))
        yield made
