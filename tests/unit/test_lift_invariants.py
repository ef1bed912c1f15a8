"""I1 to I7 of a lift's alarm: whatever happens, in any order, over crashes, power cuts and a wall clock that jumps."""

from typing import get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.rules.base import Acked, Asked, Badged, Delivered, Order, OrderName, Say, Sent, Texted, Unheard
from gateway.rules.lift.rescue import GUESSES_MAX
from gateway.rules.lift_test import GATEWAY, LiftTestConfig, LiftTestRule, call_point
from model.bodies import AlarmBody, RescueOrder, RescueState
from model.observation import Quality
from support.lift_site import (
    BUTTON,
    CHEN,
    EMPTY,
    KEY,
    LIU,
    READER,
    RUNNING,
    SHUT_IN,
    SITE,
    STANDS_OPEN,
    SUN,
    SWITCH,
    TERMINAL,
    TRAPPED,
    LiftBench,
)
from support.rules import Bench

ORDER = get_args(RescueState)
SOURCES = (BUTTON, f"{TERMINAL}.alarm_button", f"{TERMINAL}.car_button_alarm")
BAD = [quality for quality in Quality if quality is not Quality.GOOD]
FACTS = {
    "alarm.acked/1": "acked",
    "alarm.dispatched/1": "dispatched",
    "alarm.arrived/1": "arrived",
    "alarm.released/1": "released",
}
OURS = "the alarm's own"


class LiftMachine(RuleBasedStateMachine):
    """Against what one would note on paper: which alarm is open, and what is known of it."""

    @initialize(
        badges=st.booleans(), end=st.booleans(), begun=st.sampled_from(["", "pressed", "suspected", "open door"])
    )
    def built(self, badges: bool, end: bool, begun: str) -> None:
        self.badges, self.has_end = badges, end or not badges
        self.bench = LiftBench(badges=badges, end=self.has_end, terminal=begun != "pressed")
        self.open: str | None = None
        self.suspected = False
        self.facts: set[str] = set()
        self.here = False  # somebody has proven that he is on site
        self.at_centre = False
        self.guesses = 0
        self.over: list[str] = []
        self.read = 0
        match begun:
            case "pressed":
                self.pressed(BUTTON)
            case "suspected":
                self.car(TRAPPED, 30.0)
            case "open door":
                self.car(STANDS_OPEN, 10.0)
        self.paper_agrees()

    # what happens

    @rule(source=st.sampled_from(SOURCES), down=st.booleans())
    def button(self, source: str, down: bool) -> None:
        self.bench.sample(source, float(down))

    @rule(
        car=st.sampled_from([TRAPPED, SHUT_IN, STANDS_OPEN, RUNNING, EMPTY, {"trapped": 1}, {"trapped": 0}]),
        seconds=st.sampled_from([0.0, 10.0, 30.0, 95.0]),
    )
    def car(self, car: dict[str, int], seconds: float) -> None:
        self.bench.car(car)
        self.bench.advance(seconds)

    @rule(seconds=st.sampled_from([0.3, 0.5, 40.0]), late=st.booleans())
    def key(self, seconds: float, late: bool) -> None:
        """Turned for that long; the Tick may come after it was turned back. It ends nothing that nobody has answered."""
        ends = self.has_end and seconds >= 0.5 and (self.here or "acked" in self.facts)
        self.bench.sample(KEY, 0.0)  # after a start the first poll says how it stands
        self.paper_agrees()
        ends &= self.open is not None
        says = self.bench.sample(KEY, 1.0)
        says += self._late(seconds) if late else self.bench.advance(seconds)
        says += self.bench.sample(KEY, 0.0)
        assert ("alarm.ended/1" in {s.kind for s in says}) == ends
        self.paper_agrees()

    @rule(source=st.sampled_from(SOURCES), seconds=st.sampled_from([0.3, 0.5, 3.0, 40.0]))
    def pressed_while_busy(self, source: str, seconds: float) -> None:
        """The release is seen before the Tick that is due. No press is lost by that."""
        begins = source == BUTTON and source not in self.bench.state.down
        self.bench.sample(source, 1.0)
        self._late(seconds)
        self.bench.sample(source, 0.0)
        self.bench.advance(0)
        self.paper_agrees()
        if begins and seconds >= 0.5:
            assert self.open or self.bench.state.filters, "a press is a call, but before an open door"

    @rule(n=st.integers(5, 15), seconds=st.sampled_from([0.3, 0.6]), point=st.sampled_from([BUTTON, KEY, SWITCH]))
    def chatters(self, n: int, seconds: float, point: str) -> None:
        """What it does fills no store."""
        stored, records = self.bench.rule.kept(self.bench.state), 0
        for on in [1.0, 0.0] * n:
            self.bench.sample(point, on)
            self.bench.advance(seconds)
            records += self.bench.rule.kept(self.bench.state) != stored
            stored = self.bench.rule.kept(self.bench.state)
        assert records <= 45

    @rule(seconds=st.sampled_from([0.2, 0.5, 3.0, 10.0, 30.0, 95.0, 400.0, 2000.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.bench.advance(seconds)

    @rule(alarm=st.sampled_from([OURS, "another", "over"]))
    def acked(self, alarm: str) -> None:
        id_ = self._id(alarm)
        does = alarm == OURS and self.open is not None and "acked" not in self.facts
        self._only(self.bench.step(Acked(id_, "wang", "c1")), ["alarm.acked/1"] * does)

    @rule(
        what=st.sampled_from(get_args(OrderName)),
        via=st.sampled_from(["centre", "pin"]),
        alarm=st.sampled_from([OURS, "another", "over"]),
        reason=st.sampled_from([None, " ", "false alarm"]),
    )
    def ordered(self, what: OrderName, via: str, alarm: str, reason: str | None) -> None:
        allowed = self._here_may() if via == "pin" else self._centre_may()
        does = alarm == OURS and what in allowed and (what != "close" or via == "pin" or reason == "false alarm")
        kind = {"arrive": "arrived", "dispatch": "dispatched", "release": "released", "close": "ended"}[what]
        order = Order(what, RescueOrder(alarm=self._id(alarm), reason=reason), "wang", None, via)  # type: ignore[arg-type]
        self._only(self.bench.step(order), [f"alarm.{kind}/1"] * does)

    @rule(
        reader=st.sampled_from([READER, READER, "badge2"]),
        uid=st.sampled_from([LIU.badge, LIU.badge, SUN.badge, "04FF"]),
    )
    def badged(self, reader: str, uid: str) -> None:
        known = self.badges and (reader, uid) == (READER, LIU.badge) and self.open is not None
        expected = ["alarm.arrived/1"] * (known and not self.here)
        if known and self.here and "released" in self.facts and not self.has_end:
            expected = ["alarm.ended/1"]
        if self.badges and reader == READER and uid != LIU.badge and self.open is not None:
            expected = ["lift.refused/1"]
        self._only(self.bench.step(Badged(reader, uid, self.bench.now)), expected)

    @rule(
        of=st.sampled_from([LIU.name, CHEN.name, None]),
        number=st.sampled_from([LIU.phone, CHEN.phone, "+8613999999999"]),
        alarm=st.sampled_from([OURS, "another", "over"]),
        words=st.sampled_from(["{}", "收到 {}。", "no {} ok", "1{}", "{}0"]),
    )
    def texted(self, of: str | None, number: str, alarm: str, words: str) -> None:
        right = {LIU.name: LIU.phone, CHEN.name: CHEN.phone}.get(of or "") == number and words[0] + words[
            -1
        ] not in "1} {0"
        asked = self.open is not None and "acked" not in self.facts and self.guesses < GUESSES_MAX
        does = right and alarm == OURS and asked
        guess = asked and not does and number in (LIU.phone, CHEN.phone) and words not in ("1{}", "{}0")
        self.guesses += guess
        closes = guess and self.guesses == GUESSES_MAX
        code = SITE.code(self._id(alarm), of) if of else "424242"
        says = self.bench.step(Texted(number, words.format(code), self.bench.now))
        self._only(says, ["alarm.acked/1"] * does + ["lift.refused/1"] * closes)
        assert not does or all(s.body.rescue.via == "sms" and s.body.by == of for s in says)

    @rule(alarm=st.sampled_from([OURS, "another", "over"]), heard=st.booleans())
    def delivered(self, alarm: str, heard: bool) -> None:
        """Or nobody will ever tell: then it is told again, and no more."""
        before = self.bench.rule.kept(self.bench.state)
        says = self.bench.step((Delivered if heard else Unheard)(self._id(alarm)))
        if alarm == OURS and self.open and not heard:
            assert self.bench.state.alarm.sent == before.alarm.sent
        if alarm == OURS and self.open:
            self.at_centre = not says
        else:
            assert not says and self.bench.rule.kept(self.bench.state) == before

    @rule(taken=st.booleans())
    def message_sent(self, taken: bool) -> None:
        wanted = self.bench.messages
        for message in wanted[:1]:
            why = None if taken else "number_unknown"
            (said,) = self.bench.step(Sent(message.key, "modem", 7 if taken else None, why))
            assert (said.kind, said.body.ref, said.body.why) == ("sms.sent/1", 7 if taken else None, why)
            assert message.number not in said.body.number
            assert self.bench.messages == wanted[1:]

    @rule(rebooted=st.booleans(), off_s=st.sampled_from([0, 86_400]))
    def restarted(self, rebooted: bool, off_s: int) -> None:
        """I7: lamps, dialler and messages are what they were."""
        before = self.bench.signals, self.bench.messages, self.bench.open()
        self.bench.utc += off_s * 1_000_000
        says = self.bench.restart(rebooted=rebooted)
        if not says:
            assert (self.bench.signals, self.bench.messages, self.bench.open()) == before
        self.bench.advance(0)

    @rule(source=st.sampled_from(SOURCES))
    def pressed(self, source: str) -> None:
        for down in (0.0, 1.0):
            self.bench.sample(source, down)
        self.bench.advance(0.5)
        self.bench.sample(source, 0.0)

    @rule(what=st.sampled_from(["bad", "point", "switch", "clock", "others"]), n=st.integers(0, 1000))
    def something_else(self, what: str, n: int) -> None:
        """That is not much of an event."""
        match what:
            case "bad":
                points = (*SOURCES, KEY, SWITCH, f"{TERMINAL}.passenger")
                self.bench.sample(points[n % len(points)], None, BAD[n % len(BAD)])
            case "point":
                self.bench.car({sorted(TRAPPED)[n % len(TRAPPED)]: n % 3})
            case "switch":
                self.bench.sample(SWITCH, float(n % 2))
            case "clock":
                self._the_wall_clock_jumps((-86_400, -5, 3, 86_400)[n % 4])
            case "others":
                self._words_of_others(("", "x", "a/b/c", "a/1/nobody")[n % 4])

    def _the_wall_clock_jumps(self, jump_s: int) -> None:
        """I4: nothing waits by it, but what is counted against the rescuers over a reboot."""
        self.bench.utc += jump_s * 1_000_000
        says = self.bench.advance(0)
        assert {s.kind for s in says} <= ({"alarm.overdue/1"} if self.bench.boots > 1 else set())

    def _words_of_others(self, key: str) -> None:
        """I6: a test is nothing to this rule."""
        before = self.bench.state
        assert not self.bench.step(Sent(key, "modem", 1)) and not self.bench.step(Asked("test", "liu"))
        assert self.bench.state == before

    @precondition(lambda self: self.open and "acked" not in self.facts)
    @rule()
    def answered(self) -> None:
        self.acked(OURS)

    @precondition(lambda self: self.open)
    @rule(what=st.sampled_from(get_args(OrderName)), via=st.sampled_from(["centre", "centre", "pin"]))
    def helped(self, what: OrderName, via: str) -> None:
        self.ordered(what, via, OURS, "false alarm")

    @precondition(lambda self: self.open)
    @rule(seconds=st.sampled_from([0.0, 31.0]), heard=st.sampled_from([True, True, False]))
    def the_centre_has_it(self, seconds: float, heard: bool) -> None:
        self.delivered(OURS, heard)
        self.paper_agrees()
        self.bench.advance(seconds)

    @rule()
    def the_key_is_turned(self) -> None:
        self.key(0.5, late=False)

    # what is true of it

    @invariant()
    def paper_agrees(self) -> None:
        for say in self.bench.said[self.read :]:
            if isinstance(say.body, AlarmBody):
                self._note(say, say.body)
            else:
                assert say.kind in ("lift.filtered/1", "lift.refused/1", "sms.sent/1")
        self.read = len(self.bench.said)
        alarms = self.bench.rule.alarms(self.bench.state)
        assert [a.id for a in alarms] == ([self.open] if self.open else [])
        for alarm in alarms:
            assert (set(alarm.orders), set(alarm.here)) == (self._centre_may(), self._here_may())
        self._lamps_are_the_state()
        self._it_never_gives_up()

    def _lamps_are_the_state(self) -> None:
        signals = self.bench.signals
        if self.open is None:
            assert not signals
        elif "acked" in self.facts:
            assert signals - {"voice"} == {"lamp_green"}
        else:
            assert signals - {"dialler"} == {"lamp_yellow", "siren"}

    def _it_never_gives_up(self) -> None:
        """I2: while nobody has answered something is always about to happen, and nothing that is due is forgotten."""
        if self.open and "acked" not in self.facts:
            wake, told = self.bench.wake, self.bench.state.alarm.told
            assert wake is not None and wake - self.bench.mono <= 3_600_000_000
            assert not self.at_centre or wake <= max(told + 30_000_000, self.bench.mono)
        assert (self.open and "acked" not in self.facts) or not self.bench.messages
        for press in self.bench.state.down.values():
            assert press.counted or (self.bench.wake or 2**62) <= press.cause.mono + 500_000

    def _note(self, say: Say, body: AlarmBody) -> None:
        assert body.rescue and body.rescue.lift == "l1"
        if say.kind == "alarm.raised/1":
            assert self.open is None
            self.open, self.facts, self.here, self.at_centre, self.guesses = body.alarm, set(), False, False, 0
            self.suspected = body.rescue.suspected is not None
            assert body.rescue.state == "raised" and self.suspected == (body.what == "entrapment")
            return
        assert body.alarm == self.open, "of one that is over nothing is said"
        match say.kind:
            case "alarm.repeated/1":
                self.at_centre = self.suspected = False
            case "alarm.reemit/1" | "alarm.escalated/1":
                assert "acked" not in self.facts
                self.at_centre &= say.kind != "alarm.reemit/1"
            case "alarm.cleared/1":
                assert self.suspected and not self.facts, "what a person has answered a person ends"
            case "alarm.overdue/1":
                assert "released" not in self.facts
        if fact := FACTS.get(say.kind):
            proven = fact == "arrived" and body.rescue.via in ("badge", "pin") and not self.here
            assert fact not in self.facts or fact == "dispatched" or proven
            self.facts.add(fact)
            self.here |= proven
        assert self.suspected == (body.rescue.suspected is not None)
        states = [s.body.rescue.state for s in self._of(body.alarm)]
        assert states == sorted(states, key=ORDER.index), "I5"
        if say.kind in ("alarm.cleared/1", "alarm.ended/1"):
            assert body.rescue.state == "closed"
            assert body.rescue.via in ("car", "key", "pin", "remote", "badge")
            self.over.append(body.alarm)
            self.open, self.here = None, False

    def _late(self, seconds: float) -> list[Say]:
        """Time passes without a Tick."""
        self.bench.later(round(seconds * 1_000_000))
        return []

    def _of(self, alarm: str) -> list[Say]:
        """All that was said of it until the paper's place."""
        return [s for s in self.bench.said if isinstance(s.body, AlarmBody) and s.body.alarm == alarm]

    def _only(self, says: list[Say], expected: list[str]) -> None:
        """I3: what is not for the open alarm, or not now, changes nothing."""
        assert [s.kind for s in says] == expected

    def _id(self, which: str) -> str:
        if which == "over" and self.over:
            return self.over[-1]
        return self.open if which == OURS and self.open else "00000000-0000-4000-8000-000000000000"

    def _here_may(self) -> set[OrderName]:
        if self.open is None:
            return set()
        may: set[OrderName] = {"close"}
        return may | self._unreleased("release") | (set() if self.here else self._unreleased("arrive"))

    def _centre_may(self) -> set[OrderName]:
        if "acked" not in self.facts:
            return set()
        return (self._here_may() | self._unreleased("dispatch")) - ({"arrive"} if "arrived" in self.facts else set())

    def _unreleased(self, what: OrderName) -> set[OrderName]:
        return set() if "released" in self.facts or self.open is None else {what}


TestLift = LiftMachine.TestCase
TestLift.settings = settings(max_examples=100, stateful_step_count=50)


def test_a_test_is_no_call_and_a_call_is_no_test() -> None:
    """I6: neither is said in the other's words, answered by the other's answer or ended by the other's end."""
    lift = LiftBench()
    tests = Bench(LiftTestRule(LiftTestConfig(id="t", rule="lift_test", profile="lift-test-default", lift="l1"), SITE))
    lift.press()
    begun = tests.sample(f"{GATEWAY}.{call_point('l1')}", 0) + tests.step(Asked("test", "liu"))
    (test,) = (say.subject for say in begun)
    for said in begun, lift.said:
        assert {say.kind.startswith("lift.test") for say in said} == {said is begun}
    for event in (Delivered(test or ""), Acked(test or "", "wang", "c1"), Asked("test", "liu")):
        assert not lift.step(event)
    for event in (Delivered(lift.alarm), Acked(lift.alarm, "wang", "c1")):
        assert not tests.step(event)
    assert not tests.open() and not tests.rule.signals(tests.state)
    assert [say.body.phase for say in tests.step(Delivered(test or ""))] == ["passed"]
    assert list(lift.open().values()) == ["lift_alarm"]
