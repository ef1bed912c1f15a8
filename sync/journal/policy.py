"""What may be dropped, in which order, and how full the store is. Pure: nothing here looks at a disk or a clock.

Without pressure a closed segment goes once the centre has settled all its records and the days of each of their classes are
over. Above the bound the rest goes whole, segment by segment, until it fits: diag before reading, and of each what is settled
before what is not, oldest first; the latter is a loss that is declared. Core goes only the first way.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from model.record import Series, Stream
from sync.journal.inventory import SegmentInfo

DAY_US = 86_400_000_000
LEAST_SHARE = 0.01
LEAST_BYTES = 128 * 1024
"""A segment that is still written to is worth closing where it holds more than this, and more than that share of the bound."""
_UNDER_PRESSURE: tuple[Series, ...] = ("diag", "reading")

Key = tuple[str, Series, int]
"""A segment by its store, series and number."""


class Holdings(NamedTuple):
    """`segments` of all stores, of each series oldest first; `used` bytes with what belongs to no segment.

    `upto`: what the centre has settled. `since`: when (us, UTC) a segment was found settled, where the clock can tell how long ago that is.
    """

    segments: Sequence[SegmentInfo]
    used: int
    upto: Mapping[tuple[str, Stream], int]
    since: Mapping[Key, int]

    def settled(self, segment: SegmentInfo) -> bool:
        """Whether the centre has said its word on every record in it."""
        return all(last <= self.upto.get((segment.store, s), 0) for s, (_, last) in segment.ranges.items())


class Drop(NamedTuple):
    """A segment that is still written to has to be closed first."""

    segment: SegmentInfo
    reason: Literal["pressure", "retired"]


class Plan(NamedTuple):
    """`fill` is the share of the bound, at most 1, that cannot be dropped without a loss. `refuse`: take no telemetry."""

    drops: list[Drop]
    fill: float
    refuse: bool


def key(segment: SegmentInfo) -> Key:
    return segment.store, segment.series, segment.number


def plan(held: Holdings, days: Mapping[Stream, float], bound: int, now: int, *, refusing: bool = False) -> Plan:
    """`now` is us, UTC. `refusing`: telemetry is refused now; to end that takes some room."""
    least = max(LEAST_BYTES, round(bound * LEAST_SHARE))
    retired = list(_oldest(held.segments, lambda s: _over(held, s, days, now)))
    gone = {key(segment) for segment in retired}
    free, losses = _pressed(held, gone, least)
    lossless = sum(segment.bytes for segment in (*retired, *free))
    fill = min(1.0, (held.used - lossless) / bound) if bound > 0 else 1.0
    drops = [Drop(segment, "retired") for segment in retired]
    left = held.used - sum(segment.bytes for segment in retired)
    for series in _UNDER_PRESSURE:
        for segment in (s for s in (*free, *losses) if s.series == series):
            if left > bound:
                drops.append(Drop(segment, "pressure"))
                left -= segment.bytes
    return Plan(drops, fill, left > (bound - least if refusing else bound))


def _over(held: Holdings, segment: SegmentInfo, days: Mapping[Stream, float], now: int) -> bool:
    """Closed, settled, and past the days of every class in it."""
    since = held.since.get(key(segment))
    if since is None or not segment.closed or not held.settled(segment):
        return False
    return all(now - since >= days[stream] * DAY_US for stream in segment.ranges)


def _pressed(held: Holdings, gone: Collection[Key], least: int) -> tuple[list[SegmentInfo], list[SegmentInfo]]:
    """What pressure may take: without a loss, and with one."""
    may = [
        segment
        for segment in held.segments
        if segment.series in _UNDER_PRESSURE and key(segment) not in gone and (segment.closed or segment.bytes > least)
    ]
    free = list(_oldest(may, held.settled))
    known = {key(segment) for segment in free}
    return free, [segment for segment in may if key(segment) not in known]


def _oldest(segments: Sequence[SegmentInfo], fits: Callable[[SegmentInfo], bool]) -> Iterator[SegmentInfo]:
    """Of each series of a store those that fit, from its oldest to the first that does not: what is left has no hole."""
    ended: set[tuple[str, Series]] = set()
    for segment in segments:
        series = (segment.store, segment.series)
        if series not in ended and fits(segment):
            yield segment
        else:
            ended.add(series)
