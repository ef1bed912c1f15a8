"""One client behind the fault proxy: its bytes in both ways, to the end of either side or of both."""

import asyncio
import socket
import struct
from typing import Protocol

from firmware_sim.mqtt_proxy_faults import SEGMENT, Line, Way
from firmware_sim.mqtt_proxy_packets import Cutter, Packet

RECEIVE_BUFFER = 16 * 1024
"""This and the segments' size: with loopback's own, far more would wait before a slow link than it has room for."""
TRANSIT_PIECES = 64
_CLOSE_WAIT = 8
"""Of Linux's TCP_INFO: the other side has closed."""


class Network(Protocol):
    """What a connection goes through. While `moving` is not set nothing moves; `swallowing`, a new connection is dead."""

    lines: dict[Way, Line]
    moving: asyncio.Event
    swallowing: bool

    async def take(self, packet: Packet, half: "Half") -> None:
        """A packet has come to the end of its line. Raises ConnectionError where that ends its connection."""
        ...


class Connection:
    """A client and its own connection to the broker. A `dead` one stays open, and passes nothing on."""

    def __init__(self, network: Network, client: socket.socket) -> None:
        self._network = network
        self.version = 0
        self.dead = network.swallowing
        self.tasks = asyncio.TaskGroup()
        self._ends = (client, plain_socket())
        self._halves = (Half(network, self, "up", *self._ends), Half(network, self, "down", *reversed(self._ends)))

    async def run(self, broker: tuple[str, int]) -> None:
        """Until both sides have said goodbye, or one of them fails: then both see a reset, as when it is cancelled."""
        orderly = False
        try:
            await self._network.moving.wait()
            if self._client_has_left():
                return  # while nothing moved: on a real network it has never been here
            if not self.dead:
                await asyncio.get_running_loop().sock_connect(self._ends[1], broker)
            async with self.tasks:
                for half in self._halves[: 1 if self.dead else 2]:
                    half.start(self.tasks)
            orderly = True
        except* OSError:
            pass
        finally:
            for end in self._ends:
                if not orderly:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()

    def _client_has_left(self) -> bool:
        state: int = self._ends[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state == _CLOSE_WAIT


class Half:
    """One way of a connection: what is read at `source` travels the line, meets the faults, and is written to `target`."""

    def __init__(
        self, network: Network, connection: Connection, way: Way, source: socket.socket, target: socket.socket
    ) -> None:
        self.way = way
        self.connection = connection
        self._network = network
        self._source = source
        self._target = target
        self._transit: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(TRANSIT_PIECES)
        self._writing = asyncio.Lock()
        self._loop = asyncio.get_running_loop()

    def start(self, tasks: asyncio.TaskGroup) -> None:
        for end in (self._source, self._target):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tasks.create_task(self._read())
        tasks.create_task(self._deliver())

    async def _read(self) -> None:
        """No faster than the line takes it: what it has no room for waits in the sender's own socket."""
        data = b"."
        while data:
            await self._network.moving.wait()
            line = self._network.lines[self.way]
            try:
                data = await self._loop.sock_recv(self._source, line.piece)
            except OSError:
                if not self.connection.dead:
                    raise
                data = b""
            now = self._loop.time()
            await self._transit.put((line.take(len(data), now), data))
            await asyncio.sleep(max(0.0, line.full_until(now) - now))

    async def _deliver(self) -> None:
        cutter = Cutter()
        data = b"."
        while data:
            arrival, data = await self._transit.get()
            await asyncio.sleep(max(0.0, arrival - self._loop.time()))
            await self._network.moving.wait()
            if self.connection.dead:
                continue
            for packet in cutter.feed(data):
                await self._network.take(packet, self)
        if not self.connection.dead:
            self._target.shutdown(socket.SHUT_WR)

    async def send(self, raw: bytes) -> None:
        """Whole packets, one at a time. Raises OSError."""
        async with self._writing:
            await self._loop.sock_sendall(self._target, raw)

    def send_later(self, raw: bytes, seconds: float) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            await self.send(raw)

        self.connection.tasks.create_task(later())


def plain_socket() -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    return made
