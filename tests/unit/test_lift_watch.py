"""Supervision of a lift's alarm: what is lost, stuck or empty is raised once and cleared; what a terminal says is told once."""

from collections.abc import Iterable
from typing import Any

import pytest

from gateway.rules.base import Acked, Restarted
from gateway.rules.lift_watch import PROFILES, LiftWatchConfig, LiftWatchRule
from gateway.rules.site import Lift, Site
from model.bodies import LiftEvent, LiftGap
from model.observation import Quality
from support.rules import Bench

CONTACT = "board.di2"
PROFILE = PROFILES.load("lift-watch-default")


class Watched:
    """A lift with a terminal that polls each second, where nothing is wrong at first."""

    def __init__(self, codes: str = "gbt24476-2017", **config: Any) -> None:
        fields: dict[str, Any] = {
            "id": "watch",
            "rule": "lift_watch",
            "profile": PROFILE.name,
            "lift": "l1",
            "terminal": "lift1",
        }
        fields |= {"contacts": (CONTACT,), "button": CONTACT, **config}
        site = Site(lifts={"l1": Lift(id="l1", codes=codes)})
        self.config = LiftWatchConfig.model_validate(fields)
        self.bench = Bench(LiftWatchRule(self.config, site))
        self.points: dict[str, int | None] = {}
        self.quality = Quality.GOOD
        self.frozen = False
        if codes != "lift-ba-vanke":
            self.points = {"heartbeat": 7, "service_mode": 1, "fault_code": 0, "event_code": 0, "alarm_code": 0}
            self.points |= {"alarm_button": 0, "power": 1, "battery": 100, "event_seq": 0}

    def poll(self, **points: int) -> list[str]:
        """One of all that the terminal has, in the order in which the rule asks to be told."""
        self.points |= points
        return self._told(self.points)

    def cut_before_the_count(self, *, rebooted: bool, **points: int) -> list[str]:
        """The gateway's power goes when a poll's codes were told to the rule, and its count was not."""
        self.points |= points
        said = self._told(set(self.points) - {"event_seq"})
        self.bench.restart(rebooted=rebooted)
        return said

    def _told(self, names: Iterable[str]) -> list[str]:
        good = self.quality is Quality.GOOD
        order = [p.partition(".")[2] for p in self.config.also() if p.startswith("lift1.")]
        said = []
        for name in sorted(names, key=order.index):
            said += self.bench.sample(f"lift1.{name}", self.points[name] if good else None, self.quality)
        return [_words(say.body, say.kind) for say in said]

    def polls(self, seconds: int, **points: int) -> list[str]:
        """A poll each second, with a heart that beats."""
        said = []
        for _ in range(seconds):
            said += [_words(say.body, say.kind) for say in self.bench.advance(1)]
            if not self.frozen and "heartbeat" in self.points:
                self.points["heartbeat"] = ((self.points["heartbeat"] or 0) + 1) & 0xFFFF
            said += self.poll(**points)
        return said

    def sample(self, point: str, value: float | None, quality: Quality = Quality.GOOD) -> list[str]:
        return [_words(say.body, say.kind) for say in self.bench.sample(point, value, quality)]

    def wait(self, seconds: float) -> list[str]:
        return [_words(say.body, say.kind) for say in self.bench.advance(seconds)]


def _words(body: Any, kind: str) -> str:
    match body:
        case LiftEvent():
            return f"{'+' if body.on else '-'}{body.what}/{body.code}/{body.raw}"
        case LiftGap():
            return f"gap {body.n} ({body.before}>{body.after})"
    return f"{kind[6:-2]} {body.what}"


def test_a_terminal_that_is_lost() -> None:
    """After its time, by the clock alone: one that is silent sends nothing that would ask."""
    lift = Watched()
    lift.polls(3)
    lift.quality = Quality.COMM_ERROR
    assert lift.poll() == []
    assert lift.wait(PROFILE.lost_s - 1) == []
    assert lift.wait(1) == ["raised terminal_lost"]
    assert lift.wait(3600) == []
    lift.quality = Quality.GOOD
    assert lift.polls(5) == []
    lift.quality = Quality.COMM_ERROR
    assert lift.polls(5) == [], "it was not there for long enough to be well"
    lift.quality = Quality.GOOD
    assert lift.polls(30) == ["cleared terminal_lost"]
    assert not lift.bench.open()


def test_a_value_that_is_implausible_is_no_lost_terminal() -> None:
    lift = Watched()
    lift.poll()
    lift.sample("lift1.service_mode", None, Quality.IMPLAUSIBLE)
    assert lift.wait(3600) == []


def test_a_heart_that_stands_still() -> None:
    """In good polls; while the terminal is silent nobody knows, and a slow poll of a moving heart is none that stands."""
    lift = Watched()
    lift.polls(3)
    lift.frozen = True
    assert lift.polls(int(PROFILE.heartbeat_s) - 1) == []
    assert lift.polls(2) == ["raised heartbeat_stuck"]
    assert lift.polls(200) == []
    lift.bench.restart(rebooted=True)
    assert lift.polls(20) == [], "it stands still after a reboot too"
    lift.frozen = False
    assert lift.polls(15) == ["cleared heartbeat_stuck"]


def test_a_heart_is_not_judged_while_the_terminal_is_silent() -> None:
    lift = Watched()
    lift.polls(3)
    lift.frozen = True
    for _ in range(5):
        lift.quality = Quality.GOOD
        assert lift.polls(20) == []
        lift.quality = Quality.COMM_ERROR
        assert lift.polls(2) == []


def test_a_contact_whose_wire_is_cut() -> None:
    lift = Watched(terminal=None)
    lift.sample(CONTACT, 0)
    assert lift.sample(CONTACT, None, Quality.SENSOR_FAULT) == []
    assert lift.wait(PROFILE.lost_s) == ["raised contact_lost"]
    (alarm,) = lift.bench.rule.alarms(lift.bench.state)
    assert (alarm.device, alarm.point, alarm.value) == ("board", "di2", None)
    lift.sample(CONTACT, 0)
    assert lift.wait(PROFILE.clear_s) == ["cleared contact_lost"]


@pytest.mark.parametrize("point", [CONTACT, "lift1.alarm_button"])
def test_a_button_that_is_stuck(point: str) -> None:
    """A long press is none."""
    lift = Watched()
    lift.sample(point, 1)
    assert lift.wait(PROFILE.stuck_s - 1) == []
    lift.sample(point, 0)
    lift.sample(point, 1)
    assert lift.wait(PROFILE.stuck_s) == ["raised button_stuck"]
    lift.sample(point, 0)
    assert lift.wait(PROFILE.clear_s) == ["cleared button_stuck"]


def test_a_button_that_is_normally_closed() -> None:
    lift = Watched(active=0, terminal=None)
    lift.sample(CONTACT, 1)
    assert lift.wait(2 * PROFILE.stuck_s) == []
    lift.sample(CONTACT, 0)
    assert lift.wait(PROFILE.stuck_s) == ["raised button_stuck"]


@pytest.mark.parametrize("point", ["lift1.battery", "gateway.battery"])
def test_a_battery_that_would_not_last(point: str) -> None:
    """Told and shown at the lift, until there is enough again."""
    lift = Watched()
    limit = PROFILE.battery_percent
    assert lift.sample(point, limit) == []
    assert lift.sample(point, limit - 1) == ["raised battery_low"]
    assert lift.bench.rule.signals(lift.bench.state) == {"lamp_fault"}
    assert lift.sample(point, limit + PROFILE.battery_hysteresis - 1) == []
    assert lift.wait(3600) == []
    lift.sample(point, limit + PROFILE.battery_hysteresis)
    assert lift.wait(PROFILE.clear_s) == ["cleared battery_low"]
    assert lift.bench.rule.signals(lift.bench.state) == frozenset()


@pytest.mark.parametrize(
    ("point", "well", "lost"), [("lift1.power", 1, 2), ("lift1.power_off", 0, 1), ("gateway.mains", 1, 0)]
)
def test_mains_that_are_lost(point: str, well: int, lost: int) -> None:
    lift = Watched()
    assert lift.sample(point, well) == []
    assert lift.sample(point, lost) == []
    assert "raised mains_lost" in lift.wait(PROFILE.mains_s)
    lift.sample(point, None, Quality.COMM_ERROR)
    assert "cleared mains_lost" not in lift.wait(10), "nobody knows"
    lift.sample(point, well)
    assert "cleared mains_lost" in lift.wait(PROFILE.clear_s)


def test_the_line_to_the_broker() -> None:
    lift = Watched()
    lift.sample("gateway.link", 0)
    assert lift.wait(PROFILE.line_s - 1) == []
    assert lift.wait(1) == ["raised line_lost"]
    lift.sample("gateway.link", 1)
    assert lift.wait(PROFILE.clear_s) == ["cleared line_lost"]


def test_a_sim_card_that_must_be_paid_for() -> None:
    """In time; a clock that knows no day says nothing."""
    lift = Watched()
    assert lift.sample("gateway.sim", None, Quality.COMM_ERROR) == []
    assert lift.sample("gateway.sim", PROFILE.sim_days + 1) == []
    assert lift.sample("gateway.sim", PROFILE.sim_days) == ["raised sim_due"]
    lift.sample("gateway.sim", 365)
    assert lift.wait(PROFILE.clear_s) == ["cleared sim_due"]


def test_of_several_lifts_one_watches_the_gateway() -> None:
    assert not any(point.startswith("gateway.") for point in Watched(gateway=False).config.also())


def test_each_is_answered_for_itself() -> None:
    lift = Watched()
    lift.sample("lift1.battery", 1)
    lift.sample("gateway.link", 0)
    lift.wait(PROFILE.line_s)
    battery, line = lift.bench.open()
    assert [say.kind for say in lift.bench.step(Acked(battery, "wang", "c1"))] == ["alarm.acked/1"]
    assert lift.bench.step(Acked(battery, "li", "c2")) == []
    assert {a.id: a.acked_by for a in lift.bench.rule.alarms(lift.bench.state)} == {battery: "wang", line: None}


def test_what_is_turning_does_not_wear_the_disk() -> None:
    """Neither a heart that beats nor a value that comes and goes makes a state that is kept."""
    lift = Watched()
    lift.polls(3)
    kept = lift.bench.rule.kept(lift.bench.state)
    lift.polls(20)
    lift.sample(CONTACT, None, Quality.COMM_ERROR)
    assert lift.bench.rule.kept(lift.bench.state) == kept


def test_codes_are_told_once_on_and_off() -> None:
    lift = Watched()
    assert lift.poll() == ["+mode/normal/1"]
    assert lift.poll(fault_code=4, event_seq=1) == ["+fault/stop_outside_zone/4"]
    assert lift.polls(5) == []
    assert lift.poll(fault_code=5, alarm_code=90, event_seq=3) == [
        "-fault/stop_outside_zone/4",
        "+fault/unintended_movement/5",
        "+alarm/alarm_button/90",
    ]
    assert lift.poll(service_mode=2, event_code=43, event_seq=4) == ["+mode/inspection/2", "+event/inspection/43"]
    assert lift.poll(fault_code=0, alarm_code=0) == ["-fault/unintended_movement/5", "-alarm/alarm_button/90"]
    events = [say.body for say in lift.bench.said if isinstance(say.body, LiftEvent)]
    assert {(e.lift, e.device, e.codes) for e in events} == {("l1", "lift1", "gbt24476-2017")}
    assert [e.seq for e in events] == [None, 1, 3, 3, 3, 4, 4, 4, 4]


def test_a_code_that_the_table_has_not_stays_as_it_came() -> None:
    lift = Watched()
    lift.poll()
    assert lift.poll(alarm_code=93, event_seq=1) == ["+alarm/unknown/93"]
    assert lift.poll(alarm_code=0) == ["-alarm/unknown/93"]


@pytest.mark.parametrize(
    ("codes", "told"), [("extension-a", "+alarm/trapped/11"), ("extension-b", "+fault/overspeed/11")]
)
def test_the_lifts_table_says_what_a_number_means(codes: str, told: str) -> None:
    lift = Watched(codes)
    lift.poll()
    assert lift.poll(fault_code=11, event_seq=1) == [told]


def test_bits_are_codes_of_the_map_that_has_them() -> None:
    """Told once on and off; the registers of another terminal say nothing there."""
    lift = Watched("lift-ba-vanke")
    assert lift.poll(overspeed=0, trapped=0) == []
    assert lift.poll(overspeed=1, trapped=1) == ["+fault/overspeed/overspeed", "+alarm/trapped/trapped"]
    assert lift.polls(3) == []
    assert lift.poll(overspeed=0) == ["-fault/overspeed/overspeed"]
    assert Watched().poll(trapped=1) == ["+mode/normal/1"], "a contact beside codes is no code"


def test_an_event_that_stood_there_before_is_of_any_time() -> None:
    """A fault that is active is told, whenever it came."""
    assert Watched().poll(event_code=43, fault_code=4, event_seq=900) == [
        "+mode/normal/1",
        "+fault/stop_outside_zone/4",
    ]


@pytest.mark.parametrize("rebooted", [False, True])
def test_what_came_while_the_gateway_was_off_is_known(rebooted: bool) -> None:
    lift = Watched()
    lift.poll(event_seq=100)
    lift.bench.advance(600)
    lift.bench.restart(rebooted=rebooted)
    lift.points["heartbeat"] = 607 + 120 * rebooted
    assert lift.poll(fault_code=2, event_seq=105) == ["+fault/door_close_fault/2", "gap 4 (100>105)"]


@pytest.mark.parametrize("rebooted", [False, True])
def test_power_that_goes_in_the_middle_of_a_poll_takes_no_code(rebooted: bool) -> None:
    """What waited for the count is told by the next poll, once; also what another poll before had told is known still."""
    lift = Watched()
    lift.poll()
    lift.poll(fault_code=5, event_seq=1)
    new = {"service_mode": 2, "fault_code": 4, "event_code": 43, "alarm_code": 90}
    assert lift.cut_before_the_count(rebooted=rebooted, **new) == []
    assert lift.poll(event_seq=4) == [
        "+mode/inspection/2",
        "-fault/unintended_movement/5",
        "+fault/stop_outside_zone/4",
        "+event/inspection/43",
        "+alarm/alarm_button/90",
    ]
    assert lift.polls(3) == []
    assert lift.poll(fault_code=0, alarm_code=0) == ["-fault/stop_outside_zone/4", "-alarm/alarm_button/90"]


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_code_that_was_over_when_the_power_came_back(rebooted: bool) -> None:
    """Nobody tells it any more; it was counted."""
    lift = Watched()
    lift.poll()
    lift.cut_before_the_count(rebooted=rebooted, service_mode=2, fault_code=4)
    assert lift.poll(service_mode=1, fault_code=0, event_seq=1) == ["gap 1 (0>1)"]


def test_a_fault_that_stands_after_a_restart_of_the_terminal_and_a_power_cut() -> None:
    """It was told as over with the restart, and is told anew."""
    lift = Watched()
    lift.points["heartbeat"] = 9000
    lift.poll(event_seq=7, fault_code=4)
    over = ["+event/terminal_restarted/2", "-fault/stop_outside_zone/4"]
    assert lift.cut_before_the_count(rebooted=False, heartbeat=2) == over
    assert lift.poll(event_seq=1) == ["+event/terminal_restarted/2", "+fault/stop_outside_zone/4"]


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_terminal_without_a_count_is_told_once_whenever_the_power_goes(rebooted: bool) -> None:
    lift = Watched()
    del lift.points["event_seq"]
    lift.poll()
    assert lift.cut_before_the_count(rebooted=rebooted, fault_code=4) == ["+fault/stop_outside_zone/4"]
    assert lift.polls(3) == []


def test_a_terminal_in_whose_place_is_one_without_a_count() -> None:
    """What would wait for the count of the old one is told with the next poll, and from then on at once."""
    lift = Watched()
    lift.poll()
    lift.bench.restart(rebooted=False)
    del lift.points["event_seq"]
    assert lift.poll(service_mode=2, fault_code=4) == []
    assert lift.poll(fault_code=0) == [
        "+mode/inspection/2",
        "+fault/stop_outside_zone/4",
        "-fault/stop_outside_zone/4",
    ]
    assert lift.poll(fault_code=5) == ["+fault/unintended_movement/5"]


def test_the_codes_of_a_poll_are_kept_with_its_count() -> None:
    """In one go: neither is on the disk without the other."""
    lift = Watched()
    lift.poll()
    kept = lift.bench.rule.kept(lift.bench.state)
    lift.sample("lift1.service_mode", 2)
    lift.sample("lift1.fault_code", 4)
    assert lift.bench.rule.kept(lift.bench.state) == kept
    lift.sample("lift1.event_seq", 1)
    terminal = lift.bench.rule.kept(lift.bench.state).terminal
    assert (terminal.told["service_mode"], terminal.told["fault_code"], terminal.counted.seq) == (2, 4, 1)


def test_a_terminal_that_restarted_has_not_counted_65000() -> None:
    """By its heartbeat, also where its count is higher than before; and by its count alone."""
    lift = Watched()
    lift.points["heartbeat"] = 5000
    lift.poll(event_seq=3)
    assert lift.poll(heartbeat=2, event_seq=5) == ["+event/terminal_restarted/2", "gap 5 (0>5)"]
    assert lift.poll(heartbeat=3, event_seq=5) == []
    blind = Watched()
    del blind.points["heartbeat"]
    blind.poll(event_seq=500)
    assert blind.poll(event_seq=1, fault_code=1) == ["+event/terminal_restarted/1", "+fault/safety_circuit_open/1"]


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_terminal_that_restarted_while_the_gateway_was_off(rebooted: bool) -> None:
    """Also where it has counted further than before by now: the power was away for both."""
    lift = Watched()
    lift.points["heartbeat"] = 9000
    lift.poll(event_seq=2, fault_code=1)
    lift.bench.restart(rebooted=rebooted)
    assert lift.poll(heartbeat=90, event_seq=3, fault_code=1) == [
        "+event/terminal_restarted/90",
        "-fault/safety_circuit_open/1",
        "+fault/safety_circuit_open/1",
        "gap 2 (0>3)",
    ]


def test_both_counters_go_round() -> None:
    lift = Watched()
    lift.points["heartbeat"] = 0xFFFE
    lift.poll(event_seq=0xFFFF)
    assert lift.polls(5, event_seq=1, fault_code=1) == ["+fault/safety_circuit_open/1", "gap 1 (65535>1)"]


def test_a_restart_alone_says_nothing() -> None:
    lift = Watched()
    lift.polls(3)
    assert lift.bench.step(Restarted(False)) == []
