"""The thread that reads, so that capturing never waits for reading."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sync.journal.segment import Segment

_OPEN_MAX = 6

T = TypeVar("T")


class Reader:
    """Has a few segments open, the one that was opened first being closed for another."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "journal-reader")
        self._open: dict[Path, Segment] = {}

    async def call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def segment(self, path: Path, closed: bool) -> Segment:
        """For work in the reader's thread."""
        if path not in self._open:
            if len(self._open) >= _OPEN_MAX:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = Segment(path, writable=False, closed=closed)
        return self._open[path]

    async def forget(self, path: Path) -> None:
        """Close it: its room on the disk is free only then."""

        def close() -> None:
            if segment := self._open.pop(path, None):
                segment.close()

        await self.call(close)

    def close(self) -> None:
        self._thread.shutdown()
        for segment in self._open.values():
            segment.close()
