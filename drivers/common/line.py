"""The line to a device: a port's bytes, whose silence can be waited for, and health that does not flap."""

import asyncio

from drivers.common.tap import TAPS
from model.errors import DriverError, TransientError
from model.ports import Context, Health

HELD_MAX_BYTES = 64 * 1024
"""What came and nobody has read yet; beyond this the port is read no further."""
SETTLE_US = 10_000_000
"""A device stays DEGRADED until nothing was wrong for that long: noise must not become a stream of state records."""


class Line(asyncio.Protocol):
    """An open port. One reader and one writer at a time; all errors are TransientError `port_gone`."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._taps = TAPS.get()
        self._loop = asyncio.get_running_loop()
        self._held = b""
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
        self._waiter = self._loop.create_future()
        # the loop looks at its ports before its clock
        timer = None if seconds is None else self._loop.call_later(max(0.0, seconds), self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer:
                timer.cancel()

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
            await self._room
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
        for tap in self._taps:
            tap("gateway", data)
        self._held += data
        if len(self._held) > HELD_MAX_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = str(exc) if exc else "end of stream"
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


class Condition:
    """Tells the context ONLINE and DEGRADED."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._degraded_until: int | None = None

    def good(self) -> None:
        """The device said something that makes sense."""
        if self._degraded_until is None or self._context.clock.mono() >= self._degraded_until:
            self._degraded_until = None
            self._context.health(Health.ONLINE)

    def wrong(self, error: DriverError) -> None:
        """It works, but not all of it was understood or kept."""
        if self._degraded_until is None:
            self._context.health(Health.DEGRADED, error)
        self._degraded_until = self._context.clock.mono() + SETTLE_US
