"""A call that nobody answers for weeks: what the desk carries with it stays small, and nothing of it is lost."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from central import incidents
from central.cli import tree
from support.centre_lifts import LiftGateway
from support.centre_rescues import Centre
from support.source import birth

A1 = "1a3e0f52-1111-4222-8333-444455556666"
BOOTS = [f"{n}b6f4c1e-1111-4222-8333-444455556666" for n in "78"]


def told(data: Path) -> dict[str, Any]:
    """Forty re-emissions in two boots, each eighth with an escalation, then the answer; as the desk has it."""
    centre = Centre(data)
    with closing(centre.store):
        lift = LiftGateway(boot=BOOTS[0])
        centre.take(birth("gw-1", A1, {}), lift.file(rescue="330106"), lift.alarm("raised", 10, A1))
        for n in range(1, 41):
            lift.boot = BOOTS[n > 20]
            centre.take(lift.alarm("reemit", 30 * n, A1, n=n))
            if n % 8 == 0:
                centre.take(lift.alarm("escalated", 30 * n + 1, A1, n=n))
        centre.take(lift.alarm("acked", 2000, A1, by="Chen", via="sms"), lift.alarm("ended", 2100, A1, via="key"))
        return centre.only


def numbers(lines: list[dict[str, Any]], kind: str) -> list[int]:
    return [line["n"] for line in lines if line["kind"] == kind]


def test_the_middle_of_many_reemissions_is_only_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the last, and how far each boot had come; all else is as if all of them were there, and the timeline of the
    command line has each.
    """
    monkeypatch.setattr(incidents, "REEMITS_KEPT", 4)
    one = told(tmp_path)
    assert numbers(one["timeline"], "reemit") == [1, 2, 3, 4, 20, 37, 38, 39, 40]
    assert [line["left_out"] for line in one["timeline"] if "left_out" in line] == [31]
    assert numbers(one["timeline"], "escalated") == [8, 16, 24, 32, 40]
    assert (one["reemits"], one["times"]["ended"]["counted"]) == (40, (600 - 10 + 2100) * 10**6)
    story = json.loads(CliRunner().invoke(tree("en"), ["timeline", A1[:8], "--data", str(tmp_path), "--json"]).stdout)
    assert numbers(story["timeline"], "reemit") == list(range(1, 41))
    assert not any("left_out" in line for line in story["timeline"])


def test_few_reemissions_are_all_there(tmp_path: Path) -> None:
    one = told(tmp_path)
    assert numbers(one["timeline"], "reemit") == list(range(1, 41))
    assert one["reemits"] == 40
