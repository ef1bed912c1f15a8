"""While nobody answers a lift's alarm: who is told, how often, in which words; and the clocks of the rescue."""

import pytest

from gateway.rules.base import Acked, Delivered, Say, Sent, Texted
from gateway.rules.lift import LiftConfig, LiftRule
from gateway.rules.lift.config import PROFILES
from gateway.rules.lift.rescue import CODES_MAX, GUESSES_MAX
from gateway.rules.site import Lift, Site
from model.time import TimeQuality, TimeSource
from support.lift_site import CHEN, KEY, LIU, SITE, TRAPPED, LiftBench, kinds
from support.rules import Bench
from support.source import new_id

WEEK_S = 7 * 86_400.0


def escalated(says: list[Say]) -> list[tuple[int, int | None]]:
    return [(s.body.n, s.body.rescue.tier) for s in says if s.kind == "alarm.escalated/1"]


def phones(lift: LiftBench) -> list[str]:
    return [message.number for message in lift.messages]


def sent(lift: LiftBench) -> list[Say]:
    """The modem sends all that is wanted."""
    return [say for m in lift.messages for say in lift.step(Sent(m.key, "modem", 7))]


def test_more_and_more_people_are_told() -> None:
    """30 s: tier 1; 60 s: the telephone; 180 s: tiers 1 and 2. Each step is a record."""
    lift = LiftBench()
    lift.press()
    assert escalated(lift.advance(29)) == [] and phones(lift) == []
    assert escalated(lift.advance(1)) == [(1, 1)] and phones(lift) == [LIU.phone]
    assert "dialler" not in lift.signals
    (said,) = lift.advance(30)
    assert escalated([said]) == [(2, None)] and "dialler" in lift.signals and said.body.rescue.dialler
    sent(lift)
    assert escalated(lift.advance(120)) == [(3, 2)] and phones(lift) == [LIU.phone, CHEN.phone]


def test_never_given_up() -> None:
    """After the last step its messages again: 5 min, 10, 20, 40, then each hour, for ever."""
    lift = LiftBench()
    lift.press()
    lift.advance(180)
    waits, last = [], lift.mono
    for _ in range(6):
        sent(lift)
        while not lift.messages:
            lift.advance(60)
        assert phones(lift) == [LIU.phone, CHEN.phone]
        waits.append(round((lift.mono - last) / 60e6))
        last = lift.mono
    assert waits == [5, 10, 20, 40, 60, 60]


def test_the_answer_ends_all_of_it() -> None:
    """No dialler, no message that is still waiting, no step."""
    lift = LiftBench()
    lift.press()
    lift.advance(60)
    lift.step(Acked(lift.alarm, "wang", "c1"))
    assert phones(lift) == [] and lift.signals == {"lamp_green", "voice"}
    assert set(kinds(lift.advance(WEEK_S))) == {"overdue"}
    assert lift.signals == {"lamp_green"}


def test_a_week_without_network_does_not_flood() -> None:
    """Nothing is at the centre, the modem sends nothing: one message at most waits for each."""
    lift = LiftBench()
    lift.press()
    says = lift.advance(WEEK_S)
    assert len(lift.messages) == 2
    assert 150 < len(says) < 200, "about one an hour, and each has one state beside it"


def test_silence_while_the_centre_has_all_of_it() -> None:
    """Told again at the profile's pace, and not faster."""
    lift = LiftBench()
    lift.press()
    said = []
    for _ in range(600):
        said += lift.step(Delivered(lift.alarm)) + lift.advance(1)
    assert kinds(said).count("reemit") == 20


def test_what_a_message_says() -> None:
    """Where, when, who shall answer how; for each person another code."""
    lift = LiftBench()
    lift.car(TRAPPED | {"car_status": 1})
    lift.press()
    lift.advance(180)
    one, other = lift.messages
    assert one.text == f"电梯报警：3号楼 文一路12号 识别码330106 11层 22:13。接警请回复{SITE.code(lift.alarm, 'liu')}"
    assert SITE.code(lift.alarm, "chen") in other.text and other.text != one.text
    assert len(one.text) <= 70


def test_what_a_message_says_of_a_suspicion() -> None:
    """It is told as one."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(60)
    assert lift.messages[0].text.startswith("疑似困人：")


def test_a_time_that_nobody_knows_is_not_told() -> None:
    """Nor is a place that nobody wrote down: then the lift's id stands for it."""
    site = Site(SITE.persons, {"l9": Lift(id="l9")}, language="en", secret=b"x")
    config = {"id": "l9", "rule": "lift", "profile": "lift-default", "alarm": "a.b", "end": "a.c"}
    lift = Bench(LiftRule(LiftConfig.model_validate(config), site))
    lift.tq = TimeQuality("unknown")
    lift.sample("a.b", 1)
    lift.advance(60)
    (message,) = lift.rule.messages(lift.state)
    (alarm,) = lift.open()
    assert message.text == f"Lift call: l9. To answer send {site.code(alarm, 'liu')}"


@pytest.mark.parametrize("why", [None, "refused"])
def test_a_message_that_was_sent_is_a_record(why: str | None) -> None:
    """Or one that never will be; the number is masked."""
    lift = LiftBench()
    lift.press()
    lift.advance(30)
    (message,) = lift.messages
    (said,) = lift.step(Sent(message.key, "modem", None if why else 3, why))
    body = said.body
    assert (said.kind, body.person, body.alarm, body.ref, body.why) == (
        "sms.sent/1",
        "liu",
        lift.alarm,
        None if why else 3,
        why,
    )
    assert body.number == "**********0001" and not lift.messages


def test_a_message_on_its_way_at_the_end_is_still_a_record() -> None:
    """It cost money and reached somebody."""
    lift = LiftBench()
    lift.press()
    alarm = lift.alarm
    lift.advance(30)
    (message,) = lift.messages
    lift.order("close", via="pin")
    (said,) = lift.step(Sent(message.key, "modem", 3))
    assert (said.kind, said.body.alarm) == ("sms.sent/1", alarm)


@pytest.mark.parametrize("text", ["{}", " {}\r\n", "收到{}", "code {}.", "{} 123"])
def test_the_code_answers(text: str) -> None:
    """As people type it."""
    lift = LiftBench()
    lift.press()
    code = SITE.code(lift.alarm, "liu")
    (said,) = lift.step(Texted(LIU.phone or "", text.format(code), lift.now))
    assert (said.kind, said.body.by, said.body.command) == ("alarm.acked/1", "liu", None)
    assert said.body.rescue.via == "sms"


def test_the_code_in_wide_digits_answers() -> None:
    """Chinese keyboards have them."""
    lift = LiftBench()
    lift.press()
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in SITE.code(lift.alarm, "liu"))
    assert kinds(lift.step(Texted(LIU.phone or "", wide, lift.now))) == ["acked"]


def test_a_code_answers_once_and_from_its_own_telephone() -> None:
    """Neither from another listed one, nor of an alarm that is over."""
    lift = LiftBench()
    lift.press()
    code = SITE.code(lift.alarm, "liu")
    assert not lift.step(Texted(CHEN.phone or "", code, lift.now))
    assert not lift.step(Texted("+8613999999999", code, lift.now))
    assert kinds(lift.step(Texted(LIU.phone or "", code, lift.now))) == ["acked"]
    assert not lift.step(Texted(LIU.phone or "", code, lift.now))
    lift.order("close", reason="tried", by="wang")
    lift.press()
    assert not lift.step(Texted(LIU.phone or "", code, lift.now))


def test_an_answer_comes_without_the_country() -> None:
    """As the networks of some countries deliver their own numbers."""
    lift = LiftBench()
    lift.press()
    code = SITE.code(lift.alarm, "liu")
    assert kinds(lift.step(Texted("13800000001", code, lift.now))) == ["acked"]


def test_guesses_have_an_end() -> None:
    """Of whoever's number; texts without a code are none. That is told once, and the centre answers as before."""
    lift = LiftBench()
    lift.press()
    code = SITE.code(lift.alarm, "liu")
    wrong = [word for word in (f"{n:06}" for n in range(GUESSES_MAX + 2)) if word != code][:GUESSES_MAX]
    for n, word in enumerate(wrong[:-1]):
        assert not lift.step(Texted((LIU, CHEN)[n % 2].phone or "", word, lift.now))
        assert not lift.step(Texted(LIU.phone or "", "coming", lift.now))
    assert lift.rule.kept(lift.state).alarm.guesses == GUESSES_MAX - 1
    (said,) = lift.step(Texted(CHEN.phone or "", wrong[-1], lift.now))
    told = said.kind, said.body.what, said.body.why, said.body.by, said.body.alarm
    assert told == ("lift.refused/1", "sms", "guessed", "chen", lift.alarm)
    assert not lift.step(Texted(LIU.phone or "", code, lift.now))
    assert kinds(lift.step(Acked(lift.alarm, "wang", "c1"))) == ["acked"]
    lift.order("close", reason="tried", by="wang")
    lift.press()
    assert kinds(lift.step(Texted(LIU.phone or "", SITE.code(lift.alarm, "liu"), lift.now))) == ["acked"]


def test_numbers_of_the_lifts_file_are_no_guess() -> None:
    """The number on its sign stands in the message, and who answers may quote that."""
    lift = LiftBench()
    lift.press()
    lift.advance(30)
    (message,) = lift.messages
    assert not lift.step(Texted(CHEN.phone or "", "330106 ?", lift.now))
    assert lift.state.alarm.guesses == 0
    assert not lift.step(Texted(CHEN.phone or "", message.text, lift.now))
    assert lift.state.alarm.guesses == 1, "the code in it is another person's"
    assert kinds(lift.step(Texted(LIU.phone or "", message.text, lift.now))) == ["acked"]


def test_the_answer_to_another_alarm_is_no_guess() -> None:
    """Also the second time, when that one is answered already; with many codes it is one."""
    lift = LiftBench()
    lift.press()
    other = new_id()
    code = SITE.code(other, "liu")
    many = " ".join([code, *(f"{n:06}" for n in range(CODES_MAX))])
    for text, alarms, guesses in [
        (code, [other], 0),
        (code, [], 1),
        (f"{code} 424242", [other], 1),
        (many, [other], 2),
    ]:
        assert not lift.step(Texted(LIU.phone or "", text, lift.now, (lift.alarm, *alarms)))
        assert lift.state.alarm.guesses == guesses


def test_who_sends_many_codes_guesses() -> None:
    """A sender's number can be forged: a million codes would fit into a few hundred long messages."""
    lift = LiftBench()
    lift.press()
    code = SITE.code(lift.alarm, "liu")
    others = [f"{n:06}" for n in range(CODES_MAX) if f"{n:06}" != code]
    assert not lift.step(Texted(LIU.phone or "", " ".join([*others, code]), lift.now))
    assert kinds(lift.step(Texted(LIU.phone or "", " ".join([*others[1:], code]), lift.now))) == ["acked"]


def test_a_power_cut_makes_the_next_step_due() -> None:
    """And only that: the one after it keeps its distance. Messages that waited still do."""
    lift = LiftBench()
    lift.press()
    lift.advance(30)
    lift.restart(rebooted=True)
    assert phones(lift) == [LIU.phone]
    assert escalated(lift.advance(0)) == [(2, None)]
    assert escalated(lift.advance(119)) == [] and escalated(lift.advance(1)) == [(3, 2)]


def overdue(says: list[Say]) -> list[tuple[str, float]]:
    return [(s.body.rescue.stage, s.body.limit) for s in says if s.kind == "alarm.overdue/1"]


def test_what_takes_too_long_is_told_once() -> None:
    """No team, nobody there, nobody out."""
    lift = LiftBench()
    lift.press()
    lift.advance(100)
    lift.step(Acked(lift.alarm, "wang", "c1"))
    assert overdue(lift.advance(299)) == []
    assert overdue(lift.advance(1)) == [("dispatch", 300)]
    assert overdue(lift.advance(1399)) == []
    assert overdue(lift.advance(2)) == [("arrive", 1800)]
    lift.order("arrive")
    assert overdue(lift.advance(1800)) == [("release", 1800)]
    assert overdue(lift.advance(WEEK_S)) == []


def test_in_time_nothing_is_overdue() -> None:
    """Scenario 6: sent after 3 min, there after 22, out after 30."""
    lift = LiftBench()
    lift.press()
    lift.advance(70)
    lift.step(Acked(lift.alarm, "wang", "c1"))
    said = lift.advance(180) + lift.order("dispatch", team="A", tier=1)
    lift.restart(rebooted=True)
    said += lift.advance(1000) + lift.order("arrive") + lift.advance(480) + lift.order("release", persons=1, injured=0)
    assert overdue(said + lift.advance(WEEK_S)) == []


def test_over_a_power_cut_the_wall_counts_where_it_is_known() -> None:
    """The gateway was off for two minutes of the five."""
    lift = LiftBench()
    lift.press()
    lift.step(Acked(lift.alarm, "wang", "c1"))
    lift.restart(rebooted=True)
    assert overdue(lift.advance(179)) == []
    assert overdue(lift.advance(1)) == [("dispatch", 300)]


def test_over_a_power_cut_without_a_clock_no_breach_is_invented() -> None:
    """What is certain is the time since the machine is up again."""
    lift = LiftBench()
    lift.press()
    lift.step(Acked(lift.alarm, "wang", "c1"))
    lift.tq = TimeQuality("unknown")
    lift.utc -= 10**15
    lift.restart(rebooted=True)
    assert overdue(lift.advance(284)) == []
    assert overdue(lift.advance(1)) == [("dispatch", 300)]


@pytest.mark.parametrize("source", ["rtc", "estimated", "unknown"])
@pytest.mark.parametrize("before", [True, False])
def test_a_clock_that_nobody_set_makes_nothing_overdue(source: TimeSource, before: bool) -> None:
    """Over a reboot only a time from outside is the same clock; a battery's may have stood still or jumped."""
    lift = LiftBench()
    lift.tq = TimeQuality(source if before else "ntp", 1)
    lift.press()
    lift.utc += 86_400_000_000
    lift.tq = TimeQuality("gnss" if before else source, 1)
    lift.restart(rebooted=True)
    assert overdue(lift.advance(0)) == []


@pytest.mark.parametrize("name", ["lift-30min", "lift-1h", "lift-hangzhou-draft"])
def test_regions_are_data_and_say_what_they_rest_on(name: str) -> None:
    """A proposal is never shown as law."""
    profile = PROFILES.load(name)
    assert "proposed" in profile.evidence
    assert profile.overdue.arrive_s == {"lift-30min": 1800, "lift-1h": 3600, "lift-hangzhou-draft": 900}[name]


def test_an_old_site_without_people_still_calls_by_telephone() -> None:
    """No record of a step in which nobody is told."""
    config = {"id": "l9", "rule": "lift", "profile": "lift-default", "alarm": "a.b", "end": KEY}
    lift = Bench(LiftRule(LiftConfig.model_validate(config), Site()))
    lift.sample("a.b", 1)
    assert escalated(lift.advance(WEEK_S)) == [(2, None)]
