"""The fault proxy: it does what it is told to, and nothing else to any byte."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.mqtt_proxy import Proxy
from firmware_sim.mqtt_proxy_faults import Fault, Line, What
from firmware_sim.mqtt_proxy_packets import Cutter, Packet, matches
from support.cutting import cut
from support.sims import StartSim

# MQTT 5.0, written by hand: 3.1 CONNECT with level 5 and 4, 3.3 PUBLISH with QoS 1, 3.4 PUBACK, 3.12 PINGREQ
CONNECT = b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02gw"
CONNECT_311 = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02gw"
PING = b"\xc0\x00"
PUBACK = b"\x40\x02\x00\x07"


def publish(topic: str, payload: bytes = b"") -> bytes:
    """At most 127 bytes."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + b"\x00\x07\x00" + payload
    return bytes([0x32, len(body)]) + body


def long_publish(size: int) -> bytes:
    """With a remaining length of three bytes."""
    body = b"\x00\x01t\x00\x07\x00" + b"x" * (size - 6)
    return b"\x32" + bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + body


A, B, C = (publish(f"t/{name}") for name in "abc")

# the parser


@given(st.lists(st.sampled_from([A, B, PING, PUBACK, long_publish(40_000)])), st.lists(st.integers(0, 10**6)))
def test_packets_are_found_however_they_are_cut(packets: list[bytes], places: list[int]) -> None:
    """Each one whole, in order, as soon as it is there."""
    cutter = Cutter()
    stream = [CONNECT, *packets]
    found = [packet for piece in cut(b"".join(stream), places) for packet in cutter.feed(piece)]
    assert [packet.raw for packet in found] == stream
    assert found[0].version == 5


@given(st.binary(min_size=1), st.lists(st.integers(0, 10**6)))
def test_what_is_no_mqtt_goes_on_as_it_comes(data: bytes, places: list[int]) -> None:
    """A TLS client's first byte is 0x16; a length that never ends ends the parsing, not the stream."""
    for stream in (b"\x16" + data, CONNECT + b"\x30\xff\xff\xff\xff" + data):
        cutter = Cutter()
        found = [packet for piece in cut(stream, places) for packet in cutter.feed(piece)]
        assert b"".join(packet.raw for packet in found) == stream
        assert {packet.type for packet in found} <= {"CONNECT", ""}


def test_type_topic_and_version() -> None:
    """As the standards lay them out."""
    (said, ping, acked) = Cutter().feed(CONNECT_311 + PING + PUBACK)
    assert (said.type, said.version, ping.type, acked.type) == ("CONNECT", 4, "PINGREQ", "PUBACK")
    (connect, published) = Cutter().feed(CONNECT + publish("v1/gw/g/up/alarm", b"{}"))
    assert (connect.topic, published.topic) == ("", "v1/gw/g/up/alarm")
    assert Packet(b"\x10\x00", 2).version == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PUBACK, b"\x40\x03\x00\x07\x97"),
        (b"\x40\x03\x00\x07\x10", b"\x40\x03\x00\x07\x97"),
        (b"\x40\x04\x00\x07\x00\x00", b"\x40\x04\x00\x07\x97\x00"),
        (b"\x40\x0a\x00\x07\x00\x06\x1f\x00\x03why", b"\x40\x0a\x00\x07\x97\x06\x1f\x00\x03why"),
    ],
)
def test_reason_code_of_a_puback(before: bytes, after: bytes) -> None:
    """It may be left out, alone, or followed by properties, which stay."""
    assert Packet(before, 2).answering(0x97) == after


@pytest.mark.parametrize(
    ("pattern", "topic", "taken"),
    [
        ("#", "a/b", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/+/c", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/b/#", "a", False),
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
    ],
)
def test_topic_filters(pattern: str, topic: str, taken: bool) -> None:
    """As in section 4.7.1."""
    assert matches(pattern, topic) is taken


def test_whom_a_fault_takes() -> None:
    """By type, way and topic, after those that it lets pass, and not more than it was told."""
    fault = Fault("drop", way="up", topic="t/+", skip=1, count=2)
    mine, other = Packet(A, 2), Packet(publish("x"), 2)
    assert not any(fault.takes(p, "up", 5) for p in (Packet(PING, 2), other, mine))
    assert not fault.takes(mine, "down", 5)
    assert [fault.takes(mine, "up", 5) for _ in range(3)] == [True, True, False]
    assert fault.hits == 2
    assert not Fault("code", "PUBACK").takes(Packet(PUBACK, 2), "down", 4), "3.1.1 has no reason codes"


@pytest.mark.parametrize("wrong", [{"what": "lose"}, {"packet": "PUB"}, {"way": "left"}, {"what": "reverse"}])
def test_fault_that_could_never_happen(wrong: dict[str, Any]) -> None:
    """Is refused, with the words that there are."""
    with pytest.raises(ValueError, match=r"none of|count"):
        Fault(**{"what": "drop"} | wrong)


def test_slow_line() -> None:
    """Bytes leave one after the other, arrive later, and no more than its queue is waiting."""
    line = Line(rate=1000, delay_s=0.15, queue=500)
    assert line.take(500, 10.0) == 10.65
    assert line.take(500, 10.0) == 11.15
    assert line.full_until(10.0) == 10.5
    assert line.take(100, 20.0) == 20.25
    assert Line(delay_s=0.15).take(10**9, 10.0) == 10.15
    assert Line().full_until(10.0) == 10.0


# the network


class End:
    """One side of a connection over the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hears(self, *packets: bytes) -> None:
        """Exactly these come next."""
        expected = b"".join(packets)
        assert await self.reader.readexactly(len(expected)) == expected


class Net:
    """A proxy before a server of the test's own."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[End] = asyncio.Queue()
        self._open: list[End] = []

    async def start(self) -> None:
        async def serve(*streams: Any) -> None:
            self.accepted.put_nowait(End(*streams))

        self.server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.proxy = Proxy("127.0.0.1", self.server.sockets[0].getsockname()[1])
        await self.proxy.start()

    async def dial(self) -> End:
        host, _, port = self.proxy.url.removeprefix("mqtt://").partition(":")
        client = End(*await asyncio.open_connection(host, int(port)))
        self._open.append(client)
        return client

    async def connect(self, hello: bytes = CONNECT) -> tuple[End, End]:
        """Client and broker."""
        client = await self.dial()
        client.writer.write(hello)
        broker = await self.accepted.get()
        self._open.append(broker)
        await broker.hears(hello)
        return client, broker

    async def past(self) -> None:
        """Something is said to the server without the proxy, and is heard."""
        direct = End(*await asyncio.open_connection(*self.server.sockets[0].getsockname()))
        direct.writer.write(PING)
        other = await self.accepted.get()
        await other.hears(PING)
        self._open += [direct, other]

    async def stop(self) -> None:
        await self.proxy.close()
        for end in self._open:
            end.writer.transport.abort()
        self.server.close()
        await self.server.wait_closed()


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    net = Net()
    await net.start()
    yield net
    await net.stop()


async def test_both_ways_and_both_ends(net: Net) -> None:
    """Bytes go through as they are; when one side says goodbye the other may still speak."""
    client, broker = await net.connect()
    client.writer.write(long_publish(200_000) + PING)
    await broker.hears(long_publish(200_000), PING)
    client.writer.write_eof()
    assert await broker.reader.read() == b""
    broker.writer.write(b"\x20\x00" + PUBACK)
    await client.hears(b"\x20\x00" + PUBACK)
    broker.writer.close()
    assert await client.reader.read() == b""
    await net.proxy.until(lambda: not net.proxy.connections)
    assert net.proxy.seen == {
        ("up", "CONNECT"): 1, ("up", "PUBLISH"): 1, ("up", "PINGREQ"): 1, ("down", "CONNACK"): 1, ("down", "PUBACK"): 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("what", "heard"),
    [
        ("drop", [A, PING]),
        ("hold", [A, PING, B, C]),
        ("late", [A, PING, B, C]),
        ("twice", [A, B, B, C, C, PING]),
        ("reverse", [A, C, B, PING]),
    ],
)
async def test_what_becomes_of_chosen_packets(net: Net, what: What, heard: list[bytes]) -> None:
    """The second and third PUBLISH, of three; the PINGREQ behind them is none of them."""
    client, broker = await net.connect()
    fault = net.proxy.add(Fault(what, topic="t/#", skip=1, count=2, seconds=0.1))
    client.writer.write(A + B + C + PING)
    await net.proxy.until(lambda: fault.hits == 2 and bool(net.proxy.seen["up", "PINGREQ"]))
    await net.proxy.clear()
    client.writer.write(CONNECT)
    await broker.hears(*(heard if what != "late" else heard[:2]))
    rest = [CONNECT] if what != "late" else [CONNECT, *heard[2:]]
    await broker.hears(*rest)


async def test_reason_code_on_its_way(net: Net) -> None:
    """Of MQTT 5 alone."""
    net.proxy.fault("code", "PUBACK", code=0x87)
    for hello, heard in ((CONNECT, b"\x40\x03\x00\x07\x87"), (CONNECT_311, PUBACK)):
        client, broker = await net.connect(hello)
        broker.writer.write(b"\x20\x00" + PUBACK)
        await client.hears(b"\x20\x00", heard)


async def test_cut_ends_its_connection_alone(net: Net) -> None:
    """Both sides see a reset; another one goes on."""
    client, broker = await net.connect()
    other, far = await net.connect()
    net.proxy.fault("cut", count=1)
    client.writer.write(A)
    for end in (client, broker):
        with pytest.raises(ConnectionResetError):
            await end.reader.read()
    other.writer.write(A)
    await far.hears(A)


async def test_reset_ends_all(net: Net) -> None:
    """With RST to both sides."""
    ends = [*await net.connect(), *await net.connect()]
    net.proxy.reset()
    for end in ends:
        with pytest.raises(ConnectionResetError):
            await end.reader.read()


async def test_half_open(net: Net) -> None:
    """Connections stay and pass nothing, also after `resume`; only new ones work then."""
    client, broker = await net.connect()
    net.proxy.stall()
    client.writer.write(A)
    newcomer = await net.dial()
    newcomer.writer.write(CONNECT)
    await net.proxy.until(lambda: net.proxy.connections == 2)
    net.proxy.resume()
    fresh, far = await net.connect()
    fresh.writer.write(B)
    await far.hears(B)
    client.writer.close()
    newcomer.writer.close()
    await net.proxy.until(lambda: net.proxy.connections == 2)
    assert net.accepted.empty(), "the broker never heard of the newcomer"
    broker.writer.write(PING)
    broker.writer.close()
    await net.proxy.until(lambda: net.proxy.connections == 1)
    assert await broker.reader.read() == b"", "nor of the client's end"


async def test_frozen_and_healed(net: Net) -> None:
    """Nothing moves, not even a goodbye, and nothing is lost: while others speak past it again and again."""
    client, broker = await net.connect()
    net.proxy.freeze()
    client.writer.write(A + B)
    client.writer.write_eof()
    broker.writer.write(b"\x20\x00")
    for _ in range(20):
        await net.past()
    assert net.proxy.seen == {("up", "CONNECT"): 1}
    net.proxy.resume()
    await broker.hears(A, B)
    assert await broker.reader.read() == b""
    await client.hears(b"\x20\x00")


async def test_who_gave_up_while_frozen_has_never_been_there(net: Net) -> None:
    """The broker hears of the one that still waits, alone."""
    net.proxy.freeze()
    for _ in range(3):
        impatient = await net.dial()
        impatient.writer.write(CONNECT_311)
        impatient.writer.close()
        await impatient.writer.wait_closed()
    patient = await net.dial()
    patient.writer.write(CONNECT)
    await net.proxy.until(lambda: net.proxy.connections == 4)
    net.proxy.resume()
    await (await net.accepted.get()).hears(CONNECT)
    await net.proxy.until(lambda: net.proxy.connections == 1)
    assert net.accepted.empty()


async def test_refused_and_back_at_the_same_port(net: Net) -> None:
    """Who is connected stays so; nobody else gets in, and nobody else gets the port."""
    client, broker = await net.connect()
    net.proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await net.dial()
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        host, _, port = net.proxy.url.removeprefix("mqtt://").partition(":")
        thief.bind((host, int(port)))
    client.writer.write(A)
    await broker.hears(A)
    net.proxy.resume()
    await net.connect()


async def test_broker_that_is_not_there(net: Net) -> None:
    """The client is accepted and reset, as by a router whose other side is gone."""
    net.server.close()
    await net.server.wait_closed()
    client = await net.dial()
    with pytest.raises(ConnectionResetError):
        await client.reader.read()


async def test_slow_link_keeps_no_more_than_its_queue(net: Net) -> None:
    """What a sender has too much stays with him, and all of it arrives once the link is fast again."""
    client, broker = await net.connect()
    net.proxy.link("up", rate=50_000, delay_ms=20, queue=4096)
    packets = [long_publish(20_000)] * 100
    client.writer.write(b"".join(packets))
    await broker.hears(packets[0])
    waiting = client.writer.transport.get_write_buffer_size()
    assert waiting > 1_500_000, "the sender's kernel and the proxy's have taken the rest"
    net.proxy.link("up")
    await broker.hears(*packets[1:])


async def test_as_a_process(sim: StartSim, net: Net) -> None:
    """Steered on its standard input, as every simulator; a wrong word is answered with the right ones."""
    port = net.server.sockets[0].getsockname()[1]
    proxy = await sim("mqtt-proxy", "--to", f"127.0.0.1:{port}")
    await proxy.command("fault", what="drop", packet="PUBLISH", count=1)
    await proxy.command("link", rate=1_000_000, delay_ms=1)
    with pytest.raises(AssertionError, match="twice"):
        await proxy.command("fault", what="lose")
    net.proxy.url = proxy.endpoint
    client, broker = await net.connect()
    client.writer.write(A + B)
    await broker.hears(B)
    await proxy.command("reset")
    with pytest.raises(ConnectionResetError):
        await client.reader.read()
    assert [(e["event"], e["what"]) for e in proxy.log()] == [("fault", "drop"), ("fault", "reset")]
