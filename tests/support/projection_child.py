"""A journal that grows and views that follow it, until it is killed: `python -m support.projection_child DIRECTORY MONO`.

A line for each round; the parent kills it after as many as it likes. Polls count their time from MONO on.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from model.observation import Quality
from support.projecting import MAPS, MINUTE, opened, poll, write


async def main(directory: Path, mono: int) -> None:
    async with opened(directory) as (journal, projection):
        for n in itertools.count():
            at = mono + n * MINUTE // 5
            await write(journal, [poll(at, n % 40, Quality.STALE if n % 7 == 0 else 1, map=MAPS[n % 3])])
            await projection._round()
            os.write(1, b"round\n")


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
