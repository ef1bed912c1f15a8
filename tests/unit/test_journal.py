"""The journal on real files: numbers, groups, state, segments, what it refuses."""

import asyncio
import sqlite3
import uuid
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from model.bodies import StoreDrop
from model.errors import RecordTooLarge, SettingsError, StoreError, StoreFull
from model.record import RECORD_MAX_BYTES, STREAMS, Draft, Series, Stream, draft
from support.journals import GW, drafts, drop_oldest, files, number, numbers, verified
from support.source import at, new_id
from sync.journal.journal import Journal
from sync.journal.stores import Stores
from sync.journal.writer import GROUP_MAX_BYTES, QUEUE_MAX_BYTES

HOUR_S = 3600.0
SMALL = 128 * 1024
"""Of which the schema takes half: every few records make a new file."""


async def test_gives_numbers_and_the_same_bytes(tmp_path: Path) -> None:
    """Each stream counts from 1; the bodies come back as they were given, also after a reopening."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    for stream in STREAMS:
        assert await journal.append(drafts(stream, [1, 2])) == [1, 2]
        assert await journal.append(drafts(stream, [3])) == [3]
    store = journal.store
    await journal.close()
    journal = await Journal.open(tmp_path, GW)
    assert journal.store == store
    for stream in STREAMS:
        assert [r.body for r in await verified(journal, stream)] == [b'{"n":1}', b'{"n":2}', b'{"n":3}']
    await journal.close()


async def test_one_submission_of_several_streams_of_core(tmp_path: Path) -> None:
    """An alarm, its event and its audit are one transaction; each is told its own number."""
    journal = await Journal.open(tmp_path, GW)
    mixed = [d for n in (1, 2) for s in (Stream.ALARM, Stream.AUDIT, Stream.EVENT) for d in drafts(s, [n])]
    commits = _count_commits(journal)
    assert await journal.append(mixed) == [1, 1, 1, 2, 2, 2]
    assert len(commits) == 1
    await journal.close()


async def test_one_submission_is_of_one_series(tmp_path: Path) -> None:
    """Files cannot change together, so nobody is promised that; and only core keeps state."""
    journal = await Journal.open(tmp_path, GW)
    with pytest.raises(ValueError, match="one series"):
        _ = journal.submit([*drafts(Stream.ALARM, [1]), *drafts(Stream.READING, [1])])
    with pytest.raises(ValueError, match="one series"):
        _ = journal.submit(drafts(Stream.READING, [1]), state={"k": b"v"})
    await journal.close()


async def test_group_shares_one_commit(tmp_path: Path) -> None:
    """Readings of many devices wait for their group; an urgent one takes them all along at once."""
    journal = await Journal.open(tmp_path, GW, group_s=HOUR_S)
    commits = _count_commits(journal)
    waiting = [journal.submit(drafts(Stream.READING, [n])) for n in range(50)]
    assert await journal.append(drafts(Stream.READING, [50]), urgent=True) == [51]
    assert [f.result() for f in waiting] == [[n] for n in range(1, 51)]
    assert len(commits) == 1
    await journal.close()


async def test_core_does_not_wait_for_readings(tmp_path: Path) -> None:
    """An alarm is durable at once, while a reading's group has its time."""
    journal = await Journal.open(tmp_path, GW, group_s=HOUR_S)
    reading = journal.submit(drafts(Stream.READING, [1]))
    assert await journal.append(drafts(Stream.ALARM, [1])) == [1]
    assert not reading.done()
    await journal.close()
    await asyncio.sleep(0)
    assert reading.result() == [1], "closing commits what waits"


async def test_large_group_does_not_wait(tmp_path: Path) -> None:
    """A group's time is over when it is a megabyte."""
    journal = await Journal.open(tmp_path, GW, group_s=HOUR_S)
    await asyncio.gather(*(journal.append(drafts(Stream.DIAG, [n], padding=40_000)) for n in range(30)))
    assert GROUP_MAX_BYTES < 30 * 40_000
    await journal.close()


async def test_what_was_gathered_before_waits_the_less(tmp_path: Path) -> None:
    """A window of reads that is as old as the group's time is committed at once."""
    journal = await Journal.open(tmp_path, GW, group_s=1000)
    waiting = journal.submit(drafts(Stream.DIAG, [1]))
    assert await journal.append(drafts(Stream.READING, [1]), urgent=True) == [1]
    assert not waiting.done()
    (late,) = drafts(Stream.DIAG, [2])
    journal.post(late, lambda error: pytest.fail(str(error)), age_s=1000)
    assert await waiting == [1]
    assert await numbers(journal, Stream.DIAG) == [1, 2]
    await journal.close()


async def test_state_changes_with_its_records(tmp_path: Path) -> None:
    """State is durable with the append that carries it, and gone with the one that removes it."""
    journal = await Journal.open(tmp_path, GW)
    await journal.append(drafts(Stream.ALARM, [1]), state={"rule/a": b"1", "rule/b": b"2", "map/x": b""})
    await journal.append([], state={"rule/b": None})
    assert journal.states("rule/") == {"rule/a": b"1"}
    await journal.close()
    journal = await Journal.open(tmp_path, GW)
    assert (journal.state("rule/a"), journal.state("rule/b"), journal.state("map/x")) == (b"1", None, b"")
    await journal.close()


async def test_nothing_to_write_is_written_at_once(tmp_path: Path) -> None:
    """An append of nothing returns; it must not wait for ever."""
    journal = await Journal.open(tmp_path, GW)
    assert await journal.append([]) == []
    await journal.close()


async def test_note_is_kept_by_an_orderly_close(tmp_path: Path) -> None:
    """What may be lost in a crash is not lost otherwise."""
    journal = await Journal.open(tmp_path, GW)
    journal.note("ack/alarm", b"7")
    assert journal.state("ack/alarm") == b"7"
    await journal.close()
    journal = await Journal.open(tmp_path, GW)
    assert journal.state("ack/alarm") == b"7"
    await journal.close()


async def test_a_note_is_not_taken_back_by_an_older_one(tmp_path: Path) -> None:
    """Each is known at once, also while the one before is written: else a wrong PIN would not count."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    journal.note("pin/Chen", b"1")
    written = journal.submit([])
    while journal._writer._notes:
        """Until the writer has taken it; this loop hears of it later."""
    journal.note("pin/Chen", b"2")
    await written
    assert journal.state("pin/Chen") == b"2"
    await journal.close()


async def test_a_note_is_not_taken_back_by_a_job_of_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was made and written while the job's end was on its way to the loop: what the job did not change it says nothing of."""
    at_work, go_on, committed = Event(), Event(), Event()
    rotate, append = Stores.rotate, Stores.append

    def slowly(stores: Stores, series: Series) -> None:
        rotate(stores, series)
        at_work.set()
        go_on.wait()

    def told(stores: Stores, series: Series, *what: Any) -> Any:
        numbers = append(stores, series, *what)
        if at_work.is_set():
            committed.set()
        return numbers

    monkeypatch.setattr(Stores, "rotate", slowly)
    monkeypatch.setattr(Stores, "append", told)
    journal = await Journal.open(tmp_path, GW, group_s=0)
    journal.note("scan/gun", b"7")
    await journal.append(drafts(Stream.EVENT, [1]))
    rotating = asyncio.create_task(journal.rotate("diag"))
    await asyncio.to_thread(at_work.wait)
    journal.note("scan/gun", None)
    event = journal.submit(drafts(Stream.EVENT, [2]))
    go_on.set()
    committed.wait()  # the loop hears of neither meanwhile
    await asyncio.gather(rotating, event)
    assert journal.state("scan/gun") is None
    await journal.close()


async def test_reads_across_segments_and_boots(tmp_path: Path) -> None:
    """Small segments and three boots: every read is of one boot, and all together is one chain."""
    journal = await Journal.open(tmp_path, GW, group_s=0, segment_max_bytes=SMALL)
    boots = [new_id() for _ in range(3)]
    for i in range(30):
        for stream in (Stream.EVENT, Stream.READING):
            await journal.append(drafts(stream, [2 * i, 2 * i + 1], boot=boots[i // 10], padding=2000))
    names = files(tmp_path)
    assert len([n for n in names if n.startswith("core")]) > 2
    assert len([n for n in names if n.startswith("reading")]) > 2
    assert len([n for n in names if n.startswith("diag")]) == 1
    for stream in (Stream.EVENT, Stream.READING):
        assert [number(r.body) for r in await verified(journal, stream, max_records=7)] == list(range(60))
    assert {r.at.boot for r in (await journal.current.read(Stream.EVENT, 19, 500, 10**6)).records} == {boots[0]}
    await journal.close()


async def test_read_is_bounded_but_gives_one(tmp_path: Path) -> None:
    """A batch ends before the bound; a record that is larger than the bound goes alone."""
    journal = await Journal.open(tmp_path, GW)
    await journal.append(drafts(Stream.EVENT, range(10), padding=1000))
    assert len((await journal.current.read(Stream.EVENT, 1, 500, 5000)).records) == 4
    assert len((await journal.current.read(Stream.EVENT, 1, 500, 1)).records) == 1
    assert len((await journal.current.read(Stream.EVENT, 1, 3, 10**6)).records) == 3
    await journal.close()


async def test_hash_is_known_at_every_held_number(tmp_path: Path) -> None:
    """Also before the first; not where nothing is."""
    journal = await Journal.open(tmp_path, GW, segment_max_bytes=SMALL)
    for n in range(12):
        await journal.append(drafts(Stream.EVENT, [n], padding=8000))
    records = await verified(journal, Stream.EVENT)
    assert [await journal.current.hash_at(Stream.EVENT, r.seq) for r in records] == [r.hash for r in records]
    assert await journal.current.hash_at(Stream.ALARM, 0) == (await journal.current.read(Stream.EVENT, 1, 1, 1)).prev
    with pytest.raises(StoreError):
        await journal.current.hash_at(Stream.EVENT, 13)
    await journal.close()


async def test_drop_is_declared_before_the_file_goes(tmp_path: Path) -> None:
    """The oldest segment goes whole, its audit record says what was in it, and what was never sent counts as lost."""
    journal = await Journal.open(tmp_path, GW, group_s=0, segment_max_bytes=SMALL)
    for n in range(60):
        await journal.append(drafts(Stream.READING, [n], padding=4000))
    held = [n for n in files(tmp_path) if n.startswith("reading")]
    assert await drop_oldest(journal, "reading", {Stream.READING: 3})
    assert [n for n in files(tmp_path) if n.startswith("reading")] == held[1:]
    (said,) = await verified(journal, Stream.AUDIT)
    last = journal.low(Stream.READING) - 1
    assert said.kind == "store.drop/1"
    drop = _decode(said.body)
    assert (drop.series, drop.stream, drop.first, drop.last, drop.upto, drop.reason) == (
        "reading", "reading", 1, last, 3, "pressure",
    )  # fmt: skip
    assert journal.current.lost(Stream.READING) == [(4, last, "pressure")]
    assert await numbers(journal, Stream.READING) == list(range(last, 60))
    with pytest.raises(StoreError):
        await journal.current.read(Stream.READING, last, 1, 1)
    await journal.close()


async def test_drops_go_on_as_one_lost_range(tmp_path: Path) -> None:
    """Year after year of drops must not grow the state; the current segment always stays."""
    journal = await Journal.open(tmp_path, GW, group_s=0, segment_max_bytes=SMALL)
    for n in range(60):
        await journal.append(drafts(Stream.READING, [n], padding=4000))
    drops = 0
    while await drop_oldest(journal, "reading", {}):
        drops += 1
    assert drops > 2
    assert journal.current.lost(Stream.READING) == [(1, journal.low(Stream.READING) - 1, "pressure")]
    assert len([n for n in files(tmp_path) if n.startswith("reading")]) == 1
    await journal.append(drafts(Stream.READING, [60]))
    assert (await numbers(journal, Stream.READING))[-1] == 60
    await journal.close()


async def test_dropped_file_gives_its_room_back(tmp_path: Path) -> None:
    """Also when it was being read: a file that is still open somewhere frees nothing."""
    journal = await Journal.open(tmp_path, GW, group_s=0, segment_max_bytes=SMALL)
    for n in range(60):
        await journal.append(drafts(Stream.READING, [n], padding=4000))
    await journal.current.read(Stream.READING, 1, 1, 1)
    await drop_oldest(journal, "reading", {})
    still_open = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [name for name in still_open if str(tmp_path) in name and name.endswith("(deleted)")]
    await journal.close()


async def test_store_of_another_gateway_is_refused(tmp_path: Path) -> None:
    """Two gateways must never write under one store's id."""
    await (await Journal.open(tmp_path, GW)).close()
    with pytest.raises(SettingsError) as caught:
        await Journal.open(tmp_path, "gw-2")
    assert caught.value.code == "store_of_other_gateway"
    await (await Journal.open(tmp_path, GW)).close()


async def test_store_under_another_name_is_refused(tmp_path: Path) -> None:
    """The id is in every hash: a renamed directory would break the chain in silence."""
    await (await Journal.open(tmp_path, GW)).close()
    (directory,) = (path for path in tmp_path.iterdir() if path.is_dir())
    directory.rename(tmp_path / new_id())
    with pytest.raises(StoreError) as caught:
        await Journal.open(tmp_path, GW)
    assert caught.value.code == "store_of_other_store"


async def test_record_too_large_is_refused() -> None:
    """48 KiB is the limit of a body."""
    body = "x" * (RECORD_MAX_BYTES - 2)
    assert len(draft("scan/1", body, at()).body) == RECORD_MAX_BYTES
    with pytest.raises(RecordTooLarge):
        draft("scan/1", body + "x", at())


async def test_queue_is_bounded(tmp_path: Path) -> None:
    """What a stopped disk may pile up in memory has an end; then nothing of a submission is taken."""
    journal = await Journal.open(tmp_path, GW, group_s=HOUR_S)
    many = drafts(Stream.READING, range(1000), padding=(QUEUE_MAX_BYTES // 2) // 1000)
    taken = [journal.submit(many)]
    while not taken[-1].done():  # the writer may take some of them meanwhile
        taken.append(journal.submit(many))
    with pytest.raises(StoreFull) as caught:
        await taken[-1]
    assert caught.value.code == "store_behind"
    await journal.close()
    await asyncio.sleep(0)
    kept = [f for f in taken if f.exception() is None]
    journal = await Journal.open(tmp_path, GW)
    assert journal.last(Stream.READING) == 1000 * len(kept)
    await journal.close()


async def test_closed_journal_takes_nothing(tmp_path: Path) -> None:
    """After closing, everything that would write raises instead of waiting for ever."""
    journal = await Journal.open(tmp_path, GW)
    await journal.close()
    with pytest.raises(StoreError):
        await journal.append(drafts(Stream.EVENT, [1]))
    with pytest.raises(StoreError):
        await drop_oldest(journal, "diag", {})


async def test_unwritable_draft_hurts_only_its_owner(tmp_path: Path) -> None:
    """A defect elsewhere in the program (here a time beyond 64 bits) reaches whoever submitted it, and nobody else."""
    journal = await Journal.open(tmp_path, GW, group_s=HOUR_S)
    good = drafts(Stream.READING, [1, 2, 3])
    wrong = Draft(good[0].kind, b"{}", at(2**70))
    futures = [journal.submit([d]) for d in (good[0], wrong, good[1])]
    urgent = journal.submit([good[2]], urgent=True)
    await asyncio.wait([*futures, urgent])
    assert isinstance(futures[1].exception(), OverflowError)
    assert [futures[0].result(), futures[2].result(), urgent.result()] == [[1], [2], [3]]
    assert await journal.append(drafts(Stream.ALARM, [1])) == [1]
    assert await numbers(journal, Stream.READING) == [1, 2, 3]
    assert journal.failed is None
    await journal.close()


async def test_behind_one_that_the_disk_refuses_nothing_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a group in which one can never be written each is answered, in order; none overtakes one that failed."""
    journal = await Journal.open(tmp_path, GW)
    append, refused, answered = Stores.append, iter([False, True]), list[int]()
    hold, held = Event(), Event()

    def fails(stores: Stores, series: Series, *what: Any) -> Any:
        held.set()
        hold.wait()
        (found,) = what[0].values()
        if any(not one.body for one in found):
            raise ValueError("can never be written")
        if next(refused, False):
            raise StoreError("store_failed", path="", why="EIO")
        return append(stores, series, *what)

    monkeypatch.setattr(Stores, "append", fails)
    first = journal.submit(drafts(Stream.EVENT, [0]))
    await asyncio.to_thread(held.wait)
    unwritable = [msgspec.structs.replace(one, body=b"") for one in drafts(Stream.EVENT, [1])]
    waiting = [journal.submit(unwritable), *(journal.submit(drafts(Stream.EVENT, [n])) for n in (2, 3, 4))]
    for n, one in enumerate(waiting, 1):
        one.add_done_callback(lambda _, n=n: answered.append(n))  # type: ignore[misc]
    hold.set()
    came = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert came[0] == [1]
    assert [type(one) for one in came[1:]] == [ValueError, *[StoreError] * 3]
    assert answered == [1, 2, 3, 4]
    assert await journal.append(drafts(Stream.EVENT, [5])) == [2]
    assert journal._writer._waiting_bytes == 0
    await journal.close()


async def test_stray_directory_is_no_store(tmp_path: Path) -> None:
    """A file system of its own has `lost+found`: a store is what is named by a UUID."""
    (tmp_path / "aaa").mkdir()
    (tmp_path / "lost+found").mkdir()
    journal = await Journal.open(tmp_path, GW)
    assert str(uuid.UUID(journal.store)) == journal.store
    await journal.close()


async def test_unusable_directory_is_a_store_error(tmp_path: Path) -> None:
    """Where no directory can be made, the error is ours and says where."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        await Journal.open(tmp_path / "file" / "stores", GW)
    assert caught.value.code == "store_failed"


async def test_files_are_whole_after_an_orderly_end(tmp_path: Path) -> None:
    """What readers left beside older segments is taken in by the next start; then each is one file, to be copied as it is."""
    journal = await Journal.open(tmp_path, GW, group_s=0, segment_max_bytes=SMALL)
    for n in range(30):
        await journal.append(drafts(Stream.READING, [n], padding=4000))
        await journal.current.read(Stream.READING, 1, 1, 1)
    await verified(journal, Stream.READING)
    await journal.close()
    await (await Journal.open(tmp_path, GW)).close()
    assert [p.name for p in tmp_path.glob("*/*") if p.suffix != ".db"] == []


async def test_segment_can_be_read_with_sql(tmp_path: Path) -> None:
    """The view `records` shows a segment to a person with any SQLite tool."""
    journal = await Journal.open(tmp_path, GW)
    await journal.append(drafts(Stream.EVENT, [42]))
    await journal.close()
    (core,) = tmp_path.glob("*/core-*.db")
    with sqlite3.connect(core) as db:
        rows = db.execute("SELECT stream, seq, kind, body FROM records").fetchall()
    db.close()
    assert rows == [("event", 1, "scan/1", '{"n":42}')]


def _count_commits(journal: Journal) -> list[None]:
    commits: list[None] = []
    journal.on_commit(lambda: commits.append(None))
    return commits


def _decode(body: bytes) -> StoreDrop:
    return msgspec.json.decode(body, type=StoreDrop)
