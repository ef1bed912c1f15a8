"""While nobody has answered: told again, to more people, by short message and telephone, and never given up. And the clocks of
the rescue, whose limits are only recorded.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from gateway.records import masked
from gateway.rules.base import Message, Say, Sent
from gateway.rules.lift.config import Escalation
from gateway.rules.lift.state import Clock, LiftAlarm, LiftState, Moved, Owed, changed
from gateway.rules.lift.terms import Terms, mark, micros
from gateway.rules.site import Person
from model.bodies import SmsSent
from model.texts import text
from model.time import Stamp

_DOUBLINGS = 20


class Escalate:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._steps = terms.profile.escalation
        told = [step for step in self._steps if step.tell]
        self._last = told[-1] if told else None
        self._reemit_us = micros(terms.profile.reemit_s)
        overdue = terms.profile.overdue
        limits: dict[Clock, float | None] = {
            "dispatch": overdue.dispatch_s,
            "arrive": overdue.arrive_s,
            "release": overdue.release_s,
        }
        self._limits = {clock: limit for clock, limit in limits.items() if limit is not None}

    def due(self, state: LiftState, now: Stamp) -> Moved:
        says: tuple[Say, ...] = ()
        for part in (self._next_step, self._overdue, self._again):
            state, more = part(state, now)
            says += more
        if state.alarm and state.alarm.voice_until is not None and now.mono >= state.alarm.voice_until:
            state = changed(state, voice_until=None)
        return state, says

    def wakes(self, state: LiftState, now: Stamp) -> Iterator[int]:
        if (alarm := state.alarm) is None:
            return
        if alarm.acked_by is None:
            if alarm.delivered:
                yield alarm.told + self._reemit_us
            if alarm.next_step is not None:
                yield alarm.next_step
        if alarm.voice_until is not None:
            yield alarm.voice_until
        for clock, begun in alarm.clocks.items():
            if clock in self._limits:
                yield now.mono + max(0, micros(self._limits[clock]) - begun.passed(now))

    def rebooted(self, state: LiftState, now: Stamp) -> LiftState:
        """The old clock is void: what was waited for is due. What goes on for ever is not: a supply that comes and goes would
        make a flood of it.
        """
        if (alarm := state.alarm) is None:
            return state
        voice_us = micros(self._terms.profile.voice_s)
        return changed(
            state,
            told=now.mono - self._reemit_us,
            next_step=None if alarm.next_step is None else now.mono + self._left(alarm, now),
            stepped=mark(now),
            voice_until=None if alarm.voice_until is None else now.mono + voice_us,
            repeated=None,
        )

    def messages(self, state: LiftState) -> list[Message]:
        alarm = state.alarm
        if alarm is None or alarm.acked_by is not None:
            return []
        persons = {person.name: person for person in self._terms.site.persons}
        return [
            Message(f"{alarm.id}/{owed.n}/{owed.person}", person.phone, self._text(alarm, person))
            for owed in alarm.owed
            if (person := persons.get(owed.person)) and person.phone
        ]

    def sent(self, state: LiftState, event: Sent) -> Moved:
        """On record also when the alarm was answered or over meanwhile; of another rule's it is not told."""
        alarm_id, _, rest = event.key.partition("/")
        n, _, name = rest.partition("/")
        person = next((one for one in self._terms.site.persons if one.name == name), None)
        if person is None or not n.isdecimal():
            return state, ()
        if state.alarm and state.alarm.id == alarm_id:
            done = Owed(name, int(n))
            state = changed(state, owed=tuple(one for one in state.alarm.owed if one != done))
        number = masked(person.phone or "")
        body = SmsSent(device=event.device, person=name, number=number, alarm=alarm_id, ref=event.ref, why=event.why)
        return state, (Say("sms.sent/1", body),)

    def _next_step(self, state: LiftState, now: Stamp) -> Moved:
        alarm = state.alarm
        says: tuple[Say, ...] = ()
        while alarm and alarm.acked_by is None and alarm.next_step is not None and now.mono >= alarm.next_step:
            done = alarm.steps
            step = self._steps[done] if done < len(self._steps) else self._last
            after = self._after(done, alarm.next_step, now)
            state = changed(state, steps=done + 1, next_step=after, stepped=mark(now))
            if step:
                state, more = self._tell(state, step, repeated=done >= len(self._steps))
                says += more
            alarm = state.alarm
        return state, says

    def _tell(self, state: LiftState, step: Escalation, *, repeated: bool) -> Moved:
        alarm = state.alarm
        assert alarm
        people = self._people(step)
        dialler = step.dialler and not repeated
        if not people and not dialler:
            return state, ()
        waiting = {owed.person for owed in alarm.owed}  # one message at most waits for the network, for each
        new = tuple(Owed(person.name, alarm.steps) for person in people if person.name not in waiting)
        state = changed(state, owed=alarm.owed + new, dialler=alarm.dialler or dialler)
        tier = max((person.tier for person in people), default=None)
        return state, (self._terms.say("alarm.escalated/1", state, n=alarm.steps, tier=tier, dialler=dialler),)

    def _people(self, step: Escalation) -> list[Person]:
        return [person for person in self._terms.site.persons if person.phone and person.tier in step.tell]

    def _after(self, done: int, due: int, now: Stamp) -> int | None:
        """When the step after `done` is due: by the profile, then the last messages again with longer and longer pauses."""
        if done + 1 < len(self._steps):
            return due + micros(self._steps[done + 1].after_s - self._steps[done].after_s)
        if self._last is None or not self._people(self._last):
            return None
        return now.mono + self._pause(done + 1)

    def _pause(self, done: int) -> int:
        """Before the messages are sent again, after so many steps."""
        profile = self._terms.profile
        doubled = profile.again_s * 2 ** min(done - len(self._steps), _DOUBLINGS)
        return micros(min(doubled, profile.again_max_s))

    def _left(self, alarm: LiftAlarm, now: Stamp) -> int:
        """Over a reboot: nothing of a step of the profile; of a pause what is not known to have passed."""
        if alarm.next_step is None or alarm.steps < len(self._steps):
            return 0
        if alarm.stepped is None:
            return self._pause(alarm.steps)
        return alarm.stepped.left(alarm.next_step, now)

    def _overdue(self, state: LiftState, now: Stamp) -> Moved:
        says: tuple[Say, ...] = ()
        for clock, limit in self._limits.items():
            begun = state.alarm.clocks.get(clock) if state.alarm else None
            if state.alarm and begun and begun.passed(now) >= micros(limit):
                state = changed(state, clocks={c: m for c, m in state.alarm.clocks.items() if c != clock})
                says += (self._terms.say("alarm.overdue/1", state, limit=limit, stage=clock),)
        return state, says

    def _again(self, state: LiftState, now: Stamp) -> Moved:
        """Only when the centre has all that was said: saying it again is all that is left."""
        alarm = state.alarm
        if not alarm or alarm.acked_by is not None or not alarm.delivered or now.mono - alarm.told < self._reemit_us:
            return state, ()
        emissions = alarm.emissions + 1
        state = changed(state, told=now.mono, emissions=emissions, delivered=False)
        return state, (self._terms.say("alarm.reemit/1", state, n=emissions),)

    def _text(self, alarm: LiftAlarm, person: Person) -> str:
        lift, lang = self._terms.lift, self._terms.site.language
        place = [lift.name, lift.address, lift.rescue and text("lift.sms.sign", lang, number=lift.rescue)]
        if alarm.floor is not None:
            place.append(text("lift.sms.floor", lang, floor=alarm.floor))
        if alarm.wall_known:
            at = datetime.fromtimestamp(alarm.raised / 1e6, UTC) + timedelta(hours=self._terms.profile.utc_offset_h)
            place.append(f"{at:%H:%M}")
        return text(
            "lift.sms.suspected" if alarm.suspected else "lift.sms.call",
            lang,
            place=" ".join(part for part in place if part) or lift.id,
            code=self._terms.site.code(alarm.id, person.name),
        )
