"""A scanner that types, and its kernel, for the real python-evdev in a child process below `evdevshim.c`; and that child, our driver.

What it cannot show: what a real scanner types, and the kernel's own queue when nobody reads.
"""

import asyncio
import fcntl
import json
import os
import struct
import sys
import termios
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from drivers.scanner.config import WedgeConfig
from drivers.scanner.wedge import WedgeDevice
from model.errors import DriverError
from model.observation import Observation, Scan
from model.ports import Health
from support.context import MemoryContext
from support.evdev_keys import Event
from support.gpio import Child
from support.shims import compiled

SHIM = Path(__file__).with_name("evdevshim.c")

_EVENT = struct.Struct("@llHHi")


class Keyboard:
    """Stands at `path` as long as it is plugged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = -1
        self.plug()

    def plug(self) -> None:
        os.mkfifo(self.path)
        self._end = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)

    def unplug(self) -> None:
        """The node vanishes, and who has it open loses it."""
        if self._end >= 0:
            os.close(self._end)
            self.path.unlink()
            self._end = -1

    def press(self, events: Iterable[Event]) -> None:
        now = time.time_ns() // 1000
        os.write(self._end, b"".join(_EVENT.pack(now // 1_000_000, now % 1_000_000, *event) for event in events))

    def holds(self, keys: Iterable[int] = (), leds: Iterable[int] = ()) -> None:
        """What the kernel says when it is asked the next time."""
        for suffix, numbers in ((".leds", leds), (".keys", keys)):
            bits = sum(1 << number for number in numbers)
            self.path.with_name(self.path.name + suffix).write_bytes(bits.to_bytes(96, "little"))

    @property
    def asked(self) -> bool:
        """Whether what it `holds` was told."""
        return not self.path.with_name(self.path.name + ".leds").exists()

    @property
    def unread(self) -> bool:
        return any(fcntl.ioctl(self._end, termios.FIONREAD, b"\0\0\0\0"))


async def start(keyboard: Path, settings: dict[str, Any]) -> Child:
    settings = {"id": "scan1", "driver": "wedge", "port": str(keyboard), **settings}
    shim = {"LD_PRELOAD": str(compiled(SHIM)), "EVDEV_NODE": str(keyboard), "PYTHONPATH": str(SHIM.parents[1])}
    command = [sys.executable, "-m", "support.evdev", json.dumps(settings)]
    return Child(await asyncio.create_subprocess_exec(*command, env=os.environ | shim, stdin=PIPE, stdout=PIPE))


# the child


def _say(told: object) -> None:
    print(json.dumps(told), flush=True)


class _Context(MemoryContext):
    def emit(self, observation: Observation) -> None:
        assert isinstance(observation, Scan)
        _say({"data": observation.data.hex(), "aim": observation.symbology, "doubt": observation.doubt})

    def health(self, health: Health, error: DriverError | None = None) -> None:
        _say([str(health), error.code if error else None])


async def _child() -> None:
    config = WedgeConfig.model_validate_json(sys.argv[1])
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = asyncio.create_task(_run(WedgeDevice(config, _Context(config.id))))
    await reader.readline()  # the only command: to cancel
    running.cancel()
    await asyncio.wait([running])
    _say(["done"])


async def _run(device: WedgeDevice) -> None:
    try:
        await device.run()
    except DriverError as err:
        _say([type(err).__name__, err.code])


if __name__ == "__main__":
    asyncio.run(_child())
