"""MQTT on paho-mqtt 2.2, driven by our own event loop: reason codes, our own window, one fresh client per connection.

paho's queue is never used: what the broker's Receive Maximum does not allow yet waits here.
"""

import asyncio
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from model.errors import LinkError
from sync.mqtt_settings import MqttSettings, MqttVersion, SecuredSocket, Spoken

__all__ = ["MqttLink", "MqttSettings", "MqttVersion"]

CONNECT_TIMEOUT_S = 5.0
KEEPALIVE_S = 15
WINDOW_MAX = 64
"""Unacknowledged publishes at most, even where the broker allows more."""
SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long a broker keeps the session of a client that connects with `clean_start=False`."""
PUBACK_TIMEOUT_S = 60.0
"""A publish unanswered for so long, on a link that takes all that we write, is one that the broker has forgotten."""
NO_SUBSCRIBER = 0x10
"""PUBACK reason code of MQTT 5: accepted, but nobody is subscribed."""

PACKETS_AT_ONCE = 64
"""Before the loop looks after others."""
PACKET_MAX_BYTES = 256 * 1024 * 1024
"""Of MQTT; a broker may allow less."""

_PUBLISH_BYTES = 10
"""What a PUBLISH with QoS 1 takes beside topic and payload, at most."""
_UNSPECIFIED = 0x80
_UNSUPPORTED_VERSION = 0x84


def _fail(future: asyncio.Future[Any], error: LinkError) -> None:
    """Whoever waits sees it; nobody waiting is no fault."""
    if not future.done():
        future.set_exception(error)
        future.exception()


class MqttLink:
    """One connection. Make a new object for the next one."""

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        clean_start: bool,
        will: tuple[str, bytes] | None,
        on_message: Callable[[str, bytes], None],
        on_retained: Callable[[str, bytes], None] | None = None,
    ) -> None:
        """`on_retained` hears what was retained at the broker before we subscribed; without it `on_message` does."""
        self._settings = settings
        self._client_id = client_id
        self._clean_start = clean_start
        self._will = will
        self._on_message = on_message
        self._on_retained = on_retained or on_message
        self._loop = asyncio.get_running_loop()
        self._client: paho.Client | None = None
        self._sock: Any = None
        self._secured: SecuredSocket | None = None
        self._poll = select.poll()
        self._writing = False
        self._ticker: asyncio.TimerHandle | None = None
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[LinkError] = self._loop.create_future()
        self._published: dict[int, tuple[float, asyncio.Future[int]]] = {}
        self._subscribed: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._waiting: deque[tuple[str, bytes, bool, asyncio.Future[int]]] = deque()
        self.window = WINDOW_MAX
        self._packet_max = PACKET_MAX_BYTES

    @property
    def free(self) -> int:
        """How many publishes may go out at once."""
        return self.window - len(self._published) - len(self._waiting)

    @property
    def unsent(self) -> bool:
        """Whether bytes still wait for the socket to take them: the link is slower than we are."""
        return self._writing

    def room(self, topic: str) -> int:
        """How large a payload the broker takes."""
        return self._packet_max - len(topic.encode()) - _PUBLISH_BYTES

    async def connect(self) -> None:
        """Connect, in MQTT 5 or, where the broker does not speak it, in 3.1.1. Raises LinkError."""
        versions = self._settings.versions()
        told = True  # a broker that was merely silent, while it started, may speak MQTT 5 the next time
        for version in versions:
            try:
                await self._connect(version)
            except LinkError as err:
                if err.code in ("broker_silent", "broker_version") and version is not versions[-1]:
                    told = err.code == "broker_version"
                    self._connected = self._loop.create_future()
                    self._lost = self._loop.create_future()
                    continue
                self._settings.spoken = None
                raise
            self._settings.spoken = version if told else None
            return

    async def _connect(self, version: Spoken) -> None:
        host, port, tls = self._settings.address()
        v5 = version == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            clean_session=None if v5 else self._clean_start,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)
        client.username_pw_set(self._settings.username, self._settings.password())
        if self._will:
            client.will_set(*self._will, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_message = lambda _c, _u, m: self._deliver(m)
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_subscribe
        properties = None
        if v5 and not self._clean_start:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
        try:
            if tls:
                client.tls_set_context(self._settings.tls())
            rc = await asyncio.to_thread(
                client.connect,
                host,
                port,
                KEEPALIVE_S,
                clean_start=self._clean_start if v5 else 3,
                properties=properties,
            )
        except ssl.SSLError as err:
            raise LinkError("broker_tls", url=self._settings.url, why=str(err)) from err
        except (OSError, UnicodeError) as err:  # the latter for a name that is none
            raise LinkError("broker_unreachable", url=self._settings.url, why=str(err)) from err
        sock = client.socket()
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or sock is None:
            raise LinkError("broker_unreachable", url=self._settings.url, why=paho.error_string(rc))
        # only from here on: in the thread they would touch the loop from outside
        client.on_disconnect = self._on_disconnect
        client.on_socket_close = lambda _c, _u, closing: self._release() if closing is self._sock else None
        self._client = client
        self._sock = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._secured = sock if isinstance(sock, SecuredSocket) else None
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(self._sock, self._readable)
        self._flush()
        self._tick()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                waiting: list[asyncio.Future[Any]] = [self._connected, self._lost]
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if self._connected.done():
                    self._connected.result()
                else:
                    lost = self._lost.result()
                    raise lost if lost.code == "broker_tls" else LinkError("broker_silent", url=self._settings.url)
        except TimeoutError as err:
            self._gone("no CONNACK")
            raise LinkError("broker_silent", url=self._settings.url) from err
        except (LinkError, asyncio.CancelledError):
            self._gone("not connected")
            raise

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[int]:
        """Publish with QoS 1 as soon as the window allows. The future gives the PUBACK's reason code below 0x80; else LinkError."""
        done: asyncio.Future[int] = self._loop.create_future()
        if self._lost.done():
            _fail(done, self._lost.result())
        elif len(payload) > self.room(topic):  # the broker would hang up
            _fail(done, LinkError("publish_too_large", bytes=len(payload), limit=self.room(topic)))
        elif len(self._published) >= self.window:
            self._waiting.append((topic, payload, retain, done))
        else:
            self._send(topic, payload, retain, done)
        return done

    def _send(self, topic: str, payload: bytes, retain: bool, done: asyncio.Future[int]) -> None:
        assert self._client
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            _fail(done, LinkError("link_lost", why=paho.error_string(info.rc)))
            return
        self._published[info.mid] = self._loop.time(), done
        self._flush()

    async def subscribe(self, *topics: str) -> None:
        """Subscribe with QoS 1. Raises LinkError when the broker refuses one."""
        assert self._client
        rc, mid = self._client.subscribe([(t, 1) for t in topics])
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise LinkError("link_lost", why=paho.error_string(rc))
        future: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._subscribed[mid] = future
        self._flush()
        for topic, code in zip(topics, await future, strict=True):
            if code.is_failure:
                raise LinkError("subscribe_refused", topic=topic, why=str(code))

    async def unsubscribe(self, topic: str) -> None:
        """Hear no more of it, once this returns. Raises LinkError when the link ends."""
        assert self._client
        rc, mid = self._client.unsubscribe(topic)
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise LinkError("link_lost", why=paho.error_string(rc))
        future: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._subscribed[mid] = future
        self._flush()
        await future

    async def closed(self) -> LinkError:
        """Why the connection ended, once it has."""
        return await asyncio.shield(self._lost)

    async def close(self) -> None:
        """Say goodbye, so that the broker sends no will."""
        if self._client and not self._lost.done():
            self._client.disconnect()
            self._flush()
        self._gone("closed")

    # paho on our loop

    def _readable(self) -> None:
        """Take what has come: an alarm may stand behind the batches before it."""
        for _ in range(PACKETS_AT_ONCE):
            if self._client is None or self._sock is None:
                return
            rc = self._client.loop_read()
            if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._gone(paho.error_string(rc))
                return
            if not self._more():
                break
        else:
            self._loop.call_soon(self._readable)
        self._flush()

    def _more(self) -> bool:
        """Whether there is something to read now; what TLS has unpacked already is not seen at the socket."""
        if self._sock is None:
            return False
        return (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0) or bool(self._poll.poll(0))

    def _deliver(self, message: paho.MQTTMessage) -> None:
        """A defect in whoever listens ends the connection: paho would give him the same message again and again."""
        listener = self._on_retained if message.retain else self._on_message
        try:
            listener(message.topic, bytes(message.payload))
        except Exception as err:  # noqa: BLE001  # it is told as any other of a callback
            self._loop.call_exception_handler({"message": "a message could not be taken", "exception": err})
            self._gone(f"a message could not be taken: {err!r}")

    def _flush(self) -> None:
        """Write what paho has queued; wait for the socket only when it is full."""
        if self._client is None or self._sock is None:
            return
        if self._client.want_write():
            rc = self._client.loop_write()
            if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                self._gone(paho.error_string(rc))
                return
        if self._sock is not None and self._client.want_write() != self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(self._sock, self._flush)
            else:
                self._loop.remove_writer(self._sock)

    def _tick(self) -> None:
        """Keepalive: pings, and a broker that answers none is gone. So is one that owes a PUBACK: it would hold its place for ever."""
        assert self._client
        oldest = next(iter(self._published.values()), None)
        if oldest and not self._writing and self._loop.time() - oldest[0] > PUBACK_TIMEOUT_S:
            self._gone(f"no PUBACK in {PUBACK_TIMEOUT_S:.0f} s")
            return
        rc = self._client.loop_misc()
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._gone(paho.error_string(rc))
            return
        self._flush()
        if not self._lost.done():
            self._ticker = self._loop.call_later(1.0, self._tick)

    def _release(self) -> Any:
        """Take the socket off the loop while its descriptor is still ours: paho closes it before it says so."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
        return sock

    def _gone(self, why: str) -> None:
        if self._ticker:
            self._ticker.cancel()
        sock = self._release()
        if sock is not None:
            sock.close()
        if self._lost.done():
            return
        error = LinkError("link_lost", why=why)
        if self._secured and self._secured.failure:
            error = LinkError("broker_tls", url=self._settings.url, why=str(self._secured.failure))
        self._lost.set_result(error)
        pending: list[asyncio.Future[Any]] = [
            *(done for _, done in self._published.values()),
            *self._subscribed.values(),
            *(w[3] for w in self._waiting),
        ]
        self._published.clear()
        self._subscribed.clear()
        self._waiting.clear()
        for future in pending:
            _fail(future, error)

    def _on_connect(
        self, _c: object, _u: object, _flags: object, code: ReasonCode, properties: Properties | None
    ) -> None:
        if self._connected.done():
            return
        if code.is_failure:
            name = "broker_version" if code.value == _UNSUPPORTED_VERSION else "broker_refused"
            self._connected.set_exception(LinkError(name, url=self._settings.url, why=str(code)))
            return
        allowed = getattr(properties, "ReceiveMaximum", None) if properties else None
        self.window = min(WINDOW_MAX, allowed or 65535)
        self._packet_max = getattr(properties, "MaximumPacketSize", PACKET_MAX_BYTES)
        self._connected.set_result(None)

    def _on_disconnect(
        self, _c: object, _u: object, flags: paho.DisconnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        silent = code.value == _UNSPECIFIED and not flags.is_disconnect_packet_from_server
        self._gone("closed without a reason" if silent else str(code))

    def _on_publish(self, _c: object, _u: object, mid: int, code: ReasonCode, _properties: object) -> None:
        _, done = self._published.pop(mid, (0, None))
        if done is not None and code.is_failure:
            _fail(done, LinkError("publish_refused", why=str(code)))
        elif done is not None and not done.done():
            done.set_result(code.value)
        while self._waiting and len(self._published) < self.window:
            self._send(*self._waiting.popleft())

    def _on_subscribe(self, _c: object, _u: object, mid: int, codes: list[ReasonCode], _properties: object) -> None:
        future = self._subscribed.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(codes)
