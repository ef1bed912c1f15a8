"""The button: what is a press, what is the same press seen twice, and what is none because the door stands open."""

from collections.abc import Iterator

import msgspec

from gateway.rules.base import PointInput, Say
from gateway.rules.lift.car import BUTTON_CODES, NUMBERS
from gateway.rules.lift.state import CALM_US, Filtered, Heard, LiftState, Moved, Press, changed
from gateway.rules.lift.terms import Terms, micros
from model.bodies import LiftFiltered
from model.observation import Quality
from model.time import Stamp

REPEATS_TOLD = 10
"""So many repeats of a call are on record each; then they are counted on, and told ..."""
REPEAT_US, REPEAT_MAX_US = 60_000_000, 3_600_000_000
"""... with a pause that doubles: a contact that chatters would fill the store."""


class Button:
    """One button, whichever point tells of it."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        config, profile = terms.config, terms.profile
        self._contacts = {f"{config.terminal}.{name}": 1 for name in BUTTON_CODES} if config.terminal else {}
        self._contacts |= dict.fromkeys(config.alarm, config.active)
        self._numbers = {f"{config.terminal}.{name}": what for name, what in NUMBERS} if config.terminal else {}
        self.sources = {*self._contacts, *self._numbers}
        self._press_us = micros(profile.press_s)
        self._same_us = micros(profile.same_press_s)
        self._filter = profile.filter

    def sampled(self, state: LiftState, source: str, event: PointInput) -> Moved:
        """A release may come before the Tick by which its press would have counted."""
        if event.quality is not Quality.GOOD:
            return state, ()  # neither pressed nor released: nobody knows
        if self._is_down(source, event.value) == (source in state.down):
            return state, ()
        if source not in state.down:
            return self._begun(state, source, event), ()
        state, says = self.due(state, event.at)
        return _up(state, source), says

    def due(self, state: LiftState, now: Stamp) -> Moved:
        """Presses that have lasted, and one that was filtered and is held on to."""
        says: tuple[Say, ...] = ()
        for source, press in state.down.items():
            if not press.counted and now.mono - press.cause.mono >= self._press_us:
                state, more = self._pressed(state, source, press, now)
                says += more
        filtered = state.filtered
        if self._filter and filtered and _held_on(state):
            lasted = now.mono - filtered.press.cause.mono >= micros(self._filter.hold_s)
            if lasted or not self._stands_open(state, now):
                state, more = self._terms.raised(state, filtered.press, now)
                says += more
        return state, says

    def rebooted(self, state: LiftState, now: Stamp) -> Moved:
        """Nobody can measure what was held down at the power cut: it counts as a press that has lasted. What is down without
        a call is a new press: who was trapped by the power cut holds it.
        """
        says: tuple[Say, ...] = ()
        state = msgspec.structs.replace(state, heard=None)
        for source, press in state.down.items():
            if not press.counted:
                state, more = self._pressed(state, source, press, now)
                says += more
        if state.filtered and _held_on(state) and state.alarm is None:
            state, more = self._terms.raised(state, state.filtered.press, now)
            says += more
        return msgspec.structs.replace(state, heard=None, filtered=None, down=state.down if state.alarm else {}), says

    def wakes(self, state: LiftState) -> Iterator[int]:
        for press in state.down.values():
            if not press.counted:
                yield press.cause.mono + self._press_us
        if self._filter and state.filtered and _held_on(state):
            yield state.filtered.press.cause.mono + micros(self._filter.hold_s)

    def _is_down(self, source: str, value: float | None) -> bool:
        if source in self._contacts:
            return value == self._contacts[source]
        meaning = self._terms.codes.meaning(self._numbers[source], round(value or 0))
        return meaning is not None and meaning.code in BUTTON_CODES

    def _begun(self, state: LiftState, source: str, event: PointInput) -> LiftState:
        """Kept, if it is the first one in a while: a power cut in the middle of it makes it a call."""
        last, mono = state.began.get(source), event.at.mono
        press = Press(event.cause(), event.at.boot, kept=last is None or mono - last > CALM_US)
        return msgspec.structs.replace(state, down={**state.down, source: press}, began={**state.began, source: mono})

    def _pressed(self, state: LiftState, source: str, press: Press, now: Stamp) -> Moved:
        last, mono = state.heard, press.cause.mono
        if last and last.source != source and abs(mono - last.mono) <= self._same_us:
            return _counted(state, source, press, kept=press.kept), ()
        if state.alarm:
            return self._repeated(state, source, press, now)
        state = msgspec.structs.replace(_counted(state, source, press), heard=Heard(source, mono))
        if self._bypassed(state, press) or not self._stands_open(state, now):
            return self._terms.raised(state, press, now)
        return self._filtered(state, source, press)

    def _repeated(self, state: LiftState, source: str, press: Press, now: Stamp) -> Moved:
        alarm, mono = state.alarm, press.cause.mono
        assert alarm
        more = alarm.repeats_told - REPEATS_TOLD
        pause = min(REPEAT_US << max(more, 0), REPEAT_MAX_US)
        if more >= 0 and alarm.repeated is not None and now.mono - alarm.repeated < pause:
            state = _counted(state, source, press, kept=press.kept)
            return msgspec.structs.replace(state, heard=Heard(source, mono, kept=False), untold=state.untold + 1), ()
        state = changed(
            msgspec.structs.replace(_counted(state, source, press), heard=Heard(source, mono), untold=0),
            repeats=alarm.repeats + state.untold + 1,
            repeats_told=alarm.repeats_told + 1,
            repeated=now.mono,
            delivered=False,
            suspected=None,
        )
        assert state.alarm
        n, car = state.alarm.repeats, self._terms.car(state)
        return state, (self._terms.say("alarm.repeated/1", state, cause=press.cause, n=n, car=car),)

    def _bypassed(self, state: LiftState, press: Press) -> bool:
        """Pressed again soon after: whoever it is means it."""
        if self._filter is None or state.filtered is None:
            return False
        return press.cause.mono - state.filtered.press.cause.mono <= micros(self._filter.bypass_s)

    def _stands_open(self, state: LiftState, now: Stamp) -> bool:
        """Only what the terminal says now, and has said for long enough."""
        since = state.since.get("open")
        return self._filter is not None and since is not None and now.mono - since >= micros(self._filter.open_s)

    def _filtered(self, state: LiftState, source: str, press: Press) -> Moved:
        state = msgspec.structs.replace(state, filtered=Filtered(source, press), filters=state.filters + 1)
        car = self._terms.car(state)
        assert car, "it is the car that filters"
        lift = self._terms.config.lift_id
        body = LiftFiltered(rule=self._terms.config.id, lift=lift, n=state.filters, cause=press.cause, car=car)
        return state, (Say("lift.filtered/1", body),)


def _held_on(state: LiftState) -> bool:
    """The press that was filtered goes on."""
    press = state.down.get(state.filtered.source) if state.filtered else None
    return press is not None and press.counted


def _counted(state: LiftState, source: str, press: Press, *, kept: bool = True) -> LiftState:
    """Its time is up. What is said of it is stored, and it with that."""
    counted = msgspec.structs.replace(press, counted=True, kept=kept)
    return msgspec.structs.replace(state, down={**state.down, source: counted})


def _up(state: LiftState, source: str) -> LiftState:
    return msgspec.structs.replace(state, down={other: press for other, press in state.down.items() if other != source})
