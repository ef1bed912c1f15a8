"""Settings of a lift's alarm: what must be there, what may be left out, what does not fit."""

from pathlib import Path

import pytest

from gateway.rules.lift import LiftConfig
from gateway.settings.load import load
from gateway.settings.problem import SettingsInvalid

SITE = """\
schema = 1
[gateway]
id = "gw"
[[bus]]
id = "bus"
driver = "modbus_rtu"
port = "/dev/serial/by-id/one"
[[device]]
id = "board"
driver = "modbus"
bus = "bus"
slave = 1
profile = "waveshare-io-8ch"
[[device]]
id = "lift1"
driver = "modbus"
bus = "bus"
slave = 2
profile = "lift-gbt-1"
[[device]]
id = "badge1"
driver = "card_lines"
pattern = 'No(?P<uid>[0-9]{10})'
port = "/dev/serial/by-id/two"
[[person]]
name = "liu"
phone = "+8613800000001"
badge = "04A1"
role = ["technician"]
[[person]]
name = "chen"
phone = "+8613800000002"
tier = 2
[[lift]]
id = "l1"
rescue = "100011"
[[rule]]
id = "lift-1"
rule = "lift"
profile = "lift-default"
lift = "l1"
alarm = ["board.di2", "lift1.alarm_button"]
terminal = "lift1"
end = "board.di4"
badges = ["badge1"]
maintenance = "board.di5"
"""
VISITS = """\
[[device]]
id = "badge2"
driver = "card_lines"
pattern = 'No(?P<uid>[0-9]{10})'
port = "/dev/serial/by-id/three"
[[rule]]
id = "visits"
rule = "lift_visit"
profile = "lift-visit-default"
lift = "l1"
places = { pit = "badge1", machine_room = "badge2" }
"""


def told(folder: Path, settings: str) -> list[tuple[str, str]]:
    file = folder / "site.toml"
    file.write_text(settings)
    try:
        return [(warning.where, warning.error.code) for warning in load(file).warnings]
    except SettingsInvalid as err:
        return [(problem.where, problem.error.code) for problem in err.problems]


def test_all_of_it(tmp_path: Path) -> None:
    """Its points are watched once each. What it would lack in earnest is told."""
    assert told(tmp_path, SITE) == [
        ("rule lift-1: profile", "rule_no_modem"),
        ("rule lift-1", "lift_no_sync"),
        ("rule lift-1", "lift_untested"),
        ("rule lift-1: terminal", "lift_unwatched"),
        ("rule lift-1", "lift_no_lamp"),
    ]
    (rule,) = load(tmp_path / "site.toml").rules
    watched = [*rule.points(), *rule.also()]
    assert {"lift1.passenger", "lift1.service_mode", "lift1.car_button_alarm"} < set(watched)
    assert len(watched) == len(set(watched)) and rule.readers() == ["badge1"]


def test_one_button_is_written_without_a_list() -> None:
    """As it was before there were lists."""
    old = {"id": "lift1", "rule": "lift", "profile": "lift-default", "alarm": "io1.di1", "end": "io1.di2"}
    assert LiftConfig.model_validate(old).points() == ["io1.di1", "io1.di2"]


@pytest.mark.parametrize(
    ("change", "where", "code"),
    [
        (('"lift1.alarm_button"', '"lift1.button"'), "rule lift-1: alarm[1]", "point_unknown"),
        (('terminal = "lift1"', 'terminal = "lift2"'), "rule lift-1: terminal", "device_unknown"),
        (('badges = ["badge1"]', 'badges = ["badge2"]'), "rule lift-1: badges[0]", "device_unknown"),
        (('badges = ["badge1"]', 'badges = ["board"]'), "rule lift-1: badges[0]", "rule_reader_unfit"),
        (('"technician"', '"safety_manager"'), "rule lift-1: badges", "rule_badges_nobody"),
        (('maintenance = "board.di5"', 'maintenance = "board.di9"'), "rule lift-1: maintenance", "point_unknown"),
        (('lift = "l1"', 'lift = "l2"'), "rule lift-1: lift", "rule_lift_unknown"),
        (('end = "board.di4"\nbadges = ["badge1"]', ""), "rule lift-1", "lift_without_end"),
        (('rescue = "100011"', 'name = "North"'), "rule lift-1: lift", "lift_without_number"),
        (('[[lift]]\nid = "l1"\nrescue = "100011"', ""), "rule lift-1: lift", "lift_without_number"),
        (("[[rule]]", '[[lift]]\nid = "l2"\nrescue = "100011"\n[[rule]]'), "lift l2: rescue", "lift_twice"),
        (('end = "board.di4"', 'end = "board.di2"'), "rule lift-1: end", "lift_point_twice"),
        (('"board.di5"', '"board.di4"'), "rule lift-1: maintenance", "lift_point_twice"),
        (('"lift1.alarm_button"', '"lift1.floor"'), "rule lift-1: alarm[1]", "lift_alarm_no_contact"),
        (('"lift-default"', '"lift-demo"'), "rule lift-1: profile", "lift_profile_demo"),
        (("[[bus]]", '[sync]\nbroker = "mqtt://127.0.0.1"\n[[bus]]'), "sync", "lift_no_central_keys"),
        (("[[rule]]", VISITS + "[[rule]]"), "rule visits", "lift_visits_unsigned"),
        (('["board.di2", "lift1.alarm_button"]', "[]"), "rule lift-1: alarm", "setting_too_few"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, change: tuple[str, str], where: str, code: str) -> None:
    """At its place, by a code of the catalogue."""
    assert SITE.count(change[0]) == 1
    assert (where, code) in told(tmp_path, SITE.replace(*change))
