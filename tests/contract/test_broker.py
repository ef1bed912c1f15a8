"""The broker that demo and tests run on, seen by a foreign client: paho, with nothing of ours in between."""

import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties

from gateway.demo.broker import Broker, BrokerFailed, Program, Tls, find
from gateway.demo.certs import Authority, Pair

if TYPE_CHECKING:
    from paho.mqtt.reasoncodes import ReasonCode

WAIT_S = 20
USERS = {"central": "c-secret", "gw-1": "1-secret", "gw-2": "2-secret"}
BOTH = pytest.mark.parametrize("program", ["mosquitto", "amqtt"])


class Peer:
    """A connected paho client. `messages` are (topic, payload, retained)."""

    def __init__(
        self,
        broker: Broker,
        user: str,
        *,
        mqtt5: bool = False,
        clean: bool = True,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        by_certificate: bool = False,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.messages: queue.SimpleQueue[tuple[str, bytes, bool]] = queue.SimpleQueue()
        self._connack: queue.SimpleQueue[ReasonCode] = queue.SimpleQueue()
        self._puback: queue.SimpleQueue[ReasonCode] = queue.SimpleQueue()
        self._suback: queue.SimpleQueue[list[ReasonCode]] = queue.SimpleQueue()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=user,
            clean_session=None if mqtt5 else clean,
            protocol=MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311,
        )
        if tls:
            self.client.tls_set_context(tls)
        if not by_certificate:
            self.client.username_pw_set(user, password or USERS[user])
        if will:
            self.client.will_set(will[0], will[1], qos=1, retain=True)
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self._connack.put(reason)
        self.client.on_publish = lambda _c, _u, _m, reason, _p: self._puback.put(reason)
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: self._suback.put(reasons)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        self.connack = self._connack.get(timeout=WAIT_S)

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        self.messages.put((message.topic, bytes(message.payload), message.retain))

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """The reason code of the PUBACK."""
        self.client.publish(topic, payload, qos=1, retain=retain)
        return int(self._puback.get(timeout=WAIT_S).value)

    def subscribe(self, topic: str) -> int:
        """The granted QoS, or a reason code from 0x80 on."""
        self.client.subscribe(topic, qos=1)
        return int(self._suback.get(timeout=WAIT_S)[0].value)

    def next(self) -> tuple[str, bytes, bool]:
        return self.messages.get(timeout=WAIT_S)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self) -> None:
        """As when its power is cut: the socket closes without a DISCONNECT."""
        wire = cast(socket.socket, self.client.socket())
        gone = threading.Event()

        def on_disconnect(client: paho.Client, _u: Any, _f: Any, _r: Any, _p: Properties | None) -> None:
            client.on_disconnect = None
            threading.Thread(target=client.loop_stop).start()
            gone.set()

        self.client.on_disconnect = on_disconnect
        wire.shutdown(socket.SHUT_RDWR)
        assert gone.wait(WAIT_S)


@pytest.fixture
def broker(program: Program, tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(USERS, tmp_path, program=program)
    broker.start()
    yield broker
    broker.stop()


def test_embedded_broker_where_half_of_mosquitto_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without mosquitto_passwd it could be given no passwords."""
    broker, passwd = find("mosquitto"), find("mosquitto_passwd")
    assert broker and passwd
    (tmp_path / "mosquitto").symlink_to(broker)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Broker(USERS, tmp_path).program == "amqtt"
    (tmp_path / "mosquitto_passwd").symlink_to(passwd)
    assert Broker(USERS, tmp_path).program == "mosquitto"


@BOTH
def test_password_is_asked_for(broker: Broker) -> None:
    """A wrong password is refused in the CONNACK."""
    stranger = Peer(broker, "gw-1", password="guess")
    assert stranger.connack.is_failure
    stranger.leave()


@BOTH
def test_retained_message_reaches_a_late_subscriber(broker: Broker) -> None:
    """An acknowledgement published while the gateway was away is there when it comes."""
    central = Peer(broker, "central")
    central.publish("v1/gw/gw-1/down/ack/s/alarm", b"119", retain=True)
    gateway = Peer(broker, "gw-1")
    assert gateway.subscribe("v1/gw/gw-1/down/#") == 1
    assert gateway.next() == ("v1/gw/gw-1/down/ack/s/alarm", b"119", True)
    gateway.leave()
    central.leave()


@BOTH
def test_persistent_session_queues_while_its_client_is_away(broker: Broker) -> None:
    """More than mosquitto's default limit of 1000 messages wait for the centre."""
    central = Peer(broker, "central", clean=False)
    central.subscribe("v1/gw/+/up/#")
    central.leave()
    gateway = Peer(broker, "gw-1")
    sent = [str(i).encode() for i in range(1100)]
    for payload in sent:
        gateway.publish("v1/gw/gw-1/up/event", payload)
    back, came = Peer(broker, "central", clean=False), set[bytes]()
    while len(came) < len(sent):
        came.add(back.next()[1])  # one that comes twice is no fault
    assert came == {*sent}
    back.leave()
    gateway.leave()


@BOTH
def test_will_speaks_for_a_client_that_vanished(broker: Broker) -> None:
    """The retained will of a gateway that lost its power reaches the centre."""
    central = Peer(broker, "central")
    central.subscribe("v1/gw/+/up/status")
    gateway = Peer(broker, "gw-1", will=("v1/gw/gw-1/up/status", b"gone"))
    gateway.vanish()
    assert central.next()[:2] == ("v1/gw/gw-1/up/status", b"gone")
    central.leave()


@BOTH
def test_access_list_keeps_gateways_apart(broker: Broker) -> None:
    """A gateway neither speaks in another's name nor hears another's words, retained ones included."""
    central = Peer(broker, "central")
    central.subscribe("v1/gw/+/up/#")
    other = Peer(broker, "gw-2")
    other.publish("v1/gw/gw-2/up/status", b"private", retain=True)
    assert central.next()[1] == b"private"
    gateway = Peer(broker, "gw-1")
    gateway.subscribe("v1/gw/+/up/#")
    gateway.subscribe("v1/gw/gw-1/down/#")
    gateway.publish("v1/gw/gw-2/up/event", b"forged")
    gateway.publish("v1/gw/gw-1/up/event", b"own")
    assert central.next()[1] == b"own"
    central.publish("v1/gw/gw-1/down/cmd", b"for you")
    assert gateway.next()[1] == b"for you"
    for peer in (central, other, gateway):
        peer.leave()


@BOTH
def test_killed_broker_comes_back_at_the_same_port(broker: Broker) -> None:
    """kill -9 and start again: the same address, and a process of its own each time."""
    before, url = broker.pid, broker.url
    broker.kill()
    with pytest.raises(BrokerFailed):
        _ = broker.pid
    broker.start()
    assert (broker.url, broker.pid != before) == (url, True)
    peer = Peer(broker, "gw-1")
    assert not peer.connack.is_failure
    peer.leave()


@BOTH
def test_taken_port_is_an_error_and_no_stranger_is_mistaken_for_ours(
    program: Program, broker: Broker, tmp_path: Path
) -> None:
    """A port that another broker answers at does not count as started."""
    second = Broker(USERS, tmp_path / "second", program=program, port=broker.port)
    with pytest.raises(BrokerFailed, match="in use"):
        second.start()


@pytest.mark.parametrize("program", ["mosquitto"])
def test_foreign_publish_is_refused_by_reason_code(broker: Broker) -> None:
    """MQTT 5 says 0x87, not authorised; 0x10 says that nobody is subscribed."""
    gateway = Peer(broker, "gw-1", mqtt5=True)
    assert gateway.publish("v1/gw/gw-2/up/event", b"forged") == 0x87
    assert gateway.publish("v1/gw/gw-1/up/event", b"own") == 0x10
    gateway.leave()


@pytest.mark.parametrize("program", ["mosquitto"])
def test_orderly_stop_keeps_sessions_and_retained_messages(broker: Broker) -> None:
    """After stop and start the centre's session and a retained acknowledgement are still there."""
    central = Peer(broker, "central", clean=False)
    central.subscribe("v1/gw/+/up/#")
    central.publish("v1/gw/gw-1/down/ack/s/alarm", b"7", retain=True)
    central.leave()
    gateway = Peer(broker, "gw-1")
    gateway.publish("v1/gw/gw-1/up/event", b"queued")
    gateway.leave()
    broker.stop()
    broker.start()
    gateway = Peer(broker, "gw-1")
    gateway.subscribe("v1/gw/gw-1/down/#")
    assert gateway.next()[1] == b"7"
    central = Peer(broker, "central", clean=False)
    assert central.next()[1] == b"queued"
    central.leave()
    gateway.leave()


@BOTH
def test_tls_server_certificate_is_verified(program: Program, tmp_path: Path) -> None:
    """A client that trusts our authority connects; one that trusts another does not."""
    authority = Authority(tmp_path)
    pair = authority.server()
    broker = Broker(USERS, tmp_path, program=program, tls=Tls(authority.ca, pair.cert, pair.key))
    broker.start()
    try:
        assert broker.url.startswith("mqtts://")
        gateway = Peer(broker, "gw-1", tls=trusting(authority))
        assert not gateway.connack.is_failure
        gateway.leave()
        (tmp_path / "other").mkdir()
        wary = trusting(Authority(tmp_path / "other"))
        with socket.create_connection(("127.0.0.1", broker.port)) as wire, pytest.raises(ssl.SSLCertVerificationError):
            wary.wrap_socket(wire, server_hostname="localhost")
    finally:
        broker.stop()


@pytest.mark.parametrize("program", ["mosquitto"])
def test_client_certificate_names_the_gateway(program: Program, tmp_path: Path) -> None:
    """The common name of a client certificate is the user name that the access list knows."""
    authority = Authority(tmp_path)
    server = authority.server()
    tls = Tls(authority.ca, server.cert, server.key, client_certificates=True)
    broker = Broker(USERS, tmp_path, program=program, tls=tls)
    broker.start()
    try:
        own = trusting(authority, authority.client("gw-1"))
        gateway = Peer(broker, "gw-1", mqtt5=True, tls=own, by_certificate=True)
        assert gateway.publish("v1/gw/gw-1/up/event", b"own") == 0x10
        assert gateway.publish("v1/gw/gw-2/up/event", b"forged") == 0x87
        gateway.leave()
    finally:
        broker.stop()


def trusting(authority: Authority, own: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # what Python 3.13 asks for
    if own:
        context.load_cert_chain(own.cert, own.key)
    return context
