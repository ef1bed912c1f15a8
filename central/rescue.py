"""One rescue from what is known of it, pure: the same facts give the same, in whatever order they came."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from model.bodies import AlarmBody, Rescue, RescueOrder

STATES = ("sent", "acked", "dispatched", "on_site", "released", "closed")
"""`sent`: the centre knows of it, which is no person's answer."""

FOLLOWS = "ended_at "
"""How the reason begins where an end follows from one at another gateway."""

DONE = ("acked", "dispatched", "arrived", "released", "ended")
"""The times of what is done in a rescue, in its order."""

ENDS = ("ended", "cleared")
"""Behind these a gateway has nothing more to say of an alarm."""

RINGS = ("reemit", "escalated")
"""A gateway says these only as long as nobody has answered there."""

UNTAKEN = "untaken"
"""Why an order has no result: its gateway has been there for long enough, and gave none."""

_DETAILS = ("tier", "team", "persons", "injured", "fault", "reason", "stage", "suspected")


class Place(NamedTuple):
    """Of a record among its gateway's. `current`: nothing of its store was given again in another, which would be the later one."""

    current: bool
    lane: int
    seq: int


class Step(NamedTuple):
    """A transition. `at` is where it lies for the clocks; `auto`: it obeys a command that nobody gave for this alarm; `placed`:
    the gateway knew the time.
    """

    at: int
    gw: str
    alarm: str
    kind: str
    """Without `alarm.` and version."""
    mono: int
    told: dict[str, Any]
    """Its times, as `Timelines.told` has them."""
    received: int
    said: AlarmBody
    auto: bool
    boot: str
    placed: bool
    place: Place | None
    """Of its record; None where none has come."""
    counted: int = 0
    """Microseconds since the alarm's first step as the boots have counted them: no less has passed, whatever the clocks say."""
    doubt: bool = False
    """The clock contradicts the order of the records: `at` is no more than a bound."""
    left_out: int = 0
    """So many others of its kind that were said later, which are only counted."""

    @property
    def rescue(self) -> Rescue:
        assert self.said.rescue
        return self.said.rescue


class Given(NamedTuple):
    """What a person at the desk said of one alarm, or what was said of another one of the same incident (`auto`)."""

    made: int
    gw: str
    alarm: str
    id: str
    what: str
    person: str
    order: RescueOrder | None
    result: str | None
    why: str | None
    auto: bool

    @property
    def stands(self) -> bool:
        """It may still be done, or is; also where somebody else had answered before, or an answer set aside what is unknown there."""
        known = self.why or ""
        answered = self.what == "ack" and known == "alarm_not_open"
        return self.result in (None, "accepted", "done") or known.startswith("acked_by") or answered

    @property
    def waits(self) -> bool:
        return self.result in (None, "accepted")

    @property
    def of_nothing(self) -> bool:
        """A close of what the gateway knows nothing of: then this is the end."""
        return (self.what, self.result, self.why) == ("close", "refused", "alarm_not_open")

    @property
    def untaken(self) -> bool:
        return self.waits and self.why == UNTAKEN


class Member(NamedTuple):
    """An alarm's part in time. `gone`: its suspicion was taken back, or its gateway knows nothing of it any more. Beyond doubt it
    had begun by `latest`, and nobody had answered it before `sealed`, and nothing ended it (None: until now).
    """

    alarm: str
    gw: str
    start: int
    ended: int | None
    gone: int | None
    latest: int
    sealed: int | None

    @property
    def over(self) -> bool:
        return self.ended is not None or self.gone is not None


def incident_id(alarm: str, gw: str) -> str:
    """Of the incident whose first alarm this is: two gateways may have given one id, of which a person is shown the beginning."""
    return f"{alarm}@{gw}"


class Fact(NamedTuple):
    """A step of the rescue: when, by whom, and what was said with it."""

    at: int
    by: str | None
    via: str
    details: Rescue | RescueOrder | None
    step: Step | None = None
    """None where only the desk has said it."""


def facts(steps: Sequence[Step], given: Sequence[Given], what: str) -> list[Fact]:
    """Of one sort, the first one first: as the gateways recorded them and as the desk gave them. `steps` as `merged` has them."""
    kind = {"ack": "acked", "dispatch": "dispatched", "arrive": "arrived", "release": "released", "close": "ended"}[
        what
    ]
    found = [
        Fact(s.at, s.said.by, s.rescue.via or "centre", s.rescue, s)
        for s in steps
        if s.kind == kind and (not s.auto or what == "close")
    ]
    if what != "close":  # that is for the site to say
        found += [
            Fact(g.made, g.person, "centre", g.order)
            for g in sorted(given)
            if g.what == what and g.stands and not g.auto
        ]
    return sorted(found, key=lambda fact: fact.at)


def merged(steps: Iterable[Step]) -> list[Step]:
    """Several gateways' by their times; each gateway's, in their order already, stay in it."""
    return sorted(steps, key=lambda s: (s.at, s.gw))


def forgotten(steps: Iterable[Step]) -> Step | None:
    """Of one alarm's, in their order: with which its gateway went on behind an answer or an end that it has forgotten, as after a
    restored backup. What has no record yet may be older than it looks.
    """
    answered, over, found = False, False, None
    for step in steps:
        if (answered and step.kind in RINGS) or (over and step.kind not in ENDS and step.place is not None):
            answered, over, found = False, False, step
        answered |= step.kind == "acked"
        over |= step.kind in ENDS
    return found


def remembered(steps: Sequence[Step]) -> Sequence[Step]:
    """Of one alarm's, in their order: those from there on."""
    rang = forgotten(steps)
    return steps[steps.index(rang) :] if rang else steps


def _held(steps: Iterable[Step]) -> dict[tuple[str, str], Step]:
    """The recorded answer of each alarm whose gateway has not forgotten it."""
    alarms: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        alarms.setdefault((step.alarm, step.gw), []).append(step)
    acked = {alarm: next((s for s in remembered(own) if s.kind == "acked"), None) for alarm, own in alarms.items()}
    return {alarm: step for alarm, step in acked.items() if step}


def _answered(steps: Sequence[Step], given: Sequence[Given]) -> bool:
    """Whether a person's answer holds, or is on its way to where it may not have been heard of yet."""
    if any(not step.auto for step in _held(steps).values()):
        return True
    rang: dict[tuple[str, str], list[int]] = {}
    for step in steps:
        if step.kind == "reemit":
            rang.setdefault((step.alarm, step.gw), []).append(step.received)
    # a gateway waits until the centre has one before it makes the next: the second that came since was made since, by no clock
    unheard = {alarm: sorted(came)[-2] for alarm, came in rang.items() if len(came) > 1}
    acked = [step for step in steps if step.kind == "acked"]
    obeyed, recorded = {step.said.command for step in acked}, {(s.alarm, s.gw): s.received for s in acked}
    return any(
        one.what == "ack" and one.stands and not (one.auto or one.untaken or one.id in obeyed)
        and (one.waits or recorded.get((one.alarm, one.gw), 0) < one.made)
        and unheard.get((one.alarm, one.gw), 0) <= one.made
        for one in given
    )  # fmt: skip


def told(members: Sequence[Member], steps: Sequence[Step], given: Sequence[Given]) -> dict[str, Any]:
    """The incident as `queries.incidents` documents it, but for what the lift's file says. `steps` as `merged` has them."""
    done = [facts(steps, given, what) for what in ("ack", "dispatch", "arrive", "release", "close")]
    acked, dispatched, arrived, released, ended = done
    raised = next((s for s in steps if s.kind == "raised"), None)
    over = all(m.over for m in members)
    # what followed from another end is none of its own
    end = next((fact for fact in reversed(ended) if not _followed(fact)), ended[0] if ended else None) if over else None
    done[-1] = [end] if end else []
    at = None if not over else end.at if end else max(m.gone or 0 for m in members)
    # one that was obeyed and has not ended it may be lost with its gateway's disk
    closes = [g for g in sorted(given) if g.what == "close" and g.waits]
    missing = {(m.alarm, m.gw) for m in members if not m.over} - {(g.alarm, g.gw) for g in closes}
    closing = None if missing else next((g for g in closes if not g.auto), None)
    return {
        "incident": incident_id(members[0].alarm, members[0].gw),
        "gws": list(dict.fromkeys(m.gw for m in members)),
        "alarms": [m.alarm for m in members],
        "open_gws": [m.gw for m in members if not m.over],
        "what": "lift_alarm" if any(s.said.what == "lift_alarm" for s in steps) else _first(s.said.what for s in steps),
        "suspected": _suspected(steps),
        "maintenance": any(s.rescue.maintenance for s in steps),
        "state": _state(acked, dispatched, arrived, released, at),
        "since": members[0].start,
        "raised": raised.told["t"] if raised else None,
        "raised_utc": raised.told["utc"] if raised else None,
        "received": min((s.received for s in steps), default=members[0].start),
        "acked": _at(acked),
        "acked_by": acked[0].by if acked else None,
        "unanswered": not over and not _answered(steps, given),
        "ack_pending": _pending(steps, given),
        "dispatched": _at(dispatched),
        "dispatched_by": dispatched[0].by if dispatched else None,
        "team": _last(dispatched, "team"),
        "team_sent": max((f.at for f in dispatched if f.details and f.details.team), default=None),
        "tier": _last(dispatched, "tier"),
        "arrived": _at(arrived),
        "arrived_by": (_last(arrived[:1], "team") or arrived[0].by) if arrived else None,
        "released": _at(released),
        "released_by": released[0].by if released else None,
        "persons": _last(released, "persons"),
        "injured": _last(released, "injured"),
        "ended": at,
        "ended_by": end and end.by,
        "ended_via": end.via if end else "car" if over and any(s.kind == "cleared" for s in steps) else None,
        "fault": _last(ended[::-1], "fault"),
        "reason": _last(done[-1], "reason"),
        "closing": closing and {"person": closing.person, "made": closing.made},
        "car": next((s.rescue.car for s in steps if s.rescue.car), None),
        "repeats": sum(s.kind == "repeated" for s in steps),
        "reemits": sum(1 + s.left_out for s in steps if s.kind == "reemit"),
        "escalated": max((s.said.n or 0 for s in steps if s.kind == "escalated"), default=0),
        "overdue": sorted({s.rescue.stage for s in steps if s.kind == "overdue" and s.rescue.stage}),
        "times": {
            "since": _time(next((s for s in steps if (s.gw, s.at) == (members[0].gw, members[0].start)), None)),
            **{name: _time(found[0].step, desk=True) for name, found in zip(DONE, done, strict=True) if found},
        },
        "timeline": [line(s) for s in steps],
        "orders": [_order(g) for g in sorted(given)],
    }  # fmt: skip


def _followed(end: Fact) -> bool:
    """The centre closed this alarm because another one of the incident had ended."""
    return end.details is not None and (end.details.reason or "").startswith(FOLLOWS)


def _state(
    acked: list[Fact], dispatched: list[Fact], arrived: list[Fact], released: list[Fact], over: int | None
) -> str:
    reached = [1, bool(acked), bool(dispatched), bool(arrived), bool(released), over is not None]
    return STATES[max(n for n, there in enumerate(reached) if there)]


def _suspected(steps: Sequence[Step]) -> str | None:
    """As long as nobody has pressed the button, at any of the gateways."""
    said = [s for s in steps if s.kind in ("raised", "repeated")]
    if not said or any(s.rescue.suspected is None for s in said):
        return None
    return said[0].rescue.suspected


def _pending(steps: Sequence[Step], given: Sequence[Given]) -> dict[str, Any] | None:
    """An acknowledgement that was given and that no gateway has recorded yet, or all that had have forgotten it."""
    if _held(steps):
        return None
    waiting = max((g for g in given if g.what == "ack" and g.waits and not g.auto), default=None)
    return waiting and {"person": waiting.person, "made": waiting.made}


def _time(step: Step | None, *, desk: bool = False) -> dict[str, Any]:
    """What a time rests on. `located`: its gateway's clock; `received`: when the centre heard of it; `desk`: when that said it."""
    if step is None:
        return {"from": "desk" if desk else "received", "doubtful": False}
    return {
        "from": "located" if step.placed else "received",
        "doubtful": step.doubt,
        "gw": step.gw,
        "boot": step.boot,
        "counted": step.counted,
    }


def _at(found: list[Fact]) -> int | None:
    return found[0].at if found else None


def _last(found: list[Fact], name: str) -> Any:
    """What the last one says that says anything."""
    values = [getattr(fact.details, name) for fact in found if fact.details is not None]
    return next((value for value in reversed(values) if value is not None), None)


def _first(names: Iterable[str]) -> str | None:
    return min(names, default=None)


def line(step: Step) -> dict[str, Any]:
    """Of the timeline."""
    said, rescue = step.said, step.rescue
    more = {name: getattr(rescue, name) for name in _DETAILS} | {"n": said.n, "limit": said.limit}
    more |= {"dialler": rescue.dialler or None, "left_out": step.left_out or None}
    return {
        "at": step.at,
        **step.told,
        "received": step.received,
        "gw": step.gw,
        "alarm": step.alarm,
        "kind": step.kind,
        "doubtful": step.doubt,
        "state": rescue.state,
        "by": said.by,
        "via": rescue.via,
        "auto": step.auto,
        **_said(more),
    }


def _order(given: Given) -> dict[str, Any]:
    return {
        "made": given.made,
        "what": given.what,
        "person": given.person,
        "gw": given.gw,
        "alarm": given.alarm,
        "command": given.id,
        "result": given.result,
        "why": given.why,
        "auto": given.auto,
        **_said({name: getattr(given.order, name, None) for name in _DETAILS}),
    }


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
