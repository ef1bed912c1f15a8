"""Maintenance visits: proven by badges at two places, entered and signed; what is due, and what is overdue."""

import hashlib
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lift_deeds import Enter, Sign
from gateway.rules.base import Acked, Badged, Booked, Say
from gateway.rules.lift_calendar import CYCLES, PROFILES, due_list, due_on, last_done, level
from gateway.rules.lift_visit import LiftVisitConfig, LiftVisitRule, VisitState
from gateway.rules.site import Lift, Person, Site
from gateway.visits import entry, signature
from model.bodies import VisitCycle, VisitEntry, VisitResult
from model.errors import ContractError
from model.time import Stamp, TimeQuality
from support.rules import Bench

PROFILE = PROFILES.load("lift-visit-default")
CHEN = Person(name="Chen", badge="C1", role=["technician"])
WU = Person(name="Wu", badge="W1", role=["technician"])
LIN = Person(name="Lin", badge="L1", role=["safety_manager"])
DAY_S = 86_400


def bench(inspection: date | None = None) -> Bench:
    config = LiftVisitConfig(
        id="visits", rule="lift_visit", lift="l1", profile=PROFILE.name, places={"machine_room": "b1", "pit": "b2"}
    )
    return Bench(LiftVisitRule(config, Site((CHEN, WU, LIN), {"l1": Lift(id="l1", inspection_due=inspection)})))


def badge(b: Bench, device: str, uid: str = "C1", later_s: float = 60) -> list[Say]:
    b.advance(later_s)
    return b.step(Badged(device, uid, b.now))


def items(cycle: VisitCycle) -> dict[str, VisitResult]:
    return dict.fromkeys(PROFILE.items(cycle), "ok")


def done(cycle: VisitCycle = "half_month", **fields: object) -> Enter:
    return msgspec.structs.replace(Enter(cycle, items(cycle)), **fields)


def enter(b: Bench, what: Enter, person: Person = CHEN) -> VisitEntry:
    body = entry(b.rule, b.state, person, what, b.now)  # type: ignore[arg-type]
    assert [say.body for say in b.step(Booked(body)) if say.kind == "visit.entry/1"] == [body]
    return body


def visit(b: Bench, cycle: VisitCycle = "half_month", person: Person = CHEN) -> VisitEntry:
    badge(b, "b1", str(person.badge), 10 * 3600)
    badge(b, "b2", str(person.badge))
    return enter(b, done(cycle), person)


def today(b: Bench) -> date:
    return PROFILE.day(b.now.t)


def refused(b: Bench, what: Enter, person: Person = CHEN) -> ContractError:
    with pytest.raises(ContractError) as caught:
        entry(b.rule, b.state, person, what, b.now)  # type: ignore[arg-type]
    return caught.value


def test_two_places_prove_a_visit() -> None:
    """One place is on record and proves nothing; the same place again neither; the second place does."""
    b = bench()
    (first,) = badge(b, "b1")
    assert (first.kind, first.body.place, first.body.person) == ("visit.place/1", "machine_room", "Chen")
    badge(b, "b1")
    assert refused(b, done()).code == "visit_one_place"
    (third,) = badge(b, "b2")
    assert third.body.visit == first.body.visit
    body = enter(b, done())
    assert (body.visit, body.places) == (first.body.visit, ["machine_room", "pit"])
    assert (body.began, body.ended) == (b.now.t - 120_000_000, b.now.t)
    assert (body.late_s, body.entered_late) == (0, False)


def test_whose_badge_makes_no_visit() -> None:
    """A stranger's and a manager's say nothing here; another technician's is a visit of his own."""
    b = bench()
    assert badge(b, "b1", "X9") == []
    assert badge(b, "b1", "L1") == []
    badge(b, "b1", "C1")
    badge(b, "b2", "W1")
    assert [(v.person, v.places) for v in b.state.visits] == [("Chen", ("machine_room",)), ("Wu", ("pit",))]
    assert refused(b, done(), LIN).code == "visit_none"


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_visit_goes_on_over_a_restart(*, rebooted: bool) -> None:
    """With the same id; once the gap is passed it is a new one, and what was at one place alone is forgotten."""
    b = bench()
    (first,) = badge(b, "b1")
    b.restart(rebooted=rebooted)
    (second,) = badge(b, "b2")
    assert second.body.visit == first.body.visit
    (third,) = badge(b, "b1", later_s=PROFILE.visit_gap_h * 3600 + 1)
    assert third.body.visit != first.body.visit
    (fourth,) = badge(b, "b1", later_s=PROFILE.visit_gap_h * 3600 + 1)
    assert [v.id for v in b.state.visits] == [first.body.visit, fourth.body.visit]


def test_an_entry_fits_its_cycle() -> None:
    """Each item has a result, unknown ones are refused, an abnormal one has a note; a higher cycle includes the lower."""
    b = bench()
    badge(b, "b1")
    badge(b, "b2")
    assert set(items("half_month")) < set(items("quarter")) < set(items("half_year")) < set(items("year"))
    assert refused(b, done("year", items=items("quarter"))).code == "visit_item_missing"
    assert refused(b, done(items=items("quarter"))).code == "visit_item_unknown"
    assert refused(b, done(notes={"colour": "x"})).code == "visit_item_unknown"
    bad: dict[str, VisitResult] = {**items("half_month"), "brake": "abnormal"}
    assert refused(b, done(items=bad)).code == "visit_note_missing"
    assert refused(b, done(items=bad, notes={"brake": "  "})).code == "visit_note_missing"
    assert enter(b, done(items=bad, notes={"brake": "adjusted"})).notes == {"brake": "adjusted"}


def test_day_16_is_late_and_day_15_is_not() -> None:
    """In days, not hours; what is late says by how much; the grace of a higher cycle is its own."""
    b = bench()
    last = visit(b)
    b.advance(15 * DAY_S - 11 * 3600 - 60)
    on_time = visit(b)
    assert on_time.due == (PROFILE.day(last.began) + timedelta(days=15)).isoformat()
    assert PROFILE.day(on_time.began).isoformat() == on_time.due
    assert on_time.late_s == 0
    b.advance(16 * DAY_S - 11 * 3600 - 60)
    late = visit(b)
    assert 0 < late.late_s <= DAY_S
    assert late.late_s == (late.began - PROFILE.end_of(date.fromisoformat(str(late.due)))) // 1_000_000


def test_entered_late_is_marked() -> None:
    b = bench()
    badge(b, "b1")
    badge(b, "b2")
    b.advance(PROFILE.enter_h * 3600 + 1)
    assert enter(b, done()).entered_late


def test_another_signs_the_bytes_that_were_entered() -> None:
    """Not the technician, not twice, not what is not entered; an entry may be corrected until then, and not after."""
    b = bench()
    badge(b, "b1")
    badge(b, "b2")
    (seen,) = b.state.visits
    for what, code in ((seen.id, "visit_not_entered"), ("", "visit_unknown"), ("zz", "visit_unknown")):
        with pytest.raises(ContractError, match=code):
            signature(b.state, "l1", LIN, Sign(what))
    enter(b, done())
    body = enter(b, done(notes={"pit": "water"}))
    with pytest.raises(ContractError, match="visit_own"):
        signature(b.state, "l1", CHEN, Sign(seen.id))
    signed = signature(b.state, "l1", LIN, Sign(seen.id[:8]))
    assert signed.entry == hashlib.sha256(msgspec.json.encode(body)).hexdigest()
    assert [say.kind for say in b.step(Booked(signed))] == ["visit.signed/1"]
    with pytest.raises(ContractError, match="visit_signed"):
        signature(b.state, "l1", LIN, Sign(seen.id))
    assert refused(b, done()).code == "visit_none"
    badge(b, "b1")
    assert b.state.visits[0].signed_by == "Lin"


def test_what_is_overdue_is_an_alarm_until_it_is_done() -> None:
    """One of each cycle, raised once, also over a reboot; the visit clears it; a person at the centre may acknowledge it."""
    b = bench()
    b.advance(1)
    visit(b)
    b.advance(16 * DAY_S)
    ((id_, what),) = b.open().items()
    assert what == "visit_overdue"
    b.step(Acked(id_, "wang", None))
    b.restart(rebooted=True)
    b.advance(DAY_S)
    assert b.kinds(id_) == ["raised", "acked"]
    (alarm,) = b.rule.alarms(b.state)
    assert (alarm.device, alarm.point, alarm.acked_by) == ("l1", "half_month", "wang")
    visit(b, "quarter")
    assert b.kinds(id_) == ["raised", "acked", "cleared"]


def test_an_inspection_past_its_day_is_told() -> None:
    b = bench(inspection=PROFILE.day(bench().now.t) + timedelta(days=1))
    badge(b, "b1")
    assert b.open() == {}
    b.advance(2 * DAY_S)
    assert list(b.open().values()) == ["inspection_overdue"]


def test_an_unknown_clock_makes_nothing_overdue() -> None:
    """A Raspberry Pi without network wakes up in another year: no alarm is raised by that, and none is cleared."""
    b = bench(inspection=date(2000, 1, 1))
    now = Stamp("boot1", 10**15 * 4, TimeQuality("unknown"), b.mono)
    step = b.rule.step(b.state, Badged("b1", "C1", now), now)
    assert [say.kind for say in step.says] == ["visit.place/1"]
    assert step.state.since is None


def test_many_visits_leave_their_days_behind() -> None:
    """What is not kept any more still counts in the calendar."""
    b = bench()
    year = visit(b, "year")
    for _ in range(25):
        visit(b)
    assert year.visit not in [v.id for v in b.state.visits]
    assert last_done("year", b.state.done()) == PROFILE.day(year.began)
    assert len(b.state.visits) == 20


def unset(b: Bench) -> int:
    """The machine starts without network and battery: its clock begins with 1970. By how much it is wrong."""
    b.restart(rebooted=True)
    wrong, b.utc = b.utc - b.mono, b.mono
    b.tq = TimeQuality("unknown")
    return wrong


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_visit_that_no_clock_saw_is_never_of_1970(*, rebooted: bool) -> None:
    """Refused while the clock is not set. Then its time is known where the machine ran on, else it is of the entry's day, and marked."""
    b = bench()
    b.advance(1)
    wrong = unset(b)
    badge(b, "b1")
    badge(b, "b2")
    seen = b.now
    assert refused(b, done()).code == "visit_clock_unknown"
    if rebooted:
        b.restart(rebooted=True)
        assert b.state.visits[0].began.utc(b.now) is None
    b.utc, b.tq = b.utc + wrong, TimeQuality("ntp", 1)
    b.advance(600)
    body = enter(b, done())
    assert (body.ended, body.entered_late) == ((b.now.t, True) if rebooted else (seen.t + wrong, False))
    assert b.state.done() == {"half_month": today(b)}
    assert not b.open()


def test_two_boots_without_a_clock_prove_no_visit() -> None:
    """Each begins with 1970: what looks like a minute may have been a month."""
    b = bench()
    unset(b)
    badge(b, "b1")
    unset(b)
    badge(b, "b2")
    assert not any(v.proven for v in b.state.visits)


DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))


@given(st.dictionaries(st.sampled_from(CYCLES), DAYS), DAYS, DAYS)
def test_due_dates(visits: dict[VisitCycle, date], since: date, now: date) -> None:
    """Never more days than the cycle has after the last visit that did its work; a visit puts off, and never brings forward;
    who did a year's work did a quarter's; levels follow one another."""
    rows = {row.cycle: row for row in due_list(PROFILE, visits, since, now)}
    assert list(rows) == list(CYCLES)
    for at, cycle in enumerate(CYCLES):
        row, plan = rows[cycle], PROFILE.plan(cycle)
        enough = [day for one, day in visits.items() if one in CYCLES[at:]]
        assert row.last == max(enough, default=None)
        assert row.due - (row.last or since) == timedelta(days=plan.days)
        assert (row.level == "red") == (now > row.due + timedelta(days=plan.grace_d))
        again = {**visits, cycle: max(now, visits.get(cycle, now))}
        if row.last is not None:
            assert due_on(PROFILE, cycle, again, since) >= row.due
        for lower in CYCLES[:at]:
            assert due_on(PROFILE, lower, again, since) >= now + timedelta(days=PROFILE.plan(lower).days)
    order = ["green", "amber", "red"]
    told = [order.index(level(now + timedelta(days=d), now + timedelta(days=20), 3, 5)) for d in range(40)]
    assert told == sorted(told)


@pytest.mark.parametrize("grace", [0, 7])
def test_the_last_allowed_day_is_not_red(grace: int) -> None:
    """And the first of the warning is amber."""
    due, day = date(2026, 11, 16), timedelta(days=1)
    told = [level(due + n * day, due, 3, grace) for n in (-4, -3, 0, grace, grace + 1)]
    assert told == ["green", "amber", "amber", "amber", "red"]


@given(st.integers(0, 2**52))
def test_a_day_is_over_after_its_last_moment(t: int) -> None:
    end = PROFILE.end_of(PROFILE.day(t))
    assert t < end <= t + DAY_S * 1_000_000
    assert PROFILE.day(end) == PROFILE.day(t) + timedelta(days=1)


def test_state_comes_back_from_its_bytes() -> None:
    b = bench()
    visit(b)
    raw = msgspec.json.encode(b.rule.kept(b.state))
    assert msgspec.json.decode(raw, type=VisitState) == b.rule.kept(b.state)
