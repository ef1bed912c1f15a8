"""Who asks something of the views may leave in the middle: what the thread was at comes to its end, and is counted once."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from gateway.projection.file import ViewFile
from gateway.projection.follow import Projection
from support.context import HANG_S, until
from support.projecting import ALWAYS, follow, naive, opened, ordered, poll, shown, some, write
from sync.journal.journal import Journal


class Held:
    """What the views' thread does next with its file by this name: it waits in there until it is let go."""

    def __init__(self, fails: Exception | None) -> None:
        self._fails = fails
        self._begun, self._go = threading.Event(), threading.Event()

    def waits(self) -> None:
        self._begun.set()
        assert self._go.wait(HANG_S)
        if self._fails:
            raise self._fails

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, HANG_S)

    def go(self) -> None:
        """Once those have had their turn who are ready for it."""
        asyncio.get_running_loop().call_soon(self._go.set)


@asynccontextmanager
async def holding(name: str, fails: Exception | None = None) -> AsyncIterator[Held]:
    real, held = getattr(ViewFile, name), Held(fails)

    def slow(file: ViewFile, *args: Any) -> Any:
        held.waits()
        return real(file, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ViewFile, name, slow)
        try:
            yield held
        finally:
            held._go.set()


async def seconds(journal: Journal, projection: Projection) -> None:
    """Half a minute of polls, of which the first is in the views."""
    await write(journal, [poll(0, 1, 1)])
    await follow(projection)
    await write(journal, [poll(n * 1_000_000, n, 1) for n in range(1, 30)])


def asked(projection: Projection) -> "asyncio.Task[Any]":
    return asyncio.create_task(projection.plot("room1", "temperature", *ALWAYS, None))


async def leaves(asking: "asyncio.Task[Any]") -> None:
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()


async def test_a_plot_whose_asker_left_counts_nothing_twice(tmp_path: Path) -> None:
    """The follower's own round waits for what is being written."""
    async with opened(tmp_path) as (journal, projection):
        await seconds(journal, projection)
        async with holding("write") as held:
            asking = asked(projection)
            await held.begun()
            await leaves(asking)
            rounds = asyncio.create_task(projection._catch_up())
            held.go()
            await rounds
        assert ordered(await shown(projection)) == await naive(journal)
        await projection._close()


async def test_who_leaves_before_his_turn_is_not_served(tmp_path: Path) -> None:
    """Else what nobody waits for would pile up, and the daemon's end would wait for it."""
    async with opened(tmp_path) as (journal, projection):
        await seconds(journal, projection)
        async with holding("write") as held:
            first, second = asked(projection), asked(projection)
            await held.begun()
            await leaves(second)
            await until(lambda: len(projection._tasks) == 1)
            held.go()
            await first
        await projection._close()


async def test_a_disk_that_fails_when_the_asker_has_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told, and the file is opened anew."""
    async with opened(tmp_path) as (journal, projection):
        await seconds(journal, projection)
        async with holding("write", apsw.FullError("no room")) as held:
            asking = asked(projection)
            await held.begun()
            await leaves(asking)
            held.go()
            async with projection._busy:
                assert projection._file is None
        assert [r.levelno for r in caplog.records if r.name == "doorpost.views"] == [logging.ERROR]
        assert ordered(await shown(projection)) == await naive(journal)
        await projection._close()


async def test_a_rebuild_goes_on_when_its_asker_left(tmp_path: Path) -> None:
    """Also where that was before the old file was gone."""
    async with opened(tmp_path) as (journal, projection):
        await some(journal)
        await follow(projection)
        with apsw.Connection(str(tmp_path / "views.db")) as db:
            db.execute("DELETE FROM bucket")

        async def listen() -> None:
            async for _ in projection.rebuild():
                pass

        async with holding("close") as held:
            asking = asyncio.create_task(listen())
            await held.begun()
            await leaves(asking)
            held.go()
            async with projection._busy:
                assert projection._due.is_set()
        await follow(projection)
        assert ordered(await shown(projection)) == await naive(journal)
        await projection._close()


@pytest.mark.parametrize("first", ["asker", "follower"])
async def test_the_end_in_the_middle_of_a_round(tmp_path: Path, first: str) -> None:
    """Whoever's it was, and whoever waits behind it: it is written, the file is closed, and nothing runs on."""
    async with opened(tmp_path) as (journal, projection):
        await seconds(journal, projection)
        others = asyncio.all_tasks()
        async with holding("write") as held:
            run = asyncio.create_task(projection.run()) if first == "follower" else None
            askings = [asked(projection), asked(projection)]
            run = run or asyncio.create_task(projection.run())
            await held.begun()
            run.cancel()
            for asking in askings:
                await leaves(asking)
            held.go()
            await asyncio.wait({run})
        assert run.cancelled()
        assert asyncio.all_tasks() == others
        assert not (tmp_path / "views.db-wal").exists()
        anew = Projection(tmp_path / "views.db", journal)
        await anew._open()
        assert anew.behind() == 0
        assert ordered(await shown(anew)) == await naive(journal)
        await anew._close()
