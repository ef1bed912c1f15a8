"""The lifts as the centre knows them: files, tests, presence; and the rescue desk's commands on a command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from central import lift_states, presence, queries, steps
from central.cli import tree
from central.ingest import Ingest
from central.lift_states import HOUR, Trials
from central.settings import Targets
from central.store import Store, now, reader
from model.bodies import SmsSent
from model.texts import text
from support.centre_lifts import NEW_STORE, SECOND, LiftGateway, Message
from support.source import T0, birth, new_id, will

ALARM = "7a3e0f52-1111-4222-8333-444455556666"
SESSION = new_id()


class Centre:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.store = Store(data)
        self.ingest = Ingest(self.store)
        self.run("person", "add", "Li Na", "--pin-file", "-")

    def take(self, *messages: Message) -> None:
        self.ingest.take(messages)

    def run(self, *args: str) -> Result:
        return CliRunner().invoke(tree("en"), [*args, "--data", str(self.data)], input="2468\n")

    def say(self, *args: str) -> Result:
        return self.run(*args, "--as", "Li Na", "--pin-file", "-")

    def asked(self, *args: str) -> Any:
        return json.loads(self.run(*args, "--json").stdout)

    @property
    def lifts(self) -> list[dict[str, Any]]:
        return lift_states.lifts(reader(self.data), Targets())


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(tmp_path)
    yield centre
    centre.store.close()


def test_a_lifts_file_is_the_newest_one(centre: Centre) -> None:
    """In any order; but what was scrapped once stays so, whatever a gateway says later."""
    lift = LiftGateway()
    old = lift.file(1, name="North", maintainer="Otis", rescue="330106")
    scrapped = lift.file(2, state="scrapped", by="Chen", reason="replaced")
    new = lift.file(3, name="North 2", maintainer="Kone", rescue="330106", inspection_due="2020-01-31")
    for messages in ([new, old, scrapped], [old, new]):
        centre.take(*messages)
        (one,) = centre.lifts
        assert (one["name"], one["maintainer"], one["state"]) == ("North 2", "Kone", "scrapped")
    centre.take(lift.file(4, name="North 2", maintainer="Kone", inspection_due="2020-01-31"))
    assert (centre.lifts[0]["state"], centre.lifts[0]["inspection"]) == ("scrapped", "overdue")
    assert "scrapped" in centre.run("lifts").stdout


def test_one_lift_of_two_gateways_is_one_row(centre: Centre) -> None:
    """With both, and whether they are there: a will says no at once, silence after a while, and a lift without a birth is unknown."""
    one, two, three = (LiftGateway(f"gw-{n}", f"L{n}") for n in (1, 2, 3))
    centre.take(one.file(rescue="330106"), two.file(rescue="330106"), three.file())
    centre.take(birth("gw-1", SESSION, {}), birth("gw-2", SESSION, {}), will("gw-2", SESSION), will("gw-1", new_id()))
    both = next(lift for lift in centre.lifts if lift["rescue"])
    assert [(g["gw"], g["presence"]) for g in both["gws"]] == [("gw-1", "online"), ("gw-2", "absent")]
    centre.store.db.execute("UPDATE gateway SET heard = heard - 301 * 1000000")
    other, both = sorted(centre.lifts, key=lambda lift: lift["rescue"] or "")
    assert [g["presence"] for g in [*both["gws"], *other["gws"]]] == ["offline", "offline", None]
    centre.take(one.alarm("raised", 1, ALARM))
    both = centre.lifts[0]
    assert ([g["presence"] for g in both["gws"]], both["incident"]) == (["online", "offline"], f"{ALARM}@gw-1")
    (incident,) = queries.incidents(reader(centre.data), 300)
    assert (incident["gws"], incident["absent"]) == (["gw-1"], [])
    shown = centre.run("lifts").stdout
    assert "OFFLINE" in shown
    assert ALARM[:8] in shown


@pytest.mark.parametrize(
    ("tests", "verdict"),
    [
        (Trials(), None),
        (Trials(passed=0, begun=0), "ok"),
        (Trials(passed=-72 * HOUR - 1, begun=-99 * HOUR), "overdue"),
        (Trials(begun=-73 * HOUR), "overdue"),
        (Trials(begun=-1), "ok"),
        (Trials(passed=-2 * HOUR, failed=-1 * HOUR, begun=-9 * HOUR, why="timeout"), "failed"),
        (Trials(passed=-1 * HOUR, failed=-2 * HOUR, begun=-9 * HOUR), "ok"),
    ],
)
def test_how_a_lifts_tests_are_judged(tests: Trials, verdict: str | None) -> None:
    """By the last ones; 72 hours without one that passed are too long."""
    at = 1000 * HOUR
    passed, failed, begun = (None if value is None else value + at for value in tests[:3])
    assert Trials(passed, failed, begun, tests.why).verdict(72, at) == verdict


def test_tests_stand_at_their_lift(centre: Centre) -> None:
    """When it passed last, also where the gateway's clock was set only later, and why it failed."""
    lift = LiftGateway()
    centre.take(lift.test("begun", 10, "t1"), lift.test("passed", 12, "t1", took_ms=900))
    centre.take(lift.anchored(), lift.test("begun", 20, "t2"), lift.test("failed", 90, "t2", why="timeout"))
    (one,) = centre.lifts
    assert {name: one[name] for name in ("test", "passed", "failed", "why")} == {
        "test": "failed", "passed": T0 + 12 * SECOND, "failed": T0 + 90 * SECOND, "why": "timeout",
    }  # fmt: skip
    assert queries.problems(reader(centre.data)) == [], "the kinds are known, on their streams"
    centre.take(lift.test("passed", 100, "t3"))
    assert centre.lifts[0]["test"] == ("ok" if now() - T0 < 72 * HOUR else "overdue")
    assert centre.asked("alarms") == {"incidents": [], "alarms": [], "centre": {"state": "away", "since": None}}
    for command in ("alarms", "lifts"):
        assert "not running" in centre.run(command).stderr


def test_the_last_test_counts_where_no_clock_says_which_it_is(centre: Centre) -> None:
    """Nobody has set the gateway's clock, and all came at once: still the order of its records tells."""
    lift = LiftGateway()
    good = [lift.test("begun", 10, "t1"), lift.test("passed", 12, "t1")]
    bad = [lift.test("begun", 20, "t2"), lift.test("failed", 90, "t2", why="timeout")]
    centre.take(*bad, *good)
    assert [(one["test"], one["why"]) for one in centre.lifts] == [("failed", "timeout")]
    assert "FAILED" in centre.run("lifts").stdout
    centre.take(lift.test("begun", 100, "t3"))
    assert centre.lifts[0]["test"] == "failed", "one that has only begun is no better"
    centre.take(lift.test("passed", 101, "t3"))
    assert [(one["test"], one["why"]) for one in centre.lifts] == [("ok", None)]
    assert "(clock not set)" in centre.run("lifts").stdout
    centre.take(lift.anchored())
    assert "(clock not set)" not in centre.run("lifts").stdout
    assert centre.lifts[0]["passed"] == T0 + 101 * SECOND


def test_a_lifts_state_has_one_word(centre: Centre) -> None:
    """The same as `doorpost lift state` takes and `doorpost lift list` shows."""
    centre.take(LiftGateway().file())
    assert f"  {text('lift_file.active', 'en')}  " in centre.run("lifts").stdout


def test_a_lift_that_was_renamed_is_one_line(centre: Centre) -> None:
    """At the same gateway, by its number: under its new name, with the tests that it had under the old one."""
    old, new = LiftGateway(lift="L1"), LiftGateway(lift="north")
    new.streams = old.streams
    centre.take(
        old.anchored(), old.file(1, rescue="330106", name="old", address="Street 2"), old.test("passed", 2, "t1")
    )
    centre.take(new.file(3, rescue="330106", name="new"))
    (one,) = centre.lifts
    assert (one["lift"], one["name"], one["address"]) == ("north", "new", None)
    assert [gateway["gw"] for gateway in one["gws"]] == ["gw-1"]
    assert one["passed"] == T0 + 2 * SECOND
    centre.take(new.test("failed", 4, "t2", why="timeout"))
    assert [lift["test"] for lift in centre.lifts] == ["failed"]
    centre.take(new.test("passed", 5, "t3"))
    assert [lift["passed"] for lift in centre.lifts] == [T0 + 5 * SECOND]


def test_of_a_lifts_tests_the_last_are_kept(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever order they come; another lift's are its own."""
    monkeypatch.setattr(steps, "TESTS_KEPT", 2)
    lift, other = LiftGateway(), LiftGateway("gw-2")
    tests = [lift.test("passed", s, f"t{s}") for s in range(1, 5)]
    centre.take(lift.anchored(), other.test("passed", 1, "t1"), tests[3], *tests[:3])
    rows = centre.store.rows("SELECT gw, test FROM lift_test ORDER BY gw, test")
    assert rows == [("gw-1", "t3"), ("gw-1", "t4"), ("gw-2", "t1")]
    assert centre.lifts[0]["passed"] == T0 + 4 * SECOND


def test_a_rescue_by_command_line(centre: Centre) -> None:
    """From the call to its end, by the beginning of its id or the number on the sign in the car."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.file(rescue="330106", address="North street 2"), lift.alarm("raised", 10, ALARM))
    assert [
        row
        for row in centre.run("alarms").stdout.splitlines()
        if "330106" in row and "at the centre, unanswered" in row and "LATE" in row
    ]
    assert centre.say("close", "330106", "--reason", "x").exit_code == 1
    assert centre.say("ack", "330106").exit_code == 0
    assert "before" in centre.say("ack", ALARM[:6]).stdout
    assert centre.say("dispatch", ALARM[:6], "--team", "Otis", "--tier", "1").exit_code == 0
    assert centre.say("arrive", "330106", "--team", "Otis").exit_code == 0
    assert centre.say("release", "330106", "--persons", "2", "--injured", "0").exit_code == 0
    (one,) = centre.asked("alarms")["incidents"]
    assert (one["state"], one["team"], one["persons"], one["arrived_by"]) == ("released", "Otis", 2, "Otis")
    assert [clock["step"] for clock in one["clocks"]] == ["ack", "dispatch", "arrive"]
    assert centre.say("close", "330106").exit_code == 2, "a reason"
    assert centre.say("close", "330106", "--reason", "contact stuck", "--fault", "door_lock_bridged").exit_code == 0
    centre.store.db.execute(
        "UPDATE command SET result = 'refused', why = 'not_now released' WHERE name = 'alarm.close'"
    )
    centre.take(
        lift.alarm("ended", 99, ALARM, by="Li Na", via="remote", reason="contact stuck", fault="door_lock_bridged")
    )
    story = centre.run("timeline", ALARM[:6]).stdout
    assert [
        word
        for word in ("called", "dispatch", "Otis", "REMOTE", "contact stuck", "not possible now")
        if word not in story
    ] == []
    refused = centre.say("ack", "330106")
    assert (refused.exit_code, "Lift 330106 has no open call" in refused.stderr) == (1, True)
    assert centre.asked("timeline", "330106")["incident"] == f"{ALARM}@gw-1", "the last one, where none is open"
    assert centre.asked("timeline", ALARM)["state"] == "closed"


def test_what_cannot_be_is_not_said(centre: Centre) -> None:
    """More injured than persons, a fourth tier, a cause that has no such name: nothing goes to the gateway."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.file(rescue="330106"), lift.alarm("raised", 10, ALARM))
    centre.say("ack", "330106")
    before = centre.store.rows("SELECT id FROM command")
    refused = centre.say("release", "330106", "--persons", "1", "--injured", "2")
    assert (refused.exit_code, "More injured than released" in refused.stderr) == (1, True)
    assert centre.say("dispatch", "330106", "--tier", "4").exit_code == 2
    refused = centre.say("close", "330106", "--reason", "x", "--fault", "door_lock")
    assert (refused.exit_code, "Did you mean: door_lock_bridged" in refused.stderr) == (1, True)
    assert centre.store.rows("SELECT id FROM command") == before


def test_a_timeline_has_the_short_messages(centre: Centre) -> None:
    """To whom, and whether the network took it; of this call alone, in the order of time, also without a clock."""
    lift = LiftGateway()

    def sms(s: float, person: str, **more: Any) -> Message:
        return lift.say("sms.sent/1", SmsSent(device="modem", person=person, number="***5678", **more), s)

    centre.take(lift.file(rescue="330106"), lift.alarm("raised", 10, ALARM))
    centre.take(sms(12, "Wang", alarm=ALARM, ref=7), sms(13, "Chen", alarm=new_id()))
    centre.take(
        sms(14, "Zhou", alarm=ALARM, why="no such number"), lift.alarm("acked", 90, ALARM, by="Li Na", via="centre")
    )
    assert [(one["person"], one["ref"], one["why"]) for one in centre.asked("timeline", "330106")["messages"]] == [
        ("Wang", 7, None), ("Zhou", None, "no such number"),
    ]  # fmt: skip
    lines = centre.run("timeline", "330106").stdout.splitlines()[1:]
    assert [next(w for w in ("raised", "called", "Wang", "Zhou", "Li Na") if w in line) for line in lines] == [
        "called", "Wang", "Zhou", "Li Na",
    ]  # fmt: skip
    centre.take(lift.alarm("escalated", 60, ALARM, n=2, dialler=True))
    (line,) = (line for line in centre.run("timeline", "330106").stdout.splitlines() if "escalated" in line)
    assert line.endswith("dialler")
    assert "not sent" in lines[2]
    assert "no such number" in lines[2]


def test_unanswered_is_unanswered_whoever_is_there(centre: Centre) -> None:
    """Somebody on site has come, and freed the passenger: at the centre still nobody has answered, and that clock runs."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, ALARM))
    for kind, s in (("arrived", 20), ("released", 30)):
        centre.take(lift.alarm(kind, s, ALARM, by="Wang", via="pin"))
        (one,) = centre.asked("alarms")["incidents"]
        assert [clock["running"] for clock in one["clocks"] if clock["step"] == "ack"] == [True]
        assert "UNANSWERED" in centre.run("alarms").stdout
    centre.take(lift.alarm("ended", 40, ALARM, by="Wang", via="pin"))
    (one,) = centre.asked("alarms")["incidents"]
    assert [clock["running"] for clock in one["clocks"] if clock["step"] == "ack"] == [False]
    assert "UNANSWERED" not in centre.run("alarms").stdout


def test_a_suspicion_that_was_pressed_is_a_call(centre: Centre) -> None:
    """Told as one, as at the desk."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, ALARM, what="entrapment", suspected="level"))
    assert "Somebody may be shut in the lift (suspected)" in centre.run("alarms").stdout
    centre.take(lift.alarm("repeated", 20, ALARM, what="entrapment"))
    assert "Passenger call in the lift (first suspected)" in centre.run("alarms").stdout
    assert centre.asked("alarms")["incidents"][0]["what"] == "lift_alarm"


def test_other_alarms_are_only_acknowledged(centre: Centre) -> None:
    """A cold room has no rescue."""
    from model.bodies import AlarmBody

    lift = LiftGateway()
    body = AlarmBody(alarm=ALARM, rule="r", what="temperature_high", device="room1", point="t", profile="p@1")
    centre.take(lift.say("alarm.raised/1", body, 1))
    assert json.loads(centre.say("dispatch", ALARM, "--json").stdout)["error"]["code"] == "alarm_no_lift"
    assert json.loads(centre.run("timeline", ALARM, "--json").stdout)["error"]["code"] == "alarm_no_lift"
    assert centre.say("ack", ALARM).exit_code == 0


def test_an_older_database_learns_of_its_lifts(centre: Centre) -> None:
    """What an older centre has stored and put aside without knowing what it is, is derived when a newer one opens it."""
    lift = LiftGateway()
    lift.anchored()
    lift.file(rescue="330106")
    lift.alarm("raised", 10, ALARM)
    lift.alarm("repeated", 20, ALARM, n=1)
    lift.test("passed", 12, "t1")
    clone = LiftGateway("gw-2")
    clone.alarm("raised", 11, new_id())
    centre.take(clone.other_history(), *lift.batches(), *clone.batches())
    assert centre.store.rows("SELECT count(*) FROM quarantine") == [(1,)]

    def known() -> Any:
        incidents = queries.incidents(reader(centre.data), 300)
        return [(one["alarms"], one["repeats"], one["rescue"], one["raised_utc"]) for one in incidents], centre.lifts

    before = known()
    for table in ("step", "incident", "lift", "lift_test", "anchor"):
        centre.store.db.execute(f"DELETE FROM {table}")
    centre.store.db.execute("UPDATE alarm SET lift = NULL, incident = NULL, start = NULL, stop = NULL, gone = NULL")
    centre.store.db.execute("UPDATE centre SET derived = 0")
    Ingest(centre.store)
    assert known() == before
    assert sum(one["repeats"] for one in queries.alarms(reader(centre.data))) == 1, "not counted again"


def test_a_gateway_in_a_new_store_says_its_file_anew(centre: Centre) -> None:
    """That is the newest, also while what is left of the old store still comes."""
    old, new = LiftGateway(), LiftGateway(store=NEW_STORE)
    centre.take(old.file(1, name="old"), new.file(3, name="new"), old.file(2, name="sent late"))
    assert centre.lifts[0]["name"] == "new"


@pytest.mark.parametrize("ahead_h", [2, -2])
def test_a_gateway_that_is_silent_is_so_whatever_the_centres_clock_did(centre: Centre, ahead_h: int) -> None:
    """It was wrong when the gateway was heard, and was set right since: that time tells nothing; the next word does."""
    gateway = LiftGateway()
    centre.take(birth("gw-1", SESSION, {}), gateway.file())

    def state() -> str:
        return presence.presences(reader(centre.data), 300)["gw-1"].state

    assert state() == "online"
    centre.store.db.execute("UPDATE gateway SET heard = heard + ?", (ahead_h * HOUR,))
    assert state() == "offline"
    centre.take(gateway.file())
    assert state() == "online"
    ((heard,),) = centre.store.rows("SELECT heard FROM gateway")
    assert heard <= now()
