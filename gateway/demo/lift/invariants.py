"""What must hold of lift alarms whatever happens (I1 to I7), by the rows at the centre and the simulators' own logs. Pure.

I4 (timers stand on the monotonic clock) and I8 (alarms go first) do not show in rows: they have tests of their own.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, get_args

from gateway.demo.deadtimes import SLACK_US, DeadTime, dead_times
from gateway.demo.evidence import Event, Row
from gateway.demo.judge import Problem
from gateway.demo.lift.site import BOARD, BOARD_EVERY_S, BUTTON, GREEN, PROFILE, SIREN, YELLOW
from gateway.rules.lift import PROFILES
from gateway.rules.lift.button import REPEATS_TOLD
from model.bodies import RescueState

HELD_US = 2_000_000
"""How long a record may be on its way to the disk."""
CERTAIN_US = round((PROFILES.load(PROFILE).press_s + BOARD_EVERY_S) * 1_000_000) + SLACK_US
"""A press of that length is counted, where the gateway could see it for so long: it is sampled at that pace."""
SHOWN_US = 3_000_000
"""Lamps agree with a state that lasts longer."""
ORDER = {state: place for place, state in enumerate(get_args(RescueState))}
ENDS = ("alarm.ended/1", "alarm.cleared/1")
ONCE = ("alarm.raised/1", "alarm.acked/1", "alarm.released/1", *ENDS)
LAMPS = {YELLOW: "yellow", GREEN: "green", SIREN: "siren"}


Answers = Mapping[str, Collection[str]]
"""Alarm -> who has answered it: at the centre, who was told to be the first; or by short message."""


class Press(NamedTuple):
    """The button's contact was open from `begin` to `end`."""

    begin: int
    end: int


def of_lifts(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The transitions of each lift's alarm in the order in which the gateway made them, the oldest alarm first."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.mono, row.seq)):
        if row.stream == "alarm" and "rescue" in row.body:
            found.setdefault(row.body["alarm"], []).append(row)
    return found


def broken(
    rows: Sequence[Row],
    board: Sequence[Event],
    alarms: Sequence[Mapping[str, Any]],
    answered: Answers,
) -> list[Problem]:
    """`board`: the log of its bus. `alarms` are those that the centre counts."""
    board = [event for event in board if event.get("slave") == BOARD]
    last = _last(rows, board)
    dead = unheard(rows, "board", board)
    rescues = of_lifts(rows)
    wrong = [
        *(f"{id_[:8]}: {what}" for id_, steps in rescues.items() for what in _course(steps, answered.get(id_, ()))),
        *_one_at_a_time(rescues),
        *_presses(rescues, presses(board, last), dead),
        *_lamps(rescues, board, dead, last),
        *_counted(
            rows, rescues.keys(), [one["alarm"] for one in alarms if one["what"] in ("lift_alarm", "entrapment")]
        ),
    ]
    return [Problem("rescue", "", what) for what in wrong]


def unheard(rows: Sequence[Row], device: str, log: Sequence[Event]) -> list[DeadTime]:
    """When the gateway could not hear a device."""
    return dead_times(rows, device, HELD_US, min((event["mono"] for event in log), default=0), _last(rows, log))


def _last(rows: Sequence[Row], log: Sequence[Event]) -> int:
    return max([row.mono for row in rows] + [event["mono"] for event in log], default=0)


def presses(board: Sequence[Event], last: int) -> list[Press]:
    """A normally closed contact; what it was before its first change nobody logged."""
    found: list[Press] = []
    begin = None
    for event in board:
        if event["event"] == "contact" and event["contact"] == f"di{BUTTON}":
            if not event["on"]:
                begin = event["mono"]
            elif begin is not None:
                found.append(Press(begin, event["mono"]))
                begin = None
    return found if begin is None else [*found, Press(begin, last)]


def _course(steps: Sequence[Row], answered: Collection[str]) -> Iterator[str]:
    """I1 and I5 of one alarm, then I3."""
    kinds = [row.kind for row in steps]
    if kinds[0] != "alarm.raised/1":
        yield f"I1: it begins with {kinds[0]}"
    yield from (f"I1: {kinds.count(kind)} times {kind}" for kind in ONCE if kinds.count(kind) > 1)
    arrived = [row.body["rescue"].get("via") == "centre" for row in steps if row.kind == "alarm.arrived/1"]
    if arrived not in ([], [True], [False], [True, False]):
        yield f"I1: {len(arrived)} times alarm.arrived/1"
    if any(kind in ENDS for kind in kinds[:-1]):
        yield f"I1: {kinds[-1]} after its end"
    for before, after in pairwise(steps):
        was, is_ = before.body["rescue"]["state"], after.body["rescue"]["state"]
        if ORDER[is_] < ORDER[was]:
            yield f"I5: {after.kind}: {is_} after {was}"
    for kind in ("alarm.reemit/1", "alarm.escalated/1", "alarm.repeated/1"):
        numbers = [row.body["n"] for row in steps if row.kind == kind]
        if numbers != sorted(set(numbers)):
            yield f"I5: {kind} counts {numbers}"
    yield from _answer(steps, answered)


def _answer(steps: Sequence[Row], answered: Collection[str]) -> Iterator[str]:
    """I3: acknowledged by whom it was answered, and then nobody is called any more. It may be over before the answer comes."""
    by = [(place, row.body["by"]) for place, row in enumerate(steps) if row.kind == "alarm.acked/1"]
    if answered and not by and steps[-1].kind not in ENDS:
        yield f"I3: {', '.join(answered)} has answered, and it is not recorded"
    for place, person in by:
        if person not in answered:
            yield f"I3: acknowledged by {person}, who has not answered"
        after = {row.kind for row in steps[place:]} & {"alarm.reemit/1", "alarm.escalated/1"}
        yield from (f"I3: {kind} after the answer" for kind in sorted(after))


def _one_at_a_time(rescues: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """No second id while one is open; steps of one store."""
    for (id_, steps), (other, next_) in pairwise(rescues.items()):
        if steps[-1].kind not in ENDS or steps[-1].mono > next_[0].mono:
            yield f"I1: {other[:8]} was raised while {id_[:8]} was open"


def _presses(rescues: Mapping[str, Sequence[Row]], pressed: Sequence[Press], dead: Sequence[DeadTime]) -> Iterator[str]:
    """I2: each press that could be seen long enough is in one record, and each record stands on a press of its own."""
    causes = [
        row.body["cause"]["mono"]
        for steps in rescues.values()
        for row in steps
        if row.kind == "alarm.repeated/1" or (row.kind == "alarm.raised/1" and "suspected" not in row.body["rescue"])
    ]
    for press in pressed:
        own = [mono for mono in causes if press.begin - SLACK_US <= mono <= press.end + SLACK_US]
        if len(own) > 1:
            yield f"I2: one press is recorded {len(own)} times"
        if not own and _seen_for(press, dead) >= CERTAIN_US and not _counted_on(rescues, press):
            yield f"I2: a press of {(press.end - press.begin) / 1e6:.1f} s is recorded nowhere"
    for mono in causes:
        if not any(press.begin - SLACK_US <= mono <= press.end + SLACK_US for press in pressed):
            yield "I2: a call is recorded, and nobody pressed"


def _counted_on(rescues: Mapping[str, Sequence[Row]], press: Press) -> bool:
    """Of a call that was repeated so often already the next presses are only counted."""
    return any(
        sum(row.kind == "alarm.repeated/1" and row.mono < press.begin for row in steps) >= REPEATS_TOLD
        and (steps[-1].kind not in ENDS or steps[-1].mono > press.begin)
        for steps in rescues.values()
    )


def _seen_for(press: Press, dead: Sequence[DeadTime]) -> int:
    """The longest stretch of it outside of dead times."""
    longest, alive = 0, press.begin
    for one in dead:
        longest = max(longest, min(one.begin, press.end) - alive)
        alive = max(alive, one.end)
    return max(longest, press.end - alive)


def _lamps(
    rescues: Mapping[str, Sequence[Row]], board: Sequence[Event], dead: Sequence[DeadTime], last: int
) -> Iterator[str]:
    """I7: yellow and siren until the answer, green from then to the end; also after each start."""
    wanted = [(min((event["mono"] for event in board), default=0), frozenset[int]())]
    for steps in rescues.values():
        for row in steps:
            if row.kind in ENDS:
                wanted.append((row.mono, frozenset()))
            elif row.kind in ("alarm.raised/1", "alarm.acked/1"):
                shown = {GREEN} if row.kind == "alarm.acked/1" else {YELLOW, SIREN}
                wanted.append((row.mono, frozenset(shown)))
    ends = [*(mono for mono, _ in wanted[1:]), last]
    for (begin, lit), end in zip(wanted, ends, strict=True):
        for at in _settled(begin, end, dead):
            for relay, name in LAMPS.items():
                if (on := _relay(board, relay, at)) != (relay in lit):
                    yield f"I7: {name} was {'on' if on else 'off'}, {(at - begin) / 1e6:.1f} s into a state"


def _settled(begin: int, end: int, dead: Sequence[DeadTime]) -> Iterator[int]:
    """The last moment of each stretch of a state in which the gateway had time to show it."""
    alive = begin
    for one in [*dead, None]:
        over = end if one is None else min(one.begin, end)
        if over - alive > SHOWN_US:
            yield over - SLACK_US
        if one is not None:
            alive = max(alive, one.end)


def _relay(board: Sequence[Event], relay: int, at: int) -> bool:
    """Its state at that time."""
    states = [e["on"] for e in board if e["event"] == "output" and e["output"] == f"relay{relay}" and e["mono"] <= at]
    return bool(states[-1:] == [True])


def _counted(rows: Sequence[Row], raised: Collection[str], alarms: Sequence[str]) -> Iterator[str]:
    """I6: what the centre counts as alarms is what was raised, and no test."""
    tests = {row.body["test"] for row in rows if row.kind == "lift.test/1"}
    if sorted(alarms) != sorted(raised):
        yield f"I6: the centre counts {len(alarms)} alarms, {len(raised)} were raised"
    yield from (f"I6: the test {id_[:8]} is counted as an alarm" for id_ in tests.intersection(alarms))
