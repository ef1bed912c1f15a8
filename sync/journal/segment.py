"""One segment: a SQLite file with the records of one series from some point on. It is dropped whole or not at all.

The only writing connection belongs to the journal's writer thread and alone checkpoints; all others are read-only.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from model.errors import StoreDamaged, StoreError, StoreUnreadable
from model.record import Draft, Record, Series, Stream, hasher
from model.time import Stamp, TimeQuality
from sync.journal.files import all_given, bytes_of, store_errors, sync_directory, transaction
from sync.journal.schema import (
    CODE,
    COMMON_TYPES,
    SCHEMA_VERSION,
    SEQ_BITS,
    SEQ_MASK,
    START_TYPES,
    STATE_TYPES,
    blank,
    fits,
    into_wal,
    streams_of,
)

_BUSY_MS = 5000
_CLOSELY = 256
"""So many records that cannot be read in a row are looked at one by one: there may be a good page between bad ones."""
_CACHE_KIB = 256
"""Written at its end and read in order: more of it would be kept for nothing, three times for writing and six for reading."""

_Row = tuple[int, int, int, int, bytes, bytes]
_Common = tuple[str, str, TimeQuality]


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


def create(path: Path, identity: Identity, heads: Mapping[Stream, Head], state: Mapping[str, bytes]) -> None:
    """Make a segment that goes on after `heads` with `state`, whole or not at all, and there for good on return."""
    draft = path.with_suffix(".new")
    with store_errors(draft):
        for leftover in path.parent.glob(draft.name + "*"):
            leftover.unlink()
        with closing(blank(draft)) as db:
            with transaction(db):
                db.execute("INSERT INTO segment VALUES(?, ?, ?, ?)", identity)
                starts = [(stream.value, head.seq, head.hash) for stream, head in heads.items()]
                db.executemany("INSERT INTO start VALUES(?, ?, ?)", starts)
                db.executemany("INSERT INTO state VALUES(?, ?)", state.items())
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # closing would not tell that it failed
        draft.rename(path)
        sync_directory(path.parent)


class Segment:
    """A segment open for writing or reading. Not for two threads at once."""

    def __init__(self, path: Path, *, writable: bool, closed: bool = False) -> None:
        """`closed`: nobody will write to it any more, so reading needs no room on the disk for the WAL's index.

        Raises StoreDamaged for what is no segment, StoreError `store_newer` for one of a later version of this program.
        """
        self.path = path
        whole = closed and not bytes_of([path.with_name(f"{path.name}-wal")])
        flags = apsw.SQLITE_OPEN_READWRITE if writable else apsw.SQLITE_OPEN_READONLY
        with store_errors(path):
            self._db = apsw.Connection(
                f"{path.absolute().as_uri()}?immutable={int(whole)}", flags=flags | apsw.SQLITE_OPEN_URI
            )
            try:
                self._db.set_busy_timeout(_BUSY_MS)
                self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                if writable:
                    into_wal(self._db)
                else:
                    self._db.wal_autocheckpoint(0)
                self.version: int = self._one("PRAGMA user_version")[0]
                if self.version > SCHEMA_VERSION:
                    raise StoreError("store_newer", path=path, version=self.version, known=SCHEMA_VERSION)
                self.identity = Identity(*self._one("SELECT gw, store, series, number FROM segment") or ())
                if not fits(self.identity, (str, str, str, int)):
                    raise StoreDamaged("store_damaged", path=path, why=f"it says that it is {self.identity}")
            except (apsw.SQLError, TypeError) as err:
                self._db.close()
                raise StoreDamaged("store_damaged", path=path, why=str(err)) from err
            except BaseException:
                self._db.close()
                raise
        self._hashers = {s: hasher(self.identity.gw, self.identity.store, s) for s in streams_of(self.identity.series)}
        self._ids: dict[_Common, int] = {}
        self._commons: dict[int, _Common] = {}

    def _one(self, sql: str, bindings: tuple[Any, ...] = ()) -> Any:
        return next(iter(self._db.execute(sql, bindings)), None)

    def close(self) -> None:
        self._db.close()

    def abandon(self) -> None:
        """Close it without another write."""
        self._db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._db.close()

    def checkpoint(self) -> None:
        """Take the whole WAL into the file; while somebody reads it, that is left for the next start. Raises StoreError."""
        with store_errors(self.path):
            self._db.set_busy_timeout(0)
            try:
                self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError:
                return
            finally:
                self._db.set_busy_timeout(_BUSY_MS)

    def size(self) -> int:
        """What the file and its WAL take."""
        return bytes_of((self.path, self.path.with_name(f"{self.path.name}-wal")))

    def starts(self) -> dict[Stream, Head]:
        """The heads that this segment goes on from. Raises StoreDamaged."""
        with store_errors(self.path):
            rows = list(self._db.execute("SELECT stream, seq, hash FROM start"))
        streams = streams_of(self.identity.series)
        if {row[0] for row in rows} != set(streams) or not all(fits(row, START_TYPES) for row in rows):
            raise StoreDamaged("store_damaged", path=self.path, why="its start is none")
        return {Stream(stream): Head(seq, hash_) for stream, seq, hash_ in rows}

    def heads(self) -> dict[Stream, Head]:
        """The last record of each stream of this series."""
        heads = self.starts()
        with store_errors(self.path):
            for stream in heads:
                if row := self._last(stream, "hash"):
                    heads[stream] = Head(row[0] & SEQ_MASK, row[1])
        return heads

    def _last(self, stream: Stream, column: str) -> Any:
        base = CODE[stream] << SEQ_BITS
        return self._one(
            f"SELECT id, {column} FROM record WHERE id >= ? AND id <= ? ORDER BY id DESC LIMIT 1",  # noqa: S608
            (base, base | SEQ_MASK),
        )

    def state(self) -> dict[str, bytes]:
        """Raises StoreDamaged."""
        with store_errors(self.path):
            rows = list(self._db.execute("SELECT key, value FROM state"))
        if not all(fits(row, STATE_TYPES) for row in rows):
            raise StoreDamaged("store_damaged", path=self.path, why="its state is none")
        return dict(rows)

    # writing

    def append(
        self,
        drafts: Mapping[Stream, Sequence[Draft]],
        heads: Mapping[Stream, Head],
        state: Mapping[str, bytes | None],
    ) -> dict[Stream, Head]:
        """Chain drafts to `heads` and write them with state in one transaction, durable on return; the new heads.

        Raises StoreError, and then nothing was written and this object is not to be used any more.
        """
        new: dict[Stream, Head] = {}
        with store_errors(self.path), transaction(self._db):
            for stream, items in drafts.items():
                rows = self._chained(stream, heads[stream], items)
                self._db.executemany("INSERT INTO record VALUES(?, ?, ?, ?, ?, ?)", rows)
                if rows:
                    new[stream] = Head(rows[-1][0] & SEQ_MASK, rows[-1][5])
            for key, value in state.items():
                if value is None:
                    self._db.execute("DELETE FROM state WHERE key = ?", (key,))
                else:
                    self._db.execute("INSERT OR REPLACE INTO state VALUES(?, ?)", (key, value))
        return new

    def _chained(self, stream: Stream, head: Head, drafts: Sequence[Draft]) -> list[_Row]:
        hash_of = self._hashers[stream]
        base = CODE[stream] << SEQ_BITS
        prev = head.hash
        rows = []
        last: tuple[str, str, TimeQuality] | None = None
        common = 0
        for seq, d in enumerate(drafts, head.seq + 1):
            at, kind, body = d.at, d.kind, d.body
            if last is None or last[2] is not at.tq or last[1] != kind or last[0] != at.boot:
                last = (at.boot, kind, at.tq)
                common = self._ids.get(last) or self._id(last)
            prev = hash_of(prev, seq, at.boot, at.t, at.tq, at.mono, kind, body)
            rows.append((base | seq, common, at.t, at.mono, body, prev))
        return rows

    def _id(self, common: _Common) -> int:
        boot, kind, tq = common
        row = self._one(
            "SELECT id FROM common WHERE (boot, kind, source) = (?1, ?2, ?3) AND err_ms IS ?4",
            (boot, kind, tq.source, tq.err_ms),
        ) or self._one(
            "INSERT INTO common(boot, kind, source, err_ms) VALUES(?, ?, ?, ?) RETURNING id",
            (boot, kind, tq.source, tq.err_ms),
        )
        self._ids[common] = number = int(row[0])
        return number

    # reading: nothing is given out that does not fit its chain

    def read(self, stream: Stream, first: int, max_records: int, max_bytes: int) -> Slice:
        """From `first` on, at least one record if there is one, all of one boot, up to the first that is damaged.

        Raises StoreDamaged `record_damaged` when that is the very first: it is not there, or does not fit its chain.
        """
        return self._read(stream, first, max_records, max_bytes, looked=False)

    def _read(self, stream: Stream, first: int, max_records: int, max_bytes: int, *, looked: bool) -> Slice:
        records: list[Record] = []
        with store_errors(self.path, looked=looked):
            prev = self._hash_before(stream, first)
            rows = self._records(stream, first, prev, max_records)
            size = 0
            try:
                for record in rows:
                    size += len(record.body) + 80  # what a record's other fields take in a batch's JSON
                    if records and (record.at.boot != records[0].at.boot or size > max_bytes):
                        break
                    records.append(record)
            except (apsw.CorruptError, apsw.IOError, StoreDamaged):
                if not records:
                    raise
        return Slice(prev, records)

    def _records(self, stream: Stream, first: int, prev: bytes, limit: int) -> Iterator[Record]:
        base = CODE[stream] << SEQ_BITS
        hash_of = self._hashers[stream]
        known = self._commons
        rows = self._db.execute(
            "SELECT id, common, t, mono, body, hash FROM record WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?",
            (base | first, base | SEQ_MASK, limit),
        )
        for seq, (id_, common, t, mono, body, hash_) in enumerate(rows, first):
            boot, kind, tq = known.get(common) or self._common(common)
            if id_ != base | seq or hash_of(prev, seq, boot, t, tq, mono, kind, body) != hash_:
                raise StoreDamaged("record_damaged", path=self.path, stream=stream, seq=seq)
            prev = hash_
            yield Record(seq, kind, body, Stamp(boot, t, tq, mono), hash_)

    def _common(self, number: int) -> _Common:
        row = self._one("SELECT boot, kind, source, err_ms FROM common WHERE id = ?", (number,))
        if row is None:
            raise StoreDamaged("store_damaged", path=self.path, why=f"no common {number}")
        boot, kind, source, err_ms = row
        self._commons[number] = (boot, kind, TimeQuality(source, err_ms))
        return self._commons[number]

    def _hash_before(self, stream: Stream, seq: int) -> bytes:
        row = self._one("SELECT hash FROM record WHERE id = ?", (CODE[stream] << SEQ_BITS | (seq - 1),))
        if row is None:
            row = self._one("SELECT hash FROM start WHERE stream = ? AND seq = ?", (stream.value, seq - 1))
        if row is None:
            raise StoreDamaged("record_damaged", path=self.path, stream=stream, seq=seq - 1)
        if not fits(row, (bytes,)):
            raise StoreDamaged("record_damaged", path=self.path, stream=stream, seq=seq)
        hash_: bytes = row[0]
        return hash_

    def hash_at(self, stream: Stream, seq: int) -> bytes:
        """The hash of the record with that number, or of the stream before its first. Raises StoreDamaged when it is not here."""
        with store_errors(self.path):
            return self._hash_before(stream, seq + 1)

    def check(self) -> None:
        """Look at all but the bulk of it: the tables, and the last record of each stream. Raises StoreDamaged."""
        self.state()
        with store_errors(self.path):
            commons = list(self._db.execute("SELECT * FROM common"))
        if not all(fits(row, COMMON_TYPES) for row in commons):
            raise StoreDamaged("store_damaged", path=self.path, why="a common is none")
        for stream, head in self.heads().items():
            if head.seq > self.starts()[stream].seq:
                self.read(stream, head.seq, 1, 1)

    def last_good(self, stream: Stream, *, hopeless: bool = False) -> Head:
        """The last record that is here and fits its chain, or the head that this segment goes on from. Reads all of it.

        `hopeless`: as of `next_good`.
        """
        if not hopeless:
            all_given(self.path)
        good = self.starts()[stream]
        seq = good.seq + 1
        while (seq := self._next_good(stream, seq, SEQ_MASK)) <= SEQ_MASK:
            last = self.read(stream, seq, 1000, 1 << 30).records[-1]
            good = Head(last.seq, last.hash)
            seq = last.seq + 1
        return good

    def next_good(self, stream: Stream, seq: int, end: int, *, hopeless: bool = False) -> int:
        """The first number from `seq` to `end` whose record is here and fits its chain; `end + 1` where there is none.

        `hopeless`: what the disk does not give counts as damaged; else raises StoreUnreadable.
        """
        if not hopeless:
            all_given(self.path)
        return self._next_good(stream, seq, end)

    def _next_good(self, stream: Stream, seq: int, end: int) -> int:
        """Whether the disk gives all was asked before: from here on what cannot be read is damaged."""
        base = CODE[stream] << SEQ_BITS
        try:
            self._db.execute("SELECT max(length(boot)) FROM common").fetchall()
        except (apsw.CorruptError, apsw.IOError):
            return end + 1  # none of its records means anything without them
        while seq <= end:
            with store_errors(self.path, looked=True):
                seq = next_readable(self._db, base | seq, base | end) - base
            with suppress(StoreDamaged, StoreUnreadable):
                if seq <= end and self._read(stream, seq, 1, 1, looked=True).records:
                    return seq
            seq += 1
        return end + 1


def next_readable(db: apsw.Connection, first: int, end: int) -> int:
    """The first id from `first` to `end` of a record that SQLite finds; `end + 1` where there is none.

    Over damaged pages, or such that the disk does not give, one by one, after many in growing steps, and then back to their edge.
    """
    below, id_, step, failures = first - 1, first, 1, 0
    while id_ <= end:
        try:
            row = db.execute(
                "SELECT id, hash FROM record WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1", (id_, end)
            ).fetchall()
            if row and not id_ <= row[0][0] <= end:  # type: ignore[operator]
                raise apsw.CorruptError("a page is out of its order")
        except (apsw.CorruptError, apsw.IOError):
            failures += 1
            below, id_, step = (
                id_,
                (min(id_ + step, end) if id_ < end else end + 1),
                1 if failures < _CLOSELY else 2 * step,
            )
            continue
        if id_ - below == 1:
            return int(row[0][0]) if row else end + 1  # type: ignore[arg-type]
        id_, step = (below + id_) // 2, 1
    return end + 1
