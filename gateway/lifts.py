"""The lifts of a site as people at the gateway see them, and what persons with a PIN say of them there."""

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Iterator, Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from gateway.lift_codes import names
from gateway.lift_deeds import Arrive, Deed, End, Enter, Release, Sign, State, Test
from gateway.lift_status import CallNow, CycleNow, LiftNow, TestNow, VisitNow
from gateway.pins import Pins
from gateway.pipeline import Pipeline
from gateway.rules.base import Asked, Booked, OpenAlarm, Order, OrderName, Rule, RuleConfig
from gateway.rules.lift_calendar import PROFILES, Level, level
from gateway.rules.lift_test import LiftTestRule
from gateway.rules.lift_visit import LiftVisitRule, Visit
from gateway.rules.site import Lift, Person, Role, Site
from gateway.visits import entry, signature
from model.bodies import MORE_INJURED, CommandResultBody, LiftFile, RescueOrder
from model.errors import ContractError
from model.record import draft
from model.time import Clock, Stamp
from sync.journal.journal import Journal

PATIENCE_S = 5.0
"""How long somebody is kept waiting for the disk: the alarm has followed already."""
PROFILE = "lift-visit-default"
"""By which the inspection is shown of a lift whose visits have no rule."""
_LEVELS: tuple[Level, ...] = ("green", "amber", "red")

log = logging.getLogger("doorpost.lifts")

_ROLES: dict[type[Any], tuple[Role, ...]] = {
    Arrive: ("technician", "safety_manager"),
    Release: ("technician", "safety_manager"),
    End: ("technician", "safety_manager"),
    State: ("safety_manager",),
    Enter: ("technician",),
    Sign: ("safety_manager",),
}
"""Who may do it: one of these roles is enough."""


class Lifts:
    """`rules` are those of the settings, with their settings. `start` first, after the pipeline's."""

    def __init__(
        self, site: Site, rules: Mapping[Rule, RuleConfig], pipeline: Pipeline, journal: Journal, clock: Clock
    ) -> None:
        self._pipeline = pipeline
        self._journal = journal
        self._clock = clock
        self._persons = [person.name for person in site.persons]
        self._with_pin = {person.name for person in site.persons if person.pin}
        self._pins = Pins(site.persons, journal, clock)
        self._profile = PROFILES.load(PROFILE)
        self._rules: dict[str, list[tuple[str, Rule]]] = {id_: [] for id_ in site.lifts}
        for rule, config in rules.items():
            if config.lift_id is not None:
                self._rules.setdefault(config.lift_id, []).append((config.rule, rule))
        self._lifts = {id_: site.lift(id_) for id_ in self._rules}
        self._files: dict[str, LiftFile] = {}
        self._one_by_one = asyncio.Lock()

    def start(self) -> None:
        """Each lift's file is a record when it is not as it was told last. One that was scrapped stays so, by id and by registration."""
        known = list(self._told())
        last = {file.lift: file for file in known}
        scrapped = {file.registration for file in known if file.state == "scrapped" and file.registration}
        for lift in self._lifts.values():
            before = last.get(lift.id)
            file = _file(lift, "scrapped" if lift.registration in scrapped else before.state if before else "active")
            if before and msgspec.structs.replace(before, by=None, reason=None) == file:
                file = before
            else:
                said = draft("lift.file/1", file, self._clock.now())
                self._pipeline.note([said], lift.id, {f"lift/{lift.id}": said.body})
            self._know(lift.id, file)
            if self._in_use(lift.id):
                log.warning("lift %s is scrapped, and the settings have rules for it: they go on listening", lift.id)

    def _know(self, lift: str, file: LiftFile) -> None:
        self._files[lift] = file
        if rule := self._visits(lift):
            self._pipeline.tell(rule, Booked(file))

    def _told(self) -> Iterator[LiftFile]:
        """The files as they were told last. What cannot be read is told anew: it keeps no alarm from being raised."""
        for key, raw in self._journal.states("lift/").items():
            try:
                yield msgspec.json.decode(raw, type=LiftFile)
            except (msgspec.MsgspecError, UnicodeDecodeError) as err:
                log.error("%s begins anew: its file cannot be read: %s", key, err)

    # what is shown

    def now(self) -> list[LiftNow]:
        now = self._clock.now()
        return [self._now(lift, now) for lift in self._lifts.values()]

    def _now(self, lift: Lift, now: Stamp) -> LiftNow:
        rule = self._visits(lift.id)
        profile = rule.profile if rule else self._profile
        today = profile.day(now.t)
        known = now.tq.source != "unknown"  # else the days would be counted by a clock that may be anywhere
        scrapped = self._files[lift.id].state == "scrapped"
        cycles = [
            CycleNow(
                d.cycle,
                _iso(d.last),
                d.due.isoformat(),
                (d.due - today).days if known else None,
                d.level if known else None,
            )
            for d in (rule.due(self._pipeline.state(rule), now) if rule and not scrapped else ())
        ]
        calls = [CallNow(a.id, a.state or "raised", a.raised, a.acked_by) for a in self._calls(lift.id)]
        problems = ["scrapped_in_use"] if self._in_use(lift.id) else []
        levels: list[Level] = [one.level for one in cycles if one.level]
        tests = self._tests(lift.id)
        if calls or problems or (tests and tests.last == "failed"):
            levels.append("red")
        due = None if scrapped else lift.inspection_due
        inspection = level(today, due, profile.inspection_amber_d) if due and known else None
        if not known:
            problems.append("clock_unknown")
        return LiftNow(
            lift.id,
            self._files[lift.id].state,
            max([*levels, inspection or "green"], key=_LEVELS.index),
            lift.name,
            lift.rescue,
            lift.registration,
            lift.address,
            lift.maintainer,
            _iso(due),
            (due - today).days if due and known else None,
            inspection,
            calls,
            tests,
            cycles,
            [_visit_now(v, now) for v in self._pipeline.state(rule).visits] if rule else [],
            problems,
        )

    # what is done

    async def do(self, lift: str, by: str, pin: str | None, deed: Deed) -> dict[str, Any]:
        """What came of it, in JSON types; with `durable` false where the disk has not taken it yet.

        Raises ContractError with the reason where it cannot be done, or not by this person; StoreError.
        """
        if lift not in self._lifts:
            raise ContractError("lift_unknown", lift=lift, known=", ".join(self._lifts) or "-")
        if isinstance(deed, Test):
            return self._test(lift, by)
        try:
            person = await self._pins.check(by, pin or "")
        except ContractError as err:
            if err.code == "pin_refused" and by in self._with_pin:  # of others guessing has no end
                self._refused(lift, by, deed)
            raise
        allowed = _ROLES[type(deed)]
        if not set(allowed) & set(person.role):
            raise ContractError("person_role", name=by, roles=", ".join(allowed))
        match deed:
            case State():
                return await asyncio.shield(self._state(lift, person, deed))  # also where who asked has left
            case Enter():
                return await self._enter(lift, person, deed)
            case Sign():
                return await self._sign(lift, person, deed)
        return await self._call(lift, person, deed)

    async def _call(self, lift: str, person: Person, deed: Arrive | Release | End) -> dict[str, Any]:
        """A step of the open call, by a person who stands there."""
        calls = self._calls(lift)
        if not calls:
            raise ContractError("lift_no_call", lift=lift)
        (call, *_) = calls
        if isinstance(deed, End) and deed.fault is not None and deed.fault not in (known := _causes()):
            raise ContractError("lift_fault_unknown", fault=deed.fault, known=", ".join(known))
        what: OrderName = "close" if isinstance(deed, End) else "release" if isinstance(deed, Release) else "arrive"
        try:
            details = RescueOrder(alarm=call.id, **msgspec.structs.asdict(deed))
        except ValueError as err:
            raise ContractError(MORE_INJURED) from err
        order = Order(what, details, person.name, None, "pin")
        if self._pipeline.why_not(order):
            raise ContractError("lift_not_now", lift=lift, what=what, rescue_state=call.state or "raised")
        return {"alarm": call.id, "durable": await _durable(self._pipeline.obey(order))}

    def _test(self, lift: str, by: str) -> dict[str, Any]:
        tests = self._of(lift, "lift_test")
        if not tests:
            raise ContractError("lift_no_test", lift=lift)
        if by not in self._persons:
            raise ContractError("lift_person_unknown", name=by, known=", ".join(self._persons) or "–")
        for rule in tests:
            self._pipeline.tell(rule, Asked("test", by))
        return {"asked": len(tests), "waits": bool(self._calls(lift))}

    async def _state(self, lift: str, person: Person, deed: State) -> dict[str, Any]:
        async with self._one_by_one:  # another's word may be on its way to the disk
            file = self._files[lift]
            if file.state == "scrapped":
                raise ContractError("lift_scrapped", lift=lift)
            if not deed.reason.strip():
                raise ContractError("lift_reason_missing")
            if deed.state == "scrapped" and self._calls(lift):
                raise ContractError("lift_call_open", lift=lift)
            new = msgspec.structs.replace(file, state=deed.state, by=person.name, reason=deed.reason)
            said = draft("lift.file/1", new, self._clock.now())
            await self._journal.append([said], state={f"lift/{lift}": said.body})
            self._know(lift, new)
            return {"state": deed.state, "durable": True}

    async def _enter(self, lift: str, person: Person, deed: Enter) -> dict[str, Any]:
        rule = self._booked(lift)
        body = entry(rule, self._pipeline.state(rule), person, deed, self._clock.now())
        durable = await _durable(self._pipeline.book(rule, Booked(body)))
        late = {"late_s": body.late_s, "entered_late": body.entered_late}
        return {**msgspec.to_builtins(body), **late, "durable": durable}

    async def _sign(self, lift: str, person: Person, deed: Sign) -> dict[str, Any]:
        rule = self._booked(lift)
        body = signature(self._pipeline.state(rule), lift, person, deed)
        return {**msgspec.to_builtins(body), "durable": await _durable(self._pipeline.book(rule, Booked(body)))}

    def _refused(self, lift: str, by: str, deed: Deed) -> None:
        """A wrong PIN is on record; while it is locked nothing is, else guessing would fill the store."""
        name = f"lift.{type(deed).__name__.lower()}"
        body = CommandResultBody(id=str(uuid.uuid4()), name=name, issuer=by, result="refused", why="pin_refused")
        self._pipeline.note([draft("command.result/1", body, self._clock.now())], lift)

    # what is there

    def _of(self, lift: str, name: str) -> list[Rule]:
        return [rule for kind, rule in self._rules[lift] if kind == name]

    def _calls(self, lift: str) -> list[OpenAlarm]:
        return [a for rule in self._of(lift, "lift") for a in rule.alarms(self._pipeline.state(rule))]

    def _tests(self, lift: str) -> TestNow | None:
        found = (one for one in self._of(lift, "lift_test") if isinstance(one, LiftTestRule))
        return next((TestNow(*rule.tests(self._pipeline.state(rule))) for rule in found), None)

    def _visits(self, lift: str) -> LiftVisitRule | None:
        return next((rule for rule in self._of(lift, "lift_visit") if isinstance(rule, LiftVisitRule)), None)

    def _booked(self, lift: str) -> LiftVisitRule:
        if (rule := self._visits(lift)) is None:
            raise ContractError("lift_no_visits", lift=lift)
        return rule

    def _in_use(self, lift: str) -> bool:
        return self._files[lift].state == "scrapped" and bool(self._rules[lift])


def _file(lift: Lift, state: Literal["active", "stopped", "scrapped"]) -> LiftFile:
    return LiftFile(
        lift=lift.id,
        state=state,
        rescue=lift.rescue,
        registration=lift.registration,
        name=lift.name,
        address=lift.address,
        maintainer=lift.maintainer,
        inspection_due=_iso(lift.inspection_due),
    )


def _visit_now(visit: Visit, now: Stamp) -> VisitNow:
    began, ended, done = visit.began.utc(now), visit.ended.utc(now), visit.entry
    shown = VisitNow(visit.id, visit.person, list(visit.places), began, ended, visit.proven, signed_by=visit.signed_by)
    if done is None:
        return shown
    return msgspec.structs.replace(
        shown, cycle=done.cycle, late_s=done.late_s, entered_late=done.late, sha256=done.sha256
    )


def _causes() -> list[str]:
    """What may have been wrong: canonical faults, and events such as the mains lost."""
    return [*names("fault"), *names("event")]


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


async def _durable(work: Coroutine[Any, Any, None]) -> bool:
    """Whether it was within the time; it goes on where not."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await work
    except TimeoutError:
        return False
    return True
