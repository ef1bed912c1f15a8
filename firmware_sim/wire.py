"""What every simulator shares: its end of the wire, and the log of what went over it."""

import asyncio
import json
import os
import re
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

_SPEEDS = {value: int(name[1:]) for name, value in vars(termios).items() if re.fullmatch(r"B[1-9]\d*", name)}


class Unusable(Exception):
    """A path or an address that the simulator was given cannot be used; the text is one line for the person."""


class WireLog:
    """Every value and event that the simulator put on the wire, as JSON lines with both clocks in microseconds.

    A line is written out before `__call__` returns, so that it survives a kill of the simulator. Raises Unusable.
    """

    def __init__(self, path: Path | None, kind: str) -> None:
        try:
            self._file = open(path, "a", buffering=1, encoding="utf-8") if path else None
        except OSError as err:
            raise Unusable(f"{path}: {err.strerror}") from err
        self._kind = kind

    def __call__(self, event: str, **fields: Any) -> None:
        if self._file:
            line = {
                "t": time.time_ns() // 1000,
                "mono": time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000,
                "sim": self._kind,
                "event": event,
                **fields,
            }
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


class Wire(Protocol):
    """The simulator's end of a byte stream. While it is unplugged, `write` goes nowhere and `read` waits."""

    endpoint: str

    @property
    def speed(self) -> int | None:
        """What the other side has set its port to, in baud; None where there is no such thing."""
        ...

    async def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def unplug(self) -> None: ...
    def replug(self) -> None: ...


class Pty:
    """A pseudo terminal. With `link` it always stands at that path, like a stable name under /dev/serial/by-id.

    The link of a simulator that was killed is replaced. Raises Unusable where anything else is in its place.
    """

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._rx: asyncio.Queue[bytes] = asyncio.Queue()
        self._master = -1
        self._slave = -1
        self._name = ""
        self.endpoint = ""
        self.replug()

    def replug(self) -> None:
        if self._master >= 0:
            return
        master, slave = os.openpty()
        self._name = os.ttyname(slave)
        self.endpoint = str(self._link or self._name)
        try:
            if self._link:
                _stand(self._link, self._name)
        except Unusable:
            os.close(master)
            os.close(slave)
            raise
        tty.setraw(master)
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._master, self._slave = master, slave
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def unplug(self) -> None:
        """The other side sees the port vanish, as when a USB plug is pulled."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        if self._link and self._link.is_symlink() and str(self._link.readlink()) == self._name:
            self._link.unlink()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except OSError:
            return
        if data:
            self._rx.put_nowait(data)

    @property
    def speed(self) -> int | None:
        if self._slave < 0:
            return None
        return _SPEEDS.get(termios.tcgetattr(self._slave)[5])

    async def read(self) -> bytes:
        return await self._rx.get()

    def write(self, data: bytes) -> None:
        if self._master >= 0:
            try:
                os.write(self._master, data)
            except BlockingIOError:
                pass  # nobody reads: a UART would lose the bytes too


def _stand(link: Path, name: str) -> None:
    """Make the link, which never replaces anything but a link. Raises Unusable."""
    try:
        if link.is_symlink():
            link.unlink()
        link.symlink_to(name)
    except FileExistsError as err:
        raise Unusable(f"{link} is there already and is no symbolic link: it stays as it is") from err
    except OSError as err:
        raise Unusable(f"{link}: {err.strerror}") from err


class Tcp:
    """A listening socket that serves one client at a time, as serial servers do; a new client takes over."""

    speed = None
    connected: Callable[[], None]
    """Called for each new client."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._rx: asyncio.Queue[bytes] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._plugged = True
        self.endpoint = ""
        self.connected = lambda: None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self._port)
        host, port = self._server.sockets[0].getsockname()[:2]
        self._port = port
        self.endpoint = f"tcp://{host}:{port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._plugged:
            writer.transport.abort()
            return
        if self._writer:
            self._writer.close()
        self._writer = writer
        self.connected()
        try:
            while data := await reader.read(4096):
                self._rx.put_nowait(data)
        except ConnectionError:
            pass
        finally:
            writer.close()
            if self._writer is writer:
                self._writer = None

    async def read(self) -> bytes:
        return await self._rx.get()

    def write(self, data: bytes) -> None:
        if self._writer:
            self._writer.write(data)

    def unplug(self) -> None:
        self._plugged = False
        if self._writer:
            self._writer.transport.abort()
            self._writer = None

    def replug(self) -> None:
        self._plugged = True


async def open_wire(port: str | None, listen: str | None) -> Pty | Tcp:
    """`--listen HOST:PORT` gives TCP (port 0 picks one), otherwise a pty, at `--port PATH` where given.

    Raises Unusable.
    """
    if listen:
        host, _, number = listen.rpartition(":")
        tcp = Tcp(host or "127.0.0.1", int(number))
        try:
            await tcp.start()
        except OSError as err:
            raise Unusable(f"{listen}: {err.strerror}") from err
        return tcp
    return Pty(Path(port) if port else None)
