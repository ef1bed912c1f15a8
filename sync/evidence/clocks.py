"""What is known of the time of each boot: what the records say themselves, and the anchors that locate the rest.

Within one boot wall clock and CLOCK_BOOTTIME run at the same rate, so that all trusted times of a boot must give the same
difference between the two. Nothing is rewritten.
"""

from typing import Literal

import msgspec

from model.bodies import ClockStep, TimeAnchor
from model.timeline import Timeline
from sync.evidence.entries import Row

TRUSTED = ("ntp", "gnss")
"""Sources that know how far off they may be. A hardware clock that runs on does not."""
TOLERANCE_US = 1_000_000
"""Twice the step below which a gateway does not note that its clock was moved."""
_STEPS_KEPT = 100


class Boot(msgspec.Struct):
    """`anchor` is the best one: utc(r) = anchor.utc + (r.mono - anchor.mono). Times are us, of `first` and `last` UTC.

    `located`: records whose own time is not trusted, but the anchor's is; `later` of them were written before it. `unknown`
    have neither; `contradicting` times are trusted, and disagree.
    """

    boot: str
    records: int = 0
    sources: dict[str, int] = {}
    anchor: TimeAnchor | None = None
    steps: list[ClockStep] = []
    located: int = 0
    later: int = 0
    unknown: int = 0
    contradicting: int = 0
    first: int = 0
    last: int = 0

    @property
    def answer(self) -> Literal["yes", "no", "unknown"]:
        return "no" if self.contradicting else "unknown" if self.unknown else "yes"


class _Span:
    """What `utc - mono` can be by all trusted anchors of a boot; the first and the last record, (mono, t) each."""

    def __init__(self) -> None:
        self.low, self.high = -(2**64), 2**64
        self.first, self.last = (2**64, 0), (-(2**64), 0)

    def agrees(self, offset: int, err_ms: int | None) -> bool:
        slack = 1000 * (err_ms or 0) + TOLERANCE_US
        return self.low <= offset + slack and offset - slack <= self.high

    def narrow(self, offset: int, err_ms: int | None) -> None:
        slack = 1000 * (err_ms or 0) + TOLERANCE_US
        self.low, self.high = max(self.low, offset - slack), min(self.high, offset + slack)


class Clocks:
    """Hears all audit records first, and then sees all records."""

    def __init__(self) -> None:
        self._boots: dict[str, tuple[Boot, _Span]] = {}
        self._timeline = Timeline()

    def anchored(self, said: TimeAnchor) -> None:
        boot, span = self._of(said.boot)
        if self._timeline.add(said):
            boot.anchor = said
        if said.source in TRUSTED:
            if span.agrees(said.utc - said.mono, said.err_ms):
                span.narrow(said.utc - said.mono, said.err_ms)
            else:
                boot.contradicting += 1

    def stepped(self, said: ClockStep) -> None:
        boot, _ = self._of(said.boot)
        if len(boot.steps) < _STEPS_KEPT:
            boot.steps.append(said)

    def seen(self, row: Row) -> None:
        boot, span = self._of(row.boot)
        boot.records += 1
        boot.sources[row.tq.source] = boot.sources.get(row.tq.source, 0) + 1
        span.first, span.last = min(span.first, (row.mono, row.t)), max(span.last, (row.mono, row.t))
        if row.tq.source in TRUSTED:
            boot.contradicting += not span.agrees(row.t - row.mono, row.tq.err_ms)
        elif boot.anchor and boot.anchor.source in TRUSTED:
            boot.located += 1
            boot.later += row.mono < boot.anchor.mono
        else:
            boot.unknown += 1

    def told(self) -> list[Boot]:
        """Every boot of which there are records."""
        found = []
        for boot, span in self._boots.values():
            if boot.records:
                boot.first, boot.last = (self._utc(boot, *place) for place in (span.first, span.last))
                found.append(boot)
        return found

    def _utc(self, boot: Boot, mono: int, t: int) -> int:
        located = self._timeline.locate(boot.boot, mono)
        return located.utc if located and located.tq.source != "unknown" else t

    def _of(self, name: str) -> tuple[Boot, _Span]:
        if name not in self._boots:
            self._boots[name] = (Boot(name), _Span())
        return self._boots[name]
