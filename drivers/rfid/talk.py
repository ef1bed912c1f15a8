"""Questions to a reader on a line and its answers, beside what it says unasked."""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

from drivers.common.framing import FrameParser
from drivers.common.line import Line
from model.errors import TransientError
from model.time import Clock, Stamp

GAP_S = 0.3
"""A line on which nothing came for so long is silent: what began on it and is not whole never will be."""
PIECE_BYTES = 2048
"""So much at a time: a flood does not hold the event loop."""
SETTLE_S = 0.1
SETTLE_READS = 20

F = TypeVar("F")


async def settle(line: Line) -> None:
    """Let pass what is still on its way from before, up to a silence; a reader that never falls silent is not waited for."""
    for _ in range(SETTLE_READS):
        if not await line.read(SETTLE_S):
            return


class Talk(Generic[F]):
    """Frames go to who waits for them; all others to `unasked`, with the time when they came."""

    def __init__(self, line: Line, parser: FrameParser[F], clock: Clock, unasked: Callable[[F, Stamp], None]) -> None:
        self.parser = parser
        self._line = line
        self._clock = clock
        self._unasked = unasked
        self._ready: deque[tuple[F, Stamp]] = deque()
        self._came_at = clock.now()

    async def say(self, frame: bytes) -> None:
        """What came before it is no answer to it."""
        await self._feed(await self._line.read(0))
        self._hand_over()
        await self._line.write(frame)

    async def ask(self, question: bytes, mine: Callable[[F], bool], seconds: float) -> F:
        """The answer. Raises TransientError `device_silent` or `device_not_understood`."""
        await self.say(question)
        return (await self.next(mine, seconds))[0]

    async def next(
        self, mine: Callable[[F], bool], seconds: float, meanwhile: Callable[[], float] = lambda: inf
    ) -> tuple[F, Stamp]:
        """The next frame that belongs to the answer. `meanwhile` is done before each wait, and says how long that may be.

        Raises as `ask`.
        """
        until = self._clock.mono() + seconds * 1e6
        heard = False
        while True:
            while self._ready:
                frame, at = self._ready.popleft()
                if mine(frame):
                    return frame, at
                self._unasked(frame, at)
            left = (until - self._clock.mono()) / 1e6
            if left > 0:
                heard = await self._read(min(left, meanwhile())) or heard
            elif self.parser.pending:
                self._flush()
            else:
                code = "device_not_understood" if heard else "device_silent"
                raise TransientError(code, port=self._line.port)

    async def hear(self, seconds: float) -> bool:
        """Whether anything came within that time, or until the line was silent; all of it was unasked."""
        came = await self._read(seconds)
        self._hand_over()
        return came

    async def _read(self, seconds: float) -> bool:
        """Not beyond the silence that ends a frame which is not whole: only then is it given up."""
        if self.parser.pending:
            seconds = min(seconds, GAP_S - self._silent_s())
        came = await self._line.read(max(0.0, seconds))
        await self._feed(came)
        if not came and self._silent_s() >= GAP_S:
            self._flush()
        return bool(came)

    def _silent_s(self) -> float:
        return asyncio.get_running_loop().time() - self._line.heard_at

    async def _feed(self, came: bytes) -> None:
        if came:
            self._came_at = self._clock.now()
        for start in range(0, len(came), PIECE_BYTES):
            if start:
                await asyncio.sleep(0)
            self._take(self.parser.feed(came[start : start + PIECE_BYTES]))

    def _flush(self) -> None:
        self._take(self.parser.flush())

    def _take(self, frames: list[F]) -> None:
        self._ready.extend((frame, self._came_at) for frame in frames)

    def _hand_over(self) -> None:
        while self._ready:
            self._unasked(*self._ready.popleft())
