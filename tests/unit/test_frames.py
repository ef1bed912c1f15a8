"""Pictures beside the journal: named by their hash, durable, bounded, and never at the cost of records."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway import frames
from gateway.frames import Frames
from model.observation import Scan
from model.time import Stamp, TimeQuality

AT = Stamp("boot", 0, TimeQuality("ntp", 1), 0)


def scan(picture: bytes | None) -> Scan:
    return Scan("cam", b"690", AT, frame=picture)


def names(*pictures: bytes) -> set[str]:
    return {f"{hashlib.sha256(picture).hexdigest()}.jpg" for picture in pictures}


def there(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@asynccontextmanager
async def keeping(folder: Path, limit: int = 1000) -> AsyncIterator[tuple[Frames, list[Scan]]]:
    """At the end of the block all that was handed over has been dealt with."""
    missed: list[Scan] = []
    kept = Frames(folder, limit, missed.append)
    running = asyncio.create_task(kept.run())
    await asyncio.sleep(0)
    yield kept, missed
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_picture_is_a_file_by_its_hash(tmp_path: Path) -> None:
    """What waits when the gateway stops is still written; a scan without a picture has none; the same is kept once."""
    folder = tmp_path / "frames"
    async with keeping(folder) as (kept, missed):
        for picture in (b"one", None, b"two", b"one"):
            kept.keep(scan(picture))
    assert there(folder) == names(b"one", b"two")
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.stem for path in folder.iterdir())
    assert missed == []


async def test_the_oldest_go_first(tmp_path: Path) -> None:
    """Also those of an earlier run, by their age; what a power cut has left half goes at once."""
    old = [bytes([n]) * 300 for n in range(3)]
    async with keeping(tmp_path) as (kept, _):
        for picture in old:
            kept.keep(scan(picture))
    for age, picture in enumerate(old[::-1]):
        (name,) = names(picture)
        os.utime(tmp_path / name, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "torn.half").write_bytes(b"x" * 10)
    async with keeping(tmp_path) as (kept, missed):
        kept.keep(scan(b"n" * 500))
    assert there(tmp_path) == names(old[2], b"n" * 500)
    assert missed == []


async def test_what_is_seen_again_is_not_old(tmp_path: Path) -> None:
    one, two, three = (bytes([n]) * 400 for n in range(3))
    async with keeping(tmp_path) as (kept, _):
        for picture in (one, two, one, three):
            kept.keep(scan(picture))
    assert there(tmp_path) == names(one, three)


async def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a disk that others have filled costs no picture that is there."""
    async with keeping(tmp_path) as (kept, missed):
        kept.keep(scan(b"old"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _broken)
        async with keeping(tmp_path) as (kept, missed):
            kept.keep(scan(b"new"))
        assert missed == [scan(b"new")]
    monkeypatch.setattr(frames, "LEFT_BYTES", shutil.disk_usage(tmp_path).total)
    async with keeping(tmp_path) as (kept, missed):
        kept.keep(scan(b"new"))
    assert missed == [scan(b"new")]
    assert there(tmp_path) == names(b"old")


def _broken(_: int) -> None:
    raise OSError(5, "Input/output error")


async def test_what_has_no_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger than the bound, a disk that is nearly full, a folder that cannot be: the scan is told, and nothing is left half."""
    large = scan(b"l" * 1001)
    async with keeping(tmp_path / "a") as (kept, missed):
        kept.keep(large)
    assert missed == [large]
    assert there(tmp_path / "a") == set()
    (tmp_path / "file").touch()
    async with keeping(tmp_path / "file") as (kept, missed):
        kept.keep(scan(b"x"))
    assert missed == [scan(b"x")]
    monkeypatch.setattr(frames, "LEFT_BYTES", shutil.disk_usage(tmp_path).total)
    async with keeping(tmp_path / "b") as (kept, missed):
        kept.keep(scan(b"x"))
    assert missed == [scan(b"x")]


async def test_more_than_can_wait_is_told(tmp_path: Path) -> None:
    missed: list[Scan] = []
    kept = Frames(tmp_path, 1000, missed.append)
    for n in range(frames.WAITING_MAX + 2):
        kept.keep(scan(bytes([n])))
    assert missed == [scan(bytes([n])) for n in range(frames.WAITING_MAX, frames.WAITING_MAX + 2)]
