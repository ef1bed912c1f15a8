"""What a segment file holds, and how an empty one is made."""

from collections.abc import Sequence
from pathlib import Path
from types import UnionType

import apsw

from model.record import SERIES, STREAMS, Series, Stream
from sync.journal.files import transaction

SCHEMA_VERSION = 2
SEQ_BITS = 48
SEQ_MASK = (1 << SEQ_BITS) - 1
CODE = {stream: code for code, stream in enumerate(STREAMS, 1)}

_SCHEMA = f"""
CREATE TABLE segment(gw TEXT NOT NULL, store TEXT NOT NULL, series TEXT NOT NULL, number INTEGER NOT NULL);
CREATE TABLE start(stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE common(  -- what many records have in common
  id INTEGER PRIMARY KEY, boot TEXT NOT NULL, kind TEXT NOT NULL, source TEXT NOT NULL, err_ms INTEGER);
CREATE TABLE record(
  id INTEGER PRIMARY KEY,  -- stream code << {SEQ_BITS} | seq: one b-tree, no index
  common INTEGER NOT NULL, t INTEGER NOT NULL, mono INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE state(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE VIEW records AS
  SELECT CASE record.id >> {SEQ_BITS} {" ".join(f"WHEN {code} THEN '{name}'" for name, code in CODE.items())} END AS stream,
    record.id & {SEQ_MASK} AS seq, strftime('%Y-%m-%dT%H:%M:%fZ', t / 1e6, 'unixepoch') AS time,
    common.source AS time_source, common.err_ms AS time_err_ms, common.kind, CAST(body AS TEXT) AS body,
    lower(hex(hash)) AS hash, t, mono, common.boot
  FROM record JOIN common ON common.id = record.common;
"""  # noqa: S608

START_TYPES, STATE_TYPES, COMMON_TYPES = (str, int, bytes), (str, bytes), (int, str, str, str, int | None)
RECORD_TYPES = (int, int, int, int, bytes, bytes)
"""What the cells of a row are. What a damaged page gives is not always what its columns took: see `fits`."""


def blank(path: Path) -> apsw.Connection:
    """A new file with nothing but the schema, open for its first transaction."""
    db = apsw.Connection(str(path))
    into_wal(db)
    with transaction(db):
        db.execute(_SCHEMA)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return db


def into_wal(db: apsw.Connection) -> None:
    """Each commit durable by one sync of the WAL. SQLite tells only at the end of its answer that it could not."""
    mode = list(db.execute("PRAGMA journal_mode = WAL"))
    if mode != [("wal",)]:
        raise apsw.CantOpenError(f"journal mode {mode}")
    list(db.execute("PRAGMA synchronous = FULL"))


def fits(row: Sequence[object], types: Sequence[type | UnionType]) -> bool:
    """Whether it has cells of these types."""
    return len(row) == len(types) and all(map(isinstance, row, types))


def span_of(stream: Stream) -> tuple[int, int]:
    """The least and the greatest id that a record of this stream may have."""
    return CODE[stream] << SEQ_BITS, CODE[stream] << SEQ_BITS | SEQ_MASK


def streams_of(series: Series) -> list[Stream]:
    return [stream for stream, s in SERIES.items() if s == series]
