"""What does not fit in the settings of a lift's supervision is told at its place."""

from pathlib import Path

import pytest

from gateway.settings.load import load
from gateway.settings.problem import SettingsInvalid

SITE = """schema = 1
[gateway]
id = "gw-1"
[[bus]]
id = "rs485"
driver = "modbus_rtu"
port = "tcp://127.0.0.1:1"
[[device]]
id = "car"
driver = "modbus"
bus = "rs485"
slave = 1
profile = "lift-gbt-1"
[[device]]
id = "gun"
driver = "scanner"
port = "tcp://127.0.0.1:2"
[[lift]]
id = "l1"
[[rule]]
id = "watch"
rule = "lift_watch"
profile = "lift-watch-default"
lift = "l1"
"""


@pytest.mark.parametrize(
    ("line", "where", "code"),
    [
        ('contacts = ["car.trapped", "car.alarm_buton"]', "rule watch: contacts[1]", "point_unknown"),
        ('contacts = ["board.di1"]', "rule watch: contacts[0]", "device_unknown"),
        ('button = "car.button"', "rule watch: button", "point_unknown"),
        ('terminal = "carr"', "rule watch: terminal", "device_unknown"),
        ('terminal = "gun"', "rule watch: terminal", "device_has_no_points"),
        ("contacts = 1", "rule watch: contacts", "setting_not_list"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, line: str, where: str, code: str) -> None:
    file = tmp_path / "site.toml"
    file.write_text(f"{SITE}{line}\n")
    with pytest.raises(SettingsInvalid) as told:
        load(file)
    assert [(problem.where, problem.error.code) for problem in told.value.problems] == [(where, code)]


def test_what_fits(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(f'{SITE}terminal = "car"\ncontacts = ["car.trapped"]\nsim_until = "2027-03-31"\n')
    (rule,) = load(file).rules
    assert "car.event_seq" in rule.also()
    assert rule.also().count("car.alarm_button") == 1
