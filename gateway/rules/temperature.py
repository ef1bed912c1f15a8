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
    RuleConfig,
    Say,
    Step,
    Tick,
    alarm_id,
)
from model.bodies import AlarmBody, Cause
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
    """`since` is when the value went out of its limit (CLOCK_BOOTTIME us), while the delay runs; the cause is the first value out."""

    limit: Alarm | None = None
    fault: Alarm | None = None
    out: What | None = None
    out_since: int | None = None
    bad_since: int | None = None


class TemperatureRule:
    state_type: ClassVar[type[Any]] = TemperatureState
    version: ClassVar[int] = 1

    def __init__(self, config: TemperatureConfig) -> None:
        self.id = config.id
        self._profile = PROFILES.load(config.profile)

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
            OpenAlarm(
                a.id,
                a.what,
                a.cause.device,
                a.cause.point,
                "acked" if a.acked_by else "raised",
                a.raised,
                a.cause.value,
                a.cause.unit,
                a.acked_by,
            )
            for a in (state.limit, state.fault)
            if a
        ]

    def step(self, state: TemperatureState, event: Input, now: Stamp) -> Step:
        match event:
            case PointInput():
                good = event.quality is Quality.GOOD and event.value is not None
                return self._limits(state, event) if good else self._bad(state, event)
            case Acked():
                return self._acked(state, event)
            case Restarted() if event.rebooted:
                # Across a reboot the delay counts as passed: the next value decides at once.
                return Step(
                    msgspec.structs.replace(state, out_since=state.out_since and 0, bad_since=state.bad_since and 0)
                )
            case Tick() | Delivered() | Restarted():
                return Step(state)

    def _limits(self, state: TemperatureState, event: PointInput) -> Step:
        assert event.value is not None
        says: list[Say] = []
        if state.fault:
            says.append(self._say("alarm.cleared/1", state.fault, event.cause()))
            state = msgspec.structs.replace(state, fault=None)
        if state.bad_since is not None:
            state = msgspec.structs.replace(state, bad_since=None)
        if state.limit and self._back(state.limit, event.value):
            says.append(self._say("alarm.cleared/1", state.limit, event.cause()))
            state = msgspec.structs.replace(state, limit=None)
        if state.limit is None:
            state, more = self._out(state, event)
            says += more
        return Step(state, tuple(says))

    def _out(self, state: TemperatureState, event: PointInput) -> tuple[TemperatureState, list[Say]]:
        """Raise once the value has been out of its limit for the delay."""
        what = self._which(event.value or 0.0)
        if what is None:
            if state.out is not None:
                state = msgspec.structs.replace(state, out=None, out_since=None)
            return state, []
        since = state.out_since if state.out == what and state.out_since is not None else event.at.mono
        if event.at.mono - since < self._profile.delay_s * 1e6:
            return msgspec.structs.replace(state, out=what, out_since=since), []
        limit = self._profile.high if what == "temperature_high" else self._profile.low
        alarm = Alarm(alarm_id(self.id, what, event.at), what, event.at.t, event.cause(), limit)
        return msgspec.structs.replace(state, limit=alarm, out=None, out_since=None), [
            self._say("alarm.raised/1", alarm)
        ]

    def _bad(self, state: TemperatureState, event: PointInput) -> Step:
        """A value that is not good neither raises nor clears a limit; lasting, it is a fault."""
        if state.fault:
            return Step(state)
        since = event.at.mono if state.bad_since is None else state.bad_since
        if event.at.mono - since < self._profile.fault_delay_s * 1e6:
            return Step(msgspec.structs.replace(state, bad_since=since))
        alarm = Alarm(alarm_id(self.id, "sensor_fault", event.at), "sensor_fault", event.at.t, event.cause())
        return Step(msgspec.structs.replace(state, fault=alarm, bad_since=None), (self._say("alarm.raised/1", alarm),))

    def _acked(self, state: TemperatureState, event: Acked) -> Step:
        for name in ("limit", "fault"):
            alarm: Alarm | None = getattr(state, name)
            if alarm and alarm.id == event.alarm and alarm.acked_by is None:
                alarm = msgspec.structs.replace(alarm, acked_by=event.by)
                say = self._say("alarm.acked/1", alarm, by=event.by, command=event.command)
                return Step(msgspec.structs.replace(state, **{name: alarm}), (say,))
        return Step(state)

    def _which(self, value: float) -> What | None:
        p = self._profile
        if p.high is not None and value > p.high:
            return "temperature_high"
        if p.low is not None and value < p.low:
            return "temperature_low"
        return None

    def _back(self, alarm: Alarm, value: float) -> bool:
        p = self._profile
        if alarm.what == "temperature_high":
            return p.high is None or value <= p.high - p.hysteresis
        return p.low is None or value >= p.low + p.hysteresis

    def _say(
        self, kind: str, alarm: Alarm, cause: Cause | None = None, by: str | None = None, command: str | None = None
    ) -> Say:
        return Say(
            kind,
            AlarmBody(
                alarm=alarm.id,
                rule=self.id,
                what=alarm.what,
                device=alarm.cause.device,
                point=alarm.cause.point,
                profile=self._profile.tag,
                cause=cause or alarm.cause,
                limit=alarm.limit,
                raised=alarm.raised,
                by=by,
                command=command,
            ),
        )
