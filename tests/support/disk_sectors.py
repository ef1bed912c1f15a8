"""A process whose disk cannot read one page: `python -m support.disk_sectors DIRECTORY START STEP`.

Once for every page of every file of a journal, beginning with number START in steps of STEP: the page goes bad before a
start, for good or for a moment, and while the journal runs. Prints what went wrong at which; at the end, how many records
were lost at most.
"""

import asyncio
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from model.errors import StoreError, StoreUnreadable
from model.record import Stream
from support.context import HANG_S
from support.disk_promises import Key, Promises, readable
from support.diskfaults import own_faults
from support.journals import GW, drafts
from sync.journal import files
from sync.journal.journal import Journal

PAGE = 4096
SMALL = 140 * 1024
STREAMS = (Stream.ALARM, Stream.READING)


async def fill(directory: Path) -> Promises:
    """Some segments of core and of readings, the youngest with its records in its WAL."""
    promises = Promises()
    journal = await Journal.open(directory, GW, group_s=0, segment_max_bytes=SMALL, reserve_bytes=0)
    for n in range(1, 61):
        for stream in STREAMS:
            (seq,) = await journal.append(drafts(stream, [n], padding=5000), state=None)
            promises.numbers[journal.store, stream, seq] = n
    shutil.copytree(directory, directory.with_name("killed"))
    await journal.close()
    return promises


async def at_a_start(promises: Promises, directory: Path, bad: Callable[[], None]) -> int:
    """How many records cannot be read; what is read is what was told, and the journal takes more. AssertionError."""
    bad()
    files.sleep = lambda _: None  # type: ignore[attr-defined]
    with suppress(StoreUnreadable):  # a start that takes a WAL in may meet the page only then; the next one mends it
        await (await Journal.open(directory, GW, group_s=0, reserve_bytes=0)).close()
    await promises.hold(directory, hopeless=True)
    journal = await Journal.open(directory, GW, group_s=0, reserve_bytes=0)
    held = await numbers(journal)
    await journal.close()
    return len(promises.numbers.keys() - held)


async def at_a_start_for_a_moment(promises: Promises, directory: Path, bad: Callable[[], None]) -> int:
    """The same where the disk answers when it is asked again: nothing is lost, and no store is sealed. AssertionError."""
    bad()
    files.sleep = lambda _: own_faults().lift()  # type: ignore[attr-defined]
    journal = await Journal.open(directory, GW, group_s=0, reserve_bytes=0)
    own_faults().lift()
    assert not journal.sealed
    assert await numbers(journal) == promises.numbers.keys()
    await journal.append(drafts(Stream.EVENT, [0]))
    await journal.close()
    return 0


async def running(promises: Promises, directory: Path, bad: Callable[[], None]) -> int:
    """While the journal runs: nothing is called damaged before the disk has had its time. AssertionError."""
    journal = await Journal.open(directory, GW, group_s=0, segment_max_bytes=SMALL, reserve_bytes=0)
    bad()
    with suppress(StoreUnreadable):
        for stream in STREAMS:
            await readable(journal.current, stream)
    own_faults().lift()
    assert await numbers(journal) == promises.numbers.keys()
    bad()
    held = await numbers(journal)
    with suppress(StoreError):
        await journal.append(drafts(Stream.EVENT, [0]))
        await journal.close()
    return len(promises.numbers.keys() - held)


async def numbers(journal: Journal) -> set[Key]:
    views = (*journal.sealed, journal.current)
    return {(view.id, s, r.seq) for view in views for s in STREAMS for r in await readable(view, s, hopeless=True)}


async def main(parent: Path, start: int, step: int) -> None:
    faults = own_faults()
    whole, killed, here = parent / "whole", parent / "killed", parent / "here"
    promises = await fill(whole)
    most = 0
    for source, work in (
        (whole, at_a_start),
        (killed, at_a_start),
        (whole, at_a_start_for_a_moment),
        (killed, at_a_start_for_a_moment),
        (whole, running),
    ):
        pages = [
            (path.relative_to(source), page)
            for path in sorted(source.rglob("*.db*"))
            if path.suffix != ".db-shm"
            for page in range(path.stat().st_size // PAGE)
        ]
        for name, page in pages[start::step]:
            shutil.copytree(source, here)
            bad = partial(faults.spoil, here / name, PAGE * page, PAGE * page + PAGE - 1)
            try:
                async with asyncio.timeout(HANG_S):
                    most = max(most, await work(promises, here, bad))
            except Exception:  # noqa: BLE001  # whatever it is, the other pages are looked at too
                os.write(
                    1, f"{work.__name__} {source.name} {name} page {page}: {traceback.format_exc(limit=-4)}\n".encode()
                )
            faults.lift()
            shutil.rmtree(here)
    os.write(2, f"at most {most} of {len(promises.numbers)} records were lost with a page\n".encode())


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
