"""Somebody is shut in and has not pressed: told from the car's state, and marked as suspected, for presence sensors lie."""

from collections.abc import Iterator

import msgspec

from gateway.lift_codes import Table
from gateway.rules.base import Say
from gateway.rules.lift.car import TRAPPED_CODES, all_, any_, is_, not_, says
from gateway.rules.lift.state import Flap, Gap, LiftState, Moved, Press, Suspicion
from gateway.rules.lift.terms import Terms, mark, micros
from model.bodies import Cause
from model.observation import Quality
from model.time import Stamp

_TOLD_BY: dict[Suspicion, str] = {"non_level": "door_zone", "level": "door_closed"}
"""The point that completes the picture; what the terminal says itself has its own."""
_UNANSWERED = ("sending", "sent")
FLAPS_TOLD = 3
"""So often a suspicion that the car takes back is told again at once; then with the pauses of the profile, for presence sensors
flicker. Once it has not come back for the longest of them it is calm.
"""
_DOUBLINGS = 20


def meanings(car: dict[str, int], table: Table) -> dict[str, bool | None]:
    """What the car's points together say, None where they do not say enough. That a car is empty says a presence sensor, and
    frees nobody.
    """
    stopped, zone = is_(car, "car_status", 0), is_(car, "door_zone", 1)
    closed, passenger = is_(car, "door_closed", 1), is_(car, "passenger", 1)
    mode = table.meaning("mode", car["service_mode"]) if "service_mode" in car else None
    inspected = car.get("inspection") == 1 or (mode is not None and mode.code == "inspection")
    working = False if inspected else (None if mode is None else True)
    normal = None if mode is None else mode.code == "normal"
    way_out = any_(all_(zone, not_(closed)), all_(is_(car, "car_status", 1), normal))
    trapped = _trapped(car, table)
    level = all_(passenger, stopped, zone, closed, working)
    non_level = all_(passenger, stopped, not_(zone), working)
    return {
        "open": all_(zone, stopped, not_(closed)),
        "level": level,
        "non_level": non_level,
        "terminal": all_(trapped, not inspected),
        "freed": all_(way_out, trapped is not True),
        "untrapped": all_(not_(trapped), way_out is not False, level is not True, non_level is not True),
    }


def _trapped(car: dict[str, int], table: Table) -> bool | None:
    """The terminal says it itself, by a bit or a number."""
    if says(car, table, TRAPPED_CODES):
        return True
    return False if "trapped" in car or "alarm_code" in car else None


class Entrapment:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        suspect = terms.profile.suspect
        self._pause_us, self._calm_us = micros(terms.profile.again_s), micros(terms.profile.again_max_s)
        self._after: dict[Suspicion, int] = {}
        if suspect:
            self._clear_us, self._gap_us = micros(suspect.clear_s), micros(suspect.gap_s)
            self._unknown_us = micros(suspect.unknown_s)
            self._after = {
                "non_level": micros(suspect.non_level_s),
                "level": micros(suspect.level_s),
                "terminal": micros(suspect.terminal_s),
            }

    def judged(self, state: LiftState, now: Stamp) -> LiftState:
        """Since when the car has said what it says. Suspicions bear a gap, for lines and sensors do; nothing else does."""
        state = _expired(state, now)
        since, gaps = dict(state.since), dict(state.gaps)
        for name, holds in meanings(state.car, self._terms.codes).items():
            if holds:
                since.setdefault(name, now.mono)
                gaps.pop(name, None)
            elif name in self._after:
                self._interrupted(state, gaps, name, now, denied=holds is False)
            else:
                since.pop(name, None)
        if (since, gaps) == (state.since, state.gaps):
            return state
        return msgspec.structs.replace(state, since=since, gaps=gaps)

    def _interrupted(self, state: LiftState, gaps: dict[str, Gap], name: str, now: Stamp, *, denied: bool) -> None:
        gap = gaps.get(name)
        if denied and (name in state.since or name in state.spent or name in state.blind):
            if gap is None or not gap.denied:
                until = now.mono + self._gap_us
                gaps[name] = Gap(min(until, gap.until) if gap else until, denied=True)
        elif gap is None and name in state.since:
            gaps[name] = Gap(now.mono + self._unknown_us, denied=False)

    def rebooted(self, state: LiftState, now: Stamp) -> LiftState:
        """What the car says first may have been so for hours: it need not last longer than to be sure."""
        flaps = {
            what: Flap(flap.n, now.mono + flap.found.left(flap.until, now), mark(now))
            for what, flap in state.flaps.items()
        }
        return msgspec.structs.replace(state, car={}, since={}, gaps={}, blind=tuple(self._after), flaps=flaps)

    def due(self, state: LiftState, now: Stamp) -> Moved:
        said: tuple[Say, ...] = ()
        state = _expired(state, now)
        for what, at in self._speak(state):
            if now.mono >= at:
                state = msgspec.structs.replace(state, spent=(*state.spent, what))
                if state.alarm is None:
                    cause = Press(self._cause(state, what, now), now.boot)
                    state, more = self._terms.raised(state, cause, now, what)
                    said += more
        freed = self._freed(state)
        if freed is not None and now.mono - freed >= self._clear_us:
            state, more = self._terms.over(
                self._flapped(state, now), "alarm.cleared/1", via="car", car=self._terms.car(state)
            )
            said += more
        return state, said

    def wakes(self, state: LiftState) -> Iterator[int]:
        for _, at in self._speak(state):
            yield at
        for gap in state.gaps.values():
            yield gap.until
        freed = self._freed(state)
        if freed is not None:
            yield freed + self._clear_us

    def _speak(self, state: LiftState) -> list[tuple[Suspicion, int]]:
        """What holds now and has not spoken, and when it will: one that comes and goes not before its pause is over."""
        held = {} if state.alarm else {what: flap.until for what, flap in state.flaps.items()}
        return [
            (
                what,
                max(
                    state.since[what] + (min(wait, self._clear_us) if what in state.blind else wait), held.get(what, 0)
                ),
            )
            for what, wait in self._after.items()
            if what in state.since and what not in state.gaps and what not in state.spent
        ]

    def _flapped(self, state: LiftState, now: Stamp) -> LiftState:
        """The car takes the alarm back."""
        assert state.alarm and state.alarm.suspected
        what = state.alarm.suspected
        before = state.flaps.get(what)
        n = before.n + 1 if before and now.mono - before.until < self._calm_us else 1
        pause = 0 if n < FLAPS_TOLD else min(self._pause_us << min(n - FLAPS_TOLD, _DOUBLINGS), self._calm_us)
        return msgspec.structs.replace(state, flaps={**state.flaps, what: Flap(n, now.mono + pause, mark(now))})

    def _freed(self, state: LiftState) -> int | None:
        """Since when the car takes back what it alone has said, as long as no person has answered or come."""
        alarm = state.alarm
        if alarm is None or alarm.suspected is None or alarm.state not in _UNANSWERED or not self._after:
            return None
        if alarm.suspected != "terminal":
            return state.since.get("freed")
        return state.since.get("untrapped") if alarm.cause.point in state.car else None

    def _cause(self, state: LiftState, what: Suspicion, now: Stamp) -> Cause:
        since = state.since[what]
        point = _TOLD_BY.get(what) or says(state.car, self._terms.codes, TRAPPED_CODES) or "trapped"
        return Cause(
            device=self._terms.config.terminal or "",
            point=point,
            value=state.car[point],
            unit="1",
            quality=Quality.GOOD,
            t=now.t - (now.mono - since),
            mono=since,
        )


def _expired(state: LiftState, now: Stamp) -> LiftState:
    """Gaps that lasted: what held begins anew; what was denied for so long may speak again."""
    over = {name: gap for name, gap in state.gaps.items() if now.mono >= gap.until}
    if not over:
        return state
    denied = {name for name, gap in over.items() if gap.denied}
    return msgspec.structs.replace(
        state,
        since={name: since for name, since in state.since.items() if name not in over},
        gaps={name: gap for name, gap in state.gaps.items() if name not in over},
        spent=tuple(one for one in state.spent if one not in denied),
        blind=tuple(one for one in state.blind if one not in denied),
    )
