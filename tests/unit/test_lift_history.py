"""`doorpost lift history` of a lift that had another id before."""

import json
from pathlib import Path

import msgspec
from click.testing import CliRunner

from gateway.cli import tree
from model.bodies import LiftFile
from model.record import Draft
from support.evidence import NtpClock, Site


async def test_a_renamed_lift_points_to_its_earlier_records(tmp_path: Path) -> None:
    """By its registration, whatever that was in between; not to a lift without one, nor to one of another."""
    site, clock = Site(tmp_path), NtpClock()
    await site.open()
    for lift, registration in (
        ("old", "R-1"), ("other", "R-2"), ("bare", None), ("new", "R-1"), ("new", None), ("none", None),
    ):  # fmt: skip
        body = msgspec.json.encode(LiftFile(lift=lift, state="active", registration=registration))
        await site.journal.append([Draft("lift.file/1", body, clock.now())])
    await site.closed()

    def history(lift: str, *more: str) -> tuple[str, str]:
        asked = ("lift", "history", lift, "--days", "5000", "--data", str(tmp_path), *more)
        found = CliRunner().invoke(tree("en"), asked)
        assert found.exit_code == 0
        return found.stdout, found.stderr

    assert "`doorpost lift history old`" in history("new")[1]
    assert [json.loads(history(lift, "--json")[0])["same"] for lift in ("old", "other", "none")] == [["new"], [], []]
