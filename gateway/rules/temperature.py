"""Temperature limits with hysteresis and delay; a sensor's fault is an alarm of its own and never a number."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field

from gateway.rules.base import (
    Acked,
    Delivered,
    Input,
    OpenAlarm,
    PointInput,
    Profile,
    Profiles,
    Restarted,
    Rule,
    RuleConfig,
    RuleKind,
    Say,
    Step,
    Tick,
    alarm_id,
    said,
)
from model.bodies import Cause
from model.observation import Quality
from model.time import Stamp


class TemperatureProfile(Profile):
    """Limits in the point's unit. An alarm clears `hysteresis` inside the limit. The record is never delayed, only the alarm."""

    rule: Literal["temperature"]
    low: float | None = None
    high: float | None = None
    hysteresis: Annotated[float, Field(ge=0)] = 0
    delay_s: Annotated[float, Field(ge=0)] = 0
    fault_delay_s: Annotated[float, Field(ge=0)] = 0


PROFILES = Profiles(TemperatureProfile)


class TemperatureConfig(RuleConfig):
    rule: Literal["temperature"]
    point: str

    def points(self) -> list[str]:
        return [self.point]


What = Literal["temperature_high", "temperature_low", "sensor_fault"]


class Alarm(msgspec.Struct, frozen=True):
    id: str
    what: What
    raised: int
    cause: Cause
    limit: float | None = None
    acked_by: str | None = None


class TemperatureState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`out_since` is when the value went out of its limit (CLOCK_BOOTTIME us), while the delay runs; `bad` the first of the
    values that are not good, while the fault's delay runs.
    """

    limit: Alarm | None = None
    fault: Alarm | None = None
    out: What | None = None
    out_since: int | None = None
    bad: Cause | None = None


class TemperatureRule(Rule):
    state_type: ClassVar[type[Any]] = TemperatureState
    version: ClassVar[int] = 1

    def __init__(self, config: TemperatureConfig) -> None:
        self.id = config.id
        self._profile = PROFILES.load(config.profile)
        self._delay_us = round(self._profile.delay_s * 1e6)
        self._fault_delay_us = round(self._profile.fault_delay_s * 1e6)

    def initial(self) -> TemperatureState:
        return TemperatureState()

    def signals(self, state: TemperatureState) -> frozenset[str]:
        """Siren while somebody must still be told, red lamp while it is not over."""
        open_ = [a for a in (state.limit, state.fault) if a]
        signals = {"lamp_red"} if open_ else set()
        if any(a.acked_by is None for a in open_):
            signals.add("siren")
        return frozenset(signals)

    def alarms(self, state: TemperatureState) -> list[OpenAlarm]:
        return [
            OpenAlarm(a.id, a.what, a.cause.device, a.cause.point, a.raised, a.cause.value, a.cause.unit, a.acked_by)
            for a in (state.limit, state.fault)
            if a
        ]

    def step(self, state: TemperatureState, event: Input, now: Stamp) -> Step:
        says: tuple[Say, ...] = ()
        match event:
            case PointInput(quality=Quality.GOOD, value=float() | int() as value):
                state, says = self._good(state, event, value)
            case PointInput():
                state, says = self._bad(state, event)
            case Tick():
                state, says = self._fault(state, now)
            case Acked():
                state, says = self._acked(state, event)
            case Restarted() if event.rebooted:
                state, says = self._rebooted(state, now)
            case Delivered() | Restarted():
                pass
        return Step(state, says, state.bad.mono + self._fault_delay_us if state.bad else None)

    def _good(
        self, state: TemperatureState, event: PointInput, value: float
    ) -> tuple[TemperatureState, tuple[Say, ...]]:
        says: list[Say] = []
        if state.fault:
            says.append(self._say("alarm.cleared/1", state.fault, event.cause()))
        if state.fault or state.bad:
            state = msgspec.structs.replace(state, fault=None, bad=None)
        if state.limit and self._back(state.limit.what, value):
            says.append(self._say("alarm.cleared/1", state.limit, event.cause()))
            state = msgspec.structs.replace(state, limit=None)
        if state.limit is None:
            state, more = self._out(state, event, value)
            says += more
        return state, tuple(says)

    def _out(self, state: TemperatureState, event: PointInput, value: float) -> tuple[TemperatureState, list[Say]]:
        """Raise once the value has been out of its limit for the delay, which a good value starts anew only from inside the hysteresis."""
        what = self._which(value)
        if what is None:
            if state.out and self._back(state.out, value):
                state = msgspec.structs.replace(state, out=None, out_since=None)
            return state, []
        since = state.out_since if state.out == what and state.out_since is not None else event.at.mono
        if event.at.mono - since < self._delay_us:
            return msgspec.structs.replace(state, out=what, out_since=since), []
        limit = self._profile.high if what == "temperature_high" else self._profile.low
        alarm = Alarm(alarm_id(self.id, what, event.at), what, event.at.t, event.cause(), limit)
        state = msgspec.structs.replace(state, limit=alarm, out=None, out_since=None)
        return state, [self._say("alarm.raised/1", alarm)]

    def _bad(self, state: TemperatureState, event: PointInput) -> tuple[TemperatureState, tuple[Say, ...]]:
        """A value that is not good neither raises nor clears a limit; lasting, it is a fault."""
        if state.fault:
            return state, ()
        return self._fault(state if state.bad else msgspec.structs.replace(state, bad=event.cause()), event.at)

    def _fault(self, state: TemperatureState, now: Stamp) -> tuple[TemperatureState, tuple[Say, ...]]:
        """Raise it when its time is up. A device that has fallen silent sends nothing that would ask: then the Tick does."""
        if state.bad is None or now.mono - state.bad.mono < self._fault_delay_us:
            return state, ()
        return self._raise_fault(state, state.bad, now)

    def _raise_fault(self, state: TemperatureState, bad: Cause, now: Stamp) -> tuple[TemperatureState, tuple[Say, ...]]:
        first = Stamp(now.boot, bad.t, now.tq, bad.mono)
        alarm = Alarm(alarm_id(self.id, "sensor_fault", first), "sensor_fault", now.t, bad)
        return msgspec.structs.replace(state, fault=alarm, bad=None), (self._say("alarm.raised/1", alarm),)

    def _rebooted(self, state: TemperatureState, now: Stamp) -> tuple[TemperatureState, tuple[Say, ...]]:
        """The old clock is void and delays count as passed: a fault is raised now, a limit by the next value that is out."""
        if state.out:
            state = msgspec.structs.replace(state, out_since=now.mono - self._delay_us)
        return self._raise_fault(state, state.bad, now) if state.bad else (state, ())

    def _acked(self, state: TemperatureState, event: Acked) -> tuple[TemperatureState, tuple[Say, ...]]:
        for name in ("limit", "fault"):
            alarm: Alarm | None = getattr(state, name)
            if alarm and alarm.id == event.alarm and alarm.acked_by is None:
                alarm = msgspec.structs.replace(alarm, acked_by=event.by)
                say = self._say("alarm.acked/1", alarm, by=event.by, command=event.command)
                return msgspec.structs.replace(state, **{name: alarm}), (say,)
        return state, ()

    def _which(self, value: float) -> What | None:
        p = self._profile
        if p.high is not None and value > p.high:
            return "temperature_high"
        if p.low is not None and value < p.low:
            return "temperature_low"
        return None

    def _back(self, what: What, value: float) -> bool:
        """Whether the value is so far inside the limit that it counts as back."""
        p = self._profile
        if what == "temperature_high":
            return p.high is None or value <= p.high - p.hysteresis
        return p.low is None or value >= p.low + p.hysteresis

    def _say(
        self, kind: str, alarm: Alarm, cause: Cause | None = None, by: str | None = None, command: str | None = None
    ) -> Say:
        return said(kind, self.id, self._profile, alarm, cause=cause, limit=alarm.limit, by=by, command=command)


KIND = RuleKind(TemperatureConfig, PROFILES, lambda config, _: TemperatureRule(config))
