"""Whose turn it is on a line: the most urgent first, then who has waited longest."""

import asyncio
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count


class Priority(IntEnum):
    """Lower goes first."""

    WRITE = 0
    URGENT = 1
    NORMAL = 2


class Turns:
    """A lock that is handed on by priority. Where nobody waits, it costs no turn of the event loop."""

    def __init__(self) -> None:
        self._taken = False
        self._numbers = count()
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []

    async def take(self, priority: Priority) -> None:
        """Returns when it is ours; `give` must follow. Raises what `close` was given."""
        if not self._taken:
            self._taken = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (priority, next(self._numbers), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give()  # it had just become ours
            raise

    def give(self) -> None:
        """The next one's turn."""
        while self._waiting:
            _, _, turn = heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False

    def close(self, error: Exception) -> None:
        """Send all away who wait. The turn that is taken goes on until it is given."""
        for _, _, turn in self._waiting:
            if not turn.done():
                turn.set_exception(error)
        self._waiting.clear()
