"""The store fills up: an alarm of its own at each level, cleared when there is room again. It moves no siren and no lamp."""

import math
from typing import ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from gateway.rules.base import Acked, Input, OpenAlarm, PointInput, Profile, Rule, Say, Step, alarm_id, said
from model.bodies import Cause
from model.observation import Quality
from model.time import Stamp

DEVICE, POINT = "gateway", "store"
WATCHED = f"{DEVICE}.{POINT}"
"""The share of the store that cannot go without a loss, in %."""
_ID = "gateway.store"
"""An id that the settings do not allow, so no configured rule has it."""
_WHAT = "store_full"


def filled(share: float, at: Stamp) -> PointInput:
    """What the rule is told; rounded down, so that a level that is shown is one that is reached."""
    return PointInput(DEVICE, POINT, math.floor(share * 1000) / 10, "%", Quality.GOOD, at)


class Levels(BaseModel):
    """An alarm for each of `levels` (%); it clears `hysteresis` below its level."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    levels: list[float] = Field(min_length=1)
    hysteresis: float = Field(ge=0)


class StoreAlarm(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    level: float
    raised: int
    cause: Cause
    acked_by: str | None = None

    @property
    def what(self) -> str:
        return _WHAT


class StoreState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is open, lowest level first."""

    alarms: tuple[StoreAlarm, ...] = ()


class StoreRule(Rule):
    state_type: ClassVar[type[StoreState]] = StoreState
    version: ClassVar[int] = 1

    def __init__(self, profile: Profile, full: Levels) -> None:
        """`profile` is where the levels stand."""
        self.id = _ID
        self._profile = profile
        self._full = full

    def initial(self) -> StoreState:
        return StoreState()

    def signals(self, state: StoreState) -> frozenset[str]:
        return frozenset()

    def alarms(self, state: StoreState) -> list[OpenAlarm]:
        return [
            OpenAlarm(a.id, _WHAT, DEVICE, POINT, a.raised, a.cause.value, a.cause.unit, a.acked_by)
            for a in state.alarms
        ]

    def step(self, state: StoreState, event: Input, now: Stamp) -> Step:
        match event:
            case PointInput(value=float() | int() as fill):
                return self._filled(state, fill, event.cause(), now)
            case Acked():
                return self._acked(state, event)
        return Step(state)

    def _filled(self, state: StoreState, fill: float, cause: Cause, now: Stamp) -> Step:
        says: list[Say] = []
        still: list[StoreAlarm] = []
        for alarm in state.alarms:
            if fill < alarm.level - self._full.hysteresis:
                says.append(self._say("alarm.cleared/1", alarm, cause))
            else:
                still.append(alarm)
        for level in sorted(set(self._full.levels) - {alarm.level for alarm in still}):
            if fill >= level:
                new = StoreAlarm(alarm_id(self.id, f"{_WHAT}/{level:g}", now), level, now.t, cause)
                says.append(self._say("alarm.raised/1", new))
                still.append(new)
        return Step(StoreState(tuple(sorted(still, key=lambda alarm: alarm.level))), tuple(says))

    def _acked(self, state: StoreState, event: Acked) -> Step:
        """Each level is answered for itself."""
        for place, alarm in enumerate(state.alarms):
            if alarm.id == event.alarm and alarm.acked_by is None:
                acked = msgspec.structs.replace(alarm, acked_by=event.by)
                alarms = (*state.alarms[:place], acked, *state.alarms[place + 1 :])
                say = self._say("alarm.acked/1", acked, by=event.by, command=event.command)
                return Step(StoreState(alarms), (say,))
        return Step(state)

    def _say(
        self,
        kind: str,
        alarm: StoreAlarm,
        cause: Cause | None = None,
        by: str | None = None,
        command: str | None = None,
    ) -> Say:
        return said(kind, self.id, self._profile, alarm, cause=cause, limit=alarm.level, by=by, command=command)
