"""The MQTT adapter on real brokers, and on servers that are none."""

import asyncio
import gc
import os
import signal
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.demo.broker import Broker, Program, Tls
from gateway.demo.certs import Authority
from model.errors import LinkError, SettingsError
from support.centre import USERS, password
from support.mosquitto import allowing
from sync.mqtt import NO_SUBSCRIBER, WINDOW_MAX, MqttLink, MqttSettings, MqttVersion

GW = "gw-1"
UP = "v1/gw/gw-1/up/event"
DOWN = "v1/gw/gw-1/down/cmd"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto")
    broker.start()
    yield broker
    broker.kill()


class Peer:
    """A link and what it heard."""

    def __init__(
        self, settings: MqttSettings, *, clean_start: bool = True, will: tuple[str, bytes] | None = None
    ) -> None:
        self.heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.retained: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.link = MqttLink(
            settings,
            client_id=settings.username,
            clean_start=clean_start,
            will=will,
            on_message=lambda topic, payload: self.heard.put_nowait((topic, payload)),
            on_retained=lambda topic, payload: self.retained.put_nowait((topic, payload)),
        )


@asynccontextmanager
async def connected(
    broker: Broker, user: str = GW, *, protocol: MqttVersion = "auto", clean_start: bool = True
) -> AsyncIterator[Peer]:
    settings = MqttSettings(broker.url, user, password(broker, user), protocol=protocol)
    peer = Peer(settings, clean_start=clean_start)
    await peer.link.connect()
    yield peer
    await peer.link.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_messages_both_ways(broker: Broker, protocol: MqttVersion) -> None:
    """Large and small, in order, in both versions of the protocol."""
    async with (
        connected(broker, "central", protocol=protocol) as centre,
        connected(broker, protocol=protocol) as gateway,
    ):
        await centre.link.subscribe("v1/gw/+/up/#")
        await gateway.link.subscribe("v1/gw/gw-1/down/#")
        payloads = [os.urandom(size) for size in (0, 1, 200_000, 7, 70_000)]
        assert await asyncio.gather(*(gateway.link.publish(UP, p) for p in payloads)) == [0] * 5
        assert [await centre.heard.get() for _ in payloads] == [(UP, p) for p in payloads]
        await centre.link.publish(DOWN, b"go")
        assert await gateway.heard.get() == (DOWN, b"go")


async def test_reason_codes_are_told(broker: Broker) -> None:
    """Refused is an error, taken without a subscriber is a code: success is said of neither."""
    async with connected(broker) as gateway:
        assert await gateway.link.publish(UP, b"") == NO_SUBSCRIBER
        with pytest.raises(LinkError) as caught:
            await gateway.link.publish("v1/gw/gw-2/up/event", b"")
        assert caught.value.code == "publish_refused"
        assert await gateway.link.publish(UP, b"") == NO_SUBSCRIBER, "the link goes on"


@pytest.mark.parametrize("allowed", [1, 20])
async def test_window_is_the_brokers(broker: Broker, allowed: int) -> None:
    """Its Receive Maximum: what is more waits with us, and all of it goes out in the end."""
    async with allowing(broker, allowed), connected(broker) as gateway:
        assert gateway.link.window == allowed
        sent = [gateway.link.publish(UP, b"%d" % n) for n in range(50)]
        assert gateway.link.free == allowed - 50
        await asyncio.gather(*sent)
        assert gateway.link.free == allowed


async def test_without_receive_maximum_there_is_a_window_too(broker: Broker) -> None:
    """MQTT 3.1.1 knows none."""
    async with connected(broker, protocol="3.1.1") as gateway:
        assert gateway.link.window == WINDOW_MAX
        await asyncio.gather(*(gateway.link.publish(UP, b"") for _ in range(3 * WINDOW_MAX)))


async def test_broker_that_dies_fails_what_is_open(broker: Broker) -> None:
    """kill -9: the link says so, open publishes and later ones are LinkErrors, and closing is harmless."""
    async with connected(broker) as gateway:
        os.kill(broker.pid, signal.SIGSTOP)
        open_ = [gateway.link.publish(UP, b"x" * 1000) for _ in range(100)]
        broker.kill()
        assert (await gateway.link.closed()).code == "link_lost"
        outcomes = await asyncio.gather(*open_, return_exceptions=True)
        assert {type(o) for o in outcomes} == {LinkError}
        with pytest.raises(LinkError):
            await gateway.link.publish(UP, b"")


async def test_broker_that_hangs_is_found_out(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer to a ping within the keepalive: the connection is gone, though TCP says nothing."""
    monkeypatch.setattr("sync.mqtt.KEEPALIVE_S", 1)
    async with connected(broker) as gateway:
        pid = broker.pid
        os.kill(pid, signal.SIGSTOP)
        assert (await gateway.link.closed()).code == "link_lost"
        os.kill(pid, signal.SIGCONT)


async def test_defect_of_the_listener_ends_the_link(broker: Broker) -> None:
    """The same message is not given again and again; whoever waits for the end is told."""
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    settings = MqttSettings(broker.url, GW, password(broker, GW))
    link = MqttLink(settings, client_id=GW, clean_start=True, will=None, on_message=_defect)
    await link.connect()
    await link.subscribe("v1/gw/gw-1/down/#")
    async with connected(broker, "central") as centre:
        await centre.link.publish(DOWN, b"")
        assert "defect" in str(await link.closed())
    await link.close()
    assert [type(context["exception"]) for context in told] == [KeyError]


async def test_session_is_kept_for_who_wants_it(broker: Broker) -> None:
    """clean_start=False: what was published while away is delivered; with True it is not."""
    for clean_start in (False, True):
        async with connected(broker, "central", clean_start=clean_start) as centre:
            await centre.link.subscribe("v1/gw/+/up/#")
        async with connected(broker) as gateway:
            code = await gateway.link.publish(UP, b"while away")
            assert code == (NO_SUBSCRIBER if clean_start else 0)
        async with connected(broker, "central", clean_start=clean_start) as centre:
            if not clean_start:
                assert await centre.heard.get() == (UP, b"while away")


async def test_wrong_password(broker: Broker) -> None:
    """The broker says no: broker_refused, and the file is not shown."""
    settings = MqttSettings(broker.url, GW, password(broker, "gw-2"))
    assert await _failure(settings) == "broker_refused"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
async def test_unreadable_password_file(broker: Broker, tmp_path: Path, content: bytes | None) -> None:
    """Missing, or no text: an error of the link, which is tried again."""
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    assert await _failure(MqttSettings(broker.url, GW, file)) == "password_unreadable"


async def test_nobody_listens() -> None:
    """No broker at the address, no such host."""
    assert await _failure(MqttSettings("mqtt://127.0.0.1:1", GW)) == "broker_unreachable"
    assert await _failure(MqttSettings("mqtt://nowhere.invalid", GW)) == "broker_unreachable"


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "x", "mqtt://h:99999", "mqtt://[::1"])
def test_url_that_is_none(url: str) -> None:
    """Whatever is wrong with it, it is an error of the settings."""
    with pytest.raises(SettingsError):
        MqttSettings(url, GW).address()


async def test_server_that_is_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing, hangs up, or talks rubbish: a LinkError each time, within the time limit."""
    monkeypatch.setattr("sync.mqtt.CONNECT_TIMEOUT_S", 0.3)
    for answer in (None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00\x63", bytes(1000), b"\xff" * 1000):
        async with _server(answer) as port:
            code = await _failure(MqttSettings(f"mqtt://127.0.0.1:{port}", GW))
            assert code in ("broker_silent", "link_lost", "broker_refused")


@pytest.mark.parametrize(("program", "protocol"), [("mosquitto", "5"), ("mosquitto", "3.1.1"), ("amqtt", "3.1.1")])
async def test_what_was_retained_is_told_apart(tmp_path: Path, program: Program, protocol: MqttVersion) -> None:
    """From what is said while we listen, also where that is retained for others."""
    broker = Broker(USERS, tmp_path / "broker", program=program)
    await asyncio.to_thread(broker.start)
    async with (
        connected(broker, "central", protocol=protocol) as centre,
        connected(broker, protocol=protocol) as gateway,
    ):
        await centre.link.publish(DOWN, b"before", retain=True)
        await gateway.link.subscribe(DOWN)
        assert await gateway.retained.get() == (DOWN, b"before")
        await centre.link.publish(DOWN, b"now", retain=True)
        assert await gateway.heard.get() == (DOWN, b"now")
    await asyncio.to_thread(broker.kill)


async def test_older_broker_is_spoken_to_in_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded broker does not answer MQTT 5: it is tried in 3.1.1, but 5 first each time, for silence proves nothing."""
    monkeypatch.setattr("sync.mqtt.CONNECT_TIMEOUT_S", 2.0)
    broker = Broker(USERS, tmp_path / "broker", program="amqtt")
    await asyncio.to_thread(broker.start)
    settings = MqttSettings(broker.url, GW, password(broker, GW))
    for _ in range(2):
        gateway = Peer(settings)
        await gateway.link.connect()
        assert settings.spoken is None
        async with connected(broker, "central", protocol="3.1.1") as centre:
            await centre.link.subscribe("v1/gw/+/up/#")
            await gateway.link.publish(UP, b"x" * 100_000)
            assert await centre.heard.get() == (UP, b"x" * 100_000)
        await gateway.link.close()
    await asyncio.to_thread(broker.kill)


async def test_broker_that_resets_while_we_connect() -> None:
    """Each way in which it may go wrong is a LinkError, also where the CONNECT itself cannot be written any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()

        def reset() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # closed: the test has ended
                    return
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

        resetting = threading.Thread(target=reset)
        resetting.start()
        codes = {await _failure(MqttSettings(f"mqtt://{host}:{port}", GW)) for _ in range(100)}
        server.shutdown(socket.SHUT_RDWR)
        resetting.join()
    assert codes <= {"broker_silent", "broker_unreachable", "link_lost"}


async def test_name_that_is_none() -> None:
    """A host that no resolver can take is a broker that cannot be reached."""
    assert await _failure(MqttSettings("mqtt://a..b", GW)) == "broker_unreachable"


# paho leaves the socket of a failed handshake to the collector
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_tls(tmp_path: Path) -> None:
    """Verified against our authority, with large messages both ways; another authority and plain TCP are refused."""
    authority = Authority(tmp_path)
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    server = authority.server()
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto", tls=Tls(authority.ca, server.cert, server.key))
    await asyncio.to_thread(broker.start)
    settings = MqttSettings(broker.url, "central", password(broker, "central"), ca=authority.ca)
    peer = Peer(settings)
    await peer.link.connect()
    await peer.link.subscribe("v1/gw/+/up/#", DOWN)
    for payload in (os.urandom(300_000), b"", os.urandom(50_000)):
        await peer.link.publish(DOWN, payload)
        assert await peer.heard.get() == (DOWN, payload)
    await peer.link.close()
    settings.ca = other.ca
    assert await _failure(settings) == "broker_tls"
    settings.ca = tmp_path / "none.pem"
    assert await _failure(settings) == "certificate_unreadable"
    plain = MqttSettings(broker.url.replace("mqtts", "mqtt"), "central", password(broker, "central"))
    assert await _failure(plain) in ("link_lost", "broker_silent")
    gc.collect()
    await asyncio.to_thread(broker.kill)


def _defect(_topic: str, _payload: bytes) -> None:
    raise KeyError("defect")


async def _failure(settings: MqttSettings) -> str:
    """The code of the LinkError that connecting ends with."""
    link = Peer(settings).link
    with pytest.raises(LinkError) as caught:
        await link.connect()
    await link.close()
    return caught.value.code


@asynccontextmanager
async def _server(answer: bytes | None) -> AsyncIterator[int]:
    """Answers the first bytes with these and hangs up, or, with None, says nothing at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
