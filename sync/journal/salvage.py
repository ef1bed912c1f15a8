"""What is still readable of a damaged segment, in a new one under its name. The damaged file is set aside, never changed."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import apsw

from model.errors import StoreUnreadable
from model.record import Stream
from sync.journal.files import patiently, store_errors, sync_directory
from sync.journal.schema import (
    COMMON_TYPES,
    RECORD_TYPES,
    SCHEMA_VERSION,
    START_TYPES,
    STATE_TYPES,
    blank,
    fits,
    span_of,
    streams_of,
)
from sync.journal.segment import Head, Identity, next_readable

ASIDE = ".damaged"
_PARTS = ("", "-wal", "-shm")
_PAGE = 4096


def salvage(path: Path, identity: Identity, heads: Mapping[Stream, Head]) -> Path:
    """Put what can be read of a damaged or missing segment in its place; the name under which the damaged one lies now.

    `heads` are those that it goes on from, as its neighbours tell. After a crash in between, one of the two files is there,
    from which the next start goes on. Raises StoreError.
    """
    aside = path.with_name(path.name + ASIDE)
    if path.exists():
        source = path
        for again in range(2, 100):
            if not aside.exists():
                break
            aside = path.with_name(f"{path.name}{ASIDE}-{again}")
    else:
        source = aside
        aside.touch()  # of a missing one this is all that shows it, until the store is sealed
    work, new = path.with_suffix(".work"), path.with_suffix(".new")
    with store_errors(path):
        for part in _PARTS:
            work.with_name(work.name + part).unlink(missing_ok=True)
            new.with_name(new.name + part).unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # a copy, because opening it takes the WAL in
                _copy(source.with_name(source.name + part), work.with_name(work.name + part))
        with closing(blank(new)) as db:
            with db:
                db.execute("INSERT INTO segment VALUES(?, ?, ?, ?)", identity)
                db.executemany("INSERT INTO start VALUES(?, ?, ?)", [(s, h.seq, h.hash) for s, h in heads.items()])
                if work.exists() and not _fill(db, work, identity):
                    _give_first_page(work)
                    _fill(db, work, identity)
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        if source is path:
            for part in reversed(_PARTS):  # the file itself last: what a crash leaves is found by its name
                with suppress(FileNotFoundError):
                    source.with_name(source.name + part).rename(aside.with_name(aside.name + part))
        new.rename(path)
        sync_directory(path.parent)
        for part in _PARTS:
            work.with_name(work.name + part).unlink(missing_ok=True)
    return aside


def _copy(source: Path, target: Path) -> None:
    """Pages that the disk does not give, however often it is asked, are zeros.

    Raises OSError, and StoreUnreadable where it gives nothing of any file.
    """
    with source.open("rb", buffering=0) as old, target.open("wb") as new:
        missing = pages = list(range(0, os.fstat(old.fileno()).st_size, _PAGE))

        def copy() -> None:
            nonlocal missing
            missing = [offset for offset in missing if not _copied(old.fileno(), new.fileno(), offset)]
            if missing:
                raise StoreUnreadable("store_unreadable", path=source, why=f"{len(missing)} pages")

        new.truncate(len(pages) * _PAGE)
        try:
            patiently(copy)
        except StoreUnreadable:
            if len(missing) == len(pages) and not any(map(_gives_some, source.parent.glob("*.db"))):
                raise  # it is not the file, but the disk


def _gives_some(path: Path) -> bool:
    try:
        with path.open("rb", buffering=0) as file:
            return bool(file.read(_PAGE))
    except OSError:
        return False


def _copied(source: int, target: int, offset: int) -> bool:
    try:
        page = os.pread(source, _PAGE, offset)
    except OSError:
        return False
    os.pwrite(target, page, offset)
    return True


def _fill(db: apsw.Connection, damaged: Path, identity: Identity) -> bool:
    """Copy the rows that can be read. False where SQLite cannot even tell what tables there are."""
    try:
        with closing(apsw.Connection(str(damaged))) as source:
            source.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            if source.pragma("user_version") != SCHEMA_VERSION:
                return True  # damaged and of an earlier version: set aside is all that can be done for it
            for table, types in (("start", START_TYPES), ("state", STATE_TYPES), ("common", COMMON_TYPES)):
                with suppress(apsw.CorruptError, apsw.IOError, apsw.SQLError):
                    for row in source.execute(f"SELECT * FROM {table}"):  # noqa: S608
                        if fits(row, types) and (table != "start" or row[0] in streams_of(identity.series)):
                            db.execute(f"INSERT OR REPLACE INTO {table} VALUES({', '.join('?' * len(row))})", row)
            for stream in streams_of(identity.series):
                db.executemany("INSERT OR IGNORE INTO record VALUES(?, ?, ?, ?, ?, ?)", _records(source, stream))
    except (apsw.NotADBError, apsw.CorruptError, apsw.IOError, apsw.SQLError):
        return False
    return True


def _records(source: apsw.Connection, stream: Stream) -> Iterator[tuple[Any, ...]]:
    """The rows of a stream on both sides of each damaged page."""
    id_, end = span_of(stream)
    while (id_ := next_readable(source, id_, end)) <= end:
        with suppress(apsw.CorruptError, apsw.IOError):
            for row in source.execute("SELECT * FROM record WHERE id >= ? AND id <= ? ORDER BY id", (id_, end)):
                if fits(row, RECORD_TYPES):
                    yield row
                    id_ = max(id_, row[0])
            return
        id_ += 1


def _give_first_page(damaged: Path) -> None:
    """The first page holds the schema only, and that is the same in every segment: a new one's stands in for it."""
    sample = damaged.with_suffix(".sample")
    sample.unlink(missing_ok=True)
    blank(sample).close()
    page = bytearray(sample.read_bytes()[:_PAGE])
    sample.unlink()
    page[92:96] = b"\xff" * 4  # "version valid for" another change: then the file's own length counts
    with damaged.open("r+b") as file:
        file.write(page)
