"""The centre's database: `Store` ingests, in one thread at a time; all others open a connection of their own."""

import fcntl
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from central.ranges import Range, joined, without
from model.errors import DoorpostError, StoreError
from model.record import Record, genesis
from model.texts import text
from sync.contract.messages import EPOCH_MAX

SEQ_BITS = 40

_PAGE_BYTES = 8192
"""Of a new database: a batch fills several, and fewer of them are less work at each commit."""
_BUSY_MS = 10_000
_TURN = "writer.lock"
_SCHEMA = Path(__file__).with_name("schema.sql")
_VERSION = 3

log = logging.getLogger(__name__)


def now() -> int:
    """Microseconds, UTC."""
    return time.time_ns() // 1000


def database(data: Path) -> Path:
    return data / "central.db"


def reader(data: Path) -> apsw.Connection:
    """A read-only connection that sees the database as it is now. Raises DoorpostError where there is none."""
    db = _beside(data, apsw.SQLITE_OPEN_READONLY)
    db.execute("BEGIN")
    return db


def second_writer(data: Path) -> apsw.Connection:
    """A connection that writes beside the ingesting one. Raises DoorpostError where there is no database."""
    db = _beside(data, apsw.SQLITE_OPEN_READWRITE)
    db.transaction_mode = "IMMEDIATE"
    db.pragma("synchronous", "FULL")
    # the ingesting connection alone checkpoints
    db.pragma("wal_autocheckpoint", 0)
    return db


@contextmanager
def turn(data: Path) -> Iterator[None]:
    """Queue with the other writers, processes and threads: SQLite would sleep and try again, and keep all threads waiting."""
    with open(data / _TURN, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def writing(data: Path) -> Iterator[apsw.Connection]:
    """A `second_writer` whose turn it is. All others wait until its end. Raises DoorpostError where there is no database."""
    with closing(second_writer(data)) as db, turn(data):
        yield db


def _beside(data: Path, flags: int) -> apsw.Connection:
    try:
        db = apsw.Connection(str(database(data)), flags=flags)
    except apsw.CantOpenError as err:
        raise DoorpostError("central_absent", data=data) from err
    db.set_busy_timeout(_BUSY_MS)
    return db


@dataclass(slots=True)
class Lane:
    """One stream of one store of one gateway, as it stands in the open transaction.

    `above` is what is settled above the first hole.
    """

    id: int
    gw: str
    store: str
    stream: str
    upto: int = 0
    head: bytes | None = None
    rows: int = 0
    duplicates: int = 0
    again: int = 0
    above: list[Range] = field(default_factory=list)
    refused: list[tuple[int, int, str]] = field(default_factory=list)
    given_again: bool = False
    """Whether the gateway has given any of it again in another store."""

    @property
    def top(self) -> int:
        """The highest number that is settled."""
        return self.above[-1][1] if self.above else self.upto

    @property
    def missing(self) -> list[Range]:
        return without((self.upto + 1, self.top), self.above)

    def place(self, seq: int) -> int:
        return self.id << SEQ_BITS | seq


class Store:
    """Opens the database, or makes it."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.db = apsw.Connection(str(database(data)))
        self.db.set_busy_timeout(_BUSY_MS)
        self.db.transaction_mode = "IMMEDIATE"
        self.db.pragma("page_size", _PAGE_BYTES)
        self.db.pragma("journal_mode", "WAL")
        self.db.pragma("synchronous", "FULL")
        self._prepare(data)
        self._turn = open(data / _TURN, "a")
        self.commit_s = 0.0
        """How long the last commit took."""
        self.epoch = 0
        self._seen = 0
        self._lanes: dict[tuple[str, str, str], Lane] = {}
        self._words: dict[str, int] = {}
        self._told: set[tuple[str, str]] = set()
        self._refresh()

    def _prepare(self, data: Path) -> None:
        """Make the tables, or bring those of an older version up to date. Raises StoreError for those of a newer one."""
        with self.db:
            version = self.db.pragma("user_version")
            if version == 0:
                self.db.execute(_SCHEMA.read_text(encoding="utf-8"))
            elif version > _VERSION:
                raise StoreError("central_newer", data=data, version=version)
            for newer in range(version + 1, _VERSION + 1) if version else ():
                self.db.execute(_SCHEMA.with_name(f"upgrade_{newer}.sql").read_text(encoding="utf-8"))
            self.db.pragma("user_version", _VERSION)

    def close(self) -> None:
        self.db.close()
        self._turn.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; no other process writes meanwhile, and what others have written before is seen."""
        # SQLite would sleep and try again: whoever is unlucky waits for seconds
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            self.db.execute("BEGIN IMMEDIATE")
            self._refresh()
            yield
            started = time.monotonic()
            self.db.execute("COMMIT")
            self.commit_s = time.monotonic() - started
        except BaseException:
            if self.db.in_transaction:  # SQLite has rolled back by itself after some errors
                self.db.execute("ROLLBACK")
            raise
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    def _refresh(self) -> None:
        """What another process has committed since makes our lanes stale; words never change."""
        seen = self.db.pragma("data_version")
        if seen != self._seen:
            self._seen = seen
            self._lanes.clear()
            self.epoch = self.db.execute("SELECT epoch FROM centre").get

    def raise_epoch(self, seen: int) -> None:
        """To one more than any epoch that was ever acknowledged; the last one is not left."""
        self.epoch = min(max(self.epoch, seen) + 1, EPOCH_MAX)
        self.db.execute("UPDATE centre SET epoch = ?", (self.epoch,))

    # lanes

    def lane(self, gw: str, store: str, stream: str) -> Lane:
        """The lane of that key; a new one begins at zero."""
        key = (gw, store, stream)
        if key not in self._lanes:
            self.db.execute("INSERT OR IGNORE INTO lane (gw, store, stream) VALUES (?, ?, ?)", key)
            self._lanes[key] = self._load(key)
        return self._lanes[key]

    def known_lane(self, gw: str, store: str, stream: str) -> Lane | None:
        """The lane of that key, if there is one."""
        key = (gw, store, stream)
        if key in self._lanes or self.rows("SELECT 1 FROM lane WHERE (gw, store, stream) = (?, ?, ?)", *key):
            return self.lane(*key)
        return None

    def lanes(self) -> list[Lane]:
        return [self.lane(*key) for key in self.rows("SELECT gw, store, stream FROM lane")]

    def rows(self, sql: str, *args: object) -> list[Any]:
        return self.db.execute(sql, args).fetchall()

    def _load(self, key: tuple[str, str, str]) -> Lane:
        (row,) = self.rows(
            "SELECT id, gw, store, stream, upto, head, rows, duplicates, again FROM lane "
            "WHERE (gw, store, stream) = (?, ?, ?)",
            *key,
        )
        lane = Lane(*row)
        # consecutive rows have the same difference between seq and row number
        stored = self.rows(
            "SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM "
            "(SELECT place - ?1 AS seq FROM record WHERE place > ?1 + ?2 AND place < ?3)) GROUP BY run",
            lane.place(0), lane.upto, lane.id + 1 << SEQ_BITS,
        )  # fmt: skip
        unstored = self.rows("SELECT first, last FROM settled WHERE lane = ? AND last > ?", lane.id, lane.upto)
        lane.above = joined([*stored, *unstored])
        lane.given_again = bool(self.rows("SELECT 1 FROM again WHERE (gw, store, stream) = (?, ?, ?) LIMIT 1", *key))
        self._load_refused(lane)
        return lane

    def _load_refused(self, lane: Lane) -> None:
        lane.refused = self.rows(
            "SELECT first, last, why FROM settled WHERE lane = ? AND how = 'refused' ORDER BY first", lane.id
        )

    def save(self, lanes: Iterable[Lane]) -> None:
        self.db.executemany(
            "UPDATE lane SET upto = ?, head = ?, rows = ?, duplicates = ?, again = ? WHERE id = ?",
            ((lane.upto, lane.head, lane.rows, lane.duplicates, lane.again, lane.id) for lane in lanes),
        )

    # records

    def insert(self, lane: Lane, records: list[Record]) -> None:
        for known in {r.at.boot for r in records} | {r.kind for r in records}:
            self._word(known)
        words, base, rows = self._words, lane.place(0), []
        for r in records:
            at, tq = r.at, r.at.tq
            rows.append(
                (base + r.seq, words[at.boot], at.t, tq.source, tq.err_ms, at.mono, words[r.kind], r.body, r.hash)
            )
        self.db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        lane.rows += len(records)

    def _word(self, text: str) -> None:
        if text not in self._words:
            self.db.execute("INSERT OR IGNORE INTO word (text) VALUES (?)", (text,))
            self._words[text] = self.db.execute("SELECT id FROM word WHERE text = ?", (text,)).get

    def hashes(self, lane: Lane, first: int, last: int) -> dict[int, bytes]:
        """seq -> hash of the rows in that range."""
        rows = self.db.execute(
            "SELECT place, hash FROM record WHERE place BETWEEN ? AND ?", (lane.place(first), lane.place(last))
        )
        return {place - lane.place(0): hash_ for place, hash_ in rows}

    def hash_at(self, lane: Lane, seq: int) -> bytes | None:
        """The hash at `seq`: of its row, else as the batch after it stated it, else None."""
        if seq == 0:
            return genesis(lane.store)
        hash_: bytes | None = self.db.execute("SELECT hash FROM record WHERE place = ?", (lane.place(seq),)).get
        return hash_ or self.seam(lane, seq + 1)

    def seam(self, lane: Lane, seq: int) -> bytes | None:
        prev: bytes | None = self.db.execute("SELECT prev FROM seam WHERE lane = ? AND seq = ?", (lane.id, seq)).get
        return prev

    def set_seam(self, lane: Lane, seq: int, prev: bytes) -> None:
        self.db.execute("INSERT OR IGNORE INTO seam VALUES (?, ?, ?)", (lane.id, seq, prev))

    def drop_seams(self, lane: Lane, first: int, last: int) -> None:
        self.db.execute("DELETE FROM seam WHERE lane = ? AND seq BETWEEN ? AND ?", (lane.id, first, last))

    # ranges without rows

    def settle(self, lane: Lane, parts: list[Range], how: str, why: str) -> None:
        """Note ranges of which nothing was settled before; one that adjoins the one below it extends that."""
        for a, b in parts:
            self.db.execute(
                "UPDATE settled SET last = ?1 WHERE (lane, how, why, last) = (?2, ?3, ?4, ?5 - 1) "
                "AND first = (SELECT max(first) FROM settled WHERE lane = ?2 AND first < ?5)",
                (b, lane.id, how, why, a),
            )
            if not self.db.changes():
                self.db.execute("INSERT INTO settled VALUES (?, ?, ?, ?, ?)", (lane.id, a, b, how, why))
        if parts and how == "refused":
            self._load_refused(lane)

    def unsettle(self, lane: Lane, first: int, last: int) -> None:
        """These have come after all: what was given up of them is no longer."""
        gone = self.rows(
            "DELETE FROM settled WHERE lane = ? AND first <= ? AND last >= ? RETURNING first, last, how, why",
            lane.id, last, first,
        )  # fmt: skip
        for a, b, how, why in gone:
            self.settle(lane, without((a, b), [(first, last)]), how, why)
        if gone:
            self._load_refused(lane)

    # what went wrong

    def problem(self, gw: str, what: str, *, refused: bool, count: int = 1) -> None:
        """Count it, and say it in the log when it is new to this process."""
        self.db.execute(
            "INSERT INTO problem VALUES (?1, ?2, ?3, ?4, ?5) "
            "ON CONFLICT DO UPDATE SET count = count + ?4, last_at = ?5, refused = ?3",
            (gw, what, refused, count, now()),
        )
        if (gw, what) not in self._told:
            self._told.add((gw, what))
            log.warning("gateway %s: %s (%s)", gw, text(f"central.problem.{what}", "en"), what)
