"""The judge of rescues on rows and logs written by hand: it passes what is right and finds each thing that must never be."""

import itertools
from typing import Any

import pytest

from gateway.demo.evidence import Event, Row
from gateway.demo.lift.invariants import broken
from gateway.demo.lift.site import BOARD, BUTTON, GREEN, SIREN, YELLOW

S = 1_000_000
START = 100 * S
STATES = {
    "raised": "raised",
    "repeated": "sent",
    "escalated": "sent",
    "acked": "acked",
    "dispatched": "dispatched",
    "arrived": "on_site",
    "ended": "closed",
}


class Rescue:
    """A gateway that starts at 100 s, and a board. Times are seconds after that."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.board: list[Event] = []
        self.alarms: list[dict[str, Any]] = []
        self.answered = {"A": ["Li Na"]}
        self._numbers = itertools.count(1)
        self._row(0, "audit", "gateway.start/1", {"after": "first"})
        self._row(0.1, "audit", "device.state/1", {"device": "board", "health": "online"})

    def say(self, s: float, kind: str, alarm: str = "A", *, pressed: float | None = None, **body: Any) -> None:
        """`pressed`: when its cause was."""
        state = body.pop("state", STATES[kind])
        body |= {
            "alarm": alarm,
            "rescue": {"lift": "lift-1", "state": state, "via": body.pop("via", None)},
            "by": body.get("by"),
        }
        body["cause"] = {"mono": START + round((s if pressed is None else pressed) * S)}
        self._row(s, "alarm", f"alarm.{kind}/1", body)
        if kind == "raised":
            self.alarms.append({"alarm": alarm, "what": "lift_alarm"})

    def test(self, s: float, id_: str) -> None:
        self._row(s, "event", "lift.test/1", {"test": id_})

    def down(self, s: float, back: float) -> None:
        self._row(back, "audit", "gateway.start/1", {"after": "crash"})
        self._row(back + 0.1, "audit", "device.state/1", {"device": "board", "health": "online"})
        self._row(s, "audit", "note/1", {})

    def press(self, s: float, end: float) -> None:
        for at, on in ((s, False), (end, True)):
            self._wire(at, "contact", f"di{BUTTON}", on=on)

    def lamp(self, s: float, relay: int, *, on: bool) -> None:
        self._wire(s, "output", f"relay{relay}", on=on)

    def calling(self, s: float, *, on: bool) -> None:
        for relay in (YELLOW, SIREN):
            self.lamp(s, relay, on=on)

    def found(self) -> list[str]:
        rows = sorted(self.rows, key=lambda row: row.mono)
        board = sorted(self.board, key=lambda event: event["mono"])
        return [problem.detail for problem in broken(rows, board, self.alarms, self.answered)]

    def _row(self, s: float, stream: str, kind: str, body: dict[str, Any]) -> None:
        mono = START + round(s * S)
        self.rows.append(Row("gw", "store", stream, next(self._numbers), kind, mono + 10**15, mono, body))

    def _wire(self, s: float, event: str, name: str, *, on: bool) -> None:
        self.board.append({"mono": START + round(s * S), "event": event, "slave": BOARD, event: name, "on": on})


@pytest.fixture
def rescue() -> Rescue:
    """Called at 10, answered at 20, over at 40."""
    made = Rescue()
    made.press(10, 12.5)
    made.say(10.6, "raised", pressed=10.1)
    made.calling(10.7, on=True)
    made.say(13, "escalated", n=1)
    made.say(20, "acked", by="Li Na")
    made.calling(20.1, on=False)
    made.lamp(20.1, GREEN, on=True)
    made.say(25, "dispatched", by="Li Na")
    made.say(40, "ended")
    made.lamp(40.1, GREEN, on=False)
    made.lamp(50, 8, on=True)
    return made


def test_a_rescue_as_it_should_be(rescue: Rescue) -> None:
    assert rescue.found() == []


def test_a_second_end(rescue: Rescue) -> None:
    rescue.say(41, "ended")
    assert any(what.endswith("2 times alarm.ended/1") for what in rescue.found())


def test_a_second_alarm_while_one_is_open(rescue: Rescue) -> None:
    rescue.press(30, 33)
    rescue.say(30.6, "raised", "B", pressed=30.1)
    assert any("B was raised while A was open" in what for what in rescue.found())


def test_a_press_that_nobody_recorded(rescue: Rescue) -> None:
    rescue.press(30, 33)
    assert rescue.found() == ["I2: a press of 3.0 s is recorded nowhere"]


@pytest.mark.parametrize(("lasts", "certain"), [(0.9, False), (1.1, True)])
def test_how_long_a_press_must_be_to_be_certain(rescue: Rescue, lasts: float, certain: bool) -> None:
    """`press_s`, one poll, and what a busy machine may take."""
    rescue.press(30, 30 + lasts)
    assert bool(rescue.found()) == certain


@pytest.mark.parametrize(("repeats", "right"), [(9, False), (10, True)])
def test_a_press_after_many_is_counted_on(rescue: Rescue, repeats: int, right: bool) -> None:
    """Of one call ten repeats are recorded each."""
    for n in range(repeats):
        at = 26 + n
        rescue.press(at, at + 0.1)
        rescue.say(at + 0.1, "repeated", n=n + 1, pressed=at, state="dispatched")
    rescue.press(36, 39)
    assert (rescue.found() == []) == right


@pytest.mark.parametrize(
    ("via", "right"), [(("centre", "badge"), True), (("badge", "pin"), False), (("pin", "centre"), False)]
)
def test_who_came_is_said_by_the_centre_and_proven_once(rescue: Rescue, via: tuple[str, str], right: bool) -> None:
    for s, how in zip((30, 31), via, strict=True):
        rescue.say(s, "arrived", via=how)
    assert (rescue.found() == []) == right


def test_a_press_that_the_gateway_could_not_see(rescue: Rescue) -> None:
    rescue.down(29, 34)
    rescue.press(30, 33)
    assert rescue.found() == []


def test_a_call_without_a_press(rescue: Rescue) -> None:
    rescue.say(30, "repeated", n=1, state="dispatched", pressed=29.5)
    assert rescue.found() == ["I2: a call is recorded, and nobody pressed"]


def test_a_press_that_counts_twice(rescue: Rescue) -> None:
    rescue.say(12, "repeated", n=1, pressed=11.5)
    assert rescue.found() == ["I2: one press is recorded 2 times"]


def test_an_answer_that_nobody_gave(rescue: Rescue) -> None:
    rescue.answered = {"A": ["Wang Fang"]}
    assert rescue.found() == ["A: I3: acknowledged by Li Na, who has not answered"]


def test_called_on_after_the_answer(rescue: Rescue) -> None:
    rescue.say(30, "escalated", n=2, state="dispatched")
    assert rescue.found() == ["A: I3: alarm.escalated/1 after the answer"]


def test_a_state_that_goes_back(rescue: Rescue) -> None:
    rescue.say(30, "dispatched", by="Li Na", state="acked")
    assert rescue.found() == ["A: I5: alarm.dispatched/1: acked after dispatched"]


def test_a_test_that_is_counted(rescue: Rescue) -> None:
    rescue.test(60, "T")
    rescue.alarms.append({"alarm": "T", "what": "lift_alarm"})
    assert rescue.found() == ["I6: the centre counts 2 alarms, 1 were raised", "I6: the test T is counted as an alarm"]


def test_a_lamp_that_stays_dark_after_a_start(rescue: Rescue) -> None:
    rescue.down(28, 30)
    rescue.lamp(28, GREEN, on=False)
    assert rescue.found() == ["I7: green was off, 17.8 s into a state"]
