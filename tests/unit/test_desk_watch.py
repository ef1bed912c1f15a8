"""What the desk watches: the database that is there now, without reading through all that is over."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from central import lift_states, queries
from central.settings import Targets
from central.store import database, reader, second_writer
from support.desks import Client, desk_process
from support.lift_calls import Lifts


@pytest.fixture
def lifts(tmp_path: Path) -> Iterator[Lifts]:
    lifts = Lifts(tmp_path)
    yield lifts
    lifts.close()


async def test_a_database_that_was_put_back_is_the_one_that_is_watched(tmp_path: Path) -> None:
    """From a backup, while the centre is down: as a new file, and written over the old one, whose log is removed."""
    there, backup = database(tmp_path), tmp_path / "backup"
    async with desk_process(tmp_path) as desk:
        client = Client(desk.url)
        client.login()
        with closing(second_writer(tmp_path)) as db:
            db.execute("VACUUM INTO ?", (str(backup),))
        for lift, files in (("L1", ("-wal", "-shm", "")), ("L2", ("-wal", "-shm"))):
            desk.lifts.gateway("gw-1").call("gone")
            await client.until("gone")
            desk.lifts.close()
            for name in files:
                Path(f"{there}{name}").unlink()
            shutil.copy(backup, there)
            desk.lifts = Lifts(tmp_path)
            desk.lifts.gateway("gw-1").call(lift)
            page = await client.until(lift)
            assert "gone" not in page and "cannot be read" not in page
        desk.lifts.close()


def test_a_look_reads_only_the_incidents_that_it_shows(lifts: Lifts, tmp_path: Path) -> None:
    """SQLite's own plan of each question: by an index, however many are over."""
    with closing(reader(tmp_path)) as db:
        asked: list[tuple[str, Any]] = []

        def note(_: object, sql: str, values: Any) -> bool:
            asked.append((sql, values))
            return True

        db.exec_trace = note
        queries.incidents(db, 300, ended=0)
        lift_states.lifts(db, Targets())
        db.exec_trace = None
        ours = [(sql, values) for sql, values in asked if "FROM incident" in sql]
        plans = [row[3] for sql, values in ours for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert len(ours) == 2
    steps = [step for step in plans if "incident" in step]
    assert len(steps) == 3 and all(step.startswith("SEARCH incident USING INDEX") for step in steps), plans
