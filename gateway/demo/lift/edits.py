"""What somebody might try so that a rescue that came too late looks as if it had come in time. The centre is stopped."""

import shutil
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw

from gateway.demo.judge import Problem
from gateway.demo.lift.site import LiftSite
from gateway.demo.processes import output_of
from gateway.demo.site import GATEWAY

WRONG = 1
"""Exit code of a check that has found something."""


async def edited(site: LiftSite) -> list[Problem]:
    """Each try that was not found."""
    assert site.central
    await site.central.stop()
    return [Problem("edited", GATEWAY, what) async for what in _unfound(site)]


async def _unfound(site: LiftSite) -> AsyncIterator[str]:
    """In a copy of the database a row says something else; in the signed report a target was met."""
    keys = site.central_data / "gateways"
    keys.mkdir()
    shutil.copy(site.data / "gateway.pub", keys / f"{GATEWAY}.pub")
    copy = site.directory / "edited"
    shutil.copytree(site.central_data, copy)
    changed = _changed(copy / "central.db")
    audit = await output_of("central", "audit", "--data", str(copy), good=(WRONG,))
    report = await output_of("central", "report", "--data", str(copy), good=(WRONG,))
    if not changed or audit["broken"] != changed or report["state"] != "altered":
        yield f"{changed} rows changed, {audit['broken']} found"
    signed, forged = site.directory / "report.json", site.directory / "forged.json"
    whole = await output_of(
        "central", "report", "--out", str(signed), "--data", str(site.central_data), good=(0, WRONG)
    )
    forged.write_text(signed.read_text().replace('"missed"', '"met"'))
    key = ("--key", str(site.central_data / "central.pub"))
    good = await output_of("central", "report", "verify", str(signed), *key)
    bad = await output_of("central", "report", "verify", str(forged), *key, good=(WRONG,))
    if whole["state"] != "intact" or not good["signed"] or bad["signed"] or forged.read_text() == signed.read_text():
        yield "the report"


def _changed(database: Path) -> int:
    with closing(apsw.Connection(str(database))) as db:
        changed = db.execute(
            "UPDATE record SET body = CAST(replace(CAST(body AS TEXT), ?, ?) AS BLOB) "
            "WHERE place IN (SELECT place FROM records WHERE kind = 'alarm.overdue/1') "
            "AND CAST(body AS TEXT) LIKE ? RETURNING place",
            ('"arrive"', '"release"', '%"arrive"%'),
        )
        return len(changed.fetchall())
