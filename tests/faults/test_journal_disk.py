"""A disk that is full, too small or read-only: an error, nothing half taken, and all well again afterwards."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.errors import StoreError, StoreFull
from model.record import Draft, Stream
from support.disk import files_end_at
from support.journals import GW, drafts, drop_oldest, files, numbers
from sync.journal.journal import Journal
from sync.journal.stores import Stores

SMALL = 128 * 1024
RAMDISK_BYTES = 2 * 1024 * 1024


@pytest.fixture
def ramdisk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of our own; only root may make one."""
    directory = tmp_path / "ramdisk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={RAMDISK_BYTES}", "tmpfs", str(directory)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


def remount(directory: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", directory], check=True)


async def fill(journal: Journal, stream: Stream, first: int) -> tuple[int, StoreError]:
    """Append one by one until the disk takes no more: the number that was refused, and why."""
    for n in range(first, first + 1000):
        try:
            await journal.append(drafts(stream, [n], padding=10_000))
        except StoreError as err:
            return n, err
    raise AssertionError("the disk is not full")


@pytest.mark.parametrize("limit", [100_000, 300_000, 1_000_000])
async def test_no_room_to_grow(tmp_path: Path, limit: int) -> None:
    """Refused where the file may not grow, then gapless from the next number on, in this life and the next."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    taken: dict[Stream, list[int]] = {Stream.EVENT: [], Stream.READING: []}
    for round_ in range(3):
        for stream, there in taken.items():
            first = 10_000 * round_
            with files_end_at(limit * (round_ + 1)):
                refused, err = await fill(journal, stream, first)
                assert journal.failed is err
            there.extend(range(first, refused + 1))
            assert await journal.append(drafts(stream, [refused], padding=10_000)) == [len(there)]
            assert journal.failed is None
    for reopened in (False, True):
        if reopened:
            await journal.close()
            journal = await Journal.open(tmp_path, GW)
        for stream, there in taken.items():
            assert await numbers(journal, stream) == there
    await journal.close()


async def test_nothing_half_taken(tmp_path: Path) -> None:
    """A submission that does not fit whole is not taken at all, its state neither; notes are kept for better days."""
    journal = await Journal.open(tmp_path, GW)
    await journal.append(drafts(Stream.ALARM, [1]), state={"k": b"old"})
    both: list[Draft] = [*drafts(Stream.ALARM, [2]), *drafts(Stream.EVENT, range(20), padding=40_000)]
    with files_end_at(400_000):
        journal.note("noted", b"1")
        with pytest.raises(StoreError):
            await journal.append(both, state={"k": b"new"})
    assert (journal.last(Stream.ALARM), journal.last(Stream.EVENT), journal.state("k")) == (1, 0, b"old")
    assert await journal.append(both, state={"k": b"new"}) == [2, *range(1, 21)]
    await journal.close()
    journal = await Journal.open(tmp_path, GW)
    assert (journal.state("k"), journal.state("noted")) == (b"new", b"1")
    assert await numbers(journal, Stream.ALARM) == [1, 2]
    await journal.close()


async def test_one_series_fails_alone(tmp_path: Path) -> None:
    """What cannot be written to one file does not keep the others from being written or looked at."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    await journal.append(drafts(Stream.READING, range(40), padding=10_000))
    with files_end_at(300_000):
        failing = journal.submit(drafts(Stream.READING, [40], padding=40_000))
        assert await journal.append(drafts(Stream.ALARM, [1])) == [1]
        with pytest.raises(StoreError):
            await failing
        assert await journal.append(drafts(Stream.ALARM, [2])) == [2]
        assert journal.low(Stream.READING) == 1
        assert len((await journal.current.read(Stream.READING, 1, 500, 10**6)).records) == 40
    await journal.close()


@pytest.mark.parametrize("free", range(900_000, 960_000, 6_000))
async def test_full_disk(ramdisk: Path, free: int) -> None:
    """StoreFull wherever it hits, also in the making of a new segment; room made by a drop is used again, gapless."""
    ballast, reserve = ramdisk / "ballast", ramdisk / "reserve"
    ballast.write_bytes(bytes(RAMDISK_BYTES - free))
    reserve.write_bytes(bytes(40_000))
    journal = await Journal.open(ramdisk, GW, group_s=0, segment_max_bytes=SMALL)
    refused = 0
    for _ in range(3):  # closing takes a WAL in, which may make a little room again
        refused, err = await fill(journal, Stream.READING, refused)
        assert isinstance(err, StoreFull)
        assert await numbers(journal, Stream.READING) == list(range(refused)), "what is there can be sent"
    reserve.unlink()
    assert await drop_oldest(journal, "reading", {})
    assert await journal.append(drafts(Stream.READING, [refused], padding=10_000)) == [refused + 1]
    assert await numbers(journal, Stream.READING) == list(range(journal.low(Stream.READING) - 1, refused + 1))
    await journal.close()


async def test_disk_that_was_full_at_the_start(ramdisk: Path) -> None:
    """No room for the first file: an error, and no half a store that would be taken for a whole one later."""
    ballast = ramdisk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(bytes(4_000_000))
    with pytest.raises(StoreError):
        await Journal.open(ramdisk / "stores", GW)
    ballast.unlink()
    journal = await Journal.open(ramdisk / "stores", GW)
    assert await journal.append(drafts(Stream.ALARM, [1])) == [1]
    await journal.close()


async def test_read_only_disk(ramdisk: Path) -> None:
    """A card that has turned read-only is an error at the start, and harms nothing."""
    journal = await Journal.open(ramdisk / "stores", GW)
    await journal.append(drafts(Stream.ALARM, [1]))
    await journal.close()
    remount(ramdisk, "ro")
    with pytest.raises(StoreError):
        await Journal.open(ramdisk / "stores", GW)
    with pytest.raises(StoreError):
        await Journal.open(ramdisk / "others", GW)
    remount(ramdisk, "rw")
    journal = await Journal.open(ramdisk / "stores", GW)
    assert await numbers(journal, Stream.ALARM) == [1]
    await journal.close()


def test_failed_write_that_came_back(tmp_path: Path) -> None:
    """A transaction that failed may be in the file all the same: it was refused, so it does not count."""
    stores = Stores.open(tmp_path, GW)
    stores.append("core", {Stream.EVENT: drafts(Stream.EVENT, [1])}, {"k": b"1", "old": b""})
    stores.append("reading", {Stream.READING: drafts(Stream.READING, [1])}, {})
    stores.close()  # as a failed write leaves it
    back = Stores.open(tmp_path, GW)
    back.append("core", {s: drafts(s, [2, 3]) for s in (Stream.EVENT, Stream.ALARM)}, {"k": b"2", "old": None})
    back.append("reading", {Stream.READING: drafts(Stream.READING, [2])}, {})
    back.close()
    assert stores.append("core", {Stream.EVENT: drafts(Stream.EVENT, [4])}, {}) == {Stream.EVENT: 2}
    assert stores.append("reading", {Stream.READING: drafts(Stream.READING, [4])}, {}) == {Stream.READING: 2}
    heads, state = dict(stores.current.heads), dict(stores.current.state)
    stores.close()
    again = Stores.open(tmp_path, GW).current
    assert (again.heads, again.state) == (heads, state)
    assert (again.heads[Stream.ALARM].seq, again.state["k"], again.state["old"]) == (0, b"1", b"")
    again.close()


async def test_crash_between_the_word_and_the_deed(tmp_path: Path) -> None:
    """The drop is declared and durable, the file still there: the next start removes it and declares nothing twice."""
    journal = await Journal.open(tmp_path / "a", GW, group_s=0, segment_max_bytes=SMALL)
    for n in range(40):
        await journal.append(drafts(Stream.READING, [n], padding=4000))
    await journal.close()
    oldest = next(p for p in sorted(tmp_path.glob("a/*/reading-*.db")))
    kept = tmp_path / "kept"
    shutil.copy(oldest, kept)
    journal = await Journal.open(tmp_path / "a", GW, segment_max_bytes=SMALL)
    await drop_oldest(journal, "reading", {})
    low, lost = journal.low(Stream.READING), journal.current.lost(Stream.READING)
    await journal.close()
    shutil.copy(kept, oldest)
    (oldest.parent / f"{oldest.name}-wal").write_bytes(b"")
    journal = await Journal.open(tmp_path / "a", GW, segment_max_bytes=SMALL)
    assert oldest.name not in files(tmp_path / "a")
    assert (journal.low(Stream.READING), journal.current.lost(Stream.READING)) == (low, lost)
    assert journal.last(Stream.AUDIT) == 1
    assert list(oldest.parent.glob(f"{oldest.name}*")) == []
    await journal.close()


async def test_crash_while_a_segment_is_made(tmp_path: Path) -> None:
    """A half-made file has no name that counts; it is replaced."""
    journal = await Journal.open(tmp_path, GW, group_s=0, segment_max_bytes=SMALL)
    (core,) = tmp_path.glob("*/core-000001.db")
    for name in ("core-000002.new", "core-000002.new-wal"):
        (core.parent / name).write_bytes(b"half")
    for n in range(30):
        await journal.append(drafts(Stream.EVENT, [n], padding=10_000))
    assert await numbers(journal, Stream.EVENT) == list(range(30))
    assert list(core.parent.glob("*.new*")) == []
    await journal.close()
