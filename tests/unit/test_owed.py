"""Debts to the journal: in order, once, with the newest state, and none of them stops the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from gateway import owed
from gateway.owed import Owed
from model.bodies import AlarmBody, LiftEvent, LiftTest, RuleState, ScanBody
from model.errors import StoreError, StoreFull
from model.record import Draft, Series, Stream, draft
from model.time import Stamp, TimeQuality
from support.context import SystemClock, until
from support.disk import files_end_at
from support.journals import GW, drafts, numbers, verified
from support.source import BOOT, at
from sync.journal.journal import Journal
from sync.journal.stores import Stores


class BootClock(SystemClock):
    boot = BOOT


@asynccontextmanager
async def owing(directory: Path) -> AsyncIterator[tuple[Owed, Journal]]:
    """Paid all the time inside the block."""
    journal = await Journal.open(directory, GW)
    debts = Owed(journal, BootClock())
    task = asyncio.create_task(debts.run())
    try:
        yield debts, journal
    finally:
        task.cancel()
        await asyncio.wait({task})
        await journal.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed, "RETRY_S", 0.02)
    monkeypatch.setattr(owed, "GAP_S", 0.0)


async def test_what_the_disk_takes_is_no_debt(tmp_path: Path) -> None:
    """The numbers come back as from the journal itself."""
    async with owing(tmp_path) as (debts, journal):
        first = debts.submit(drafts(Stream.EVENT, [1, 2]), "scan1")
        assert await first == [1, 2]
        assert await numbers(journal, Stream.EVENT) == [1, 2]


async def test_debts_are_paid_in_order_and_before_what_comes_later(tmp_path: Path) -> None:
    """A record offered while older ones are owed waits behind them, also when the disk is well again by then."""
    async with owing(tmp_path) as (debts, journal):
        with files_end_at(0):
            waiting = [debts.submit(drafts(Stream.EVENT, [n]), "scan1") for n in range(5)]
            await until(lambda: len(debts._debts) == 5)
        waiting.append(debts.submit(drafts(Stream.EVENT, [5]), "scan1"))
        assert await asyncio.gather(*waiting) == [[n] for n in range(1, 7)]
        assert await numbers(journal, Stream.EVENT) == [0, 1, 2, 3, 4, 5]


async def test_each_debt_brings_its_own_state_until_a_newer_one_is_stored(tmp_path: Path) -> None:
    """A crash half way through paying finds records and state that belong together."""
    async with owing(tmp_path) as (debts, journal):
        seen: list[tuple[int, bytes | None]] = []
        journal.on_commit(lambda: seen.append((journal.last(Stream.EVENT), journal.state("rule/a"))))
        with files_end_at(0):
            waiting = [
                debts.submit(drafts(Stream.EVENT, [n]), "a", state={"rule/a": b"after %d" % n}) for n in range(3)
            ]
            await until(lambda: len(debts._debts) == 3)
        await asyncio.gather(*waiting)
        assert seen[-3:] == [(1, b"after 0"), (2, b"after 1"), (3, b"after 2")]


async def test_nothing_overtakes_what_hangs_and_then_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what was queued behind it, nor what is submitted in the moment in which it is told: an answer that stood
    before the call in the stream would be one to no call.
    """
    at_work, go_on = Event(), Event()
    append = Stores.append

    def hangs(stores: Stores, series: Series, *what: Any) -> Any:
        if not go_on.is_set():
            at_work.set()
            go_on.wait()
            raise StoreError("store_failed", path="", why="EIO")
        return append(stores, series, *what)

    async with owing(tmp_path) as (debts, journal):
        waiting: list[asyncio.Future[list[int]]] = []

        def submit(n: int) -> None:
            waiting.append(debts.submit(drafts(Stream.EVENT, [n]), "a", state={"rule/a": b"%d" % n}))

        monkeypatch.setattr(Stores, "append", hangs)
        submit(1)
        await asyncio.to_thread(at_work.wait)
        submit(2)
        journal.on_commit(lambda: submit(3) if len(waiting) == 2 else None)
        go_on.set()
        await until(lambda: len(waiting) == 3)
        assert await asyncio.gather(*waiting) == [[1], [2], [3]]
        assert await numbers(journal, Stream.EVENT) == [1, 2, 3]
        assert journal.state("rule/a") == b"3"


async def test_what_is_refused_at_once_waits_behind_what_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that was full for a moment changes no order: neither where what is under way is taken, nor where it fails."""
    for fails in (False, True):
        at_work, go_on = Event(), Event()
        append = Stores.append

        def slow(stores: Stores, series: Series, *what: Any, at_work: Event = at_work, go_on: Event = go_on) -> Any:
            first = not at_work.is_set()
            at_work.set()
            go_on.wait()
            if first and fails:  # noqa: B023
                raise StoreError("store_failed", path="", why="EIO")
            return append(stores, series, *what)  # noqa: B023

        async with owing(tmp_path / str(fails)) as (debts, journal):
            with monkeypatch.context() as patch:
                patch.setattr(Stores, "append", slow)
                waiting = [debts.submit(drafts(Stream.EVENT, [1]), "a", state={"rule/a": b"1"})]
                await asyncio.to_thread(at_work.wait)
                patch.setattr("sync.journal.writer.QUEUE_MAX_BYTES", 0)
                waiting.append(debts.submit(drafts(Stream.EVENT, [2]), "a", state={"rule/a": b"2"}))
                patch.undo()
                waiting.append(debts.submit(drafts(Stream.EVENT, [3]), "a", state={"rule/a": b"3"}))
                go_on.set()
                assert await asyncio.gather(*waiting) == [[1], [2], [3]]
            assert await numbers(journal, Stream.EVENT) == [1, 2, 3]
            assert journal.state("rule/a") == b"3"


async def test_what_waits_for_a_disk_that_hangs_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer of the journal is needed for that: beyond it what finds no room is counted."""
    at_work, go_on = Event(), Event()
    append = Stores.append

    def hangs(stores: Stores, series: Series, *what: Any) -> Any:
        at_work.set()
        go_on.wait()
        return append(stores, series, *what)

    monkeypatch.setattr(owed, "OWED_MAX", 3)
    async with owing(tmp_path) as (debts, journal):
        monkeypatch.setattr(Stores, "append", hangs)
        first = debts.submit(drafts(Stream.EVENT, [0]), "scan1")
        await asyncio.to_thread(at_work.wait)
        monkeypatch.setattr("sync.journal.writer.QUEUE_MAX_BYTES", 0)
        waiting = [debts.submit(drafts(Stream.EVENT, [n]), "scan1") for n in range(1, 6)]
        assert [one.done() for one in waiting] == [False] * 3 + [True] * 2
        monkeypatch.setattr("sync.journal.writer.QUEUE_MAX_BYTES", 1 << 20)
        go_on.set()
        assert await asyncio.gather(first, *waiting[:3]) == [[1], [2], [3], [4]]
        await until(lambda: journal.last(Stream.AUDIT) > 0)
        (gap,) = await verified(journal, Stream.AUDIT)
        assert msgspec.json.decode(gap.body)["n"] == 2


async def test_a_mark_is_not_overtaken_by_what_stood_before_it(tmp_path: Path) -> None:
    """A newer state does not take the place of one that stands before a note without records: it comes behind the note itself."""
    async with owing(tmp_path) as (debts, journal):
        seen: list[tuple[bytes | None, bytes | None]] = []
        journal.on_commit(lambda: seen.append((journal.state("rule/r"), journal.state("boot"))))

        def state(v: int) -> list[Draft]:
            return [draft("rule.state/1", RuleState(rule="r", v=1, lift=None, state={"n": v}), at())]

        with files_end_at(0):
            _ = debts.submit(drafts(Stream.EVENT, [1]), "gateway")
            _ = debts.submit(state(1), "r", state={"rule/r": b"1"})
            _ = debts.submit([], "boot", state={"boot": b"new"})
            await until(lambda: len(debts._debts) == 3)
            last = debts.submit(state(2), "r", state={"rule/r": b"2"})
        await last
        assert seen[-3:] == [(b"1", None), (b"1", b"new"), (b"2", b"new")]


def test_a_late_alarm_says_so() -> None:
    """Only alarms are marked, and their body is otherwise the same."""
    at = Stamp(BOOT, 1, TimeQuality("ntp", 1), 1)
    body = AlarmBody(alarm="a", rule="r", what="w", device="d", point="p", profile="x@1", n=3)
    marked = msgspec.structs.replace(body, unjournalled=True)
    assert owed._late(draft("alarm.raised/1", body, at)) == draft("alarm.raised/1", marked, at)
    test = LiftTest(test="a", rule="r", lift="l1", profile="x@1", phase="begun")
    for other in draft("scan/1", ScanBody(device="s", text="t"), at), draft("lift.test/1", test, at):
        assert owed._late(other) is other


async def test_what_can_never_be_written_stops_nobody(tmp_path: Path) -> None:
    """A record that is no record is its owner's bug: told to the owner, and the next ones are written."""
    async with owing(tmp_path) as (debts, _):
        bad = Draft("scan/1", b"{}", Stamp(BOOT, 2**70, TimeQuality("ntp", 1), 1))
        failed = debts.submit([bad], "scan1")
        good = debts.submit(drafts(Stream.EVENT, [1]), "scan1")
        with pytest.raises(OverflowError):
            await failed
        assert await good == [1]


async def test_a_debt_that_can_never_be_written_stops_nobody(tmp_path: Path) -> None:
    """Also when it had to wait for the disk first."""
    async with owing(tmp_path) as (debts, _):
        with files_end_at(0):
            first = debts.submit(drafts(Stream.EVENT, [0]), "scan1")
            await until(lambda: len(debts._debts) == 1)
            failed = debts.submit([Draft("scan/1", b"{}", Stamp(BOOT, 2**70, TimeQuality("ntp", 1), 1))], "scan1")
            good = debts.submit(drafts(Stream.EVENT, [1]), "scan1")
        assert await first == [1]
        with pytest.raises(OverflowError):
            await failed
        assert await good == [2]


async def test_of_states_that_wait_only_the_newest_is_kept(tmp_path: Path) -> None:
    """A flapping probe on a dead card does not fill the memory; whoever waits for an older one is told with the newest."""
    async with owing(tmp_path) as (debts, journal):
        with files_end_at(0):
            waiting = [
                debts.submit(
                    [draft("rule.state/1", RuleState(rule="a", v=1, state=n), at(n))], "a", state={"rule/a": b"%d" % n}
                )
                for n in range(50)
            ]
            await until(lambda: not journal._writer._groups["core"].entries and len(debts._debts) <= 3)
        await asyncio.gather(*waiting)
        assert journal.state("rule/a") == b"49"
        assert journal.last(Stream.AUDIT) <= 3


async def test_the_last_try_at_a_stop(tmp_path: Path) -> None:
    """What waits when the gateway is told to stop is written if the disk takes it by then, once."""
    journal = await Journal.open(tmp_path, GW)
    debts = Owed(journal, BootClock())
    with files_end_at(0):
        waiting = debts.submit(drafts(Stream.EVENT, [1]), "scan1")
        await until(lambda: len(debts._debts) == 1)
        debts.missed("room1", "defect", 5)
    await debts.settle()
    assert await waiting == [1]
    assert (journal.last(Stream.EVENT), journal.last(Stream.AUDIT)) == (1, 1)
    with files_end_at(0):
        lost = debts.submit(drafts(Stream.EVENT, [2]), "scan1")
        await until(lambda: len(debts._debts) == 1)
        await debts.settle()
    assert not lost.done()
    await journal.close()


async def test_gaps_are_counted_per_device_and_reason(tmp_path: Path) -> None:
    """One record each for what was missed since the last; misses during the writing are not forgotten."""
    async with owing(tmp_path) as (debts, journal):
        for t in (10, 20, 30):
            debts.missed("room1", "queue_full", t)
        debts.missed("room1", "store_failed", 15)
        debts.missed("room2", "queue_full", 16)
        await until(lambda: not debts._gaps)
        debts.missed("room1", "queue_full", 40)
        await until(lambda: not debts._gaps)
        bodies = [msgspec.json.decode(r.body) for r in await verified(journal, Stream.AUDIT)]
    told = [(b["device"], b["why"], b["n"], b["first"], b["last"]) for b in bodies]
    assert sorted(told[:3]) == [
        ("room1", "queue_full", 3, 10, 30),
        ("room1", "store_failed", 1, 15, 15),
        ("room2", "queue_full", 1, 16, 16),
    ]
    assert told[3:] == [("room1", "queue_full", 1, 40, 40)]


async def test_what_goes_on_being_missed_is_told_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full store is not filled further by saying so; another reason or device is told at once, and a stop tells the rest."""
    monkeypatch.setattr(owed, "GAP_S", 3600.0)
    async with owing(tmp_path) as (debts, journal):
        debts.missed("room1", "store_full", 10)
        await until(lambda: not debts._gaps)
        debts.missed("room1", "store_full", 20)
        debts.missed("room2", "store_full", 30)
        await until(lambda: len(debts._gaps) == 1)
        debts.missed("room1", "store_full", 40)
        debts.missed("room1", "store_failed", 50)
        await until(lambda: len(debts._gaps) == 1)
        assert debts._gaps == {("room1", "store_full"): (2, 20, 40)}
        await debts.settle()
        bodies = [msgspec.json.decode(r.body) for r in await verified(journal, Stream.AUDIT)]
    told = [(b["device"], b["why"], b["n"]) for b in bodies]
    assert told[0] == ("room1", "store_full", 1)
    assert told[1:] == [("room2", "store_full", 1), ("room1", "store_failed", 1), ("room1", "store_full", 2)]


def test_a_full_store_is_told_apart_from_one_that_fails() -> None:
    """By the error's code: a queue that is full while the disk hangs is not a full store."""
    assert owed.why_not(StoreFull("store_full", path="x")) == "store_full"
    assert owed.why_not(StoreFull("store_behind", bytes=1)) == "store_failed"
    assert owed.why_not(StoreError("store_failed", path="x", why="y")) == "store_failed"
    assert owed.why_not(OverflowError()) == "store_failed"


async def test_without_room_a_record_is_refused_to_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """StoreError, counted; what carries state is taken all the same."""
    monkeypatch.setattr(owed, "OWED_MAX", 2)
    async with owing(tmp_path) as (debts, journal):
        with files_end_at(0):
            kept = [debts.submit(drafts(Stream.EVENT, [n]), "scan1") for n in range(2)]
            await until(lambda: len(debts._debts) == 2)
            with pytest.raises(StoreError):
                await debts.submit(drafts(Stream.EVENT, [2]), "scan1")
            kept.append(debts.submit(drafts(Stream.EVENT, [3]), "a", state={"rule/a": b"x"}))
        await asyncio.gather(*kept)
        assert await numbers(journal, Stream.EVENT) == [0, 1, 3]
        assert debts._gaps or journal.last(Stream.AUDIT)


async def test_without_room_of_what_a_rule_says_only_its_newest_state_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal whose code changes all the time on a dead card: the rest is counted, but alarms find room."""
    monkeypatch.setattr(owed, "OWED_MAX", 2)
    alarm = AlarmBody(alarm="a", rule="w", what="w", device="d", point="p", profile="x@1", n=3)
    fault = LiftEvent(lift="l1", device="d", what="fault", code="unknown", raw="4", codes="gbt24476-2017")
    async with owing(tmp_path) as (debts, journal):

        def said(n: int, kind: str, one: object) -> "asyncio.Future[list[int]]":
            state = draft("rule.state/1", RuleState(rule="w", v=1, state=n), at(n))
            return debts.submit([draft(kind, one, at(n)), state], "w", state={"rule/w": b"%d" % n})

        with files_end_at(0):
            first = said(0, "alarm.raised/1", alarm)
            await until(lambda: len(debts._debts) == 1)
            kept = [first, said(1, "lift.event/1", fault)]
            lost = [said(n, "lift.event/1", fault) for n in range(2, 100)]
            kept.append(said(100, "alarm.cleared/1", alarm))
            lost.append(said(101, "lift.event/1", fault))
            assert len(debts._debts) == 4, "what had room, the alarm, and the newest state"
        assert all(isinstance(one.exception(), StoreError) for one in lost)
        await asyncio.gather(*kept)
        await until(lambda: not debts._debts and not debts._gaps)
        assert journal.state("rule/w") == b"101"
        assert (journal.last(Stream.ALARM), journal.last(Stream.EVENT)) == (2, 1)
        told = [msgspec.json.decode(r.body) for r in await verified(journal, Stream.AUDIT) if r.kind == "store.gap/1"]
        assert (sum(one["n"] for one in told), {one["device"] for one in told}) == (99, {"w"})


async def test_the_last_try_is_made_also_after_one_that_failed(tmp_path: Path) -> None:
    """The disk is well again when the gateway is told to stop, and the next try was seconds away."""
    journal = await Journal.open(tmp_path, GW)
    debts = Owed(journal, BootClock())
    paying = asyncio.create_task(debts.run())
    with files_end_at(0):
        waiting = debts.submit(drafts(Stream.EVENT, [1]), "scan1")
        await until(lambda: debts._paying is not None and debts._paying.done())
        paying.cancel()
        await asyncio.wait({paying})
    await debts.settle()
    assert waiting.result() == [1]
    await journal.close()
