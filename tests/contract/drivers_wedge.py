"""The bench of a scanner that types: the driver in a child process, with the real python-evdev over a kernel that the test plays."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model.errors import TransientError
from model.ports import Health
from support.driver_bench import SOUND, Bench, BenchContext, Manner
from support.evdev import Keyboard, start
from support.evdev_keys import CTRL, ENTER, Event, stroke, typing
from support.gpio import Child

STX = [(1, CTRL, 1), *stroke(48), (1, CTRL, 0)]


class InChild:
    """Hands on what the child tells, and the cancelling to it."""

    def __init__(self, path: Path, settings: dict[str, Any], context: BenchContext) -> None:
        self._path = path
        self._settings = settings
        self._context = context

    async def run(self) -> None:
        child = await start(self._path, self._settings)
        try:
            while True:
                await child.line()
                self._hand_on(child)
        except asyncio.CancelledError:
            await child.command("cancel")
            raise
        finally:
            await child.stop()

    def _hand_on(self, child: Child) -> None:
        for scan in child.polls:
            self._context.emit(scan)  # type: ignore[arg-type]
        child.polls.clear()
        for what, code in child.said:
            if what == "TransientError":
                raise TransientError(code)
            self._context.health(Health(what), TransientError(code) if code else None)
        child.said.clear()


class Keys(Bench):
    """With everything that tells a symbol from what a person types: STX in front, AIM identifier, Enter behind."""

    family, name = "scanner", "wedge"
    complaints = {"absent": "port_absent", "busy": "port_busy", "denied": "port_input_denied"}  # noqa: RUF012
    moments = 0  # opening is one step

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._n = 0
        self._spoke: Manner | None = None
        self._keyboard: Keyboard | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def keyboard(self) -> Keyboard:
        assert self._keyboard
        return self._keyboard

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> InChild:
        gap_ms = round(patience_s * 1000)
        settings = {"prefix": "\x02", "aim": "always", "terminators": ["CR"], "gap_ms": gap_ms}
        return InChild(Path(port) if port else self.keyboard.path, settings, context)

    def number(self, observation: Any) -> int:
        return int(bytes.fromhex(observation["data"]))

    def _word(self) -> list[Event]:
        self._n += 1
        if self.manner in SOUND:
            self.said.append(self._n)
        return [*STX, *typing(f"]E0{self._n:013d}"), *stroke(ENTER)]

    def next(self) -> None:
        self._spoke = self.manner
        press = self.keyboard.press
        match self.manner:
            case Manner.WELL:
                press(self._word())
            case Manner.GLUED:
                press([*self._word(), *self._word()])
            case Manner.SPLIT:
                self._tasks.append(asyncio.get_running_loop().create_task(self._dribble(self._word())))
            case Manner.HALF:
                word = self._word()
                press(word[: len(word) // 2])
            case Manner.GARBAGE:
                press([event for code in (183, 30, 200, 99, 16, 66) for event in stroke(code)] + stroke(ENTER))
            case Manner.STRANGER:
                press([*typing("ls -la"), *stroke(ENTER)])  # somebody's keyboard

    async def _dribble(self, events: list[Event]) -> None:
        for event in events:
            self.keyboard.press([event])
            await asyncio.sleep(0.001)  # a pause is what is wanted

    def begun(self) -> bool:
        return self._spoke is self.manner and not self.keyboard.unread

    async def plug(self) -> None:
        if self._keyboard:
            self._keyboard.plug()
        else:
            self._keyboard = Keyboard(self.directory / "event-kbd")

    def unplug(self) -> None:
        self.keyboard.unplug()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.unplug()

    @contextmanager
    def held(self) -> Iterator[None]:
        fd = os.open(self.keyboard.path, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def locked(self) -> Iterator[None]:
        self.keyboard.path.chmod(0)
        yield
