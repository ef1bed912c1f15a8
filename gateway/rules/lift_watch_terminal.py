"""What a lift's terminal says by codes, told once each, and what its own count says that was never read."""

from typing import NamedTuple

import msgspec

from gateway.lift_codes import Table, What
from gateway.rules.base import PointInput, Say
from gateway.rules.lift_watch_chatter import Chatter
from model.bodies import LiftEvent, LiftGap
from model.time import Stamp

REGISTERS: dict[str, What] = {
    "service_mode": "mode",
    "fault_code": "fault",
    "event_code": "event",
    "alarm_code": "alarm",
}
"""The points that hold a code."""
HEARTBEAT, SEQUENCE = "heartbeat", "event_seq"
OWN = "doorpost"
"""In place of a table, for what the gateway finds itself."""

_ROUND = 0x10000
"""Both counters are of 16 bits and go round."""
_BACK = _ROUND // 2
_FAST = 1.05
_EARLY_S = 10.0
_LONGEST_S = 50_000.0
"""A heartbeat counts seconds, perhaps by a clock that is a little fast. After that long it says no more: it may have gone round."""


class Beat(msgspec.Struct, frozen=True):
    """A heartbeat and when it was read; `sure`: by a wall clock that is worth something."""

    value: int
    boot: str
    mono: int
    t: int
    sure: bool

    @classmethod
    def read(cls, value: int, at: Stamp) -> "Beat":
        return cls(value, at.boot, at.mono, at.t, at.tq.source != "unknown")

    def restarted(self, later: "Beat") -> bool:
        """Whether it must have begun anew in between: seconds cannot have gone by that fast."""
        if self.boot == later.boot:
            elapsed_s = (later.mono - self.mono) / 1e6
        elif self.sure and later.sure and later.t >= self.t:
            elapsed_s = (later.t - self.t) / 1e6
        else:
            return False
        return elapsed_s <= _LONGEST_S and (later.value - self.value) % _ROUND > elapsed_s * _FAST + _EARLY_S


class Counted(msgspec.Struct, frozen=True):
    """The terminal's count as it was read last, with the heartbeat of that time."""

    seq: int
    beat: Beat | None = None


class Terminal(msgspec.Struct, frozen=True, omit_defaults=True):
    """`told` are the codes by their points, as they were told last; `busy` the points that were not calm yet. `fresh` waits for the
    count of the same poll, which comes after the codes, and `before` are the codes as they were told without it; `read` codes
    came since it was `counted`; `restarted` was seen in this poll.
    """

    told: dict[str, int] = {}
    counted: Counted | None = None
    beat: Beat | None = None
    fresh: tuple[LiftEvent, ...] = ()
    before: dict[str, int] = {}
    read: int = 0
    restarted: bool = False
    busy: dict[str, Chatter] = {}

    @property
    def kept(self) -> "Terminal":
        """What waits for the count is told again after a crash, since nobody was told of it yet."""
        return Terminal(self.before if self.fresh else self.told, self.counted)


class Reader(NamedTuple):
    """Steps a `Terminal` by the points of one poll: heartbeat, codes, count, in this order."""

    lift: str
    table: Table

    def read(self, state: Terminal, event: PointInput) -> tuple[Terminal, tuple[Say, ...]]:
        """A good value of any point of the terminal."""
        value = round(event.value or 0)
        if event.point == HEARTBEAT:
            return self._beat(state, event, value)
        if event.point == SEQUENCE:
            return self._sequence(state, event, value)
        if event.point in self.table.bits or (event.point in REGISTERS and not self.table.bits):
            state, late = self._late(state, event.point)
            state, says = self._code(state, event, value)
            return state, late + says
        return state, ()

    def _beat(self, state: Terminal, event: PointInput, value: int) -> tuple[Terminal, tuple[Say, ...]]:
        beat = Beat.read(value, event.at)
        before = state.beat or (state.counted.beat if state.counted else None)
        state = msgspec.structs.replace(state, beat=beat)
        if before is None or not before.restarted(beat):
            return state, ()
        return self._forgotten(msgspec.structs.replace(state, restarted=True), event, value)

    def _forgotten(self, state: Terminal, event: PointInput, value: int) -> tuple[Terminal, tuple[Say, ...]]:
        """A terminal that begins anew has forgotten its codes; what still stands it finds, tells and counts again."""
        says = [self._restarted(event, value)]
        for point, raw in state.told.items():
            what = REGISTERS.get(point)
            if what in ("fault", "alarm") and self.table.meaning(what, raw):
                says.append(self._meant(event, what, raw, on=False))
        told = {point: raw if REGISTERS.get(point) == "mode" else 0 for point, raw in state.told.items()}
        return msgspec.structs.replace(state, told=told, read=0, busy={}), tuple(says)

    def uncounted(self, state: Terminal) -> tuple[Terminal, tuple[Say, ...]]:
        """The count cannot be read in this poll: the codes are told without it."""
        says = tuple(Say("lift.event/1", one) for one in state.fresh)
        return msgspec.structs.replace(state, fresh=(), before={}) if says else state, says

    def _late(self, state: Terminal, point: str) -> tuple[Terminal, tuple[Say, ...]]:
        """A point that comes again while its change waits: no count came with its poll, and none will, of a terminal that has none."""
        if not state.fresh or state.told.get(point) == state.before.get(point):
            return state, ()
        return self.uncounted(msgspec.structs.replace(state, counted=None))

    def _code(self, state: Terminal, event: PointInput, raw: int) -> tuple[Terminal, tuple[Say, ...]]:
        point, mono = event.point, event.at.mono
        told, busy = state.told.get(point), state.busy.get(point)
        if told == raw and busy is None:
            return state, ()
        if told is None:
            says = self._changes(event, None, raw)
            state = msgspec.structs.replace(state, read=state.read + _counted(says))
        else:
            was = busy or Chatter.begun(told, mono)
            now = was.seen(raw, mono)
            if now is not was:
                state = msgspec.structs.replace(state, read=state.read + _counted(self._changes(event, was.value, raw)))
            if not now.speaks(mono):
                return _with(state, point, None if now.over(mono) else now), ()
            says = self._net(event, told, now)
            state = _with(state, point, now.spoken(raw, mono))
        before = state.before if state.fresh else state.told
        state = msgspec.structs.replace(state, told=state.told | {point: raw})
        if state.counted is None or not says:
            return state, tuple(says)
        fresh = (*state.fresh, *(say.body for say in says))
        return msgspec.structs.replace(state, fresh=fresh, before=before), ()

    def _net(self, event: PointInput, told: int, now: Chatter) -> list[Say]:
        """What is another than was told; where it is the same again, the last change; of an event that has gone, that it came."""
        says = (
            self._changes(event, told, now.value) if told != now.value else self._changes(event, now.before, now.value)
        )
        says = says or self._changes(event, now.value, now.before)
        if now.untold > 1 and says:
            says[0] = Say(says[0].kind, msgspec.structs.replace(says[0].body, n=now.untold))
        return says

    def _changes(self, event: PointInput, before: int | None, raw: int) -> list[Say]:
        """What is no more, and what is new. An event that stood there before anybody looked may be of any time."""
        what = REGISTERS.get(event.point)
        if what is None:
            return [self._meant(event, "fault", event.point, on=bool(raw))] if raw or before else []
        says: list[Say] = []
        if before is not None and what in ("fault", "alarm") and self.table.meaning(what, before):
            says.append(self._meant(event, what, before, on=False))
        if self.table.meaning(what, raw) and (what != "event" or before is not None):
            says.append(self._meant(event, what, raw, on=True))
        return says

    def _sequence(self, state: Terminal, event: PointInput, after: int) -> tuple[Terminal, tuple[Say, ...]]:
        """What came since the count was told last is either among the codes read, or was missed."""
        says: tuple[Say, ...] = ()
        before, mono = state.counted.seq if state.counted else after, event.at.mono
        if not state.restarted and (after - before) % _ROUND >= _BACK:
            state, says = msgspec.structs.replace(state, restarted=True), (self._restarted(event, after),)
        if state.restarted:
            before = 0
        missed = max(0, (after - before) % _ROUND - state.read)
        hole = state.busy.get(SEQUENCE) or Chatter.begun(0, mono)
        hole = hole.seen(missed, mono)
        if not state.restarted and not state.fresh and not hole.speaks(mono):
            state = _with(state, SEQUENCE, None if hole.over(mono) or not (hole.told or hole.untold) else hole)
            if any(one.untold for one in state.busy.values()):
                return state, ()  # told later, and what was counted until then with it
        says += tuple(Say("lift.event/1", msgspec.structs.replace(one, seq=after)) for one in state.fresh)
        if missed > 0:
            gap = LiftGap(lift=self.lift, device=event.device, n=missed, before=before, after=after)
            says += (Say("lift.gap/1", gap),)
            state = _with(state, SEQUENCE, hole.spoken(0, mono))
        counted = state.counted
        if counted is None or counted.seq != after or state.restarted:
            counted = Counted(after, state.beat)
        return msgspec.structs.replace(state, counted=counted, fresh=(), before={}, read=0, restarted=False), says

    def _restarted(self, event: PointInput, value: int) -> Say:
        """`value` is what the counter says now that went back."""
        return self._say(event, "event", "terminal_restarted", str(value), OWN)

    def _meant(self, event: PointInput, what: What, raw: int | str, *, on: bool) -> Say:
        meaning = self.table.meaning(what, raw)
        assert meaning  # what says nothing is not told
        return self._say(event, meaning.what, meaning.code, str(raw), self.table.name, on=on)

    def _say(self, event: PointInput, what: What, code: str, raw: str, codes: str, *, on: bool = True) -> Say:
        body = LiftEvent(lift=self.lift, device=event.device, what=what, code=code, raw=raw, codes=codes, on=on)
        return Say("lift.event/1", body)


def _counted(says: list[Say]) -> int:
    """How many of these the terminal counts."""
    return sum(1 for say in says if say.body.on and say.body.what != "mode")


def _with(state: Terminal, point: str, one: Chatter | None) -> Terminal:
    if state.busy.get(point) is one:
        return state
    busy = {name: other for name, other in state.busy.items() if name != point}
    return msgspec.structs.replace(state, busy=busy if one is None else {**busy, point: one})
