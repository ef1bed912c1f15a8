"""A rule whose profile tells persons by short message, and what the settings lack for that."""

from pathlib import Path
from typing import Any

import pytest

from gateway.settings.load import load
from support.small_gateway import settings

Table = tuple[str, dict[str, Any]]
MODEM: Table = ("device", {"id": "sms1", "driver": "modem_sms", "port": "/dev/serial/by-id/modem"})
PERSONS: list[Table] = [
    ("person", {"name": "Li Na", "phone": "+8613800138000"}),
    ("person", {"name": "Wang Wei", "phone": "+8613900139000", "tier": 2}),
]
LIFT: list[Table] = [
    ("lift", {"id": "l1", "rescue": "100011"}),
    ("bus", {"id": "rs485", "driver": "modbus_rtu", "port": "/dev/serial/by-id/rs485"}),
    ("device", {"id": "car", "driver": "modbus", "bus": "rs485", "slave": 1, "profile": "lift-gbt-1"}),
    (
        "rule",
        {"id": "l1", "rule": "lift", "profile": "lift-default", "alarm": "car.alarm_button", "end": "car.mains_lost"},
    ),
]


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ([], ["rule_no_modem"]),
        (PERSONS, ["rule_no_modem"]),
        ([MODEM], ["rule_tells_nobody"]),
        ([MODEM, *PERSONS], []),
    ],
)
def test_it_is_warned(tmp_path: Path, more: list[Table], codes: list[str]) -> None:
    """The rest works all the same."""
    found = load(settings(tmp_path, *LIFT, *more))
    assert [code for code in (warning.error.code for warning in found.warnings) if code.startswith("rule_")] == codes
