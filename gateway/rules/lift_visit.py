"""Maintenance visits to a lift: proven by badges at two places, entered and signed with a PIN; and what is due, also the inspection."""

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from drivers.common.config import Id, Name
from gateway.rules.base import (
    Acked,
    Badged,
    Booked,
    Input,
    OpenAlarm,
    Rule,
    RuleConfig,
    RuleKind,
    Say,
    Step,
    alarm_id,
    said,
)
from gateway.rules.lift_calendar import CYCLES, PROFILES, Due, due_list, level
from gateway.rules.site import Lift, Site
from model.bodies import Cause, LiftFile, VisitCycle, VisitEntry, VisitPlace, VisitSignature
from model.observation import Quality
from model.time import Stamp

PLACES_LEAST = 2
"""One badge at one door proves no visit."""
_LOOK_US = 3600 * 10**6
"""The calendar is looked at once an hour."""
_KEPT = 20
"""Proven visits that wait for their signature, or may be shown."""


def _apart(places: dict[str, str]) -> dict[str, str]:
    """A badge read twice at one reader was at one place."""
    if len(set(places.values())) < len(places):
        raise PydanticCustomError("visit_places_same", "one reader for two places")
    return places


class LiftVisitConfig(RuleConfig):
    """`places` has the card reader of each place; `lift` where the rule's id is not the lift's."""

    rule: Literal["lift_visit"]
    lift: Id | None = None
    places: Annotated[dict[Name, Id], Field(min_length=PLACES_LEAST), AfterValidator(_apart)]

    @property
    def lift_id(self) -> str:
        return self.lift or self.id

    def points(self) -> list[str]:
        return []

    def readers(self) -> list[str]:
        return list((self.places or {}).values())


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a badge was read; `t` is the wall clock's word at that time, which was `known` then or not."""

    boot: str
    t: int
    mono: int
    known: bool = True

    def utc(self, now: Stamp) -> int | None:
        """By the clock as it is now, which may know better; of an earlier boot nobody can say more than it said, if it knew."""
        if self.boot == now.boot:
            return now.t - (now.mono - self.mono)
        return self.t if self.known else None


class Entered(msgspec.Struct, frozen=True, omit_defaults=True):
    """`sha256` (hex) of the entry's body, which is what the signature signs. `day` is the visit's."""

    cycle: VisitCycle
    day: date
    sha256: str
    late_s: int = 0
    late: bool = False


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    person: str
    places: tuple[str, ...]
    began: Seen
    ended: Seen
    entry: Entered | None = None
    signed_by: str | None = None

    @property
    def proven(self) -> bool:
        return len(self.places) >= PLACES_LEAST


class Overdue(msgspec.Struct, frozen=True, omit_defaults=True):
    """An open alarm. `point`: a cycle, or `inspection`."""

    id: str
    point: str
    raised: int
    cause: Cause
    acked_by: str | None = None

    @property
    def what(self) -> str:
        return "visit_overdue" if self.point in CYCLES else "inspection_overdue"


class VisitState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`visits` oldest first. `before`: the newest day of each cycle among visits that are not kept any more. `since`: the first
    day that the gateway has known. `scrapped`: the lift of which nothing is due any more. `looked`: when the calendar was looked
    at last (CLOCK_BOOTTIME us).
    """

    visits: tuple[Visit, ...] = ()
    before: dict[VisitCycle, date] = {}
    since: date | None = None
    alarms: tuple[Overdue, ...] = ()
    scrapped: str | None = None
    looked: int | None = None

    def done(self, besides: str | None = None) -> dict[VisitCycle, date]:
        """The newest day of each cycle, without what the visit `besides` says."""
        done = dict(self.before)
        for visit in self.visits:
            if visit.entry and visit.id != besides:
                done[visit.entry.cycle] = max(visit.entry.day, done.get(visit.entry.cycle, date.min))
        return done


class LiftVisitRule(Rule):
    state_type: ClassVar[type[Any]] = VisitState
    version: ClassVar[int] = 1

    def __init__(self, config: LiftVisitConfig, site: Site) -> None:
        self.id = config.id
        self.about = config.lift_id
        self.lift: Lift = site.lift(config.lift_id)
        self.profile = PROFILES.load(config.profile)
        self._places = {reader: place for place, reader in config.places.items()}
        self._site = site

    def initial(self) -> VisitState:
        return VisitState()

    def kept(self, state: VisitState) -> VisitState:
        return msgspec.structs.replace(state, looked=None)

    def signals(self, state: VisitState) -> frozenset[str]:
        return frozenset()

    def alarms(self, state: VisitState) -> list[OpenAlarm]:
        return [
            OpenAlarm(a.id, a.what, a.cause.device, a.point, a.raised, a.cause.value, a.cause.unit, a.acked_by)
            for a in state.alarms
        ]

    def due(self, state: VisitState, now: Stamp) -> list[Due]:
        """Each cycle as it stands today, as far as the clock knows the day."""
        today = self.profile.day(now.t)
        return due_list(self.profile, state.done(), state.since or today, today)

    def step(self, state: VisitState, event: Input, now: Stamp) -> Step:
        says: tuple[Say, ...] = ()
        anew = False
        match event:
            case Badged():
                state, says = self._badged(state, event)
            case Booked(body=VisitEntry() as entry):
                state, says, anew = self._entered(state, entry), (Say("visit.entry/1", entry),), True
            case Booked(body=VisitSignature() as signature):
                signed = self._with(state, signature.visit, signed_by=signature.person)
                state, says = signed, (Say("visit.signed/1", signature),)
            case Booked(body=LiftFile(lift=lift, state="scrapped")) if state.scrapped != lift:
                state, anew = msgspec.structs.replace(state, scrapped=lift), True
            case Acked():
                state, says = self._acked(state, event)
        if anew or state.looked is None or not state.looked <= now.mono < state.looked + _LOOK_US:
            state, more = self._looked(state, now)
            says += more
        return Step(state, says, None if state.looked is None else state.looked + _LOOK_US)

    # visits

    def _badged(self, state: VisitState, event: Badged) -> tuple[VisitState, tuple[Say, ...]]:
        person = self._site.by_badge(event.uid)
        if person is None or "technician" not in person.role:
            return state, ()
        place = self._places[event.device]
        at = event.at
        seen = Seen(at.boot, at.t, at.mono, known=at.tq.source != "unknown")
        visit = next((v for v in reversed(state.visits) if v.person == person.name), None)
        if visit and self._near(visit.ended, seen):
            places = visit.places if place in visit.places else (*visit.places, place)
            state = self._with(state, visit.id, places=places, ended=seen)
        else:
            visit = Visit(alarm_id(self.id, f"visit/{person.name}", at), person.name, (place,), seen, seen)
            state = self._trimmed(msgspec.structs.replace(state, visits=(*state.visits, visit)), seen)
        body = VisitPlace(visit=visit.id, lift=self.lift.id, person=person.name, place=place, device=event.device)
        return state, (Say("visit.place/1", body),)

    def _near(self, before: Seen, after: Seen) -> bool:
        """By the clock that nobody sets, where both are of one boot; else by the wall, where it was known."""
        if before.boot == after.boot:
            apart = after.mono - before.mono
        elif before.known and after.known:
            apart = abs(after.t - before.t)
        else:
            return False
        return apart <= self.profile.visit_gap_h * 3600e6

    def _trimmed(self, state: VisitState, now: Seen) -> VisitState:
        """Without what was at one place alone and is over, and without the oldest of too many: its day stays known."""
        kept = tuple(v for v in state.visits if v.proven or self._near(v.ended, now))
        gone = VisitState(kept[:-_KEPT], state.before)
        return msgspec.structs.replace(state, visits=kept[-_KEPT:], before=gone.done())

    def _entered(self, state: VisitState, entry: VisitEntry) -> VisitState:
        entered = Entered(
            entry.cycle,
            self.profile.day(entry.began),
            hashlib.sha256(msgspec.json.encode(entry)).hexdigest(),
            entry.late_s,
            entry.entered_late,
        )
        return self._with(state, entry.visit, entry=entered)

    def _with(self, state: VisitState, id_: str, **fields: Any) -> VisitState:
        visits = tuple(msgspec.structs.replace(v, **fields) if v.id == id_ else v for v in state.visits)
        return msgspec.structs.replace(state, visits=visits)

    # the calendar

    def _looked(self, state: VisitState, now: Stamp) -> tuple[VisitState, tuple[Say, ...]]:
        """Raise and clear what the day says; nothing while the day is not known."""
        state = msgspec.structs.replace(state, looked=now.mono)
        if now.tq.source == "unknown":
            return state, ()
        today = self.profile.day(now.t)
        if state.since is None:
            state = msgspec.structs.replace(state, since=today)
        over = self._overdue(state, now, today)
        still = tuple(alarm for alarm in state.alarms if alarm.point in over)
        cleared = tuple(self._say("alarm.cleared/1", a, self._cause(a, now)) for a in state.alarms if a not in still)
        open_ = {alarm.point for alarm in still}
        new = tuple(
            Overdue(alarm_id(self.id, f"overdue/{point}", now), point, now.t, cause)
            for point, cause in over.items()
            if point not in open_
        )
        raised = tuple(self._say("alarm.raised/1", alarm) for alarm in new)
        return msgspec.structs.replace(state, alarms=(*still, *new)), cleared + raised

    def _overdue(self, state: VisitState, now: Stamp, today: date) -> Mapping[str, Cause]:
        """What is red, and by how many days."""
        if state.scrapped == self.lift.id:
            return {}
        dates: dict[str, date] = {one.cycle: one.due for one in self.due(state, now) if one.level == "red"}
        inspection = self.lift.inspection_due
        if inspection and level(today, inspection, self.profile.inspection_amber_d) == "red":
            dates["inspection"] = inspection
        return {point: self._of(point, today - due, now) for point, due in dates.items()}

    def _of(self, point: str, over: timedelta, now: Stamp) -> Cause:
        return Cause(
            device=self.lift.id,
            point=point,
            value=float(over.days),
            unit="d",
            quality=Quality.GOOD,
            t=now.t,
            mono=now.mono,
        )

    def _cause(self, alarm: Overdue, now: Stamp) -> Cause:
        return self._of(alarm.point, timedelta(0), now)

    def _acked(self, state: VisitState, event: Acked) -> tuple[VisitState, tuple[Say, ...]]:
        alarm = next((a for a in state.alarms if a.id == event.alarm and a.acked_by is None), None)
        if alarm is None:
            return state, ()
        acked = msgspec.structs.replace(alarm, acked_by=event.by)
        alarms = tuple(acked if a is alarm else a for a in state.alarms)
        say = said("alarm.acked/1", self.id, self.profile, acked, by=event.by, command=event.command)
        return msgspec.structs.replace(state, alarms=alarms), (say,)

    def _say(self, kind: str, alarm: Overdue, cause: Cause | None = None) -> Say:
        return said(kind, self.id, self.profile, alarm, cause=cause)


KIND = RuleKind(LiftVisitConfig, PROFILES, LiftVisitRule)
