"""The real daemon as a process whose wall clock a test moves while it runs; CLOCK_BOOTTIME and CLOCK_MONOTONIC stay true."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from gateway.client import DaemonAbsent, ask

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
LIBRARY = "libfaketime.so.1"


def _library() -> Path:
    """Where Debian's `faketime` has put it, on whatever architecture."""
    return next(Path("/usr/lib").glob(f"*/faketime/{LIBRARY}"))


class FakedDaemon:
    """What it is asked goes over its control socket. All times are microseconds."""

    def __init__(self, process: asyncio.subprocess.Process, data: Path, offset: Path) -> None:
        self.process = process
        self._data = data
        self._offset = offset

    def move(self, seconds: int) -> None:
        """From now on the wall clock is so far from the true one."""
        _move(self._offset, seconds)

    async def ask(self, op: str, **params: object) -> list[Any]:
        return await asyncio.to_thread(lambda: list(ask(self._data, op, **params)))

    async def snapshot(self) -> dict[str, Any]:
        (snapshot,) = await self.ask("snapshot")
        return dict(snapshot)

    async def records(self, stream: str, *kinds: str) -> list[dict[str, Any]]:
        found = await self.ask("tail", stream=stream, count=10_000)
        return [record for record in found if not kinds or record["kind"] in kinds]

    async def until(self, good: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The first snapshot that is good; the test's own time limit ends it."""
        return await self._until(self.snapshot, good)

    async def until_records(self, stream: str, kind: str, count: int, *, since: int = 0) -> list[dict[str, Any]]:
        """At least so many whose time is not before `since`. A snapshot may show what is not durable yet."""

        async def found() -> list[dict[str, Any]]:
            return [record for record in await self.records(stream, kind) if record["at"] >= since]

        return await self._until(found, lambda records: len(records) >= count)

    async def _until(self, asked: Callable[[], Awaitable[T]], good: Callable[[T], object]) -> T:
        while True:
            try:
                answer = await asked()
            except DaemonAbsent:  # it is not up yet
                assert self.process.returncode is None
            else:
                if good(answer):
                    return answer
            await asyncio.sleep(0.1)


def _move(offset: Path, seconds: int) -> None:
    """Whole or not at all: it is read all the time."""
    new = offset.with_suffix(".new")
    new.write_text(f"{seconds:+d}\n")
    new.replace(offset)


@asynccontextmanager
async def daemon(config: Path, data: Path, *, seconds: int = 0) -> AsyncIterator[FakedDaemon]:
    """Running inside the block with a wall clock that is so far off; at its end it stops in order."""
    offset = config.with_name("offset")
    _move(offset, seconds)
    faked = {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "run", "--config", str(config), "--data", str(data),
        cwd=ROOT, env=os.environ | faked,
    )  # fmt: skip
    try:
        yield FakedDaemon(process, data, offset)
    finally:
        if process.returncode is None:
            process.terminate()
        assert await process.wait() == 0


def now_us() -> int:
    return time.time_ns() // 1000
