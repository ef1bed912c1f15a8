"""Byte streams to devices: a serial port or a TCP socket, opened as a `Line`."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from drivers.common.config import SerialDeviceConfig
from drivers.common.line import Line, SocketLine
from drivers.common.worker import Worker
from model.errors import TransientError

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
_Addresses = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]


@asynccontextmanager
async def open_line(config: SerialDeviceConfig) -> AsyncIterator[Line]:
    """The device's port, open inside the block. Raises what `open_transport` raises."""
    line = await open_transport(
        config.port,
        baudrate=config.baudrate,
        bytesize=config.bytesize,
        parity=config.parity,
        stopbits=config.stopbits,
    )
    try:
        yield line
    finally:
        await line.close()


async def open_transport(
    port: str,
    *,
    baudrate: int = 9600,
    bytesize: Literal[7, 8] = 8,
    parity: Parity = "N",
    stopbits: Literal[1, 2] = 1,
) -> Line:
    """Open `/dev/...` (exclusively) or `tcp://host:port`.

    Raises TransientError `port_absent`, `port_busy`, `port_denied`, `port_not_serial` or `port_unreachable`.
    """
    if port.startswith("tcp://"):
        return await _open_tcp(port)
    import serialx  # a site whose devices are all on the network does without it

    loop = asyncio.get_running_loop()
    line = Line(port)
    try:
        await serialx.create_serial_connection(
            loop,
            lambda: line,
            port,
            baudrate=baudrate,
            byte_size=bytesize,
            parity=serialx.Parity(parity),
            stopbits=serialx.StopBits(stopbits),
            exclusive=True,
        )
    except FileNotFoundError as err:
        raise TransientError("port_absent", port=port) from err
    except PermissionError as err:  # on replug the node is root's alone until udev has set its group
        raise TransientError("port_denied", port=port) from err
    except (OSError, serialx.SerialException) as err:
        if getattr(err, "errno", None) == errno.EBUSY:
            raise TransientError("port_busy", port=port) from err
        if getattr(err, "errno", None) == errno.ENOTTY or _is_no_device(Path(port)):
            raise TransientError("port_not_serial", port=port) from err
        raise TransientError("port_unreachable", port=port, why=str(err)) from err
    return line


def _is_no_device(node: Path) -> bool:
    """A file, a directory, a socket: nothing that a driver of the kernel stands behind."""
    return node.exists() and not node.is_char_device()


async def _open_tcp(port: str) -> Line:
    url = urlsplit(port)
    assert url.hostname and url.port, "the settings were checked"
    line = SocketLine(port)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            ours = await _connected(url.hostname, url.port)
            await asyncio.get_running_loop().create_connection(lambda: line, sock=ours)
    except (OSError, TimeoutError) as err:
        raise TransientError("port_unreachable", port=port, why=str(err) or "no_answer") from err
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _TCP.items():
        ours.setsockopt(socket.IPPROTO_TCP, option, value)
    return line


async def _connected(host: str, port: int) -> socket.socket:
    """At the first of the host's addresses that takes us, in the resolver's order. Raises OSError, TimeoutError."""
    refused: list[str] = []
    for family, kind, proto, _, address in await _addresses(host, port):
        try:
            with ExitStack() as unless_connected:
                ours = unless_connected.enter_context(socket.socket(family, kind, proto))
                ours.setblocking(False)
                await asyncio.get_running_loop().sock_connect(ours, address)
                unless_connected.pop_all()
                return ours
        except OSError as err:
            refused.append(str(err))
    raise OSError(", ".join(refused))


async def _addresses(host: str, port: int) -> _Addresses:
    """Raises OSError where the name has none, TimeoutError where the resolver does not say."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # no number of this family
            socket.inet_pton(family, host)
            return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
    found = await _resolver(host, port).result(CONNECT_TIMEOUT_S)
    if found is None:
        raise TimeoutError
    return found


@cache
def _resolver(host: str, port: int) -> Worker[_Addresses]:
    """The device's own, kept from one try to the next: a resolver without a network holds its thread for half a minute.

    In the event loop's threads, which are few, such lookups would keep all else waiting.
    """
    return Worker(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
