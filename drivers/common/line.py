"""The line to a device: a port's bytes, whose silence can be waited for, and health that does not flap."""

import asyncio
import math

from drivers.common.tap import TAPS
from drivers.common.timer import FineTimer
from model.errors import DriverError, TransientError
from model.ports import Context, Health

HELD_MAX_BYTES = 64 * 1024
"""What came and nobody has read yet; beyond this the port is read no further."""
FINE_S = 0.02
"""Shorter waits are to the microsecond."""
_ROUNDED_S = 1e-6
SETTLE_US = 10_000_000
"""A device stays DEGRADED until nothing was wrong for that long: noise must not become a stream of state records."""


class Line(asyncio.Protocol):
    """An open port. One reader and one writer at a time; all errors are TransientError `port_gone`."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._taps = TAPS.get()
        self._loop = asyncio.get_running_loop()
        self._held = b""
        self.heard_at = self._loop.time()
        """When the last byte came, by the event loop's clock; at first, when the port was opened."""
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._fine: FineTimer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._paused = False
        self._gone: str | None = None
        self._closed: asyncio.Future[None] = self._loop.create_future()

    async def read(self, seconds: float | None = None) -> bytes:
        """What came, or b"" when nothing came for that long.

        What has come meanwhile is seen before the time is over: a busy event loop is not taken for a silent line.
        """
        if not self._held and self._gone is None:
            await self._something(seconds)
        if self._held:
            came, self._held = self._held, b""
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            return came
        self._check()
        return b""

    async def _something(self, seconds: float | None) -> None:
        """Until bytes have come, the port is gone or the time is over."""
        if seconds is not None and 0 < seconds < FINE_S:
            self._fine = self._fine or FineTimer(self._loop, self._wake_if_due)
            self._deadline = self._loop.time() + seconds
            self._fine.start(seconds)
        elif seconds is not None:
            self._wake_at(self._loop.time() + max(0.0, seconds))
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._deadline = math.inf

    def _wake_at(self, deadline: float) -> None:
        """A timer that is set earlier is left as it is, and set anew when it is due: most reads end before their time."""
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            if self._timer:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._due)

    def _wake_if_due(self) -> None:
        if self._loop.time() >= self._deadline - _ROUNDED_S:
            self._wake()

    def _due(self) -> None:
        assert self._timer
        due, self._timer = self._timer.when(), None
        if due >= self._deadline:
            self._wake()  # the loop looks at its ports before its clock
        elif self._deadline < math.inf:
            self._wake_at(self._deadline)

    async def gather(self, seconds: float) -> None:
        """Let what comes wait for so long, and come in one piece: each of many small ones would wake us."""
        self._transport.pause_reading()
        try:
            await asyncio.sleep(seconds)
        finally:
            if not self._paused:
                self._transport.resume_reading()

    async def write(self, data: bytes) -> None:
        """Returns once the port has taken nearly all of it."""
        self._check()
        try:
            self._transport.write(data)
        except Exception as err:  # serialx has errors of its own, and is not imported for this
            raise TransientError("port_gone", port=self.port, why=str(err)) from err
        for tap in self._taps:
            tap("device", data)
        if self._room:
            await asyncio.shield(self._room)  # other writers wait for it too
            self._check()

    async def lost(self) -> None:
        """Wait for the end of the connection, which is always an error. Raises TransientError `port_gone`."""
        await asyncio.shield(self._closed)
        self._check()

    async def close(self) -> None:
        """Returns once the port is free again."""
        self._transport.close()
        await self._closed

    def _check(self) -> None:
        if self._gone is not None:
            raise TransientError("port_gone", port=self.port, why=self._gone)

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        for tap in self._taps:
            tap("gateway", data)
        self._held += data
        if len(self._held) > HELD_MAX_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = str(exc) if exc else "end_of_stream"
        if self._timer:
            self._timer.cancel()
        if self._fine:
            self._fine.close()
            self._fine = None
        self._wake()
        self.resume_writing()
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room and not room.done():
            room.set_result(None)


class SocketLine(Line, asyncio.BufferedProtocol):
    """A line whose transport fills our buffer: for a plain one asyncio makes a quarter of a megabyte anew for each read."""

    _BUFFER = bytearray(4096)
    """One for all lines: the event loop fills it and hands it over in one step."""

    def get_buffer(self, _sizehint: int) -> bytearray:
        return self._BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._BUFFER[:nbytes]))


class Condition:
    """Tells the context ONLINE and DEGRADED: each error once in a stretch in which something was wrong, and the end of it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wrong: DriverError | None = None
        self._told: set[str] = set()
        self._until = 0
        self._well = False
        self._settling: asyncio.TimerHandle | None = None
        self._counted = 0

    def good(self) -> None:
        """The device said something that makes sense. After something wrong it is told once nothing else was for a while."""
        if self._wrong is None or self._context.clock.mono() >= self._until:
            self._settled()
            return
        self._well = True
        self._context.health(Health.DEGRADED, self._wrong)  # it may have been away meanwhile
        if self._settling is None:
            left_s = (self._until - self._context.clock.mono()) / 1e6
            self._settling = asyncio.get_running_loop().call_later(left_s, self._settle)

    def wrong(self, error: DriverError) -> None:
        """It works, but not all of it was understood or kept."""
        self._well = False
        self._until = self._context.clock.mono() + SETTLE_US
        if error.code in self._told and self._wrong and error.code != self._wrong.code:
            return
        self._told.add(error.code)
        self._wrong = error
        self._context.health(Health.DEGRADED, error)

    def _settle(self) -> None:
        """A device that has nothing more to say is well too, where its last word was."""
        self._settling = None
        if self._well and self._context.problem is self._wrong:  # else the device is away, or was since
            self.good()

    def _settled(self) -> None:
        self._wrong = None
        self._told.clear()
        self._context.health(Health.ONLINE)

    def heard(self, error: DriverError | None) -> None:
        """Wrong where there is an error, else good."""
        if error:
            self.wrong(error)
        else:
            self.good()

    def counts_from(self, count: int) -> None:
        """A new parser: so much damage it has counted already."""
        self._counted = count

    def counted(self, count: int, error: DriverError) -> None:
        """Wrong where the parser's count of damage has grown."""
        if count > self._counted:
            self._counted = count
            self.wrong(error)
