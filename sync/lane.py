"""One stream of one store on its way to the centre: its watermark, what is in flight, what was settled otherwise."""

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from model.record import Stream
from sync.contract.messages import EPOCH_STEP_MAX, Ack
from sync.flow import Flow, Mark
from sync.journal.journal import Journal
from sync.journal.losses import with_lost
from sync.journal.view import StoreView
from sync.watermark import Watermark

IN_FLIGHT_MAX = 8
PATIENCE_S = 5.0
PATIENCE_MAX_S = {stream: 30.0 if stream is Stream.ALARM else 60.0 for stream in Stream}
HOLE_S = 1.0
"""A batch that the centre misses is sent again once it has been under way for so long."""

Verdict = Literal["progress", "nothing", "stale", "unproven", "fork"]


class InFlight(NamedTuple):
    first: int
    last: int
    head: str
    size: int
    mark: Mark


class Counts(NamedTuple):
    """captured = acknowledged + waiting + lost + refused."""

    captured: int
    acknowledged: int
    waiting: int
    lost: int
    refused: int


def _counted(ranges: Iterable[tuple[int, int, str]], upto: int) -> int:
    """How many numbers from 1 to `upto` lie in the ranges, which may overlap."""
    counted = reached = 0
    for a, b, _ in sorted(ranges):
        start, end = max(a, reached + 1), min(b, upto)
        if start <= end:
            counted += end - start + 1
            reached = end
    return counted


class Lane:
    """All methods are for the event loop's thread; times are seconds of one monotonic clock."""

    def __init__(self, journal: Journal, store: StoreView, stream: Stream, flow: Flow | None) -> None:
        """`flow` None: not bounded by the streams' common budget. Where the watermark is kept is the journal's affair."""
        self.stream = stream
        self.store = store
        self._journal = journal
        self._flow = flow
        self._mark = Watermark.of(journal.state(f"ack/{store.id}/{stream}"))
        self._flying: deque[InFlight] = deque()
        self._next = self._mark.upto + 1
        self._progress_at = 0.0
        self._patience = PATIENCE_S
        self._not_before = 0.0
        self.forked = False
        self._proven = False

    @property
    def upto(self) -> int:
        return self._mark.upto

    @property
    def epoch(self) -> int:
        """Of the acknowledgement that was believed last; 0 before the first."""
        return self._mark.epoch

    @property
    def next(self) -> int:
        """The number that the next batch starts with, if it is still held."""
        return self._next

    @property
    def in_flight(self) -> int:
        return len(self._flying)

    @property
    def done(self) -> bool:
        """Whether the centre has settled all that this store has of the stream."""
        return self._mark.upto >= self.store.last(self.stream)

    @property
    def held(self) -> bool:
        """The centre has another history under this name: nothing more is sent but alarms, which the desk sees in quarantine."""
        return self.forked and self.stream is not Stream.ALARM

    def ready(self, now: float) -> bool:
        """Whether there is something to send and room for it in this lane."""
        return (
            not self.held
            and self._next <= self.store.last(self.stream)
            and len(self._flying) < IN_FLIGHT_MAX
            and now >= self._not_before
        )

    def sent(self, first: int, last: int, head: str, size: int, now: float) -> None:
        if not self._flying:
            self._progress_at = now
        mark = self._flow.sent(size, now) if self._flow else Mark(now, 0, 0)
        self._flying.append(InFlight(first, last, head, size, mark))
        self._next = last + 1

    def rewind(self) -> None:
        """Forget what is in flight and start again after the watermark."""
        for batch in self._flying:
            if self._flow:
                self._flow.forgotten(batch.size)
        self._flying.clear()
        self._next = self._mark.upto + 1

    def revive(self) -> None:
        """The centre has just come back: start again at once."""
        self._patience = PATIENCE_S
        self._not_before = 0.0
        self.rewind()

    def back_off(self, now: float) -> None:
        """It could not be sent, or the broker did not take it: it counts as not sent. Those sent with it say nothing more."""
        if now < self._not_before:
            return
        self.rewind()
        self._not_before = now + self._patience
        self._patience = min(2 * self._patience, PATIENCE_MAX_S[self.stream])

    @property
    def not_before(self) -> float:
        """Until when it backs off."""
        return self._not_before

    def deadline(self) -> float | None:
        """When patience ends, if anything is in flight."""
        return self._progress_at + self._patience if self._flying else None

    def impatient(self, now: float) -> bool:
        """No progress for the time T: go back, and wait twice as long the next time."""
        due = self.deadline()
        if due is None or now < due:
            return False
        self.rewind()
        self._patience = min(2 * self._patience, PATIENCE_MAX_S[self.stream])
        return True

    def head_in_flight(self, seq: int) -> str | None:
        """The hash at `seq` where a batch in flight ends there."""
        return next((b.head for b in self._flying if b.last == seq), None)

    def acknowledged(self, ack: Ack, head: str | None, now: float, epoch: int = 0) -> Verdict:
        """Take an acknowledgement in. `head` is our own hash at `ack.upto`, None where it is no longer held.

        `epoch` is what the centre says of itself, 0 where it has said nothing.
        """
        mark = self._mark
        near = mark.epoch <= ack.ingest <= max(mark.epoch, epoch) + EPOCH_STEP_MAX
        if not near or (ack.ingest == mark.epoch and ack.upto < mark.upto):
            return "stale"
        other = bool(head and ack.head and head != ack.head)
        beyond = ack.upto > max(self.store.last(self.stream), mark.upto if self.store.sealed else 0)
        if (other or beyond) and not (self.store.parted or self._proven):
            self.forked = True
            return "fork"
        if other or (ack.upto > mark.upto and ack.head is None and not self._given_up(ack)):
            return "unproven"
        back = ack.upto < mark.upto  # a new epoch: the centre was restored from a backup
        progress = ack.upto > mark.upto
        refused = self._refused(ack)
        if ack.upto != mark.upto or ack.ingest != mark.epoch or refused != mark.refused:
            self._mark = Watermark(ack.upto, ack.ingest, refused)
            self._journal.note(f"ack/{self.store.id}/{self.stream}", msgspec.json.encode(self._mark))
        if back:
            self.rewind()
        while self._flying and self._flying[0].last <= ack.upto:
            batch = self._flying.popleft()
            if self._flow:
                self._flow.acknowledged(batch.size, batch.mark, now)
        self._next = max(self._next, ack.upto + 1)
        if progress:
            self._progress_at = now
            self._patience = PATIENCE_S
            self._not_before = 0.0
        if ack.missing and self._flying and now - self._flying[0].mark.at > HOLE_S:
            self.rewind()
        return "progress" if progress or back else "nothing"

    def prove(self) -> None:
        """The centre has shown our own hash at the end of this damaged store: what it has beyond is what was lost here."""
        self._proven = True
        self.forked = False

    def _given_up(self, ack: Ack) -> bool:
        """Whether it ends in a range of which the centre may have no hash: one that is lost, or that it has refused."""
        return any(a <= ack.upto <= b for a, b, _ in (*self.gaps(), *ack.refused))

    def _refused(self, ack: Ack) -> list[tuple[int, int, str]]:
        """What was acknowledged before is not refused later, but by a centre that was restored."""
        if ack.upto < self._mark.upto:
            return ack.refused
        refused = self._mark.refused
        for first, last, why in ack.refused:
            if last > self._mark.upto:
                refused = with_lost(refused, (max(first, self._mark.upto + 1), last, why))
        return refused

    def gaps(self) -> list[tuple[int, int, str]]:
        """Ranges above the watermark that can no longer be sent, with their reasons."""
        low, upto = self.store.low(self.stream), self._mark.upto
        gaps: list[tuple[int, int, str]] = []
        covered = upto
        for a, b, why in self.store.lost(self.stream):
            if b > covered:
                if covered + 1 < min(a, low):
                    gaps.append((covered + 1, min(a, low) - 1, "retired"))
                gaps.append((max(a, covered + 1), b, why))
                covered = b
        if covered + 1 < low:
            gaps.append((covered + 1, low - 1, "retired"))
        return gaps

    def counts(self) -> Counts:
        captured = self.store.last(self.stream)
        upto = min(self._mark.upto, captured)  # of a sealed store the centre may know more than counts here
        lost_ranges = self.store.lost(self.stream)
        lost = _counted(lost_ranges, captured)
        settled_lost = _counted(lost_ranges, upto)
        refused = _counted([*lost_ranges, *self._mark.refused], upto) - settled_lost
        waiting = captured - upto - (lost - settled_lost)
        return Counts(captured, upto - settled_lost - refused, waiting, lost, refused)
