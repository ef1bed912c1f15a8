"""The gateway's own supply as Linux tells of it, and the days that its SIM card is paid for."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.settings.load import load
from gateway.vitals import Supply, days_left, paid_until, supply
from model.time import Stamp, TimeQuality
from support.small_gateway import settings

MAINS = {"type": "Mains", "online": "1"}
BATTERY = {"type": "Battery", "capacity": "87", "status": "Full"}


@pytest.mark.parametrize(
    ("supplies", "told"),
    [
        ({}, Supply(None, None)),
        ({"AC": MAINS}, Supply(True, None)),
        ({"AC": {**MAINS, "online": "0"}}, Supply(False, None)),
        ({"AC": {**MAINS, "online": "0"}, "usb": {"type": "USB", "online": "2"}}, Supply(True, None)),
        ({"AC": MAINS, "BAT0": BATTERY}, Supply(True, 87)),
        ({"BAT0": BATTERY, "BAT1": {**BATTERY, "capacity": "5"}}, Supply(None, 5)),
        ({"ups": {"type": "UPS", "capacity": "40"}}, Supply(None, 40)),
        ({"mouse": {**BATTERY, "capacity": "3", "scope": "Device"}}, Supply(None, None)),
        ({"BAT0": {"type": "Battery"}}, Supply(None, None)),
        ({"BAT0": {**BATTERY, "capacity": "?"}, "AC": {"type": "Mains"}}, Supply(None, None)),
    ],
)
def test_what_the_system_tells(tmp_path: Path, supplies: dict[str, dict[str, str]], told: Supply) -> None:
    """What it does not tell is unknown."""
    for name, files in supplies.items():
        (tmp_path / name).mkdir()
        for file, words in files.items():
            (tmp_path / name / file).write_text(f"{words}\n")
    assert supply(tmp_path) == told


def test_a_system_that_knows_no_supplies(tmp_path: Path) -> None:
    assert supply(tmp_path / "absent") == Supply(None, None)


def test_days_of_the_sim_card() -> None:
    """2026-09-21, 13:33 UTC; a clock that was never set knows no day."""
    at = Stamp("b", 1_790_000_000_000_000, TimeQuality("rtc"), 1)
    assert [days_left(date(2026, 9, day), at) for day in (20, 21, 30)] == [-1, 0, 9]
    assert days_left(date(2026, 9, 30), Stamp("b", at.t, TimeQuality("unknown"), 1)) is None


@pytest.mark.parametrize(
    ("modems", "router", "told"),
    [
        ([None], None, None),
        (["2027-06-30", None], None, date(2027, 6, 30)),
        (["2027-06-30", "2027-03-31"], "2027-05-01", date(2027, 3, 31)),
        ([], "2027-05-01", date(2027, 5, 1)),
    ],
)
def test_the_sim_cards_of_a_site(
    tmp_path: Path, modems: list[str | None], router: str | None, told: date | None
) -> None:
    """A modem's card, or one in a router: the first that ends."""
    tables: list[tuple[str, dict[str, Any]]] = [("rule", {"id": "w", "rule": "lift_watch", "lift": "l1"})]
    tables[0][1].update({"profile": "lift-watch-default"} | ({"sim_until": router} if router else {}))
    for n, day in enumerate(modems):
        values = {"id": f"sms{n}", "driver": "modem_sms", "port": f"/dev/serial/by-id/modem{n}"}
        tables.append(("device", values | ({"valid_until": day} if day else {})))
    found = load(settings(tmp_path, ("lift", {"id": "l1"}), *tables))
    assert paid_until([device.config for device in found.devices], found.rules) == told
