"""A GPIO chip and its kernel, for the real libgpiod in a child process below `gpioshim.c`; and that child, our driver.

It answers what <linux/gpio.h> (v2) and the kernel's gpiolib-cdev say: lines are taken by one, levels are logical, edges come
after the debounce period. What it cannot show: what a real chip's pins do electrically, interrupts that come late, levels
after the lines were given back, and the errno of a read from the lines of a chip that is gone (EIO here, ENODEV there).
"""

import asyncio
import errno
import json
import os
import socket
import struct
import sys
import time
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.gpio.config import GpioConfig
from drivers.gpio.driver import GpioDevice
from model.errors import DriverError
from model.observation import Observation, Poll
from model.ports import Health
from support.context import HANG_S, MemoryContext
from support.shims import compiled

SHIM = Path(__file__).with_name("gpioshim.c")

_GET_CHIPINFO, _GET_LINEINFO, _GET_LINE, _GET_VALUES, _SET_VALUES = 0x01, 0x05, 0x07, 0x0E, 0x0F
_OPEN = 0
_ACTIVE_LOW, _INPUT, _OUTPUT, _RISING, _FALLING, _PULL_UP, _PULL_DOWN = (1 << bit for bit in (1, 2, 3, 4, 5, 8, 9))
_USED = 1
_FLAGS, _VALUES, _DEBOUNCE = 1, 2, 3
_CHIPINFO = struct.Struct("=32s32sI")
_ATTR = struct.Struct("=IIQQ")
_CONFIG = struct.Struct("=QI20x")
_REQUEST = struct.Struct(f"=64I32s{_CONFIG.size + 10 * _ATTR.size}sII20xi")
_LINEINFO = struct.Struct("=32s32sIIQ176x")
_LEVELS = struct.Struct("=QQ")
_EVENT = struct.Struct("=QIIII24x")


@dataclass
class Line:
    """`outside`: the level that the world gives to the pin, None where nothing does; `level`: the pin's, as the kernel knows it."""

    outside: int | None = None
    level: int = 0
    consumer: str = ""
    flags: int = 0
    debounce_us: int = 0
    settling: asyncio.TimerHandle | None = None

    @property
    def pin(self) -> int:
        return int(bool(self.flags & _PULL_UP)) if self.outside is None else self.outside

    @property
    def logical(self) -> int:
        return self.level ^ int(bool(self.flags & _ACTIVE_LOW))

    @logical.setter
    def logical(self, value: int) -> None:
        self.level = value ^ int(bool(self.flags & _ACTIVE_LOW))


@dataclass
class Taken:
    """Lines that a process has; `end` is ours of their descriptor, out of which edges come."""

    offsets: list[int]
    end: socket.socket
    seqno: int = 0


class Chip:
    """Stands at `path` as long as it is plugged. The test moves its pins."""

    def __init__(self, path: Path, lines: int = 28) -> None:
        self.path = path
        self.denied = self.refusing = False
        self.lines = [Line() for _ in range(lines)]
        self._taken: dict[int, Taken] = {}
        self._handles = 0
        self.plug()

    def plug(self) -> None:
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(str(self.path))
        self._server.listen()
        self._server.setblocking(False)
        asyncio.get_running_loop().add_reader(self._server, self._asked)

    def unplug(self) -> None:
        """The node vanishes, and all who have lines lose them."""
        asyncio.get_running_loop().remove_reader(self._server)
        self._server.close()
        self.path.unlink()
        for handle in list(self._taken):
            self._release(handle)

    def move(self, offset: int, level: int | None, *, edge: bool = True) -> None:
        """From now on the world gives that level to the pin, or nothing does. Without `edge` the kernel misses it."""
        line = self.lines[offset]
        line.outside = level
        if line.settling:
            line.settling.cancel()
            line.settling = None
        if line.pin == line.level or line.flags & _OUTPUT:
            return
        if line.debounce_us and edge:
            loop = asyncio.get_running_loop()
            line.settling = loop.call_later(line.debounce_us / 1e6, self._settle, offset, edge)
        else:
            self._settle(offset, edge)

    def _settle(self, offset: int, edge: bool) -> None:
        line = self.lines[offset]
        line.settling = None
        line.level = line.pin
        wanted = _RISING if line.logical else _FALLING
        if not (edge and line.flags & wanted):
            return
        for taken in self._taken.values():
            if offset in taken.offsets:
                taken.seqno += 1
                at = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
                kind = 1 if line.logical else 2
                taken.end.send(_EVENT.pack(at, kind, offset, taken.seqno, taken.seqno))

    # the kernel's side of the ioctls

    def _asked(self) -> None:
        peer, _ = self._server.accept()
        with peer:
            peer.setblocking(True)
            request = peer.recv(4096)
            command, handle = struct.unpack_from("=II", request)
            data, fds = bytes(request[8:]), list[int]()
            try:
                answer = self._obey(command & 0xFF, handle, data, fds)
                error = 0
            except OSError as err:
                answer, error = data, err.errno or errno.EIO
            socket.send_fds(peer, [struct.pack("=i", error) + answer], fds)
            for fd in fds:
                os.close(fd)

    def _obey(self, command: int, handle: int, data: bytes, fds: list[int]) -> bytes:
        if command == _OPEN:
            if self.denied:
                raise OSError(errno.EACCES, "")
            return b""
        if command == _GET_CHIPINFO:
            return _CHIPINFO.pack(b"gpiochip0", b"test", len(self.lines))
        if command == _GET_LINEINFO:
            return self._info(_LINEINFO.unpack(data)[2])
        if command == _GET_LINE:
            return self._take(data, fds)
        taken = self._taken.get(handle)
        if taken is None:
            raise OSError(errno.ENODEV, "")
        bits, mask = _LEVELS.unpack(data)
        if command == _GET_VALUES:
            levels = sum(self.lines[offset].logical << i for i, offset in enumerate(taken.offsets))
            return _LEVELS.pack(levels & mask, mask)
        assert command == _SET_VALUES, f"ioctl {command:#x}"
        for i, offset in enumerate(taken.offsets):
            if mask >> i & 1:
                self.lines[offset].logical = bits >> i & 1
        return data

    def _info(self, offset: int) -> bytes:
        line = self.lines[offset]
        flags = line.flags | (_USED if line.consumer else 0) or _INPUT
        return _LINEINFO.pack(b"", line.consumer.encode(), offset, 0, flags)

    def _take(self, data: bytes, fds: list[int]) -> bytes:
        *offsets, consumer, config, count, _buffer, _fd = _REQUEST.unpack(data)
        offsets = offsets[:count]
        if self.refusing:
            raise OSError(errno.EINVAL, "")
        if any(self.lines[offset].consumer for offset in offsets):
            raise OSError(errno.EBUSY, "")
        flags, attributes = _CONFIG.unpack_from(config)
        for i, offset in enumerate(offsets):
            line = self.lines[offset]
            line.consumer, line.flags, line.debounce_us = consumer.rstrip(b"\0").decode(), flags, 0
            output = 0
            for kind, _, value, mask in _ATTR.iter_unpack(config[_CONFIG.size :][: attributes * _ATTR.size]):
                if not mask >> i & 1:
                    continue
                if kind == _FLAGS:
                    line.flags = value
                elif kind == _VALUES:
                    output = value >> i & 1
                elif kind == _DEBOUNCE:
                    line.debounce_us = value & 0xFFFFFFFF
            if line.flags & _OUTPUT:
                line.logical = output
            else:
                line.level = line.pin
        self._handles += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._taken[self._handles] = Taken(offsets, ours)
        asyncio.get_running_loop().add_reader(ours, self._release, self._handles)
        fds.append(theirs.detach())
        return data[:-4] + struct.pack("=i", self._handles)

    def _release(self, handle: int) -> None:
        taken = self._taken.pop(handle)
        asyncio.get_running_loop().remove_reader(taken.end)
        taken.end.close()
        for offset in taken.offsets:
            self.lines[offset].consumer = ""
            self.lines[offset].flags = 0

    def close(self) -> None:
        if self.path.exists():
            self.unplug()


class Child:
    """Our driver in a process of its own; what it emits and says comes as lines."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.polls: list[dict[str, Any]] = []
        self.said: list[Any] = []
        """Health, errors that ended `run`, and what became of commands."""

    async def line(self) -> None:
        """Wait for the next thing that it tells."""
        assert self._process.stdout
        async with asyncio.timeout(HANG_S):
            raw = await self._process.stdout.readline()
        assert raw, f"the child ended with {await self._process.wait()}"
        told = json.loads(raw)
        (self.polls if isinstance(told, dict) else self.said).append(told)

    async def until_poll(self, **points: object) -> None:
        """Until a poll says this of these points."""
        seen = len(self.polls)
        while not any(points.items() <= poll.items() for poll in self.polls[seen:]):
            seen = len(self.polls)
            await self.line()

    async def until_said(self, *words: object) -> None:
        while [*words] not in self.said:
            await self.line()

    async def command(self, *words: object) -> list[object]:
        """`run` it again, `switch` or `flash`; what became of it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        seen = len(self.said)
        while len(self.said) == seen or self.said[-1][0] != "done":
            await self.line()
        return list(self.said[-1][1:])

    async def stop(self) -> None:
        self._process.terminate()
        await self._process.communicate()


async def start(chip: Path, settings: dict[str, Any]) -> Child:
    settings = {"id": "io", "driver": "gpio", "chip": str(chip), **settings}
    env = os.environ | {"LD_PRELOAD": str(compiled(SHIM)), "GPIO_CHIP": str(chip), "PYTHONPATH": str(SHIM.parents[1])}
    command = [sys.executable, "-m", "support.gpio", json.dumps(settings)]
    return Child(await asyncio.create_subprocess_exec(*command, env=env, stdin=PIPE, stdout=PIPE))


# the child


def _say(told: object) -> None:
    print(json.dumps(told), flush=True)


class _Context(MemoryContext):
    def emit(self, observation: Observation) -> None:
        assert isinstance(observation, Poll)
        values = dict(zip(observation.map.index, observation.values, strict=True))
        reasons = {name: str(observation.quality_of(i)) for i, (name, v) in enumerate(values.items()) if v is None}
        _say(values | reasons)

    def health(self, health: Health, error: DriverError | None = None) -> None:
        known = len(self.healths)
        super().health(health, error)
        if len(self.healths) > known:
            _say([str(health)])


async def _child() -> None:
    config = GpioConfig.model_validate_json(sys.argv[1], strict=True)
    device = GpioDevice(config, _Context(config.id))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running = asyncio.create_task(_run(device))
    while line := await reader.readline():
        what, *arguments = json.loads(line)
        try:
            if what == "run":
                running = asyncio.create_task(_run(device))
            elif what == "cancel":
                running.cancel()
                await asyncio.wait([running])
            else:
                await getattr(device, what)(*arguments)
            _say(["done"])
        except DriverError as err:
            _say(["done", type(err).__name__, err.code])


async def _run(device: GpioDevice) -> None:
    try:
        await device.run()
    except DriverError as err:
        _say([type(err).__name__, err.code, err.params])


if __name__ == "__main__":
    asyncio.run(_child())
