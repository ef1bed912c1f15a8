"""How fast the journal takes poll records, against bare executemany in the same process, turn by turn."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from bench import bare
from bench.options import Options
from bench.polls import polls
from bench.report import Line, Report, Target, ratios
from model.errors import StoreError
from model.record import Draft, Stream
from sync.journal.journal import Journal

WAITING_MAX = 8_000
"""Posts under way at most: always enough for the next group."""
_LOOK_EVERY = 500


async def posted_one_by_one(journal: Journal, drafts: Sequence[Draft]) -> float:
    """Records per second, each posted for itself as the pipeline does, from the first post to the last commit."""

    def refused(error: StoreError) -> None:
        raise error

    committed = asyncio.Event()
    journal.on_commit(committed.set)
    before = journal.last(Stream.READING)

    async def until_waiting(most: int, posted: int) -> None:
        while before + posted - journal.last(Stream.READING) > most:
            committed.clear()
            await committed.wait()

    started = time.perf_counter()
    for first in range(0, len(drafts), _LOOK_EVERY):
        for draft in drafts[first : first + _LOOK_EVERY]:
            journal.post(draft, refused)
        await until_waiting(WAITING_MAX, first + _LOOK_EVERY)
    await journal.flush()
    await until_waiting(0, len(drafts))
    return len(drafts) / (time.perf_counter() - started)


async def appended_in_groups(journal: Journal, drafts: Sequence[Draft], size: int = 1000) -> float:
    """Records per second where the caller gathers 1,000 for one append."""
    started = time.perf_counter()
    for first in range(0, len(drafts), size):
        await journal.append(drafts[first : first + size], urgent=True)
    return len(drafts) / (time.perf_counter() - started)


async def _round(directory: Path, drafts: Sequence[Draft], one_by_one: bool) -> float:
    journal = await Journal.open(directory, "gw-bench")
    try:
        return await (posted_one_by_one if one_by_one else appended_in_groups)(journal, drafts)
    finally:
        await journal.close()
        shutil.rmtree(directory)


def run(options: Options) -> Report:
    drafts = list(polls(options.pick(100_000, 2_000)))
    made = bare.rows(drafts)
    ceiling, single, grouped = [], [], []
    for _ in range(options.pick(7, 1)):
        ceiling.append(bare.rate(options.directory / "bare.db", made, 1000))
        single.append(asyncio.run(_round(options.directory / "stores", drafts, one_by_one=True)))
        grouped.append(asyncio.run(_round(options.directory / "stores", drafts, one_by_one=False)))
    ratio = ratios("journal / bare executemany", single, ceiling)
    return Report(
        name="append",
        title="Journal append of poll records",
        method=(
            f"{len(drafts)} records of {len(drafts[0].body)} bytes per turn, chain on, synchronous=FULL; the records are "
            "made before the clock starts, for both.\n"
            "The journal takes each record for itself, as the gateway's pipeline posts them, and commits by its own "
            "rules; the ceiling is the standard library's `executemany`, 1,000 rows per FULL commit."
        ),
        targets=[Target(ratio, "at least", 0.5)],
        lines=[
            Line("bare executemany, FULL, 1,000 per commit", "rows/s", ceiling),
            Line("journal, posted one by one", "records/s", single),
            Line("journal, 1,000 records per append", "records/s", grouped),
            ratios("journal, 1,000 per append / bare", grouped, ceiling),
        ],
    )
