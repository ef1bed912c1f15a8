"""What a person enters of a maintenance visit, and signs: checked against what the badges have proven. Pure."""

import msgspec

from gateway.clock import FLOOR_US
from gateway.lift_deeds import Enter, Sign
from gateway.rules.lift_calendar import due_on
from gateway.rules.lift_visit import LiftVisitRule, Visit, VisitState
from gateway.rules.site import Person
from model.bodies import VisitEntry, VisitSignature
from model.errors import ContractError
from model.time import Stamp

_ENTRY_MAX_BYTES = 32 * 1024


def entry(rule: LiftVisitRule, state: VisitState, person: Person, what: Enter, now: Stamp) -> VisitEntry:
    """The entry of this person's last visit. Entered again before it is signed, the newer entry counts; the records keep both.
    Where nobody knows when the badges were read, it is of the time when it is entered, and marked.

    Raises ContractError for a visit that is not proven, for items that do not fit the cycle, and before the clock was ever set.
    """
    visit = _last(state, person)
    _fitting(rule, what)
    if now.t < FLOOR_US:
        raise ContractError("visit_clock_unknown", lift=rule.lift.id)
    profile = rule.profile
    seen = visit.began.utc(now), visit.ended.utc(now)
    began, ended = (now.t if at is None else at for at in seen)
    due = due_on(profile, what.cycle, state.done(besides=visit.id), state.since or profile.day(began))
    late_us = began - profile.end_of(due) - profile.plan(what.cycle).grace_d * 86_400_000_000
    body = VisitEntry(
        visit=visit.id,
        lift=rule.lift.id,
        person=person.name,
        cycle=what.cycle,
        places=list(visit.places),
        items=what.items,
        notes=what.notes,
        photos=what.photos,
        began=began,
        ended=ended,
        due=due.isoformat(),
        late_s=max(0, late_us // 1_000_000),
        entered_late=None in seen or now.t - ended > profile.enter_h * 3600e6,
    )
    if (size := len(msgspec.json.encode(body))) > _ENTRY_MAX_BYTES:
        raise ContractError("visit_too_long", bytes=size, most=_ENTRY_MAX_BYTES)
    return body


def signature(state: VisitState, lift: str, person: Person, what: Sign) -> VisitSignature:
    """Raises ContractError for a visit that cannot be signed, or not by this person."""
    found = [visit for visit in state.visits if what.visit and visit.id.startswith(what.visit)]
    if len(found) != 1:
        raise ContractError("visit_unknown", visit=what.visit, lift=lift)
    (visit,) = found
    if visit.entry is None:
        raise ContractError("visit_not_entered", visit=visit.id)
    if visit.signed_by:
        raise ContractError("visit_signed", visit=visit.id, by=visit.signed_by)
    if visit.person == person.name:
        raise ContractError("visit_own", visit=visit.id, name=person.name)
    return VisitSignature(visit=visit.id, lift=lift, person=person.name, entry=visit.entry.sha256)


def _last(state: VisitState, person: Person) -> Visit:
    own = [visit for visit in state.visits if visit.person == person.name]
    proven = [visit for visit in own if visit.proven and not visit.signed_by]
    if proven:
        return proven[-1]
    if own and not own[-1].signed_by:
        raise ContractError("visit_one_place", name=person.name, place=", ".join(own[-1].places))
    raise ContractError("visit_none", name=person.name)


def _fitting(rule: LiftVisitRule, what: Enter) -> None:
    """Every item of the cycle has its result, and every abnormal one a note."""
    known = rule.profile.items(what.cycle)
    told = {"cycle": what.cycle, "known": ", ".join(known)}
    if unknown := sorted((what.items.keys() | what.notes.keys()) - known.keys()):
        raise ContractError("visit_item_unknown", items=", ".join(unknown), **told)
    if missing := [name for name in known if name not in what.items]:
        raise ContractError("visit_item_missing", items=", ".join(missing), **told)
    bare = [name for name, one in what.items.items() if one == "abnormal" and not what.notes.get(name, "").strip()]
    if bare:
        raise ContractError("visit_note_missing", items=", ".join(bare))
