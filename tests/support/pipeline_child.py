"""A pipeline whose alarms come and go as fast as the disk takes them, until it is killed: `python -m support.pipeline_child DIRECTORY`.

A line for each commit; the parent kills it after as many as it likes.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from model.record import Stream
from support.site import running


def say() -> None:
    """Past every buffer."""
    os.write(1, b"commit\n")


async def main(directory: Path) -> None:
    async with running(directory, rebooted=True, group_s=0.005) as site:
        site.journal.on_commit(say)
        for n in itertools.count():
            site.later(1)
            site.room((9.0, 4.0, 1.0, None)[n % 4])
            site.board(button=n % 2, key=n // 2 % 2)
            if n % 5 == 0:
                for alarm, _ in site.pipeline.alarms():
                    if alarm.acked_by is None:
                        await site.answer(alarm.id)
            if n % 3 == 0:
                site.pipeline.delivered(Stream.ALARM, site.journal.last(Stream.ALARM))
            await asyncio.sleep(0)


asyncio.run(main(Path(sys.argv[1])))
