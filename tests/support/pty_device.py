"""What hangs on a serial line and is no proper slave: a pseudo terminal whose other end a test plays by hand."""

import asyncio
import os
import termios
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_SPEEDS = {getattr(termios, f"B{n}"): n for n in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}


class PtyDevice:
    """`answer` is given what came and the speed at which the other side has set the line, and says what goes back."""

    def __init__(self, answer: Callable[[bytes, int], bytes]) -> None:
        self._answer = answer
        self._master, self._slave = os.openpty()
        for end in (self._master, self._slave):
            tty.setraw(end)
        self.endpoint = os.ttyname(self._slave)
        self.asked = asyncio.Event()

    def _readable(self) -> None:
        data = os.read(self._master, 4096)
        self.asked.set()
        os.write(self._master, self._answer(data, _SPEEDS[termios.tcgetattr(self._master)[4]]))

    def say(self, data: bytes) -> None:
        os.write(self._master, data)


@asynccontextmanager
async def pty_device(answer: Callable[[bytes, int], bytes]) -> AsyncIterator[PtyDevice]:
    """On the line inside the block."""
    device = PtyDevice(answer)
    loop = asyncio.get_running_loop()
    loop.add_reader(device._master, device._readable)
    try:
        yield device
    finally:
        loop.remove_reader(device._master)
        os.close(device._master)
        os.close(device._slave)
