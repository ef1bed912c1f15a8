"""What every simulator shares: its end of the wire, the log of what went over it, and commands on standard input.

A simulator prints one JSON line with its endpoint when it is ready. Each line on its standard input is a command
`{"do": ..., ...}`; it answers each with one JSON line on standard output: `{"ok": true}` or `{"ok": false, "why": ...}`.
It ends on SIGTERM; the end of standard input does not end it.
"""

import asyncio
import json
import os
import signal
import stat
import sys
import time
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol


class WireLog:
    """Every value and event that the simulator put on the wire, as JSON lines with both clocks in microseconds.

    A line is written out before `__call__` returns, so that it survives a kill of the simulator.
    """

    def __init__(self, path: Path | None, kind: str) -> None:
        self._file = open(path, "a", buffering=1, encoding="utf-8") if path else None
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

    async def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def unplug(self) -> None: ...
    def replug(self) -> None: ...


class Pty:
    """A pseudo terminal. With `link` it always stands at that path, like a stable name under /dev/serial/by-id."""

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._rx: asyncio.Queue[bytes] = asyncio.Queue()
        self._master = -1
        self._slave = -1
        self.endpoint = ""
        self.replug()

    def replug(self) -> None:
        if self._master >= 0:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        name = os.ttyname(self._slave)
        self.endpoint = str(self._link or name)
        if self._link:
            fresh = self._link.with_name(self._link.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(name)
            fresh.replace(self._link)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def unplug(self) -> None:
        """The other side sees the port vanish, as when a USB plug is pulled."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        if self._link:
            self._link.unlink(missing_ok=True)
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

    async def read(self) -> bytes:
        return await self._rx.get()

    def write(self, data: bytes) -> None:
        if self._master >= 0:
            try:
                os.write(self._master, data)
            except BlockingIOError:
                pass  # nobody reads: a UART would lose the bytes too


class Tcp:
    """A listening socket that serves one client at a time, as serial servers do; a new client takes over."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._rx: asyncio.Queue[bytes] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._plugged = True
        self.endpoint = ""

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
    """`--listen HOST:PORT` gives TCP (port 0 picks one), otherwise a pty, at `--port PATH` where given."""
    if listen:
        host, _, number = listen.rpartition(":")
        tcp = Tcp(host or "127.0.0.1", int(number))
        await tcp.start()
        return tcp
    return Pty(Path(port) if port else None)


Commands = dict[str, Callable[..., Awaitable[None] | None]]
"""What `{"do": NAME, **arguments}` on standard input calls."""


async def serve(ready: dict[str, Any], commands: Commands, *work: Awaitable[Any]) -> None:
    """Print `ready`, run `work`, obey standard input; return on SIGTERM or SIGINT. A crash of `work` is raised."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    print(json.dumps(ready), flush=True)
    tasks = [asyncio.ensure_future(w) for w in work]
    tasks.append(asyncio.ensure_future(_obey(commands)))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in [stopping, *tasks]:
        task.cancel()
    results = await asyncio.gather(stopping, *tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _commanded() -> bool:
    """Whether somebody can give commands: standard input is a pipe, a socket or a terminal."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, ValueError, OSError):  # it is closed
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(sys.stdin.fileno())


async def _obey(commands: Commands) -> None:
    if not _commanded():
        await asyncio.Event().wait()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            command = json.loads(line)
            result = commands[command.pop("do")](**command)
            if result is not None:
                await result
            answer: dict[str, Any] = {"ok": True}
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            answer = {"ok": False, "why": f"{type(err).__name__}: {err}", "commands": sorted(commands)}
        print(json.dumps(answer), flush=True)
    await asyncio.Event().wait()
