"""The line of a device with a port of its own: reading with patience, and health that does not flap."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drivers.common.config import SerialDeviceConfig
from drivers.common.transport import open_transport
from model.errors import DriverError
from model.ports import Context, Health, Transport

SETTLE_US = 10_000_000
"""A device stays DEGRADED until nothing was wrong for that long: noise must not become a stream of state records."""


class Line:
    """A transport whose silence can be waited for without losing a byte."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._reading: asyncio.Task[bytes] | None = None

    async def read(self, seconds: float | None) -> bytes:
        """What came, or b"" when nothing came for that long. Raises TransientError.

        The read goes on over a timeout: a busy event loop is not taken for a silent line.
        """
        reading = self._reading = self._reading or asyncio.create_task(self._transport.read())
        await asyncio.wait({reading}, timeout=seconds)
        if not reading.done():
            return b""
        self._reading = None
        return reading.result()

    async def write(self, data: bytes) -> None:
        await self._transport.write(data)

    async def close(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._transport.close()


@asynccontextmanager
async def open_line(config: SerialDeviceConfig) -> AsyncIterator[Line]:
    """The device's port, open inside the block. Raises what `open_transport` raises."""
    transport = await open_transport(
        config.port,
        baudrate=config.baudrate,
        bytesize=config.bytesize,
        parity=config.parity,
        stopbits=config.stopbits,
    )
    line = Line(transport)
    try:
        yield line
    finally:
        await line.close()


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
