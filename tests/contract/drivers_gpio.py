"""The bench of GPIO lines: the driver in a child process, with the real libgpiod over a kernel that the test plays."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from model.errors import TransientError
from model.observation import Poll
from model.ports import Health
from support.driver_bench import Bench, BenchContext
from support.gpio import Child, Chip, start

BUTTON = 4


class InChild:
    """Hands on what the child tells, and the cancelling to it."""

    def __init__(self, path: Path, chip: Chip, context: BenchContext) -> None:
        self._path = path
        self._chip = chip
        self._context = context

    async def run(self) -> None:
        child = await start(self._path, {"inputs": {"button": {"line": BUTTON, "debounce_s": 0}}})
        try:
            while True:
                await child.line()
                self._hand_on(child)
        except asyncio.CancelledError:
            await child.command("cancel")
            assert not self._chip.lines[BUTTON].consumer, "the driver has not given the line back"
            raise
        finally:
            await child.stop()

    def _hand_on(self, child: Child) -> None:
        for poll in child.polls:
            self._context.emit(cast(Poll, poll))
        child.polls.clear()
        for what, *more in child.said:
            if what == "TransientError":
                raise TransientError(more[0])
            self._context.health(Health(what))
        child.said.clear()


class Lines(Bench):
    """A button, pressed and let go: word n is what its level says after n changes."""

    family, name = "gpio", "lines"
    complaints = {"absent": "gpio_absent", "busy": "gpio_busy", "denied": "gpio_denied"}  # noqa: RUF012
    moments = 0  # opening is one step

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._chip: Chip | None = None
        self.said.append(0)

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> InChild:
        assert self._chip
        return InChild(Path(port) if port else self._chip.path, self._chip, context)

    def number(self, observation: Any) -> int | None:
        raise NotImplementedError("a level says which word it is only together with those before it: see told")

    def told(self, context: BenchContext) -> list[int]:
        levels = [poll["button"] for poll in context.observations if isinstance(poll["button"], int)]
        changes = [0]
        for before, after in zip([0, *levels], levels, strict=False):
            changes.append(changes[-1] + (before != after))
        assert set(changes) <= set(self.said), f"told {levels}, said {self.said}"
        return changes

    async def plug(self) -> None:
        if self._chip:
            self._chip.plug()
        else:
            self._chip = Chip(self.directory / "chip")

    def unplug(self) -> None:
        assert self._chip
        self._chip.close()

    @contextmanager
    def held(self) -> Iterator[None]:
        assert self._chip
        self._chip.lines[BUTTON].consumer = "somebody"
        yield
        self._chip.lines[BUTTON].consumer = ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        assert self._chip
        self._chip.denied = True
        yield

    def next(self) -> None:
        assert self._chip
        self.said.append(len(self.said))
        self._chip.move(BUTTON, None if self.said[-1] % 2 == 0 else 0)
