"""A store as the first version of this program left it."""

from contextlib import closing
from pathlib import Path

import apsw

from model.record import STREAMS, Stream, chain, genesis
from support.journals import GW, drafts
from support.source import BOOT, new_id

_SCHEMA = """
CREATE TABLE segment(gw TEXT NOT NULL, store TEXT NOT NULL, series TEXT NOT NULL, number INTEGER NOT NULL);
CREATE TABLE start(stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE boot(id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE);
CREATE TABLE kind(id INTEGER PRIMARY KEY, kind TEXT NOT NULL UNIQUE);
CREATE TABLE record(
  id INTEGER PRIMARY KEY,
  t INTEGER NOT NULL, source TEXT NOT NULL, err_ms INTEGER, mono INTEGER NOT NULL,
  boot INTEGER NOT NULL, kind INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE state(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


def first_version(directory: Path) -> str:
    """A store of three records on `event`, none on the others, as the first version left it, with its WAL."""
    store = new_id()
    (directory / store).mkdir()
    for series, streams in (("core", STREAMS[:3]), ("reading", STREAMS[3:4]), ("diag", STREAMS[4:])):
        with closing(apsw.Connection(str(directory / store / f"{series}-000001.db"))) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(_SCHEMA)
            db.execute("INSERT INTO segment VALUES(?, ?, ?, 1)", (GW, store, series))
            db.executemany("INSERT INTO start VALUES(?, 0, ?)", [(s.value, genesis(store)) for s in streams])
            if series == "core":
                db.execute("INSERT INTO boot VALUES(1, ?)", (BOOT,))
                db.execute("INSERT INTO kind VALUES(1, 'scan/1')")
                for r in chain(genesis(store), GW, store, Stream.EVENT, 1, drafts(Stream.EVENT, [1, 2, 3])):
                    row = (2 << 48 | r.seq, r.at.t, r.at.tq.source, r.at.tq.err_ms, r.at.mono, r.body, r.hash)
                    db.execute("INSERT INTO record VALUES(?, ?, ?, ?, ?, 1, 1, ?, ?)", row)
                db.execute("INSERT INTO state VALUES('ack/event', ?), ('rule/a', ?)", (b'{"upto":2}', b"x"))
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    return store
