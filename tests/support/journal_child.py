"""A process that appends to a journal until it is killed, and prints each number once it is durable.

`python -m support.journal_child DIRECTORY FIRST`: bodies count from FIRST on; lines are "STREAM SEQ N" and "state KEY VALUE".
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from model.record import Stream
from support.journals import GW, drafts, drop_oldest
from support.source import new_id
from sync.journal.journal import Journal


def say(text: str) -> None:
    """Past every buffer: what the parent reads was said before the kill."""
    os.write(1, text.encode() + b"\n")


async def main(directory: Path, first: int) -> None:
    journal = await Journal.open(directory, GW, group_s=0.005, segment_max_bytes=160 * 1024)
    boot = new_id()
    say("open")
    count = itertools.count(first)

    async def keep(stream: Stream, *, padding: int) -> None:
        while True:
            n = next(count)
            if stream is Stream.ALARM:
                (seq,) = await journal.append(drafts(stream, [n], boot=boot), state={"last": b"%d" % n})
                say(f"state last {n}")
            else:
                (seq,) = await journal.append(drafts(stream, [n], boot=boot, padding=padding))
            say(f"{stream} {seq} {n}")

    async def drop() -> None:
        while True:
            await asyncio.sleep(0.02)
            await drop_oldest(journal, "diag", {})

    async with asyncio.TaskGroup() as group:
        group.create_task(keep(Stream.ALARM, padding=0))
        for _ in range(3):
            group.create_task(keep(Stream.READING, padding=1000))
        group.create_task(keep(Stream.DIAG, padding=8000))
        group.create_task(drop())


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
