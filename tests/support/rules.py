"""A bench for rules: time that a test moves, the Ticks that a rule asked for, and what is true of the alarms of every rule."""

from typing import Any

import msgspec

from gateway.rules.base import Input, PointInput, Restarted, Rule, Say, Tick
from model.bodies import AlarmBody
from model.observation import Quality
from model.time import Stamp, TimeQuality

UTC_0 = 1_790_000_000_000_000
CLOSING = ("alarm.cleared/1", "alarm.ended/1")


class Bench:
    """Steps one rule. After each step the state must come back from its stored bytes, and the alarms must add up."""

    def __init__(self, rule: Rule, uptime_us: int = 1_000_000_000) -> None:
        self.rule = rule
        self.state: Any = rule.initial()
        self.wake: int | None = None
        self.said: list[Say] = []
        self.boots = 1
        self.mono = uptime_us
        self.utc = UTC_0
        self.tq = TimeQuality("ntp", 1)

    @property
    def now(self) -> Stamp:
        return Stamp(f"boot{self.boots}", self.utc, self.tq, self.mono)

    def sample(self, point: str, value: float | None, quality: Quality = Quality.GOOD, unit: str = "1") -> list[Say]:
        """A poll has given `device.point`; no two are made in the same microsecond."""
        self._to(self.mono + 1)
        device, _, name = point.partition(".")
        return self.step(PointInput(device, name, value, unit, quality, self.now))

    def step(self, event: Input) -> list[Say]:
        """What the rule said to this."""
        step = self.rule.step(self.state, event, self.now)
        self.state, self.wake = step.state, step.wake
        self.said += step.says
        self._check()
        return list(step.says)

    def advance(self, seconds: float) -> list[Say]:
        """Time passes; the rule gets the Ticks that it asked for, when it asked for them."""
        said = []
        end = self.mono + round(seconds * 1e6)
        while self.wake is not None and self.wake <= end:
            said += self._tick(self.wake)
        self._to(end)
        return said

    def _tick(self, asked: int) -> list[Say]:
        self._to(max(asked, self.mono))
        said = self.step(Tick())
        assert self.wake is None or self.wake > asked, "a timer that never rests"
        return said

    def restart(self, *, rebooted: bool) -> list[Say]:
        """The gateway comes back with the state that was kept; after a reboot CLOCK_BOOTTIME has begun again."""
        whole, self.state = self.state, self._stored()
        if rebooted:
            self.boots += 1
            self.utc += 120_000_000
            self.mono = 15_000_000
            self.wake = None
        before, wake = self.state, self.wake
        said = self.step(Restarted(rebooted))
        if not rebooted and before == whole:
            assert (self.state, said, self.wake) == (before, [], wake), "a restart alone changes nothing"
        return said

    def kinds(self, alarm: str) -> list[str]:
        """The transitions of one alarm, in order, without `alarm.` and version."""
        return [s.kind[6:-2] for s in self.said if isinstance(s.body, AlarmBody) and s.body.alarm == alarm]

    def open(self) -> dict[str, str]:
        """id -> what of the alarms that are open."""
        return {a.id: a.what for a in self.rule.alarms(self.state)}

    def _to(self, mono: int) -> None:
        self.utc += mono - self.mono
        self.mono = mono

    def _stored(self) -> Any:
        kept = self.rule.kept(self.state)
        return msgspec.convert(msgspec.json.decode(msgspec.json.encode(kept)), self.rule.state_type)

    def _check(self) -> None:
        assert self._stored() == self.rule.kept(self.state)
        said = [s for s in self.said if isinstance(s.body, AlarmBody)]
        raised = [s.body.alarm for s in said if s.kind == "alarm.raised/1"]
        closed = [s.body.alarm for s in said if s.kind in CLOSING]
        acked = [s.body.alarm for s in said if s.kind == "alarm.acked/1"]
        assert len(set(raised)) == len(raised)
        assert len(set(closed)) == len(closed)
        assert len(set(acked)) == len(acked)
        assert set(self.open()) == set(raised) - set(closed)
        assert {a.id for a in self.rule.alarms(self.state) if a.acked_by} == set(acked) - set(closed)
        for say in said[-3:]:
            kinds = self.kinds(say.body.alarm)
            assert kinds[0] == "raised"
            assert not {"cleared", "ended"} & set(kinds[:-1]), "nothing is said of an alarm that is over"
            cause = say.body.cause
            assert cause and (cause.value is None) == (cause.quality is not Quality.GOOD)
