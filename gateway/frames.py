"""Pictures that records name by their sha256: JPEG files beside the journal, within a bound of bytes. The oldest go first."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from model.observation import Scan

WAITING_MAX = 32
"""Pictures that may wait for a slow card."""
LEFT_BYTES = 512 * 1024 * 1024
"""So much of the disk is left to the journal and to others: a picture is worth less than a record."""

OnMissed = Callable[[Scan], None]


class Frames:
    """`keep` what a camera has seen; `run` until cancelled, then all that waits is written. `HASH.jpg` is a file's name."""

    def __init__(self, folder: Path, limit: int, on_missed: OnMissed) -> None:
        """`on_missed` hears of each scan whose picture could not be kept."""
        self._folder = folder
        self._limit = limit
        self._on_missed = on_missed
        self._waiting: asyncio.Queue[Scan | None] = asyncio.Queue(WAITING_MAX)  # None: no more will come
        self._files: dict[Path, int] | None = None  # bytes of each, the oldest first; None before the first look
        self._held = 0

    def keep(self, scan: Scan) -> None:
        """Hand the picture over and return."""
        if scan.frame is None:
            return
        try:
            self._waiting.put_nowait(scan)
        except asyncio.QueueFull:
            self._on_missed(scan)

    async def run(self) -> None:
        writing = asyncio.create_task(self._write_all())
        try:
            await asyncio.shield(writing)
        finally:
            if not writing.done():
                await self._waiting.put(None)
                await writing

    async def _write_all(self) -> None:
        while (scan := await self._waiting.get()) is not None:
            if not await asyncio.to_thread(self._kept, scan):
                self._on_missed(scan)

    def _kept(self, scan: Scan) -> bool:
        assert scan.frame is not None
        try:
            self._write(scan.frame)
        except OSError:
            return False
        return True

    def _write(self, picture: bytes) -> None:
        """Durable on return. Raises OSError, also where there is no room."""
        if self._files is None:
            self._files, self._held = self._found()
        path = self._folder / f"{hashlib.sha256(picture).hexdigest()}.jpg"
        if path in self._files:
            path.touch()
            self._files[path] = self._files.pop(path)
            return
        self._make_room(self._files, len(picture))
        half = path.with_suffix(".half")
        try:
            with open(half, "wb") as file:
                file.write(picture)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            half.unlink(missing_ok=True)
            raise
        half.rename(path)
        self._files[path] = len(picture)
        self._held += len(picture)
        _sync(self._folder)

    def _found(self) -> tuple[dict[Path, int], int]:
        """What earlier runs have left; what a power cut has left half is removed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for half in self._folder.glob("*.half"):
            half.unlink()
        told = [(path, path.stat()) for path in self._folder.glob("*.jpg")]
        told.sort(key=lambda one: one[1].st_mtime_ns)
        return {path: status.st_size for path, status in told}, sum(status.st_size for _, status in told)

    def _make_room(self, files: dict[Path, int], needed: int) -> None:
        """By letting the oldest go, unless even that would not do."""
        free = shutil.disk_usage(self._folder).free
        bound = min(self._limit, self._held + free - LEFT_BYTES)
        if needed > bound:
            raise OSError(f"no room for a picture of {needed} bytes")
        while self._held + needed > bound:
            path = next(iter(files))
            path.unlink(missing_ok=True)
            self._held -= files.pop(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
