"""`views.db`: minutes of polls, and how far the journal was followed, changed together. Never a source of truth.

What is written may be lost in a power cut, since it comes again from the journal; what is damaged is noticed and made anew.
"""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from gateway.projection.bucket import MINUTE_US, Bucket, fold, merge
from gateway.projection.round import Lane, Mark, Minute, Round
from gateway.status import PlotMinute
from model.bodies import TimeAnchor
from model.observation import Point
from model.record import Stream
from model.timeline import Located, Timeline

MAX_BYTES = 256 * 1024 * 1024
"""Above it the oldest minutes go: three weeks of 20 devices with 20 points each. No clock decides what is old."""
_VERSION = 1
_BOOT_SHIFT, _MINUTE_SHIFT = 40, 16
_HOUR = 60 << _MINUTE_SHIFT

_SCHEMA = f"""
CREATE TABLE followed(store TEXT, stream TEXT, seq INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY(store, stream)) WITHOUT ROWID, STRICT;
CREATE TABLE boot(id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE, anchor TEXT);  -- its best anchor
CREATE TABLE series(id INTEGER PRIMARY KEY, device TEXT NOT NULL, map TEXT NOT NULL, UNIQUE(device, map));
CREATE TABLE alarm(id TEXT PRIMARY KEY, boot TEXT NOT NULL, mono INTEGER NOT NULL) WITHOUT ROWID;  -- those that are not over
CREATE TABLE bucket(
  id INTEGER PRIMARY KEY,  -- boot << {_BOOT_SHIFT} | minute << {_MINUTE_SHIFT} | series: what is new lies together at the end
  crc INTEGER NOT NULL, data TEXT NOT NULL);
"""

_MINUTES = f"""
WITH RECURSIVE wanted(id) AS (SELECT :first UNION ALL SELECT id + {1 << _MINUTE_SHIFT} FROM wanted WHERE id < :last)
SELECT bucket.id, crc, data FROM wanted JOIN bucket USING (id)
"""  # noqa: S608


_bucket = msgspec.json.Decoder(Bucket)


class ViewDamaged(Exception):
    """The file does not hold what was written to it."""


@contextmanager
def _noticed() -> Iterator[None]:
    """Whatever the file cannot be read as is damage; a disk that is full or cannot be written stays `apsw.Error`."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.ConstraintError, apsw.MismatchError) as err:
        raise ViewDamaged(str(err)) from err
    except (msgspec.DecodeError, ValueError, TypeError, IndexError) as err:
        raise ViewDamaged(str(err)) from err


class ViewFile:
    """For one thread. Opens the file or makes it. Raises ViewDamaged, apsw.Error: then it is to be opened anew."""

    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path))
        try:
            with _noticed():
                self._load()
        except BaseException:
            self._db.close()
            raise

    def _load(self) -> None:
        db = self._db
        db.pragma("journal_mode", "WAL")
        db.pragma("synchronous", "NORMAL")
        db.pragma("cache_size", -512)  # KiB: what is new lies together at the end, and memory is dear
        if db.pragma("user_version") == 0:
            with db:
                db.execute(_SCHEMA)
                db.pragma("user_version", _VERSION)
        if db.pragma("user_version") != _VERSION:
            raise ViewDamaged("of another version")
        if (found := db.pragma("quick_check", 1)) != "ok":  # a broken page would look like minutes that never were
            raise ViewDamaged(found)
        self.marks: dict[Lane, Mark] = {
            (store, Stream(stream)): Mark(seq, hash_)
            for store, stream, seq, hash_ in db.execute("SELECT store, stream, seq, hash FROM followed")
        }
        self._boots: dict[str, int] = {boot: id_ for id_, boot in db.execute("SELECT id, boot FROM boot")}
        self._series: dict[tuple[str, str], int] = {(d, m): i for i, d, m in db.execute("SELECT * FROM series")}
        self._timeline = Timeline()
        for (anchor,) in db.execute("SELECT anchor FROM boot WHERE anchor IS NOT NULL"):
            self._timeline.add(msgspec.json.decode(anchor, type=TimeAnchor))

    def close(self) -> None:
        self._db.close()

    # writing

    def write(self, round_: Round) -> None:
        """All of a round, or nothing of it."""
        with _noticed(), self._db:
            for minute, polls in round_.polls.items():
                self._put(self._place(minute), fold(polls))
            for anchor in round_.anchors:
                self._anchor(anchor)
            for stamp in round_.stamps.values():
                if self._timeline.locate(stamp.boot, 0) is None:  # its anchors are retired
                    self._anchor(stamp)
            for alarm, at in round_.alarms.items():
                if at is None:
                    self._db.execute("DELETE FROM alarm WHERE id = ?", (alarm,))
                else:
                    self._db.execute("INSERT OR REPLACE INTO alarm VALUES (?, ?, ?)", (alarm, *at))
            self._db.executemany(
                "INSERT OR REPLACE INTO followed VALUES (?, ?, ?, ?)", [(*k, *m) for k, m in round_.marks.items()]
            )
            self._bound()
        self.marks |= round_.marks

    def _place(self, minute: Minute) -> int:
        series = (minute.device, minute.map)
        if series not in self._series:
            self._series[series] = self._number("INSERT INTO series(device, map) VALUES (?, ?)", *series)
        boot = self._boot(minute.boot)
        return boot << _BOOT_SHIFT | minute.minute << _MINUTE_SHIFT | self._series[series]

    def _boot(self, boot: str) -> int:
        if boot not in self._boots:
            self._boots[boot] = self._number("INSERT INTO boot(boot) VALUES (?)", boot)
        return self._boots[boot]

    def _number(self, insert: str, *values: str) -> int:
        number: int = self._db.execute(f"{insert} RETURNING id", values).get
        return number

    def _put(self, place: int, bucket: Bucket) -> None:
        """Together with what an earlier round has of this minute."""
        for crc, data in self._db.execute("SELECT crc, data FROM bucket WHERE id = ?", (place,)):
            bucket = merge(_read(place, crc, data), bucket)
        data = msgspec.json.encode(bucket).decode()
        self._db.execute("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?)", (place, _crc(place, data), data))

    def _anchor(self, anchor: TimeAnchor) -> None:
        id_ = self._boot(anchor.boot)
        if self._timeline.add(anchor):
            self._db.execute("UPDATE boot SET anchor = ? WHERE id = ?", (msgspec.json.encode(anchor).decode(), id_))

    def _bound(self) -> None:
        """An hour at a time: the room is used again."""
        db = self._db
        if (db.pragma("page_count") - db.pragma("freelist_count")) * db.pragma("page_size") > MAX_BYTES:
            db.execute(f"DELETE FROM bucket WHERE id < (SELECT min(id) FROM bucket) + {_HOUR}")  # noqa: S608

    # asking

    def alarms(self) -> dict[str, Located | None]:
        """When those were raised that are not over."""
        with _noticed():
            return {i: self._timeline.locate(b, m) for i, b, m in self._db.execute("SELECT id, boot, mono FROM alarm")}

    def minutes(
        self, device: str, positions: Mapping[str, tuple[int, Point]], since: int, until: int
    ) -> list[PlotMinute]:
        """What a point did from `since` to `until` (us UTC), oldest first: what it was and where in each point map, by the map's hash."""
        found: list[PlotMinute] = []
        with _noticed():
            for boot, id_ in self._boots.items():
                origin = self._timeline.locate(boot, 0)
                if origin is None or not (span := self._span(id_, since - origin.utc, until - origin.utc)):
                    continue
                for map_, (position, point) in positions.items():
                    if series := self._series.get((device, map_)):
                        found += (
                            _told(bucket, position, point, origin)
                            for bucket in self._buckets(*(edge << _MINUTE_SHIFT | series for edge in span))
                            if since <= origin.utc + bucket.first < until
                        )
        return sorted(found, key=lambda minute: minute.t)

    def _span(self, boot: int, since: int, until: int) -> tuple[int, int] | None:
        """The first and last minute of a boot, with the boot above them, between two times of that boot."""
        if until <= 0:
            return None
        first, end = max(0, since // MINUTE_US), min(until // MINUTE_US + 1, 1 << _BOOT_SHIFT - _MINUTE_SHIFT)
        edges = tuple((boot << _BOOT_SHIFT) + (minute << _MINUTE_SHIFT) for minute in (first, end))
        (row,) = self._db.execute(
            "SELECT (SELECT min(id) FROM bucket WHERE id >= ?1 AND id < ?2), "
            "(SELECT max(id) FROM bucket WHERE id >= ?1 AND id < ?2)",
            edges,
        )
        first, last = row
        return None if first is None else (first >> _MINUTE_SHIFT, last >> _MINUTE_SHIFT)

    def _buckets(self, first: int, last: int) -> Iterator[Bucket]:
        for row in self._db.execute(_MINUTES, {"first": first, "last": last}):
            yield _read(*row)


def _told(bucket: Bucket, position: int, point: Point, origin: Located) -> PlotMinute:
    """A record that has fewer points than its map says nothing of the others."""
    if position >= len(bucket.good):
        return PlotMinute(origin.utc + bucket.first, origin.tq.source, None, None, None, 0, {})
    raw = (bucket.low[position], bucket.high[position], bucket.end[position])
    low, high, end = (None if value is None else point.value(value) for value in raw)
    bad = {
        quality: count for quality, counts in bucket.bad.items() for count in counts[position : position + 1] if count
    }
    return PlotMinute(origin.utc + bucket.first, origin.tq.source, low, high, end, bucket.good[position], bad)


def _read(place: int, crc: int, data: str) -> Bucket:
    if crc != _crc(place, data):
        raise ViewDamaged(f"bucket {place}")
    return _bucket.decode(data)


def _crc(place: int, data: str) -> int:
    return zlib.crc32(f"{place} {data}".encode())
