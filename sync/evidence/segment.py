"""A segment file read as it stands, right or wrong: what the journal would not give out is given here, and told apart later."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import apsw

from model.errors import EvidenceError
from model.record import Series, Stream
from model.time import TimeQuality
from sync.evidence.entries import Entry, Row, Unreadable
from sync.journal.schema import SCHEMA_VERSION, span_of, streams_of
from sync.journal.segment import next_readable

_SLICE = 256
"""Rows per look: nothing is locked for longer."""

Place = tuple[int, bytes]
"""A number and the hash there."""


class Vanished(Exception):
    """The file was dropped just now."""


class Segment:
    """Open for as long as the `with` lasts. Raises apsw.Error for what is no segment, EvidenceError, Vanished."""

    def __init__(self, path: Path) -> None:
        # what nobody has open has no index of its WAL, and gets none from us
        alone = not any(path.with_name(path.name + part).exists() for part in ("-wal", "-shm"))
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        try:
            self._db = apsw.Connection(f"{path.absolute().as_uri()}?immutable={int(alone)}", flags=flags)
        except apsw.CantOpenError as err:
            if path.exists():
                raise EvidenceError("evidence_unreadable", path=path, why=str(err)) from err
            raise Vanished from err
        try:
            self._db.set_busy_timeout(5000)
            self._db.execute("PRAGMA trusted_schema = OFF")
            (version,) = self._row("PRAGMA user_version")
            if version != SCHEMA_VERSION:
                raise EvidenceError("evidence_version", path=path, version=version, known=SCHEMA_VERSION)
            gw, store = self._row("SELECT gw, store FROM segment") or ("", "")
            self.gw, self.store = str(gw), str(store)
            starts = self._db.execute("SELECT stream, seq, hash FROM start")
            self.starts: dict[str, Place] = {
                name: (seq, hash_) for name, seq, hash_ in starts if type(seq) is int and type(hash_) is bytes
            }
        except BaseException:
            self._db.close()
            raise
        self._commons: dict[int, tuple[str, str, TimeQuality]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _row(self, sql: str, *values: int) -> Any:
        return next(iter(self._db.execute(sql, values)), None)

    def ends(self, series: Series) -> dict[Stream, Place | None]:
        """Number and hash of the last record of each stream, all of one moment; None where that cannot be read."""
        ends: dict[Stream, Place | None] = {}
        with self._db:
            ends.update((stream, self._end(stream)) for stream in streams_of(series))
        return ends

    def _end(self, stream: Stream) -> Place | None:
        base, top = span_of(stream)
        try:
            row = self._row("SELECT id, hash FROM record WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1", base, top)
        except apsw.CorruptError:
            return None
        return (row[0] - base, row[1]) if row else self.starts.get(stream)

    def lost(self) -> dict[str, bytes]:
        """What the state says of ranges that were never acknowledged."""
        return {
            k: v
            for k, v in self._db.execute("SELECT key, value FROM state WHERE key GLOB 'lost/*'")
            if type(v) is bytes
        }

    def rows(self, stream: Stream, before: int, end: int | None) -> Iterator[Entry]:
        """What lies in the stream's place, up to `end`. `before`: the number of the last row in the segments before."""
        base, top = span_of(stream)
        top = top if end is None else base + end
        start, start_hash = self.starts.get(stream, (None, None))
        id_ = base
        while id_ <= top:
            rows, broken = self._slice(id_, top)
            for row in rows:
                seq = row[0] - base
                yield self._entry(stream, seq, row, start_hash if seq - 1 == start != before else None)
                before = seq
            id_ = rows[-1][0] + 1 if rows else id_
            if broken:
                yield Unreadable(self.store, stream, broken, before + 1)
                id_ = next_readable(self._db, id_ + (not rows), top)
            elif len(rows) < _SLICE:
                return

    def _slice(self, first: int, top: int) -> tuple[list[Any], str | None]:
        """Some rows, and what SQLite said where it could not go on."""
        rows: list[Any] = []
        try:
            rows.extend(
                self._db.execute(
                    "SELECT id, common, t, mono, body, hash FROM record WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
                    (first, top, _SLICE),
                )
            )
        except apsw.CorruptError as err:
            return rows, str(err)
        return rows, None

    def _entry(self, stream: Stream, seq: int, row: tuple[Any, ...], prev: bytes | None) -> Entry:
        _, common, t, mono, body, hash_ = row
        if [type(value) for value in row[1:]] != [int, int, int, bytes, bytes]:
            return Unreadable(self.store, stream, "a column holds another type of value", seq)
        if common not in self._commons:
            match self._row("SELECT boot, kind, source, err_ms FROM common WHERE id = ?", common):
                case (str(boot), str(kind), str(source), None | int() as err_ms):
                    self._commons[common] = (boot, kind, TimeQuality(source, err_ms))  # type: ignore[arg-type]  # as it stands
                case _:
                    return Unreadable(self.store, stream, f"nothing is known of common {common}", seq)
        boot, kind, tq = self._commons[common]
        return Row(self.gw, self.store, stream, seq, boot, t, tq, mono, kind, body, hash_, prev)
