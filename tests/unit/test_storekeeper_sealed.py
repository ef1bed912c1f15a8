"""Sealed stores under pressure and past their days: nothing goes that still has to be moved, and what is emptied goes away."""

import errno
from pathlib import Path

import pytest

from model.errors import StoreError
from model.record import SERIES, STREAMS, Stream
from support.journals import drafts, number, numbers
from support.storekeeping import DAY_US, Kept, keeping
from sync.journal.journal import Journal
from sync.journal.segment import Head

MIB = 1024 * 1024
SHARED = 300
ALL = 1500


async def forked(journal: Journal, shared: int = SHARED) -> None:
    """The centre has `shared` readings of this store, and of the other streams all."""
    ends = {s: journal.head(s) for s in STREAMS}
    ends[Stream.READING] = Head(shared, await journal.current.hash_at(Stream.READING, shared))
    await journal.fork(journal.store, ends)


async def moved(kept: Kept, count: int) -> None:
    await kept.until(lambda: kept.journal.last(Stream.READING) == count)


async def test_what_still_has_to_be_moved_is_not_dropped(tmp_path: Path) -> None:
    """Neither by what was known before the fork, nor by what is found then; afterwards it may go."""
    async with keeping(tmp_path, 64 * MIB) as kept:
        journal = kept.journal
        await kept.write(Stream.READING, ALL)
        old = journal.store
        (stale, *_) = [one for one in await journal.inventory() if one.series == "reading"]
        await forked(journal)
        with pytest.raises(StoreError):
            await journal.drop(stale, {}, "pressure", kept.clock.now())
        assert {one.store for one in await journal.inventory()} == {journal.store}
        await moved(kept, ALL - SHARED)
        assert {one.store for one in await journal.inventory()} == {journal.store, old}


async def test_of_a_forked_store_only_what_is_its_own_is_lost(tmp_path: Path) -> None:
    """Its end is where its count ends; what lay beyond is in the new store, each once, also after another fork."""
    async with keeping(tmp_path, 3 * MIB) as kept:
        journal = kept.journal
        await kept.write(Stream.READING, ALL)
        await forked(journal)
        await moved(kept, ALL - SHARED)
        (sealed,) = journal.sealed
        held = [one.ranges for one in await journal.inventory() if one.store == sealed.id and one.series == "reading"]
        assert [last for ranges in held for _, last in ranges.values()][-1] == SHARED
        assert held[-1] == {}
        await kept.keeper.look()
        low = sealed.low(Stream.READING)
        assert low > SHARED
        assert sealed.lost(Stream.READING) == [(1, SHARED, "pressure")]
        dropped = [drop for drop in await kept.drops() if drop["stream"] == "reading"]
        assert [(d["store"], d["upto"]) for d in dropped] == [(sealed.id, 0)] * len(dropped)
        assert max(d["last"] for d in dropped) == SHARED
        assert await numbers(journal, Stream.READING) == list(range(SHARED + 1, ALL + 1))


async def test_a_second_fork_moves_nothing_twice(tmp_path: Path) -> None:
    """What the first one moved is the second store's own."""
    async with keeping(tmp_path, 64 * MIB) as kept:
        await kept.write(Stream.READING, ALL)
        await forked(kept.journal)
        await moved(kept, ALL - SHARED)
        await forked(kept.journal, 1000)
        await moved(kept, ALL - SHARED - 1000)
        await kept.journal.append(drafts(Stream.READING, [ALL + 1]))
        first, second = kept.journal.sealed
        parts = [(await view.read(Stream.READING, 1, ALL, 10 * MIB)).records for view in (first, second)]
        assert [number(r.body) for r in parts[0]][:SHARED] == list(range(1, len(parts[0]) + 1))[:SHARED]
        assert await numbers(kept.journal, Stream.READING) == list(range(SHARED + 1001, ALL + 2))


async def test_an_emptied_store_goes_away(tmp_path: Path) -> None:
    """With all that is known of it, once the centre has settled it and its days are over; not before, and not what was set aside."""
    async with keeping(tmp_path, 64 * MIB) as kept:
        await kept.write(Stream.READING, 100)
        for stream in (s for s in STREAMS if SERIES[s] == "core"):
            await kept.write(stream, 1)
        await forked(kept.journal, 100)
        (sealed,) = kept.journal.sealed
        aside = tmp_path / sealed.id / "diag-000001.db.damaged"
        for stream in STREAMS:
            kept.acknowledge(stream, sealed.last(stream), store=sealed.id)
        await kept.keeper.look()
        kept.clock.t += 730 * DAY_US
        await kept.keeper.look()
        assert sorted(p.name for p in (tmp_path / sealed.id).iterdir()) == [
            "core-000001.db",
            "reading-000001.db",
            "sealed.json",
        ]
        aside.touch()
        kept.clock.t += DAY_US
        await kept.keeper.look()
        assert sorted(p.name for p in (tmp_path / sealed.id).iterdir()) == [aside.name, "sealed.json"]
        aside.unlink()
        await kept.keeper.look()
        assert not (tmp_path / sealed.id).exists()
        assert kept.journal.sealed == []
        assert not [key for key in kept.journal.states("") if sealed.id in key]
        lost = {d["stream"] for d in await kept.drops() if d["upto"] < d["last"]}
        assert lost == set()
    async with keeping(tmp_path, 64 * MIB) as kept:
        assert kept.journal.sealed == []
        assert not [key for key in kept.journal.states("") if sealed.id in key]


def _refused(path: Path) -> None:
    raise OSError(errno.EIO, "Input/output error", str(path))


@pytest.mark.parametrize("call", ["shutil.rmtree", "sync.journal.stores.sync_directory"])
async def test_the_disk_does_not_let_an_emptied_directory_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """It counts for nothing: the storekeeper goes on, and so does the next start, until one takes it away."""
    async with keeping(tmp_path, 64 * MIB) as kept:
        journal, old = kept.journal, kept.journal.store
        await journal.append(drafts(Stream.EVENT, range(5)))
        await journal.fork(old, {stream: journal.head(stream) for stream in STREAMS})
        for info in [info for info in await journal.inventory() if info.store == old]:
            await journal.drop(info, dict.fromkeys(STREAMS, 5), "retired", kept.clock.now())
        for stream in STREAMS:
            kept.acknowledge(stream, 5, store=old)
        with monkeypatch.context() as failing:
            failing.setattr(call, _refused)
            await kept.keeper.look()
            await kept.keeper.look()
            assert journal.sealed == []
    (left,) = tmp_path.glob(f"{old}*")
    assert left.name != old
    with monkeypatch.context() as failing:
        failing.setattr("shutil.rmtree", _refused)
        async with keeping(tmp_path, 64 * MIB) as kept:
            assert (kept.journal.store, kept.journal.sealed) == (journal.store, [])
    async with keeping(tmp_path, 64 * MIB):
        assert not left.exists()
