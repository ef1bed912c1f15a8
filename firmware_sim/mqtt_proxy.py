"""A TCP proxy before an MQTT broker that does what bad networks and bad brokers do: slow, cut, dead and forgetful.

It looks at no more of MQTT than it must (`mqtt_proxy_packets`) and changes no byte but by a fault that says so. What travels over
TLS it can slow, cut and swallow, but not read.
"""

import argparse
import asyncio
import socket
from collections import Counter
from collections.abc import Callable

from firmware_sim.mqtt_proxy_connection import Connection, Half, plain_socket
from firmware_sim.mqtt_proxy_faults import WAYS, Fault, Line, Way, What
from firmware_sim.mqtt_proxy_packets import Packet
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Unusable, WireLog

KINDS = {"mqtt-proxy": "a network between MQTT clients and their broker: slow, lossy, dead on command"}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001
    parser.add_argument("--to", default="127.0.0.1:1883", metavar="HOST:PORT", help="the broker (127.0.0.1:1883)")


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:  # noqa: ARG001
    host, _, port = args.to.rpartition(":")
    proxy = Proxy(host, int(port), log)
    host, _, port = (args.listen or "127.0.0.1:0").rpartition(":")
    await proxy.start(host or "127.0.0.1", int(port))
    await serve({"endpoint": proxy.url}, commands(proxy))
    await proxy.close()


Held = tuple[Fault, Half, bytes]


class Proxy:
    """Clients connect to `url`. `seen` counts the packets that came to the end of their line, by way and type."""

    def __init__(self, host: str, port: int, log: WireLog | None = None) -> None:
        self._broker = (host, port)
        self._log = log or WireLog(None, "mqtt-proxy")
        self._place: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._open: dict[asyncio.Task[None], Connection] = {}
        self._changed = asyncio.Event()
        self._faults: list[Fault] = []
        self._held: list[Held] = []
        self.lines = {way: Line() for way in WAYS}
        self.moving = asyncio.Event()
        self.moving.set()
        self.swallowing = False
        self.seen: Counter[tuple[Way, str]] = Counter()
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 picks a free one. Raises Unusable."""
        self._place = plain_socket()
        try:
            # bound beside the one that listens, so that nobody takes the port while connections are refused
            self._place.bind((host, port))
        except OSError as err:
            raise Unusable(f"{host}:{port}: {err.strerror}") from err
        host, port = self._place.getsockname()
        self.url = f"mqtt://{host}:{port}"
        self._listen()

    async def close(self) -> None:
        self.refuse()
        self.reset()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._place:
            self._place.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until a packet or a connection has made it true."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    @property
    def connections(self) -> int:
        return len(self._open)

    # what it is told

    @command
    def link(self, way: Way | None = None, rate: float | None = None, delay_ms: float = 0, queue: int = 32768) -> None:
        """A link of `rate` bytes/s, of which `queue` wait at most, and `delay_ms`: up, down or both. Without a rate it is fast."""
        for one in [way] if way else WAYS:
            self.lines[one] = Line(rate, delay_ms / 1000, queue)

    @command
    def fault(
        self,
        what: What,
        packet: str = "PUBLISH",
        way: Way | None = None,
        topic: str = "#",
        count: int | None = None,
        skip: int = 0,
        seconds: float = 1.0,
        code: int = 0x97,
    ) -> None:
        """Do this to `count` packets, or all, after `skip`: drop, hold, late, twice, reverse, code or cut."""
        self.add(Fault(what, packet, way, topic, count, skip, seconds, code))

    def add(self, fault: Fault) -> Fault:
        """As `fault`; its `hits` can be watched. Of several the first that takes a packet has it."""
        self._faults.append(fault)
        return fault

    @command
    async def clear(self) -> None:
        """End all faults of packets; what was held goes on."""
        self._faults.clear()
        await self._release(self._held)

    @command
    def reset(self) -> None:
        """Cut all connections with RST."""
        self._log("fault", what="reset", connections=len(self._open))
        for task in self._open:
            task.cancel()

    @command
    def stall(self) -> None:
        """Half-open: connections stay, and new ones are taken, but all that is sent is swallowed, until `resume`."""
        self._log("fault", what="stall", connections=len(self._open))
        self.swallowing = True
        for connection in self._open.values():
            connection.dead = True

    @command
    def freeze(self) -> None:
        """Nothing gets through and nothing is lost: TCP itself sends it again after `resume`."""
        self._log("fault", what="freeze", connections=len(self._open))
        self.moving.clear()

    @command
    def refuse(self) -> None:
        """New connections are refused; those that are there stay."""
        if self._listener:
            self._log("fault", what="refuse")
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    @command
    def resume(self) -> None:
        """End `stall`, `freeze` and `refuse`; a connection of which something was swallowed stays dead."""
        self.swallowing = False
        self.moving.set()
        if self._listener is None:
            self._listen()

    # what it does

    def _listen(self) -> None:
        assert self._place
        listener = self._listener = plain_socket()
        listener.bind(self._place.getsockname())
        listener.listen(1024)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:  # it has gone again
            return
        client.setblocking(False)
        connection = Connection(self, client)
        task = asyncio.create_task(connection.run(self._broker))
        self._open[task] = connection
        task.add_done_callback(self._closed)
        self._changed.set()

    def _closed(self, task: "asyncio.Task[None]") -> None:
        del self._open[task]
        self._changed.set()

    async def take(self, packet: Packet, half: Half) -> None:
        """A packet has come to the end of its line. Raises ConnectionError where that ends its connection."""
        if packet.type == "CONNECT":
            half.connection.version = packet.version
        self.seen[half.way, packet.type] += 1
        for fault in self._faults:
            if fault.takes(packet, half.way, half.connection.version):
                self._log("fault", what=fault.what, way=half.way, packet=packet.type, topic=packet.topic)
                await self._do(fault, packet, half)
                break
        else:
            await half.send(packet.raw)
        self._changed.set()

    async def _do(self, fault: Fault, packet: Packet, half: Half) -> None:
        match fault.what:
            case "hold" | "reverse":
                self._held.append((fault, half, packet.raw))
                if fault.what == "reverse" and fault.hits == fault.count:
                    await self._release([one for one in reversed(self._held) if one[0] is fault])
            case "late":
                half.send_later(packet.raw, fault.seconds)
            case "twice":
                await half.send(packet.raw)
                await half.send(packet.raw)
            case "code":
                await half.send(packet.answering(fault.code))
            case "cut":
                raise ConnectionResetError

    async def _release(self, held: list[Held]) -> None:
        self._held = [one for one in self._held if one not in held]
        for _, half, raw in held:
            try:
                await half.send(raw)
            except OSError:
                pass  # its connection has ended


COMMANDED = {"mqtt-proxy": Proxy}
