"""One segment: a SQLite file with the records of one series from some point on. It is dropped whole or not at all.

The only writing connection belongs to the journal's writer thread and alone checkpoints; all others are read-only.
"""

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from model.errors import StoreDamaged, StoreError, StoreFull
from model.record import SERIES, STREAMS, Record, Series, Stream
from model.time import Stamp, TimeQuality

SCHEMA_VERSION = 1
_SEQ_BITS = 48
_CODE = {stream: code for code, stream in enumerate(STREAMS, 1)}

_SCHEMA = f"""
CREATE TABLE segment(gw TEXT NOT NULL, store TEXT NOT NULL, series TEXT NOT NULL, number INTEGER NOT NULL);
CREATE TABLE start(stream TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE boot(id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE);
CREATE TABLE kind(id INTEGER PRIMARY KEY, kind TEXT NOT NULL UNIQUE);
CREATE TABLE record(
  id INTEGER PRIMARY KEY,  -- stream code << {_SEQ_BITS} | seq: one b-tree, no index
  t INTEGER NOT NULL, source TEXT NOT NULL, err_ms INTEGER, mono INTEGER NOT NULL,
  boot INTEGER NOT NULL, kind INTEGER NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE state(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE VIEW records AS
  SELECT CASE record.id >> {_SEQ_BITS} {" ".join(f"WHEN {code} THEN '{name}'" for name, code in _CODE.items())} END AS stream,
    record.id & {(1 << _SEQ_BITS) - 1} AS seq, strftime('%Y-%m-%dT%H:%M:%fZ', t / 1e6, 'unixepoch') AS time,
    source AS time_source, err_ms AS time_err_ms, kind.kind, CAST(body AS TEXT) AS body, lower(hex(hash)) AS hash,
    t, mono, boot.boot
  FROM record JOIN kind ON kind.id = record.kind JOIN boot ON boot.id = record.boot;
"""  # noqa: S608


class Head(NamedTuple):
    """The last record of a stream: its number and hash; before the first, 0 and the store's genesis."""

    seq: int
    hash: bytes


class Identity(NamedTuple):
    gw: str
    store: str
    series: Series
    number: int


class Slice(NamedTuple):
    """Consecutive records of one boot, and the hash before the first."""

    prev: bytes
    records: list[Record]


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours."""
    try:
        yield
    except apsw.FullError as err:
        raise StoreFull("store_full", path=path) from err
    except (apsw.CorruptError, apsw.NotADBError) as err:
        raise StoreDamaged("store_damaged", path=path, why=str(err)) from err
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull("store_full", path=path) from err
        raise StoreError("store_failed", path=path, why=err.strerror) from err
    except apsw.Error as err:
        if getattr(err, "extendedresult", None) == apsw.SQLITE_IOERR_SHMSIZE:  # no room for the WAL's index
            raise StoreFull("store_full", path=path) from err
        raise StoreError("store_failed", path=path, why=str(err)) from err


def bytes_of(files: Iterable[Path]) -> int:
    """What they take on disk; one that has just gone takes nothing."""
    taken = 0
    for file in files:
        try:
            taken += file.stat().st_size
        except FileNotFoundError:
            continue
    return taken


def create(path: Path, identity: Identity, heads: Mapping[Stream, Head], state: Mapping[str, bytes]) -> None:
    """Make a segment that goes on after `heads` with `state`, whole or not at all."""
    draft = path.with_suffix(".new")
    with store_errors(draft):
        for leftover in path.parent.glob(draft.name + "*"):
            leftover.unlink()
        with closing(apsw.Connection(str(draft))) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            with db:
                db.execute(_SCHEMA)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                db.execute("INSERT INTO segment VALUES(?, ?, ?, ?)", identity)
                starts = [(stream.value, head.seq, head.hash) for stream, head in heads.items()]
                db.executemany("INSERT INTO start VALUES(?, ?, ?)", starts)
                db.executemany("INSERT INTO state VALUES(?, ?)", state.items())
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # closing would not tell that it failed
        draft.rename(path)


class Segment:
    """A segment open for writing or reading. Not for two threads at once."""

    def __init__(self, path: Path, *, writable: bool, full: bool = False) -> None:
        """`full`: nobody will write to it any more, so reading needs no room on the disk for the WAL's index."""
        self.path = path
        whole = full and not bytes_of([path.with_name(f"{path.name}-wal")])
        flags = apsw.SQLITE_OPEN_READWRITE if writable else apsw.SQLITE_OPEN_READONLY
        with store_errors(path):
            self._db = apsw.Connection(
                f"{path.absolute().as_uri()}?immutable={int(whole)}", flags=flags | apsw.SQLITE_OPEN_URI
            )
            try:
                self._db.set_busy_timeout(5000)
                self._db.execute("PRAGMA synchronous = FULL" if writable else "PRAGMA wal_autocheckpoint = 0")
                self.identity = Identity(*self._one("SELECT gw, store, series, number FROM segment"))
                self._boots: dict[str, int] = {b: i for i, b in self._db.execute("SELECT id, boot FROM boot")}
                self._kinds: dict[str, int] = {k: i for i, k in self._db.execute("SELECT id, kind FROM kind")}
            except apsw.Error:
                self._db.close()
                raise
        self._boot_names: dict[int, str] = {}
        self._kind_names: dict[int, str] = {}

    def _one(self, sql: str, bindings: tuple[Any, ...] = ()) -> Any:
        return next(iter(self._db.execute(sql, bindings)), None)

    def close(self) -> None:
        self._db.close()

    def checkpoint(self) -> None:
        """Take the whole WAL into the file. Raises StoreError."""
        with store_errors(self.path):
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def size(self) -> int:
        """What the file and its WAL take."""
        return bytes_of(self.path.parent.glob(self.path.name + "*"))

    def heads(self) -> dict[Stream, Head]:
        """The last record of each stream of this series."""
        with store_errors(self.path):
            starts = self._db.execute("SELECT stream, seq, hash FROM start")
            heads = {Stream(s): Head(seq, hash_) for s, seq, hash_ in starts}
            for stream in heads:
                code = _CODE[stream]
                row = self._one(
                    "SELECT id, hash FROM record WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1",
                    (code << _SEQ_BITS, (code + 1) << _SEQ_BITS),
                )
                if row:
                    heads[stream] = Head(row[0] & ((1 << _SEQ_BITS) - 1), row[1])
        return heads

    def starts(self) -> dict[Stream, int]:
        """The first number of each stream that this segment may hold."""
        with store_errors(self.path):
            return {Stream(s): seq + 1 for s, seq in self._db.execute("SELECT stream, seq FROM start")}

    def state(self) -> dict[str, bytes]:
        with store_errors(self.path):
            return dict(self._db.execute("SELECT key, value FROM state"))

    def write(self, batches: Iterable[tuple[Stream, list[Record]]], state: Mapping[str, bytes | None]) -> None:
        """Records and state in one transaction, durable on return. Raises StoreError, and then nothing was written."""
        with store_errors(self.path), self._db:
            for stream, records in batches:
                base = _CODE[stream] << _SEQ_BITS
                rows = [
                    (
                        base | r.seq,
                        r.at.t,
                        r.at.tq.source,
                        r.at.tq.err_ms,
                        r.at.mono,
                        self._boots.get(r.at.boot) or self._number("boot", self._boots, r.at.boot),
                        self._kinds.get(r.kind) or self._number("kind", self._kinds, r.kind),
                        r.body,
                        r.hash,
                    )
                    for r in records
                ]
                self._db.executemany("INSERT INTO record VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            for key, value in state.items():
                if value is None:
                    self._db.execute("DELETE FROM state WHERE key = ?", (key,))
                else:
                    self._db.execute("INSERT OR REPLACE INTO state VALUES(?, ?)", (key, value))

    def take_back(self, heads: Mapping[Stream, Head], state: Mapping[str, bytes]) -> None:
        """Remove what is beyond `heads`, and make the state this one. Raises StoreError."""
        with store_errors(self.path), self._db:
            for stream, head in heads.items():
                base = _CODE[stream] << _SEQ_BITS
                self._db.execute(
                    "DELETE FROM record WHERE id > ? AND id < ?", (base | head.seq, base + (1 << _SEQ_BITS))
                )
            self._db.execute("DELETE FROM state")
            self._db.executemany("INSERT INTO state VALUES(?, ?)", state.items())

    def _number(self, table: str, known: dict[str, int], name: str) -> int:
        known[name] = self._one(f"INSERT INTO {table}({table}) VALUES(?) RETURNING id", (name,))[0]
        return known[name]

    def read(self, stream: Stream, first: int, max_records: int, max_bytes: int) -> Slice:
        """From `first` on, at least one record if there is one, all of one boot. Raises StoreError."""
        base = _CODE[stream] << _SEQ_BITS
        records: list[Record] = []
        size = 0
        boot: int | None = None
        with store_errors(self.path):
            prev = self._hash_before(stream, first)
            rows = self._db.execute(
                "SELECT id, t, source, err_ms, mono, boot, kind, body, hash FROM record"
                " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (base | first, (_CODE[stream] + 1) << _SEQ_BITS, max_records),
            )
            for id_, t, source, err_ms, mono, boot_id, kind, body, hash_ in rows:
                size += len(body) + 80  # what a record's other fields take in a batch's JSON
                if records and (boot_id != boot or size > max_bytes):
                    break
                boot = boot_id
                at = Stamp(self._name("boot", self._boot_names, boot_id), t, TimeQuality(source, err_ms), mono)
                kind_name = self._name("kind", self._kind_names, kind)
                records.append(Record(id_ - base, kind_name, body, at, hash_))
        return Slice(prev, records)

    def _name(self, table: str, known: dict[int, str], number: int) -> str:
        if number not in known:
            known[number] = self._one(f"SELECT {table} FROM {table} WHERE id = ?", (number,))[0]  # noqa: S608
        return known[number]

    def _hash_before(self, stream: Stream, seq: int) -> bytes:
        row = self._one("SELECT hash FROM record WHERE id = ?", (_CODE[stream] << _SEQ_BITS | (seq - 1),))
        if row is None:
            row = self._one("SELECT hash FROM start WHERE stream = ? AND seq = ?", (stream.value, seq - 1))
        if row is None:
            raise StoreDamaged("store_hole", path=self.path, stream=stream, seq=seq - 1)
        hash_: bytes = row[0]
        return hash_

    def hash_at(self, stream: Stream, seq: int) -> bytes:
        """The hash of the record with that number, or of the stream before its first. Raises StoreDamaged when it is not here."""
        with store_errors(self.path):
            return self._hash_before(stream, seq + 1)


def streams_of(series: Series) -> list[Stream]:
    return [stream for stream, s in SERIES.items() if s == series]
