"""Listening to the bytes on a driver's line, now and after each reconnect. Costs nothing while nobody listens."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import ContextVar
from typing import Literal, NamedTuple

from model.errors import TransientError

To = Literal["device", "gateway"]
Tap = Callable[[To, bytes], None]

TAPS: ContextVar[Sequence[Tap]] = ContextVar("taps", default=())
"""Who listens to the lines that are opened in this context; may change while they are open."""

_AHEAD_MAX = 10_000


class Heard(NamedTuple):
    """Bytes that went over the line `us` microseconds after the listening began."""

    us: int
    to: To
    data: bytes


async def listen(taps: list[Tap], seconds: float | None) -> AsyncIterator[Heard | None]:
    """None once it listens, then all that goes over the line, for that long or until closed.

    Raises TransientError `recording_behind` where its reader does not keep up: with a hole it would be of no use.
    """
    heard: asyncio.Queue[Heard | None] = asyncio.Queue(_AHEAD_MAX)
    loop = asyncio.get_running_loop()
    until = None if seconds is None else loop.time() + seconds
    began = time.monotonic_ns()
    behind = False

    def tap(to: To, data: bytes) -> None:
        nonlocal behind
        behind = behind or heard.full()
        if not behind:
            heard.put_nowait(Heard((time.monotonic_ns() - began) // 1000, to, data))

    taps.append(tap)
    try:
        yield None
        while not (behind and heard.empty()):
            try:
                async with asyncio.timeout_at(until):
                    one = await heard.get()
            except TimeoutError:
                return
            yield one
        raise TransientError("recording_behind")
    finally:
        taps.remove(tap)
