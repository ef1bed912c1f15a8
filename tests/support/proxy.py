"""The fault proxy between a broker and whoever is to suffer, steered from the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from firmware_sim.mqtt_proxy import Proxy
from gateway.demo.broker import Broker
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


def through(proxy: Proxy, settings: MqttSettings) -> MqttSettings:
    """The same way to the broker, but over this network."""
    scheme = settings.url.partition(":")[0]
    return replace(settings, url=proxy.url.replace("mqtt", scheme, 1))
