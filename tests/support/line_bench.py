"""Benches of devices on a line: how their words go over a pseudo terminal or a socket, in every manner."""

import asyncio
import fcntl
import os
import termios
from abc import abstractmethod
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from firmware_sim.wire import Pty, Tcp
from support.driver_bench import GARBAGE, PATIENT_S, SOUND, Bench, Manner, nobody

SLOW_S = 0.05


class LineBench(Bench):
    """A device on a pseudo terminal, or on a TCP port where `tcp`."""

    complaints = {"absent": "port_absent", "busy": "port_busy", "denied": "port_denied"}  # noqa: RUF012
    tcp: ClassVar[bool] = False
    stranger: ClassVar[bytes]
    """Golden bytes of another protocol."""

    @abstractmethod
    def word(self, n: int) -> bytes:
        """Word number n, as this device says it now."""

    @abstractmethod
    def hear(self, asked: bytes) -> None:
        """The driver has said this: `speak` what the device answers to it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._n = 0
        self._spoke: Manner | None = None
        self._patience_s = PATIENT_S
        self._wire: Pty | Tcp | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> str:
        assert self._wire
        return self._wire.endpoint

    @property
    def absent(self) -> str:
        return "tcp://127.0.0.1:1" if self.tcp else super().absent  # nobody listens there

    async def plug(self) -> None:
        if self._wire:
            self._wire.replug()
            return
        if self.tcp:
            self._wire = Tcp("127.0.0.1", 0)
            await self._wire.start()
        else:
            self._wire = Pty(self.directory / "port")
        self._later(self._listen(self._wire))

    def next(self) -> None:
        """By itself, unasked. Glued: two words."""
        self._n += 1
        data = self.word(self._n)
        if self.manner is Manner.GLUED:
            self.said.append(self._n)
            self._n += 1
            data += self.word(self._n)
        self.speak(data, self._n)

    def begun(self) -> bool:
        unread = b"\0\0\0\0"
        if isinstance(self._wire, Pty):
            unread = fcntl.ioctl(self._wire._slave, termios.FIONREAD, unread)
        return self._spoke is self.manner and not any(unread)

    def unplug(self) -> None:
        assert self._wire
        self._wire.unplug()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        self.unplug()
        if isinstance(self._wire, Tcp) and self._wire._server:
            self._wire._server.close()
            await self._wire._server.wait_closed()
        for error in ended:
            if isinstance(error, Exception):
                raise error  # of the bench

    @contextmanager
    def held(self) -> Iterator[None]:
        if self.tcp:  # has no owner
            yield
            return
        fd = os.open(self.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def locked(self) -> Iterator[None]:
        Path(self.port).chmod(0)
        with nobody():
            yield

    def speak(self, data: bytes, says: int | None = None) -> None:
        """Put these bytes on the line in the manner of the moment; `says` is the number of the word in them."""
        assert self._wire
        write = self._wire.write
        self._spoke = self.manner
        if says is not None and self.manner in SOUND:
            self.said.append(says)
        match self.manner:
            case Manner.WELL | Manner.GLUED:
                write(data)
            case Manner.GARBAGE:
                write(GARBAGE)
            case Manner.CORRUPT:
                write(corrupt(data))
            case Manner.HALF:
                write(data[: len(data) // 2])
            case Manner.SPLIT:
                self._later(self._dribble(data))
            case Manner.SLOW:
                asyncio.get_running_loop().call_later(SLOW_S, write, data)
            case Manner.LATE:
                asyncio.get_running_loop().call_later(1.5 * self._patience_s, self._write_late, data)
            case Manner.STRANGER:
                write(self.stranger)

    def _write_late(self, data: bytes) -> None:
        assert self._wire
        self._wire.write(data)
        self.late += 1

    async def _dribble(self, data: bytes) -> None:
        assert self._wire
        for byte in data:
            self._wire.write(bytes((byte,)))
            await asyncio.sleep(0.002)  # a pause is what is wanted

    async def _listen(self, wire: Pty | Tcp) -> None:
        while True:
            heard = await wire.read()
            self.asked.set()
            self.hear(heard)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))


class PolledBench(LineBench):
    """It speaks only when it is asked, and says the newest word each time."""

    def next(self) -> None:
        self._n += 1

    def answer(self) -> None:
        """`speak` the newest word. Glued: with an answer behind it that nobody has asked for."""
        second = self.word(self._n + 1000) if self.manner is Manner.GLUED else b""
        self.speak(self.word(self._n) + second, self._n)


def corrupt(data: bytes) -> bytes:
    """One bit in its middle is another."""
    middle = len(data) // 2
    return data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :]
