"""What is done about acknowledgements that our history does not explain, while the centre answers, is away, or cannot tell."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from pathlib import Path

import apsw
import pytest

import sync.parting
from model.errors import LinkError
from model.record import Stream
from support.context import HANG_S
from support.journals import GW, committed, drafts
from support.source import at
from sync.contract.messages import Ack, Hashes, HashRequest, decode
from sync.journal.journal import Journal
from sync.lane import Lane
from sync.parting import Parting, parting
from sync.sender import Sender

BEYOND = Ack(ingest=1, upto=90, head="11" * 32)


class Centre:
    """The far end of a link: it knows hashes of the stores, says nothing, or goes away with what it was asked."""

    def __init__(self, knows: Mapping[str, Mapping[int, str]] | None = None) -> None:
        self.knows = knows
        self.up = True
        self.asked = asyncio.Event()
        self.parting: Parting
        self._gone: LinkError | None = None
        self._pending: list[asyncio.Future[int]] = []

    def publish(self, _topic: str, payload: bytes) -> "asyncio.Future[int]":
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self._gone:
            done.set_exception(self._gone)
            return done
        self.asked.set()
        if self.knows is None:
            self._pending.append(done)
            return done
        done.set_result(0)
        q = decode(payload, HashRequest)
        known = [(n, h) for n, h in self.knows.get(q.store, {}).items() if n in q.at]
        answer = Hashes(v=1, id=q.id, store=q.store, stream=q.stream, hashes=known)
        asyncio.get_running_loop().call_soon(self.parting.on_hashes, answer)
        return done

    def go(self) -> None:
        """As the adapter does it: what waits fails, and what comes after fails at once."""
        self._gone = LinkError("link_lost", why="gone")
        for done in self._pending:
            done.set_exception(self._gone)


class Gateway:
    """A journal with 50 readings in a store that was damaged, and 5 events in the current one."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.sender = Sender(GW, journal, at, lambda _: None)
        self.believed: list[Lane] = []
        self._changed = asyncio.Event()
        journal.on_commit(self._changed.set)
        (self.sealed,) = journal.sealed
        self.lane = self.lanes(self.sealed.id)[Stream.READING]

    def lanes(self, store: str) -> dict[Stream, Lane]:
        lanes = self.sender.of(store)
        assert lanes
        return lanes

    async def until(self, condition: Callable[[], bool]) -> None:
        """At most 20 s."""
        async with asyncio.timeout(HANG_S):
            while not condition():
                await self._changed.wait()
                self._changed.clear()

    def parting(self, centre: Centre) -> Parting:
        async def believe(lane: Lane, _: Ack) -> None:
            self.believed.append(lane)
            self._changed.set()

        centre.parting = Parting(GW, self.journal, self.sender, lambda _: None, believe, lambda: centre.up)
        centre.parting.link = centre  # type: ignore[assignment]
        return centre.parting


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    first = await Journal.open(tmp_path, GW, group_s=0)
    await first.append(drafts(Stream.READING, range(50)))
    await first.close()
    next(tmp_path.glob("*/diag-000001.db")).write_bytes(b"rubbish" * 1000)
    journal = await Journal.open(tmp_path, GW, group_s=0)
    await journal.append(drafts(Stream.EVENT, range(5)))
    yield Gateway(journal)
    await journal.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync.parting, "ANSWER_TIMEOUT_S", 0.01)
    monkeypatch.setattr(sync.parting, "RETRY_S", 0.01)
    monkeypatch.setattr(sync.parting, "LINK_RETRY_S", 0.01)


async def test_a_link_that_goes_is_no_answer(gateway: Gateway) -> None:
    """The question is asked again over the next one; nothing was forked meanwhile."""
    away = Centre()
    parting = gateway.parting(away)
    assert gateway.lane.acknowledged(BEYOND, None, 0) == "fork"
    asked = asyncio.ensure_future(parting.dispute(gateway.lane, BEYOND))
    await away.asked.wait()
    parting.link = None
    away.go()
    await asked
    assert (gateway.lane.held, gateway.sealed.parted, gateway.believed) == (True, False, [])
    back = Centre({gateway.sealed.id: {50: gateway.sealed.head(Stream.READING).hash.hex()}})
    back.parting = parting
    await parting.run(back)  # type: ignore[arg-type]
    assert (gateway.lane.held, gateway.journal.sealed[0].parted, gateway.believed) == (False, False, [gateway.lane])


@pytest.mark.usefixtures("impatient")
async def test_a_centre_that_is_away_is_waited_for(gateway: Gateway) -> None:
    """Only one that is there and does not answer is one that cannot: then what it has not acknowledged comes again."""
    centre = Centre()
    centre.up = False
    parting = gateway.parting(centre)
    settling = asyncio.ensure_future(parting.dispute(gateway.lane, BEYOND))
    for _ in range(20):
        centre.asked.clear()
        await centre.asked.wait()
    assert not gateway.journal.sealed[0].parted
    centre.up = True
    await settling
    assert gateway.journal.sealed[0].parted
    await gateway.until(lambda: gateway.journal.last(Stream.READING) == 50)


async def test_one_dispute_does_not_wait_for_another(gateway: Gateway) -> None:
    """There was a fork a moment ago, so the current store's waits; the damaged store's is settled at once."""
    centre = Centre({gateway.sealed.id: {50: gateway.sealed.head(Stream.READING).hash.hex()}})
    parting = gateway.parting(centre)
    parting._forked_at = time.monotonic()
    current = gateway.sender.current[Stream.EVENT]
    waits = asyncio.ensure_future(parting.dispute(current, BEYOND))
    await asyncio.sleep(0)
    await parting.dispute(gateway.lane, BEYOND)
    await gateway.until(lambda: gateway.believed == [gateway.lane])
    assert gateway.sender.owns(current)
    waits.cancel()


@pytest.mark.usefixtures("impatient")
async def test_the_watermark_lies_on_a_record_that_is_gone(tmp_path: Path) -> None:
    """A centre that tells no hashes gets all of the store again."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    await journal.append(drafts(Stream.READING, range(50)))
    await journal.close()
    (path,) = tmp_path.glob("*/reading-000001.db")
    with closing(apsw.Connection(str(path))) as db:
        db.execute("DELETE FROM record WHERE id & 0xffffffff = 20")
    journal = await Journal.open(tmp_path, GW, group_s=0)
    old = journal.store
    await journal.declare_damage(old, Stream.READING, 20, 20, "unreadable", at())
    sender = Sender(GW, journal, at, lambda _: None)
    lane = sender.current[Stream.READING]
    assert lane.acknowledged(Ack(ingest=1, upto=20), None, 0) == "progress"
    centre = Centre()

    async def believe(_: Lane, __: Ack) -> None:
        raise AssertionError

    parting = Parting(GW, journal, sender, lambda _: None, believe, lambda: True)
    parting.link = centre  # type: ignore[assignment]
    await parting.dispute(lane, BEYOND)
    assert (journal.sealed[0].id, journal.sealed[0].last(Stream.READING)) == (old, 0)
    await committed(journal, lambda: journal.last(Stream.READING) == 48)  # 20 is gone, and with it the proof of 21
    await journal.close()


async def test_a_tail_that_was_lost_here_is_shared_where_the_centre_has_it(tmp_path: Path) -> None:
    """Its hash is known, though nothing of it can be read: a dispute about another stream takes nothing away from it."""
    first = await Journal.open(tmp_path, GW, group_s=0)
    for stream in (Stream.READING, Stream.EVENT):
        await first.append(drafts(stream, range(20)))
    head = first.head(Stream.READING)
    await first.close()
    next(tmp_path.glob("*/reading-000001.db")).write_bytes(b"rubbish" * 1000)
    journal = await Journal.open(tmp_path, GW, group_s=0)
    (sealed,) = journal.sealed

    async def ask(stream: Stream, numbers: list[int]) -> dict[int, str]:
        return {n: head.hash.hex() for n in numbers if (stream, n) == (Stream.READING, 20)}

    ends = await parting(sealed, ask, {})
    assert (ends[Stream.READING], ends[Stream.EVENT].seq) == (head, 0)
    await journal.fork(sealed.id, ends)
    await committed(journal, lambda: journal.last(Stream.EVENT) == 20)
    (sealed,) = journal.sealed
    assert (sealed.last(Stream.READING), sealed.lost(Stream.READING)) == (20, [(1, 20, "damaged")])
    await journal.close()


@pytest.mark.parametrize(("disputed", "shared"), [({}, 7), ({Stream.READING: 6}, 5)])
async def test_another_history_between_two_parts_of_ours(
    tmp_path: Path, disputed: dict[Stream, int], shared: int
) -> None:
    """A clone's batch lies where ours was under way: that the centre has our last record does not say that it has all."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    await journal.append(drafts(Stream.READING, range(20)))
    ours = {n: (await journal.current.hash_at(Stream.READING, n)).hex() for n in range(1, 21)}
    theirs = ours | dict.fromkeys(range(8, 11), "00" * 32)

    async def ask(stream: Stream, numbers: list[int]) -> dict[int, str]:
        return {n: theirs[n] for n in numbers if stream is Stream.READING}

    ends = await parting(journal.current, ask, disputed)
    assert ends[Stream.READING] == (shared, bytes.fromhex(ours[shared]))
    await journal.close()
