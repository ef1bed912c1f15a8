"""A lift's alarm: raised by the button, told again until a named person at the centre has acknowledged it, ended on site."""

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
    said,
)
from model.bodies import Cause
from model.observation import Quality
from model.time import Stamp


class LiftProfile(Profile):
    """`press_s`: a press must last that long. `reemit_s`: told again at this pace while nobody has acknowledged."""

    rule: Literal["lift"]
    press_s: Annotated[float, Field(ge=0)]
    reemit_s: Annotated[float, Field(gt=0)]


PROFILES = Profiles(LiftProfile)


class LiftConfig(RuleConfig):
    """`alarm` is the button's point. `active = 0` for a normally-closed contact. `end` is the key contact on site: without
    one an alarm would never end, and the next call would be a mere repeat.
    """

    rule: Literal["lift"]
    alarm: str
    active: Literal[0, 1] = 1
    end: str
    end_active: Literal[0, 1] = 1

    def points(self) -> list[str]:
        return [self.alarm, self.end]


class LiftAlarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """`told` is when it was last said (CLOCK_BOOTTIME us), `emissions` how often; `delivered`: the centre has committed the last."""

    id: str
    raised: int
    cause: Cause
    told: int
    emissions: int = 1
    delivered: bool = False
    repeats: int = 0
    acked_by: str | None = None

    @property
    def what(self) -> str:
        return "lift_alarm"


class LiftState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`press` is the first sample of a press whose time is not up; `down` a press that has already been counted; `key` says
    that the key was turned when it was last seen.
    """

    alarm: LiftAlarm | None = None
    press: Cause | None = None
    down: bool = False
    key: bool = False


class LiftRule:
    state_type: ClassVar[type[Any]] = LiftState
    version: ClassVar[int] = 1

    def __init__(self, config: LiftConfig) -> None:
        self.id = config.id
        self._config = config
        self._profile = PROFILES.load(config.profile)
        self._press_us = round(self._profile.press_s * 1e6)
        self._reemit_us = round(self._profile.reemit_s * 1e6)

    def initial(self) -> LiftState:
        return LiftState()

    def signals(self, state: LiftState) -> frozenset[str]:
        """Yellow and siren until the centre's person has answered, then green until it is over."""
        if state.alarm is None:
            return frozenset()
        return frozenset({"lamp_green"}) if state.alarm.acked_by else frozenset({"lamp_yellow", "siren"})

    def alarms(self, state: LiftState) -> list[OpenAlarm]:
        a = state.alarm
        if a is None:
            return []
        return [OpenAlarm(a.id, "lift_alarm", a.cause.device, a.cause.point, a.raised, None, "1", a.acked_by)]

    def step(self, state: LiftState, event: Input, now: Stamp) -> Step:
        says: tuple[Say, ...] = ()
        match event:
            case PointInput() if f"{event.device}.{event.point}" == self._config.alarm:
                state, says = self._button(state, event)
            case PointInput():
                state, says = self._key(state, event)
            case Tick():
                state, says = self._due(state, now)
            case Acked():
                state, says = self._acked(state, event)
            case Delivered() if state.alarm and state.alarm.id == event.alarm:
                state = msgspec.structs.replace(state, alarm=msgspec.structs.replace(state.alarm, delivered=True))
                state, says = self._due(state, now)
            case Delivered():
                pass
            case Restarted():
                state, says = self._restarted(state, event, now)
        return Step(state, says, self._wake(state))

    def _button(self, state: LiftState, event: PointInput) -> tuple[LiftState, tuple[Say, ...]]:
        if event.quality is not Quality.GOOD:
            return state, ()  # neither pressed nor released: nobody knows
        if event.value != self._config.active:
            return (msgspec.structs.replace(state, press=None, down=False) if state.press or state.down else state), ()
        if state.down:
            return state, ()
        if state.press is None:
            state = msgspec.structs.replace(state, press=event.cause())
        return self._due(state, event.at)

    def _due(self, state: LiftState, now: Stamp) -> tuple[LiftState, tuple[Say, ...]]:
        """Do what the clock asks for: a press that has lasted, an alarm to be told again."""
        if state.press and now.mono - state.press.mono >= self._press_us:
            return self._pressed(state, state.press, now)
        alarm = state.alarm
        if alarm and self._silent(alarm) and now.mono - alarm.told >= self._reemit_us:
            alarm = msgspec.structs.replace(alarm, told=now.mono, emissions=alarm.emissions + 1, delivered=False)
            say = self._say("alarm.reemit/1", alarm, n=alarm.emissions)
            return msgspec.structs.replace(state, alarm=alarm), (say,)
        return state, ()

    def _pressed(self, state: LiftState, press: Cause, now: Stamp) -> tuple[LiftState, tuple[Say, ...]]:
        state = msgspec.structs.replace(state, press=None, down=True)
        if state.alarm:
            alarm = msgspec.structs.replace(state.alarm, repeats=state.alarm.repeats + 1, delivered=False)
            say = self._say("alarm.repeated/1", alarm, cause=press, n=alarm.repeats)
            return msgspec.structs.replace(state, alarm=alarm), (say,)
        first = Stamp(now.boot, press.t, now.tq, press.mono)
        alarm = LiftAlarm(alarm_id(self.id, "lift_alarm", first), now.t, press, now.mono)
        return msgspec.structs.replace(state, alarm=alarm), (self._say("alarm.raised/1", alarm),)

    def _key(self, state: LiftState, event: PointInput) -> tuple[LiftState, tuple[Say, ...]]:
        """The end of an alarm comes from the site: the key is turned after the alarm was answered, not left turned from before."""
        if event.quality is not Quality.GOOD:
            return state, ()
        turned = event.value == self._config.end_active
        if turned == state.key:
            return state, ()
        state = msgspec.structs.replace(state, key=turned)
        if not turned or state.alarm is None or state.alarm.acked_by is None:
            return state, ()
        say = self._say("alarm.ended/1", state.alarm, cause=event.cause())
        return msgspec.structs.replace(state, alarm=None), (say,)

    def _acked(self, state: LiftState, event: Acked) -> tuple[LiftState, tuple[Say, ...]]:
        alarm = state.alarm
        if alarm is None or alarm.id != event.alarm or alarm.acked_by is not None:
            return state, ()
        alarm = msgspec.structs.replace(alarm, acked_by=event.by)
        say = self._say("alarm.acked/1", alarm, by=event.by, command=event.command)
        return msgspec.structs.replace(state, alarm=alarm), (say,)

    def _restarted(self, state: LiftState, event: Restarted, now: Stamp) -> tuple[LiftState, tuple[Say, ...]]:
        """Across a reboot the old clock is void: what was waited for counts as due, and a press as one that has lasted."""
        if not event.rebooted:
            return state, ()
        if state.alarm:
            told = now.mono - self._reemit_us
            state = msgspec.structs.replace(state, alarm=msgspec.structs.replace(state.alarm, told=told))
        return self._pressed(state, state.press, now) if state.press else (state, ())

    def _silent(self, alarm: LiftAlarm) -> bool:
        """Nobody has answered, though the centre has all that we said: saying it again is all that is left."""
        return alarm.acked_by is None and alarm.delivered

    def _wake(self, state: LiftState) -> int | None:
        due = []
        if state.press:
            due.append(state.press.mono + self._press_us)
        if state.alarm and self._silent(state.alarm):
            due.append(state.alarm.told + self._reemit_us)
        return min(due, default=None)

    def _say(
        self,
        kind: str,
        alarm: LiftAlarm,
        cause: Cause | None = None,
        by: str | None = None,
        command: str | None = None,
        n: int | None = None,
    ) -> Say:
        return said(kind, self.id, self._profile, alarm, cause=cause, by=by, command=command, n=n)
