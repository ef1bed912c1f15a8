"""What the store drops, and when it refuses: whatever is held, acknowledged and past its days."""

from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from model.record import SERIES, STREAMS, Series, Stream
from sync.journal.inventory import SegmentInfo
from sync.journal.policy import DAY_US, LEAST_BYTES, Drop, Holdings, Plan, key, plan

MIB = 1024 * 1024
NOW = 1_790_000_000_000_000
DAYS: dict[Stream, float] = {
    Stream.ALARM: 700,
    Stream.EVENT: 400,
    Stream.AUDIT: 300,
    Stream.READING: 60,
    Stream.DIAG: 7,
}
ALL: tuple[Series, ...] = ("core", "reading", "diag")


def segment(
    series: Series, number: int = 1, *, store: str = "a", mib: float = 1, closed: bool = True, **ranges: tuple[int, int]
) -> SegmentInfo:
    given_ = {Stream(name): pair for name, pair in ranges.items()}
    name = Path(f"{series}-{number:06d}.db")
    return SegmentInfo(store, series, number, name, round(mib * MIB), closed, given_)


@dataclass
class World:
    held: Holdings
    bound: int

    def plan(self, *, refusing: bool = False) -> Plan:
        return plan(self.held, DAYS, self.bound, NOW, refusing=refusing)

    def past(self, one: SegmentInfo) -> bool:
        since = self.held.since.get(key(one))
        return since is not None and all(since + DAYS[stream] * DAY_US <= NOW for stream in one.ranges)

    def free(self, one: SegmentInfo) -> bool:
        """Settled, with all that is older in its series."""
        series = [s for s in self.held.segments if (s.store, s.series) == (one.store, one.series)]
        return all(self.held.settled(s) for s in series if s.number <= one.number)

    def left(self, drops: list[Drop]) -> list[SegmentInfo]:
        gone = {key(drop.segment) for drop in drops}
        return [one for one in self.held.segments if key(one) not in gone]

    def closable(self, one: SegmentInfo) -> bool:
        return one.closed or one.bytes > max(LEAST_BYTES, self.bound / 100)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """One to three stores, all sealed but the last, each series in segments that go on from one another."""
    segments: list[SegmentInfo] = []
    upto: dict[tuple[str, Stream], int] = {}
    stores = "abc"[: draw(st.integers(1, 3))]
    for store in stores:
        last = dict.fromkeys(STREAMS, 0)
        for series in ALL:
            count = draw(st.integers(1, 4))
            for number in range(1, count + 1):
                ranges = {}
                for stream in (s for s in STREAMS if SERIES[s] == series):
                    records = draw(st.integers(0, 3))
                    if records:
                        ranges[stream] = (last[stream] + 1, last[stream] + records)
                        last[stream] += records
                size = draw(st.integers(1, 4 * MIB))
                closed = store != stores[-1] or number < count
                path = Path(store, f"{series}-{number:06d}.db")
                segments.append(SegmentInfo(store, series, number, path, size, closed, ranges))
        for stream in STREAMS:
            upto[store, stream] = draw(st.integers(0, last[stream]))
    since = {
        key(one): NOW - draw(st.integers(0, 800)) * DAY_US for one in segments if one.closed and draw(st.booleans())
    }
    used = sum(one.bytes for one in segments) + draw(st.integers(0, MIB))
    bound = draw(st.integers(-MIB, 2 * used))
    return World(Holdings(segments, used, upto, since), bound)


@given(worlds())
@settings(max_examples=50)
def test_core_goes_only_settled_and_past_its_days(world: World) -> None:
    """Whatever the pressure: an alarm that the centre has not got, or that is young, stays."""
    for drop in world.plan().drops:
        if drop.segment.series == "core":
            assert drop.reason == "retired"
            assert drop.segment.closed
            assert world.held.settled(drop.segment)
            assert world.past(drop.segment)


@given(worlds())
@settings(max_examples=50)
def test_without_pressure_only_what_is_past_its_days_goes(world: World) -> None:
    """Retention takes settled, closed segments whose days are over; with room for the rest nothing else goes."""
    drops = world.plan().drops
    retired = [drop for drop in drops if drop.reason == "retired"]
    assert all(d.segment.closed and world.held.settled(d.segment) and world.past(d.segment) for d in retired)
    if world.held.used - sum(d.segment.bytes for d in retired) <= world.bound:
        assert drops == retired


@given(worlds())
@settings(max_examples=50)
def test_enough_goes_and_no_more(world: World) -> None:
    """Above the bound segments go until it fits or nothing may go any more; the last one was still needed."""
    told = world.plan()
    freed = sum(drop.segment.bytes for drop in told.drops)
    pressed = [drop for drop in told.drops if drop.reason == "pressure"]
    if world.held.used - freed > world.bound:
        assert told.refuse
        assert [one for one in world.left(told.drops) if one.series != "core" and world.closable(one)] == []
    else:
        assert not told.refuse
    if pressed:
        assert world.held.used - freed + pressed[-1].segment.bytes > world.bound


@given(worlds())
@settings(max_examples=50)
def test_the_order_of_pressure(world: World) -> None:
    """Diag settled, diag not settled, reading settled, reading not settled; of each series of a store the oldest first."""
    drops = world.plan().drops
    ranks = [
        (drop.segment.series == "reading", not world.free(drop.segment)) for drop in drops if drop.reason == "pressure"
    ]
    assert ranks == sorted(ranks)
    for one in {(d.segment.store, d.segment.series) for d in drops}:
        all_numbers = [s.number for s in world.held.segments if (s.store, s.series) == one]
        numbers = [d.segment.number for d in drops if (d.segment.store, d.segment.series) == one]
        assert numbers == all_numbers[: len(numbers)], "a hole would be left"


@given(worlds())
@settings(max_examples=50)
def test_fill_is_what_could_not_go_without_a_loss(world: World) -> None:
    """It lies between nothing and all; below all no reading is lost (of diag some may be: it goes before any reading)."""
    told = world.plan()
    assert 0 <= told.fill <= 1
    if told.fill < 1:
        assert all(world.free(d.segment) for d in told.drops if d.segment.series == "reading")
        left = world.held.used - sum(
            one.bytes
            for one in world.held.segments
            if world.held.settled(one)
            and (
                (one.series != "core" and world.closable(one))
                or (one.series == "core" and one.closed and world.past(one))
            )
        )
        assert told.fill * world.bound >= left - 1


@given(worlds())
@settings(max_examples=50)
def test_refusing_ends_only_with_some_room(world: World) -> None:
    """What made telemetry refused keeps it so until there is more room than just none."""
    if world.plan().refuse:
        assert world.plan(refusing=True).refuse


def test_refusing_goes_on_just_below_the_bound() -> None:
    """At the bound it would begin and end with every record."""
    held = Holdings([segment("core", mib=99.5, closed=False, alarm=(1, 9))], round(99.5 * MIB), {}, {})
    assert not plan(held, DAYS, 100 * MIB, NOW).refuse
    assert plan(held, DAYS, 100 * MIB, NOW, refusing=True).refuse
    assert not plan(held, DAYS, 101 * MIB, NOW, refusing=True).refuse


def test_every_class_of_a_segment_has_its_days() -> None:
    """A core segment stays for its longest class; of the days not one is missing."""
    one, two = segment("core", 1, alarm=(1, 2), audit=(1, 5)), segment("core", 2, audit=(6, 9))
    upto = {("a", Stream.ALARM): 2, ("a", Stream.AUDIT): 9}
    for days, expected in ((299, []), (301, []), (699.999, []), (700, [1, 2])):
        since = dict.fromkeys((key(one), key(two)), NOW - round(days * DAY_US))
        held = Holdings([one, two, segment("core", 3, closed=False)], 3 * MIB, upto, since)
        assert [d.segment.number for d in plan(held, DAYS, 9 * MIB, NOW).drops] == expected


def test_a_sealed_store_is_pressed_first() -> None:
    """Its segments are the older ones."""
    segments = [
        segment("reading", 1, store="old", reading=(1, 5)),
        segment("reading", 1, store="new", reading=(1, 5)),
        segment("reading", 2, store="new", closed=False),
    ]
    told = plan(Holdings(segments, 3 * MIB, {}, {}), DAYS, 2 * MIB, NOW)
    assert [(d.segment.store, d.reason) for d in told.drops] == [("old", "pressure")]


def test_what_is_still_written_to_goes_last() -> None:
    """It is offered only where that frees a good piece: a new file takes room too."""
    big, small = (segment("reading", 1, closed=False, mib=mib, reading=(1, 5)) for mib in (2, 0.12))
    assert [d.segment for d in plan(Holdings([big], 9 * MIB, {}, {}), DAYS, 8 * MIB, NOW).drops] == [big]
    told = plan(Holdings([small], 9 * MIB, {}, {}), DAYS, 8 * MIB, NOW)
    assert (told.drops, told.refuse) == ([], True)
