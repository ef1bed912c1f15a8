"""An ear at the broker: when the centre said which alarms it has committed."""

import json
import threading
import time
from typing import Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.process import until
from bench.site import Site


class Acknowledgements:
    """Of the alarm streams of all gateways, from the start of the block on."""

    def __init__(self, site: Site) -> None:
        self._heard: list[tuple[str, int, int]] = []
        self._subscribed = threading.Event()
        self._port = site.broker.port
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "bench")
        self._client.username_pw_set("central", (site.directory / "central.password").read_text())
        self._client.on_connect = lambda client, *_: client.subscribe("v1/gw/+/down/ack/+/alarm", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._subscribed.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        now = time.time_ns() // 1000
        self._heard.append((message.topic.split("/")[2], json.loads(message.payload)["upto"], now))

    def of(self, gw: str, seq: int) -> int | None:
        """When the record of that number was known to be committed (us, UTC)."""
        return next((at for who, upto, at in self._heard if who == gw and upto >= seq), None)

    def all(self, gw: str, seq: int) -> None:
        """Until that number was heard of."""
        until(lambda: self.of(gw, seq), f"the acknowledgement of {gw}")
