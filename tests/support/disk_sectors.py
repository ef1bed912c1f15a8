"""A process whose disk cannot read one page: `python -m support.disk_sectors DIRECTORY START STEP`.

Once for every page of every file of a journal, beginning with number START in steps of STEP: the page goes bad before a
start, and while the journal runs. Prints what went wrong at which; at the end, how many records were lost at most.
"""

import asyncio
import os
import shutil
import sys
import traceback
from pathlib import Path

from model.errors import StoreError
from model.record import Stream
from support.disk_promises import Promises, readable
from support.diskfaults import own_faults
from support.journals import GW, drafts
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


async def lost(promises: Promises, directory: Path) -> int:
    """How many records cannot be read; what is read is what was told, and the journal takes more. AssertionError."""
    await promises.hold(directory)
    journal = await Journal.open(directory, GW, group_s=0, reserve_bytes=0)
    views = {view.id: view for view in (*journal.sealed, journal.current)}
    held = {(id_, s, r.seq) for id_, view in views.items() for s in STREAMS for r in await readable(view, s)}
    await journal.close()
    return len(promises.numbers.keys() - held)


async def running(promises: Promises, directory: Path, path: Path, page: int) -> int:
    """The same of a page that goes bad while the journal runs."""
    journal = await Journal.open(directory, GW, group_s=0, segment_max_bytes=SMALL, reserve_bytes=0)
    try:
        own_faults().spoil(path, PAGE * page, PAGE * page + PAGE - 1)
        held = {(journal.store, s, r.seq) for s in STREAMS for r in await readable(journal.current, s)}
        await journal.append(drafts(Stream.EVENT, [0]))
    finally:
        try:
            await journal.close()
        except StoreError:
            pass
    return len(promises.numbers.keys() - held)


async def main(parent: Path, start: int, step: int) -> None:
    faults = own_faults()
    whole, killed, here = parent / "whole", parent / "killed", parent / "here"
    promises = await fill(whole)
    most = 0
    for source, work in ((whole, lost), (killed, lost), (whole, running)):
        pages = [
            (path.relative_to(source), page)
            for path in sorted(source.rglob("*.db*"))
            if path.suffix != ".db-shm"
            for page in range(path.stat().st_size // PAGE)
        ]
        for name, page in pages[start::step]:
            shutil.copytree(source, here)
            path = here / name
            try:
                async with asyncio.timeout(20):
                    if work is lost:
                        faults.spoil(path, PAGE * page, PAGE * page + PAGE - 1)
                        found = await lost(promises, here)
                    else:
                        found = await running(promises, here, path, page)
                most = max(most, found)
            except Exception:  # noqa: BLE001  # whatever it is, the other pages are looked at too
                os.write(1, f"{source.name} {name} page {page}: {traceback.format_exc(limit=-4)}\n".encode())
            faults.lift()
            shutil.rmtree(here)
    os.write(2, f"at most {most} of {len(promises.numbers)} records were lost with a page\n".encode())


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
