"""The storekeeper on a real journal: what goes when, what is said of it, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway import storekeeper
from gateway.status import StoreNow
from model.errors import StoreFull
from model.record import Stream
from model.time import TimeSource
from support.disk import files_end_at
from support.journals import drafts, files, numbers
from support.storekeeping import DAY_US, Kept, keeping

MIB = 1024 * 1024


async def closed_diag(kept: Kept, kib: int = 60) -> None:
    """A closed segment of diag, and an empty one after it."""
    await kept.write(Stream.DIAG, kib)
    await kept.journal.rotate("diag")


async def test_what_is_past_its_days_goes(tmp_path: Path) -> None:
    """Counted from when it was found settled; said on `audit` with range, bytes and reason; nothing of it is lost."""
    async with keeping(tmp_path, 64 * MIB) as kept:
        await closed_diag(kept)
        last = kept.journal.last(Stream.DIAG)
        kept.clock.t += 1000 * DAY_US
        await kept.keeper.look()
        kept.acknowledge(Stream.DIAG)
        await kept.keeper.look()
        kept.clock.t += 7 * DAY_US - 1
        await kept.keeper.look()
        assert await kept.drops() == []
        kept.clock.t += 1
        await kept.keeper.look()
        (drop,) = await kept.drops()
        assert (drop["first"], drop["last"], drop["upto"], drop["reason"]) == (1, last, last, "retired")
        assert drop["bytes"] > 60 * 1024
        assert kept.journal.low(Stream.DIAG) == last + 1
        assert kept.journal.current.lost(Stream.DIAG) == []
        assert [name for name in files(tmp_path) if "diag" in name] == ["diag-000002.db"]
        assert kept.journal.states("acked/") == {}


async def test_what_the_centre_has_not_got_stays(tmp_path: Path) -> None:
    """One record short of all, for years."""
    async with keeping(tmp_path, 64 * MIB) as kept:
        await closed_diag(kept)
        kept.acknowledge(Stream.DIAG, kept.journal.last(Stream.DIAG) - 1)
        await kept.keeper.look()
        kept.clock.t += 10_000 * DAY_US
        await kept.keeper.look()
        assert await kept.drops() == []


async def test_the_days_go_on_after_a_restart(tmp_path: Path) -> None:
    """When a segment was found settled is kept with the journal."""
    async with keeping(tmp_path, 64 * MIB) as kept:
        await closed_diag(kept)
        kept.acknowledge(Stream.DIAG)
        await kept.keeper.look()
    async with keeping(tmp_path, 64 * MIB) as kept:
        kept.clock.t += 7 * DAY_US
        await kept.keeper.look()
        assert len(await kept.drops()) == 1


@pytest.mark.parametrize(
    ("noted", "judged", "goes"),
    [
        ("unknown", "ntp", False),  # nothing was noted
        ("ntp", "unknown", False),
        ("ntp", "rtc", False),  # its battery may be flat
        ("rtc", "ntp", False),  # noted anew
        ("rtc", "rtc", True),
        ("rtc", "estimated", True),
        ("gnss", "ntp", True),
    ],
)
async def test_days_are_counted_by_clocks_that_can_be_trusted(
    tmp_path: Path, noted: TimeSource, judged: TimeSource, goes: bool
) -> None:
    """A clock that knows nothing notes and judges nothing, and a poor one does not judge what a good one has noted."""
    async with keeping(tmp_path, 64 * MIB) as kept:
        await closed_diag(kept)
        kept.acknowledge(Stream.DIAG)
        kept.clock.source = noted
        await kept.keeper.look()
        kept.clock.source = judged
        kept.clock.t += 400 * DAY_US
        await kept.keeper.look()
        assert bool(await kept.drops()) == goes
        if noted == "rtc" and judged == "ntp":
            kept.clock.t += 7 * DAY_US
            await kept.keeper.look()
            assert len(await kept.drops()) == 1


async def test_above_the_bound_diag_goes_first(tmp_path: Path) -> None:
    """Whole segments, from the oldest on, until it fits; what the centre has not got is declared lost; readings stay."""
    async with keeping(tmp_path, 3 * MIB) as kept:
        await kept.write(Stream.READING, 800)
        await kept.write(Stream.DIAG, 2000)
        kept.acknowledge(Stream.READING)
        assert kept.journal.size() > 3 * MIB
        await kept.keeper.look()
        assert kept.journal.size() <= 3 * MIB * 15 // 16
        drops = await kept.drops()
        assert {(d["stream"], d["reason"]) for d in drops} == {("diag", "pressure")}
        low = kept.journal.low(Stream.DIAG)
        assert kept.journal.current.lost(Stream.DIAG) == [(1, low - 1, "pressure")]
        assert [d["last"] for d in drops][-1] == low - 1
        assert await numbers(kept.journal, Stream.READING) == list(range(1, 801))
        assert await numbers(kept.journal, Stream.DIAG) == list(range(low, 2001))


async def test_above_the_bound_what_the_centre_has_goes_without_a_loss(tmp_path: Path) -> None:
    """Of the readings the acknowledged ones go, and only so many as have to."""
    async with keeping(tmp_path, 3 * MIB) as kept:
        await kept.write(Stream.READING, 3000)
        kept.acknowledge(Stream.READING, 1500)
        await kept.keeper.look()
        assert 100 < kept.journal.low(Stream.READING) <= 1500
        assert kept.journal.current.lost(Stream.READING) == []
        assert {d["upto"] for d in await kept.drops()} == {1500}


async def test_what_is_still_written_to_is_closed_and_dropped(tmp_path: Path) -> None:
    """Where one large segment is all there is."""
    async with keeping(tmp_path, 2 * MIB, segment_bytes=64 * MIB) as kept:
        await kept.write(Stream.READING, 2000)
        await kept.keeper.look()
        assert kept.journal.current.lost(Stream.READING) == [(1, 2000, "pressure")]
        assert [name for name in files(tmp_path) if "reading" in name] == ["reading-000002.db"]
        await kept.write(Stream.READING, 1)
        assert await numbers(kept.journal, Stream.READING) == [2001]


async def test_full_of_what_must_stay_it_refuses_telemetry(tmp_path: Path) -> None:
    """Readings and diag are turned away at once; alarms go on into the reserve; with room again all is taken again."""
    async with keeping(tmp_path, 2 * MIB) as kept:
        await kept.write(Stream.ALARM, 2000)
        await kept.keeper.look()
        assert kept.now.refusing
        for stream in (Stream.READING, Stream.DIAG):
            with pytest.raises(StoreFull):
                await kept.journal.append(drafts(stream, [1]), urgent=True)
        await kept.write(Stream.ALARM, 10)
        assert kept.journal.last(Stream.ALARM) == 2010
        kept.acknowledge_all()
        await kept.keeper.look()
        kept.clock.t += 731 * DAY_US
        await kept.keeper.look()
        assert not kept.now.refusing
        await kept.journal.append(drafts(Stream.READING, [1]), urgent=True)


async def test_how_full_it_is_said_to_be(tmp_path: Path) -> None:
    """Of the bound, what could not go without a loss: what the centre has not got, and core until its days are over."""
    async with keeping(tmp_path, 4 * MIB) as kept:
        await kept.write(Stream.READING, 2000)
        await kept.keeper.look()
        assert (kept.now.bytes, kept.now.bound) == (kept.journal.size(), 4 * MIB * 15 // 16)
        assert kept.now.fill == pytest.approx(kept.now.bytes / kept.now.bound)
        kept.acknowledge(Stream.READING)
        await kept.keeper.look()
        assert kept.now.fill < 0.2
        await kept.write(Stream.AUDIT, 1000)
        kept.acknowledge(Stream.AUDIT)
        await kept.keeper.look()
        assert 0.25 < kept.now.fill < 0.6


@asynccontextmanager
async def run(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(storekeeper, "MEASURE_S", 0.01)
    task = asyncio.create_task(kept.keeper.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_the_bound_is_kept_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It measures between two looks, so that a look comes when it is needed."""
    async with keeping(tmp_path, 2 * MIB) as kept, run(kept, monkeypatch):
        await kept.until(lambda: kept.now.bytes)
        await kept.write(Stream.READING, 2000)
        await kept.until(lambda: kept.journal.low(Stream.READING) > 1)


async def test_a_look_that_fails_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that takes nothing cannot be told what goes either; it is said once, and tried again."""
    monkeypatch.setattr(storekeeper, "LOOK_S", 0.01)
    looks: list[StoreNow] = []
    async with keeping(tmp_path, 2 * MIB) as kept:
        await kept.write(Stream.READING, 2000)
        kept.told = looks.append
        with files_end_at(0):
            async with run(kept, monkeypatch):
                await kept.until(lambda: len(looks) == 3)
        assert kept.journal.low(Stream.READING) == 1
        assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
        async with run(kept, monkeypatch):
            await kept.until(lambda: kept.journal.low(Stream.READING) > 1)
