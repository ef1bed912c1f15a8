"""A lane on a real journal: whatever acknowledgements come, it counts right and believes nothing impossible."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from model.record import Stream, genesis
from support.journals import GW, drafts, drop_oldest
from support.memory import memory_directory
from support.source import at
from sync.contract.messages import EPOCH_STEP_MAX, Ack
from sync.flow import Flow
from sync.journal.journal import Journal
from sync.journal.segment import Head
from sync.lane import HOLE_S, IN_FLIGHT_MAX, PATIENCE_MAX_S, PATIENCE_S, Counts, Lane, Verdict

SEGMENT_BYTES = 110 * 1024
SIZE = 1000


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(tmp_path, GW, group_s=0, segment_max_bytes=SEGMENT_BYTES)
    await journal.append(drafts(Stream.READING, range(100)))
    yield journal
    await journal.close()


async def send(lane: Lane, journal: Journal, last: int, now: float = 0.0) -> None:
    """The next batch, up to `last`, has gone out."""
    head = (await journal.current.hash_at(lane.stream, last)).hex()
    lane.sent(lane.next, last, head, SIZE, now)


async def acknowledge(
    lane: Lane, journal: Journal, upto: int, *, now: float = 0.0, ingest: int = 1, **fields: Any
) -> Verdict:
    """As the centre says it, with the right hash unless another is given; the lane compares with our own."""
    own = (await journal.current.hash_at(lane.stream, upto)).hex() if upto <= journal.last(lane.stream) else None
    return lane.acknowledged(Ack(ingest=ingest, upto=upto, **({"head": own} | fields)), own, now)


async def test_watermark_follows_the_centre(journal: Journal) -> None:
    """Batches leave the window as they are acknowledged; what waits is what is not."""
    flow = Flow()
    lane = Lane(journal, journal.current, Stream.READING, flow)
    await send(lane, journal, 10)
    await send(lane, journal, 20)
    assert await acknowledge(lane, journal, 15) == "progress"
    assert (lane.upto, lane.next, lane.in_flight, flow.in_flight) == (15, 21, 1, SIZE)
    assert lane.counts() == Counts(100, 15, 85, 0, 0)
    assert await acknowledge(lane, journal, 15) == "nothing"


async def test_watermark_is_remembered(journal: Journal) -> None:
    """A new lane on the same journal goes on after it."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    await acknowledge(lane, journal, 40, refused=[(3, 4, "batch_chain")])
    again = Lane(journal, journal.current, Stream.READING, None)
    assert (again.upto, again.epoch, again.next, again.counts()) == (40, 1, 41, Counts(100, 38, 60, 0, 2))


async def test_stale_acknowledgement_changes_nothing(journal: Journal) -> None:
    """Lower in the same epoch, or of an older epoch."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    await acknowledge(lane, journal, 50, ingest=3)
    assert await acknowledge(lane, journal, 49, ingest=3) == "stale"
    assert await acknowledge(lane, journal, 60, ingest=2) == "stale"
    assert lane.upto == 50


async def test_restored_centre_may_go_back(journal: Journal) -> None:
    """A new epoch with a lower watermark: what is still held is sent again."""
    flow = Flow()
    lane = Lane(journal, journal.current, Stream.READING, flow)
    await send(lane, journal, 60)
    await acknowledge(lane, journal, 60)
    await send(lane, journal, 70)
    assert await acknowledge(lane, journal, 20, ingest=2) == "progress"
    assert (lane.upto, lane.next, lane.in_flight, flow.in_flight) == (20, 21, 0, 0)


async def test_what_no_centre_would_say(journal: Journal) -> None:
    """An epoch far ahead is believed of nobody, and what was acknowledged is not refused afterwards."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    assert await acknowledge(lane, journal, 40) == "progress"
    assert await acknowledge(lane, journal, 0, ingest=2**53 - 1) == "stale"
    assert await acknowledge(lane, journal, 45, refused=[(1, 42, "x")]) == "progress"
    assert lane.counts() == Counts(100, 43, 55, 0, 2)


@pytest.mark.parametrize("upto", [101, 30])
async def test_other_history_is_a_fork(journal: Journal, upto: int) -> None:
    """Ahead of what is durable here, or another hash: this store was restored or cloned; nothing more goes out."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    await send(lane, journal, 10)
    assert await acknowledge(lane, journal, upto, head="00" * 32) == "fork"
    assert (lane.upto, lane.ready(1e9)) == (0, False)
    assert lane.impatient(1e9)
    lane.revive()
    assert not lane.ready(1e9)


async def test_a_store_that_lost_its_tail_forks_although_that_was_acknowledged(tmp_path: Path) -> None:
    """The file with the watermark is of today, that with the records of a while ago: their numbers must not be given again."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    await journal.append(drafts(Stream.READING, range(80)))
    ack = Ack(ingest=1, upto=100, head="11" * 32)
    await journal.append([], state={f"ack/{journal.store}/reading": b'{"upto":100,"epoch":1}'})
    lane = Lane(journal, journal.current, Stream.READING, None)
    assert (lane.upto, lane.acknowledged(ack, None, 0.0)) == (100, "fork")
    await journal.close()


async def test_an_epoch_is_believed_as_far_as_the_centre_says_it(journal: Journal) -> None:
    """A lane that was away for more epochs than anybody believes at once follows what the centre says of itself."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    own = (await journal.current.hash_at(Stream.READING, 40)).hex()
    ack = Ack(ingest=EPOCH_STEP_MAX + 5, upto=40, head=own)
    assert lane.acknowledged(ack, own, 0.0) == "stale"
    assert lane.acknowledged(ack, own, 0.0, EPOCH_STEP_MAX + 5) == "progress"


async def test_only_the_hash_proves_that_a_record_arrived(journal: Journal) -> None:
    """Without it an acknowledgement is believed where the centre need not have it: at what is lost, or refused."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    assert await acknowledge(lane, journal, 20, head=None) == "unproven"
    assert await acknowledge(lane, journal, 20, head=None, refused=[(21, 25, "batch_chain")]) == "unproven"
    assert (lane.upto, lane.forked) == (0, False)
    assert await acknowledge(lane, journal, 20, head=None, refused=[(15, 20, "batch_chain")]) == "progress"
    await journal.declare_damage(journal.store, Stream.READING, 21, 30, "unreadable", at())
    assert await acknowledge(lane, journal, 30, head=None) == "progress"
    assert await acknowledge(lane, journal, 0, head=None, ingest=2) == "progress"
    assert lane.upto == 0


async def test_a_forked_store_is_not_acknowledged_with_other_hashes(journal: Journal) -> None:
    """Its lanes cannot fork again. That the centre has more than counts here is no contradiction."""
    store, seq = journal.current, 60
    ends = {s: Head(0, genesis(store.id)) for s in Stream}
    await journal.fork(journal.store, ends | {Stream.READING: Head(seq, await store.hash_at(Stream.READING, seq))})
    (sealed,) = journal.sealed
    lane = Lane(journal, sealed, Stream.READING, None)
    own = (await sealed.hash_at(Stream.READING, 30)).hex()
    assert lane.acknowledged(Ack(ingest=1, upto=30, head="00" * 32), own, 0.0) == "unproven"
    assert (lane.upto, lane.forked) == (0, False)
    assert lane.acknowledged(Ack(ingest=1, upto=30, head=own), own, 0.0) == "progress"
    assert lane.acknowledged(Ack(ingest=1, upto=100, head="00" * 32), None, 0.0) == "progress"
    assert lane.done


async def test_a_damaged_store_is_believed_beyond_its_end_when_that_is_proven(tmp_path: Path) -> None:
    """Until the centre has shown the hash there, what it has beyond may be another history."""
    first = await Journal.open(tmp_path, GW, group_s=0)
    await first.append(drafts(Stream.READING, range(60)))
    await first.close()
    next(tmp_path.glob("*/diag-000001.db")).write_bytes(b"rubbish" * 1000)
    journal = await Journal.open(tmp_path, GW, group_s=0)
    (sealed,) = journal.sealed
    lane = Lane(journal, sealed, Stream.READING, None)
    beyond = Ack(ingest=1, upto=100, head="00" * 32)
    assert lane.acknowledged(beyond, None, 0.0) == "fork"
    assert (lane.upto, lane.ready(1e9)) == (0, False)
    lane.prove()
    assert lane.ready(1e9)
    assert lane.acknowledged(Ack(ingest=1, upto=30, head="00" * 32), "11" * 32, 0.0) == "unproven"
    assert lane.acknowledged(beyond, None, 0.0) == "progress"
    again = Lane(journal, sealed, Stream.READING, None)
    assert again.acknowledged(beyond, None, 0.0) == "nothing"
    assert (again.done, again.counts()) == (True, Counts(60, 60, 0, 0, 0))
    await journal.close()


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"\xff", b"[]", b'{"upto":-1}', b'{"upto":"5"}', b'{"upto":5,"refused":[1]}']
)
async def test_state_that_cannot_be_read_costs_a_resend(journal: Journal, stored: bytes) -> None:
    """A watermark is at the beginning then; ranges that were noted as lost show by what is not held."""
    await journal.append([], state={f"ack/{journal.store}/reading": stored, f"lost/{journal.store}/reading": stored})
    lane = Lane(journal, journal.current, Stream.READING, None)
    assert (lane.upto, lane.gaps(), lane.counts()) == (0, [], Counts(100, 0, 100, 0, 0))


async def test_window_is_full_at_eight(journal: Journal) -> None:
    """Batches in flight are counted by the centre's acknowledgements."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    for n in range(IN_FLIGHT_MAX):
        assert lane.ready(0)
        await send(lane, journal, 10 * (n + 1))
    assert not lane.ready(0)
    await acknowledge(lane, journal, 10)
    assert lane.ready(0)


@pytest.mark.parametrize("stream", [Stream.ALARM, Stream.READING])
async def test_patience_doubles_up_to_its_bound(journal: Journal, stream: Stream) -> None:
    """No progress: back to the watermark, and twice as long the next time; progress makes it short again."""
    await journal.append(drafts(Stream.ALARM, range(100)))
    lane = Lane(journal, journal.current, stream, None)
    now, patience = 0.0, PATIENCE_S
    for _ in range(6):
        await send(lane, journal, 10, now)
        assert lane.deadline() == now + patience
        assert not lane.impatient(now + patience - 0.1)
        now += patience
        assert lane.impatient(now)
        assert (lane.next, lane.deadline()) == (1, None)
        patience = min(2 * patience, PATIENCE_MAX_S[stream])
    assert patience == PATIENCE_MAX_S[stream]
    await send(lane, journal, 10, now)
    await acknowledge(lane, journal, 5, now=now)
    assert lane.deadline() == now + PATIENCE_S


async def test_refusals_of_one_burst_are_one(journal: Journal) -> None:
    """Eight publishes refused together: one back-off, not eight doublings."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    for n in range(8):
        await send(lane, journal, 10 * (n + 1))
    for _ in range(8):
        lane.back_off(1.0)
    assert (lane.next, lane.ready(1.0 + PATIENCE_S - 0.1), lane.ready(1.0 + PATIENCE_S)) == (1, False, True)
    lane.back_off(10.0)
    assert (lane.ready(10.0 + 2 * PATIENCE_S - 0.1), lane.ready(10.0 + 2 * PATIENCE_S)) == (False, True)


async def test_hole_at_the_centre_is_filled(journal: Journal) -> None:
    """A batch that the centre misses goes again once it has been under way for a while, not before."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    await send(lane, journal, 10)
    await send(lane, journal, 20)
    await acknowledge(lane, journal, 0, missing=[(1, 10)], now=HOLE_S)
    assert lane.next == 21
    await acknowledge(lane, journal, 0, missing=[(1, 10)], now=HOLE_S + 0.1)
    assert lane.next == 1


async def test_refused_ranges_are_counted_once(journal: Journal) -> None:
    """Overlapping, upside down, beyond the watermark: each record counts once and nothing becomes negative."""
    lane = Lane(journal, journal.current, Stream.READING, None)
    ranges = [(5, 10, "x"), (8, 12, "y"), (5, 10, "x"), (20, 15, "z"), (49, 80, "w"), (90, 95, "v")]
    await acknowledge(lane, journal, 50, refused=ranges)
    assert lane.counts() == Counts(100, 40, 50, 0, 10)


async def test_dropped_records_are_lost_or_retired(journal: Journal) -> None:
    """Never acknowledged: lost. Acknowledged, then wanted again by a restored centre: retired."""
    for n in range(60):
        await journal.append(drafts(Stream.READING, [n], padding=8000))
    lane = Lane(journal, journal.current, Stream.READING, None)
    await acknowledge(lane, journal, 30)
    while await drop_oldest(journal, "reading", {Stream.READING: lane.upto}):
        pass
    low = journal.low(Stream.READING)
    assert low > 100
    assert lane.gaps() == [(31, low - 1, "pressure")]
    assert lane.counts() == Counts(160, 30, 160 - low + 1, low - 31, 0)
    head = "00" * 32  # not held any more: nothing to compare with
    assert lane.acknowledged(Ack(ingest=2, upto=10, head=head), None, 0.0) == "progress"
    assert lane.gaps() == [(11, 30, "retired"), (31, low - 1, "pressure")]
    assert lane.acknowledged(Ack(ingest=2, upto=low - 1), None, 0.0) == "progress"
    assert (lane.gaps(), lane.counts()) == ([], Counts(160, 30, 160 - low + 1, low - 31, 0))


class LaneMachine(RuleBasedStateMachine):
    """A centre that says anything at all, and a journal that grows and drops."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._directory = memory_directory()
        self._flow = Flow()
        self._now = 0.0

    @initialize()
    def start(self) -> None:
        self._runner.run(self._start())

    async def _start(self) -> None:
        self._journal = await Journal.open(Path(self._directory.name), GW, group_s=0, segment_max_bytes=SEGMENT_BYTES)
        self._lane = Lane(self._journal, self._journal.current, Stream.READING, self._flow)

    @rule(count=st.integers(1, 4), padding=st.sampled_from([0, 15_000]))
    def capture(self, count: int, padding: int) -> None:
        self._runner.run(self._journal.append(drafts(Stream.READING, range(count), padding=padding)))

    @rule(share=st.floats(0, 1))
    def send(self, share: float) -> None:
        if not self._lane.ready(self._now):
            return
        first, last = max(self._lane.next, self._journal.low(Stream.READING)), self._journal.last(Stream.READING)
        last = first + int(share * (last - first))
        head = self._runner.run(self._journal.current.hash_at(Stream.READING, last)).hex()
        self._lane.sent(first, last, head, SIZE, self._now)

    @rule(
        upto=st.integers(0, 40),
        ingest=st.integers(1, 3),
        head=st.sampled_from(["own", "other", "none"]),
        missing=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=2),
        refused=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.just("why")), max_size=3),
    )
    def hear(
        self,
        upto: int,
        ingest: int,
        head: str,
        missing: list[tuple[int, int]],
        refused: list[tuple[int, int, str]],
    ) -> None:
        low, last = self._journal.low(Stream.READING), self._journal.last(Stream.READING)
        own = None
        if low - 1 <= upto <= last:
            own = self._runner.run(self._journal.current.hash_at(Stream.READING, upto)).hex()
        said = {"own": own, "other": "00" * 32, "none": None}[head]
        before, forked = self._lane.upto, self._lane.forked
        ack = Ack(ingest=ingest, upto=upto, head=said, missing=missing, refused=refused)
        verdict = self._lane.acknowledged(ack, own, self._now)
        if verdict in ("stale", "unproven", "fork"):
            assert self._lane.upto == before
        else:
            assert self._lane.upto == upto
        assert self._lane.forked == (forked or verdict == "fork")
        if upto > last:
            assert verdict in ("stale", "fork")

    @rule(seconds=st.floats(0.1, 30))
    def wait(self, seconds: float) -> None:
        self._now += seconds
        self._lane.impatient(self._now)

    @rule()
    def be_refused(self) -> None:
        self._lane.back_off(self._now)

    @rule()
    def drop(self) -> None:
        upto = {Stream.READING: self._lane.upto}
        self._runner.run(drop_oldest(self._journal, "reading", upto))

    @rule()
    def restart(self) -> None:
        self._flow = Flow()
        self._lane = Lane(self._journal, self._journal.current, Stream.READING, self._flow)

    @invariant()
    def counted(self) -> None:
        if not hasattr(self, "_lane"):
            return
        lane, journal = self._lane, self._journal
        counts = lane.counts()
        assert min(counts) >= 0, counts
        assert counts.captured == counts.acknowledged + counts.waiting + counts.lost + counts.refused
        assert counts.captured == journal.last(Stream.READING)
        assert lane.upto <= journal.last(Stream.READING)
        assert 0 <= lane.in_flight <= IN_FLIGHT_MAX
        assert self._flow.in_flight == lane.in_flight * SIZE
        assert lane.next > lane.upto
        assert not (lane.held and lane.ready(1e12))
        gaps = lane.gaps()
        covered = {n for a, b, _ in gaps for n in range(a, b + 1)}
        assert covered == set(range(lane.upto + 1, journal.low(Stream.READING)))
        assert len(covered) == sum(b - a + 1 for a, b, _ in gaps)

    def teardown(self) -> None:
        if hasattr(self, "_journal"):
            self._runner.run(self._journal.close())
        self._runner.close()
        self._directory.cleanup()


LaneMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestLaneModel = LaneMachine.TestCase
