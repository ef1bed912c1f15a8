"""A rescue for people: what the centre has of it, each beside what a simulator logged of it itself. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.demo.deadtimes import SLACK_US, DeadTime
from gateway.demo.evidence import Event, Row
from gateway.demo.judge import Problem
from gateway.demo.lift.invariants import SHOWN_US, unheard
from gateway.demo.lift.site import BOARD, BUTTON, DIALLER, GREEN, KEY, VOICE, YELLOW

SAMPLED_US = 2_000_000
"""A contact or badge on the wire is that long before its record, at most."""
SAMPLED = ("alarm.raised/1", "alarm.repeated/1", "alarm.ended/1")
"""Their `cause` is a sample of their own; the others name what raised the alarm."""
SWITCHED_US = 15_000_000
"""A relay follows its record within this time, on whatever machine, or it did not follow."""

CHANGING = ("alarm.acked/1", "alarm.ended/1", "alarm.cleared/1")
"""After these the lamps are others."""
CAUSES = ("press", "badge", "key", "sms")

Wires = Mapping[str, Sequence[Event]]
Told = Callable[[Event], Any]


class Line(NamedTuple):
    """A transition; `wire` is what the simulator says of it, `apart_us` how much later (or, below 0, earlier) it says it was."""

    mono: int
    kind: str
    body: Mapping[str, Any]
    wire: str | None = None
    apart_us: int | None = None


class Seen(NamedTuple):
    """What a kind of record must have on a wire: the log, which event, and whether it is the cause or what follows."""

    log: str
    name: str
    good: Told
    cause: bool


def timeline(steps: Sequence[Row], messages: Sequence[Row], wires: Wires) -> list[Line]:
    """`steps` of one alarm, and the short messages about it."""
    lines = []
    for row in sorted([*steps, *messages], key=lambda row: row.mono):
        on_wire = list(_seen(row))
        if not on_wire:
            lines.append(Line(row.mono, row.kind, row.body))
        for seen in on_wire:
            at = _nearest(row, seen, wires[seen.log])
            apart = None if at is None else at - row.mono
            lines.append(Line(row.mono, row.kind, row.body, seen.name, apart))
    return lines


def unseen(lines: Sequence[Line], dead: Sequence[DeadTime]) -> list[Problem]:
    """What the centre has and no wire had. A lamp may stay dark where something else came soon after, or the power went."""
    cut = [line.mono for line in lines if line.kind in CHANGING] + [one.begin for one in dead]
    return [
        Problem("rescue", "", f"{line.kind}: {line.wire} is not in the simulator's log")
        for line in lines
        if line.wire and line.apart_us is None
        if line.wire in CAUSES or not any(0 < mono - line.mono < SHOWN_US for mono in cut)
    ]


def unsaid(rows: Sequence[Row], wires: Wires) -> Iterator[Problem]:
    """What a wire had and the centre has not: messages that the modem sent, badges that were read."""
    sent = sum(event["event"] == "sms" for event in wires["modem"])
    recorded = sum(row.kind == "sms.sent/1" and "ref" in row.body for row in rows)
    # one that went out just before a power cut is sent again rather than not at all
    if sent < recorded:
        yield Problem("rescue", "modem", f"{recorded} messages are recorded as sent, {sent} went out")
    dead = unheard(rows, "badge", wires["card-lines"])
    seen = [row.mono for row in rows if row.kind == "card.seen/1"]
    read = [event for event in wires["card-lines"] if event["event"] == "card"]
    for event in read:
        if any(one.covers(event["mono"]) for one in dead) or any(abs(at - event["mono"]) <= SAMPLED_US for at in seen):
            continue
        yield Problem("rescue", "badge", f"card {event['uid']} was read, and the centre does not have it")


def _seen(row: Row) -> Iterator[Seen]:
    rescue = row.body.get("rescue", {})
    match row.kind:
        case "alarm.raised/1":
            if "suspected" not in rescue:
                yield Seen("modbus", "press", _contact(BUTTON, on=False), cause=True)
            yield Seen("modbus", "yellow", _relay(YELLOW), cause=False)
        case "alarm.repeated/1":
            yield Seen("modbus", "press", _contact(BUTTON, on=False), cause=True)
        case "alarm.escalated/1" if "tier" not in rescue:
            yield Seen("modbus", "dialler", _relay(DIALLER), cause=False)
        case "sms.sent/1" if "ref" in row.body:
            yield Seen("modem", "sms", lambda event: event["event"] == "sms", cause=True)
        case "alarm.acked/1":
            yield Seen("modbus", "green", _relay(GREEN), cause=False)
            yield Seen("modbus", "voice", _relay(VOICE), cause=False)
        case "alarm.arrived/1" if rescue.get("via") == "badge":
            yield Seen("card-lines", "badge", lambda event: event["event"] == "card", cause=True)
        case "alarm.ended/1" if rescue.get("via") == "key":
            yield Seen("modbus", "key", _contact(KEY, on=True), cause=True)


def _nearest(row: Row, seen: Seen, log: Sequence[Event]) -> int | None:
    """The last one before a record that it caused, the first one after a record that it follows."""
    mono = row.body["cause"]["mono"] if row.kind in SAMPLED and seen.cause else row.mono
    begin, end = (mono - SAMPLED_US, mono + SLACK_US) if seen.cause else (mono - SLACK_US, mono + SWITCHED_US)
    found = [event["mono"] for event in log if begin <= event["mono"] <= end and seen.good(event)]
    return None if not found else found[-1] if seen.cause else found[0]


def _contact(number: int, *, on: bool) -> Told:
    return _of_board("contact", f"di{number}", on)


def _relay(number: int) -> Told:
    return _of_board("output", f"relay{number}", True)


def _of_board(event: str, name: str, on: bool) -> Told:
    return lambda e: (e["event"], e.get("slave"), e.get(event), e.get("on")) == (event, BOARD, name, on)
