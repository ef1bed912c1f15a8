"""What all parts of a lift's alarm share: its settings and numbers, the lift's file, and how a transition is said."""

from typing import Any

import msgspec

from gateway import lift_codes
from gateway.rules.base import Say, alarm_id, said
from gateway.rules.lift.car import car_of, floor
from gateway.rules.lift.config import PROFILES, LiftConfig
from gateway.rules.lift.state import LiftAlarm, LiftState, Mark, Moved, Press, Suspicion, told_from_outside
from gateway.rules.site import Site
from model.bodies import Car, Cause, Rescue, RescueState
from model.time import Stamp


def micros(seconds: float) -> int:
    return round(seconds * 1e6)


def mark(now: Stamp) -> Mark:
    return Mark(now.boot, now.mono, now.t, told_from_outside(now))


class Terms:
    """Of one lift."""

    def __init__(self, config: LiftConfig, site: Site) -> None:
        self.config = config
        self.profile = PROFILES.load(config.profile)
        self.site = site
        self.lift = site.lift(config.lift_id)
        self.codes = lift_codes.load(self.lift.codes)

    def raised(self, state: LiftState, press: Press, now: Stamp, suspected: Suspicion | None = None) -> Moved:
        """A new alarm. Its id follows from what caused it, in whichever boot."""
        cause = press.cause
        what = "entrapment" if suspected else "lift_alarm"
        first = Stamp(press.boot, cause.t, now.tq, cause.mono)
        steps = self.profile.escalation
        alarm = LiftAlarm(
            alarm_id(self.config.id, what, first),
            now.t,
            cause,
            now.mono,
            what=what,
            suspected=suspected,
            maintenance=state.maintenance,
            floor=floor(state.car),
            wall_known=now.tq.source != "unknown",
            next_step=now.mono + micros(steps[0].after_s) if steps else None,
            clocks={"arrive": mark(now)} if self.profile.overdue.arrive_s else {},
        )
        state = msgspec.structs.replace(state, alarm=alarm, filtered=None, untold=0)
        via = "car" if suspected else None
        return state, (self.say("alarm.raised/1", state, stand="raised", via=via, car=self.car(state)),)

    def car(self, state: LiftState) -> Car | None:
        return car_of(state.car, self.codes)

    def say(
        self,
        kind: str,
        state: LiftState,
        *,
        stand: RescueState | None = None,
        cause: Cause | None = None,
        by: str | None = None,
        command: str | None = None,
        limit: float | None = None,
        n: int | None = None,
        **details: Any,
    ) -> Say:
        """A transition of the open alarm. `details` are those of its `rescue`."""
        alarm = state.alarm
        assert alarm
        rescue = Rescue(
            lift=self.config.lift_id,
            state=stand or alarm.state,
            suspected=alarm.suspected,
            maintenance=alarm.maintenance,
            **details,
        )
        return said(
            kind,
            self.config.id,
            self.profile,
            alarm,
            cause=cause,
            limit=limit,
            by=by,
            command=command,
            n=n,
            rescue=rescue,
        )

    def over(self, state: LiftState, kind: str, **more: Any) -> Moved:
        """The alarm's last transition."""
        say = self.say(kind, state, stand="closed", **more)
        return msgspec.structs.replace(state, alarm=None, heard=None, turning=None), (say,)
