"""From the answer to the end: what a named person says, a badge, the key, a short message. Each step once, none back."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from gateway.rules.base import Acked, Badged, Order, OrderName, PointInput, Say, Texted
from gateway.rules.lift.car import fault
from gateway.rules.lift.state import Clock, LiftAlarm, LiftState, Mark, Moved, Press, changed
from gateway.rules.lift.switches import switched
from gateway.rules.lift.terms import Terms, mark, micros
from model.bodies import LiftRefusal, LiftRefused
from model.observation import Quality
from model.time import Stamp

CODES_MAX = 5
"""An answer may have numbers besides; more in one text are guesses."""
GUESSES_MAX = 10
"""Texts with wrong codes in a call, of all senders, whose numbers can be forged; then it is answered in other ways only."""
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")


def orders(alarm: LiftAlarm) -> frozenset[OrderName]:
    """What the centre may order: nothing before it has answered."""
    if alarm.acked_by is None:
        return frozenset()
    may = set(here(alarm))
    if alarm.arrived_by is not None:
        may.discard("arrive")
    if not alarm.released:
        may.add("dispatch")
    return frozenset(may)


def here(alarm: LiftAlarm) -> frozenset[OrderName]:
    """What a person with a PIN may say at the lift, also of an alarm that nobody has answered. Nobody arrives after the release."""
    may: set[OrderName] = {"close"}
    if not alarm.released:
        may.add("release")
        if alarm.proven_by is None:
            may.add("arrive")
    return frozenset(may)


class RescueSteps:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._press_us = micros(terms.profile.press_s)
        places = [f"{lift.rescue} {lift.name} {lift.address}" for lift in terms.site.lifts.values()]
        self._places = frozenset(number for place in places for number in _numbers(place))

    def acked(self, state: LiftState, event: Acked, now: Stamp) -> Moved:
        """Another alarm's, or a second one, changes nothing."""
        alarm = state.alarm
        if alarm is None or alarm.id != event.alarm or alarm.acked_by is not None:
            return state, ()
        clocks = alarm.clocks
        if alarm.arrived_by is None and not alarm.released:
            clocks = self._begun(clocks, "dispatch", now)
        voice = now.mono + micros(self._terms.profile.voice_s)
        state = changed(state, acked_by=event.by, clocks=clocks, voice_until=voice, next_step=None, dialler=False)
        say = self._terms.say("alarm.acked/1", state, by=event.by, command=event.command, via=event.via)
        return state, (say,)

    def texted(self, state: LiftState, event: Texted, now: Stamp) -> Moved:
        """An answer by short message: the code of this alarm, from the telephone of the person it was made for.

        What answers another alarm, or only quotes the numbers of a lift's file, is no guess.
        """
        site, alarm, person = self._terms.site, state.alarm, self._terms.site.by_phone(event.number)
        if alarm is None or person is None or alarm.acked_by is not None or alarm.guesses >= GUESSES_MAX:
            return state, ()
        told = _numbers(event.text)
        many = len(told - self._places) > CODES_MAX
        if site.code(alarm.id, person.name) in told and not many:
            return self.acked(state, Acked(alarm.id, person.name, None, "sms"), now)
        others = {site.code(other, person.name) for other in event.alarms}
        if told <= self._places or (told & others and not many):
            return state, ()
        guesses = alarm.guesses + 1
        closed = (self._refused(alarm, "sms", "guessed", "", person.name),) if guesses == GUESSES_MAX else ()
        return changed(state, guesses=guesses), closed

    def ordered(self, state: LiftState, event: Order, now: Stamp) -> Moved:
        alarm, details = state.alarm, event.details
        if alarm is None or alarm.id != details.alarm:
            return state, ()
        if event.what not in (here if event.via == "pin" else orders)(alarm):
            return state, ()
        who: dict[str, Any] = {"by": event.by, "command": event.command, "via": event.via}
        match event.what:
            case "dispatch":
                state = changed(state, dispatched=True, clocks=_without(alarm.clocks, "dispatch"))
                say = self._terms.say("alarm.dispatched/1", state, **who, team=details.team, tier=details.tier)
                return state, (say,)
            case "arrive":
                return self._arrived(state, now, proven=event.via == "pin", **who, team=details.team)
            case "release":
                state = changed(state, released=True, clocks={})
                persons, injured = details.persons, details.injured
                return state, (self._terms.say("alarm.released/1", state, **who, persons=persons, injured=injured),)
            case "close":
                if event.via != "pin":
                    if not (details.reason or "").strip():
                        return state, ()
                    who["via"] = "remote"
                return self._ended(state, **who, reason=details.reason, cause_code=details.fault)

    def badged(self, state: LiftState, event: Badged, now: Stamp) -> Moved:
        """The first badge of a technician is an arrival, also after the centre's word. Where there is no key contact, one after
        the release is the end.
        """
        person, alarm = self._terms.site.by_badge(event.uid), state.alarm
        if alarm is None or event.device not in self._terms.config.badges:
            return state, ()
        if person is None:
            return state, (self._refused(alarm, "badge", "badge_unknown", event.device),)
        if "technician" not in person.role:
            return state, (self._refused(alarm, "badge", "no_technician", event.device, person.name),)
        if alarm.proven_by is None:
            return self._arrived(state, now, proven=True, by=person.name, via="badge")
        if alarm.released and self._terms.config.end is None:
            return self._ended(state, by=person.name, via="badge")
        return state, ()

    def key(self, state: LiftState, event: PointInput) -> Moved:
        """Turned during the call, not left turned from before, for `press_s`; one that lasts is judged by `due` too."""
        if event.quality is not Quality.GOOD:
            return state, ()
        config = self._terms.config
        turned = event.value == config.end_active
        if turned == state.key:
            return state, ()
        if turned:
            calm = "key" not in state.settling
            turning = Press(event.cause(), event.at.boot, kept=calm) if state.alarm else None
            return msgspec.structs.replace(switched(state, "key", event.at, on=True), turning=turning), ()
        state, says = self.due(state, event.at)
        return msgspec.structs.replace(switched(state, "key", event.at, on=False), turning=None), says

    def due(self, state: LiftState, now: Stamp) -> Moved:
        """A key that was turned long enough. After the answer or a badge it is the end; one that ends nothing is told."""
        alarm, turning = state.alarm, state.turning
        if alarm is None or turning is None or now.mono - turning.cause.mono < self._press_us:
            return state, ()
        state = msgspec.structs.replace(state, turning=None)
        if alarm.proven_by is None and alarm.acked_by is None:
            refused = self._refused(alarm, "key", "unanswered", turning.cause.device)
            return state, (refused,) if turning.kept else ()
        return self._ended(state, cause=turning.cause, by=alarm.proven_by, via="key")

    def wakes(self, state: LiftState) -> Iterator[int]:
        if state.turning:
            yield state.turning.cause.mono + self._press_us

    def _refused(
        self,
        alarm: LiftAlarm,
        what: Literal["key", "badge", "sms"],
        why: LiftRefusal,
        device: str,
        by: str | None = None,
    ) -> Say:
        config = self._terms.config
        body = LiftRefused(
            rule=config.id, lift=config.lift_id, alarm=alarm.id, what=what, why=why, device=device, by=by
        )
        return Say("lift.refused/1", body)

    def _arrived(self, state: LiftState, now: Stamp, *, proven: bool, by: str, **more: Any) -> Moved:
        alarm = state.alarm
        assert alarm
        if alarm.arrived_by is None:
            clocks = _without(alarm.clocks, "dispatch", "arrive")
            state = changed(
                state, arrived_by=by, clocks=clocks if alarm.released else self._begun(clocks, "release", now)
            )
        if proven:
            state = changed(state, proven_by=by)
        return state, (self._terms.say("alarm.arrived/1", state, by=by, **more),)

    def _ended(self, state: LiftState, *, cause_code: str | None = None, **more: Any) -> Moved:
        found = cause_code or fault(state.car, self._terms.codes)
        return self._terms.over(state, "alarm.ended/1", fault=found, car=self._terms.car(state), **more)

    def _begun(self, clocks: dict[Clock, Mark], clock: Clock, now: Stamp) -> dict[Clock, Mark]:
        limit = getattr(self._terms.profile.overdue, f"{clock}_s")
        return clocks if limit is None else {**clocks, clock: mark(now)}


def _numbers(text: str) -> set[str]:
    """Those that may be codes, also in wide digits."""
    return set(_CODE.findall(unicodedata.normalize("NFKC", text)))


def _without(clocks: dict[Clock, Mark], *done: Clock) -> dict[Clock, Mark]:
    return {clock: begun for clock, begun in clocks.items() if clock not in done}
