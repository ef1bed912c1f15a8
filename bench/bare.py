"""The ceiling: bare `executemany` of the standard library's sqlite3, rows of the same columns and size as a record's."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from model.record import Draft

Row = tuple[int, int, str, int | None, int, int, int, bytes, bytes]


def rows(drafts: Sequence[Draft]) -> list[Row]:
    """A record's fields: number, times, boot and kind as small numbers, body and hash."""
    hash_ = bytes(range(32))
    return [(n, d.at.t, d.at.tq.source, d.at.tq.err_ms, d.at.mono, 1, 1, d.body, hash_) for n, d in enumerate(drafts)]


def rate(path: Path, made: Sequence[Row], per_commit: int) -> float:
    """Rows per second, WAL, synchronous=FULL, from the first to the last commit."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE record(id INTEGER PRIMARY KEY, t, source, err_ms, mono, boot, kind, body, hash)")
        started = time.perf_counter()
        for first in range(0, len(made), per_commit):
            db.execute("BEGIN")
            db.executemany("INSERT INTO record VALUES(?,?,?,?,?,?,?,?,?)", made[first : first + per_commit])
            db.execute("COMMIT")
        took = time.perf_counter() - started
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    return len(made) / took
