"""Byte streams to devices: a serial port or a TCP socket behind `model.ports.Transport`."""

import asyncio
import errno
import socket
from typing import Literal, Protocol
from urllib.parse import urlsplit

import serialx

from model.errors import TransientError
from model.ports import Transport

CONNECT_TIMEOUT_S = 5.0

_TCP = {
    socket.TCP_NODELAY: 1,
    socket.TCP_KEEPIDLE: 10,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 20_000,
}
"""A peer without power says no goodbye: one that is silent is asked after 10 s and given up within 25 s; one that does not
acknowledge what it was sent is given up after 20 s (ms there, s elsewhere; tcp(7))."""

Parity = Literal["N", "E", "O"]


class _Writer(Protocol):
    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def close(self) -> None: ...
    async def wait_closed(self) -> None: ...


class StreamTransport:
    """A `Transport` over asyncio streams. All errors become TransientError that name the port."""

    def __init__(self, port: str, reader: asyncio.StreamReader, writer: _Writer) -> None:
        self.port = port
        self._reader = reader
        self._writer = writer

    async def read(self, limit: int = 4096) -> bytes:
        try:
            data = await self._reader.read(limit)
        except (OSError, serialx.SerialException) as err:
            raise TransientError("port_gone", port=self.port, why=str(err)) from err
        if not data:
            raise TransientError("port_gone", port=self.port, why="end of stream")
        return data

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (OSError, serialx.SerialException) as err:
            raise TransientError("port_gone", port=self.port, why=str(err)) from err

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except (OSError, serialx.SerialException):
            pass  # the port was gone already: closed is what was asked for


async def open_transport(
    port: str,
    *,
    baudrate: int = 9600,
    bytesize: Literal[7, 8] = 8,
    parity: Parity = "N",
    stopbits: Literal[1, 2] = 1,
) -> Transport:
    """Open `/dev/...` (exclusively) or `tcp://host:port`.

    Raises TransientError `port_absent`, `port_busy`, `port_unreachable` or `port_denied`.
    """
    if port.startswith("tcp://"):
        return await _open_tcp(port)
    try:
        reader, writer = await serialx.open_serial_connection(
            port, baudrate=baudrate, byte_size=bytesize, parity=parity, stopbits=stopbits, exclusive=True
        )
    except FileNotFoundError as err:
        raise TransientError("port_absent", port=port) from err
    except PermissionError as err:  # on replug the node is root's alone until udev has set its group
        raise TransientError("port_denied", port=port) from err
    except (OSError, serialx.SerialException) as err:
        if getattr(err, "errno", None) == errno.EBUSY:
            raise TransientError("port_busy", port=port) from err
        raise TransientError("port_unreachable", port=port, why=str(err)) from err
    return StreamTransport(port, reader, writer)


async def _open_tcp(port: str) -> Transport:
    url = urlsplit(port)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
    except (OSError, TimeoutError) as err:
        raise TransientError("port_unreachable", port=port, why=str(err) or "no answer") from err
    ours = writer.get_extra_info("socket")
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _TCP.items():
        ours.setsockopt(socket.IPPROTO_TCP, option, value)
    return StreamTransport(port, reader, writer)
