"""The centre's database over the versions."""

import json
from pathlib import Path

import apsw
import pytest

from central import queries
from central.ingest import Ingest
from central.store import Store, database, reader
from model.errors import StoreError
from model.record import Stream
from support.source import STORE, Source
from sync.contract.topics import down_ack

BACK_TO_2 = """
ALTER TABLE centre DROP COLUMN derived;
ALTER TABLE centre DROP COLUMN cut_off;
ALTER TABLE gateway DROP COLUMN heard;
DROP INDEX alarm_lift;
DROP INDEX alarm_incident;
DROP INDEX alarm_dirty;
DROP INDEX alarm_unreadable;
ALTER TABLE alarm DROP COLUMN lift;
ALTER TABLE alarm DROP COLUMN incident;
ALTER TABLE alarm DROP COLUMN start;
ALTER TABLE alarm DROP COLUMN stop;
ALTER TABLE alarm DROP COLUMN gone;
ALTER TABLE alarm DROP COLUMN latest;
ALTER TABLE alarm DROP COLUMN sealed;
ALTER TABLE alarm DROP COLUMN dirty;
DROP INDEX command_alarm;
ALTER TABLE command DROP COLUMN name;
ALTER TABLE command DROP COLUMN auto;
DROP TABLE step;
DROP TABLE incident;
DROP TABLE lift;
DROP TABLE lift_test;
DROP TABLE anchor;
DROP TABLE right_pin;
PRAGMA user_version = 2;
"""

BACK_TO_1 = f"""
{BACK_TO_2}
ALTER TABLE lane DROP COLUMN again;
DROP TABLE again;
DROP INDEX quarantine_open;
ALTER TABLE quarantine DROP COLUMN first;
ALTER TABLE quarantine DROP COLUMN hashes;
ALTER TABLE quarantine DROP COLUMN resolved;
DROP TABLE checkpoint;
PRAGMA user_version = 1;
"""


def shape(data: Path) -> dict[str, set[tuple[str, str, int, str | None, int]]]:
    """Table -> its columns, whatever their order."""
    db = reader(data)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")]
    return {table: {column[1:] for column in db.execute(f"PRAGMA table_info({table})")} for table in tables}


def test_a_database_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    """With all that is in it; its checkpoints are witnessed from now on."""
    audit, readings = Source(Stream.AUDIT, 2, kind="checkpoint/1"), Source(count=4)
    store = Store(tmp_path)
    Ingest(store).take([audit.batch(), readings.batch(1, 3)])
    witnessed = store.rows("SELECT gw, store, seq, body FROM checkpoint")
    fresh = shape(tmp_path)
    store.db.execute(BACK_TO_1)
    store.close()
    assert shape(tmp_path) != fresh
    store = Store(tmp_path)
    assert shape(tmp_path) == fresh
    assert store.rows("SELECT gw, store, seq, body FROM checkpoint") == witnessed
    (ack,) = Ingest(store).take([readings.batch(4, 4)]).acks.items()
    assert (ack[0], json.loads(ack[1])["upto"]) == (down_ack("gw-1", STORE, Stream.READING), 4)
    assert queries.counts(reader(tmp_path))["gateways"]["gw-1"]["stores"][STORE]["reading"]["rows"] == 4
    store.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An older program would not know what it breaks."""
    Store(tmp_path).close()
    db = apsw.Connection(str(database(tmp_path)))
    db.pragma("user_version", 4)
    db.close()
    with pytest.raises(StoreError, match="central_newer"):
        Store(tmp_path)
