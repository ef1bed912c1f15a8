"""A store: three series of segments under one id. Synchronous; the journal's writer thread owns it."""

import re
import uuid
from collections.abc import Mapping
from pathlib import Path

import msgspec

from model.bodies import StoreDrop
from model.errors import SettingsError, StoreDamaged
from model.record import SERIES, Draft, Series, Stream, chain, draft, genesis
from model.time import Stamp
from sync.journal.segment import Head, Identity, Segment, bytes_of, create, store_errors, streams_of

SEGMENT_MAX_BYTES = 64 * 1024 * 1024
_STORE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILE = re.compile(r"(core|reading|diag)-(\d{6})\.db")

LostRange = tuple[int, int, str]
Files = tuple[tuple[Path, dict[Stream, int]], ...]
"""The segments of a series from the oldest on, with the first number of each stream. Replaced whole: other threads look at it."""


class Store:
    """Writes go to the newest segment of each series; every segment stays readable until it is dropped."""

    def __init__(self, directory: Path, gw: str, *, segment_max_bytes: int = SEGMENT_MAX_BYTES) -> None:
        self.id = directory.name
        self.gw = gw
        self._dir = directory
        self._limit = segment_max_bytes
        self._files: dict[Series, Files] = {}
        self._current: dict[Series, Segment] = {}
        self.heads: dict[Stream, Head] = {}
        self.state: dict[str, bytes] = {}

    @classmethod
    def open(cls, parent: Path, gw: str, *, segment_max_bytes: int = SEGMENT_MAX_BYTES) -> "Store":
        """The store under `parent`, or a new one. Raises StoreError, SettingsError when it is another gateway's."""
        with store_errors(parent):
            parent.mkdir(parents=True, exist_ok=True)
            found = sorted(p for p in parent.iterdir() if _STORE.fullmatch(p.name))
            directory = found[0] if found else parent / str(uuid.uuid4())
            directory.mkdir(exist_ok=True)
        store = cls(directory, gw, segment_max_bytes=segment_max_bytes)
        store.reopen()
        return store

    def reopen(self) -> None:
        """Take everything from the disk, as at a start. Also after a failed write.

        A transaction whose fsync failed may be there after all: it was said not to be taken, and so it is taken back.
        """
        self.close()
        told = dict(self.heads)
        try:
            files = self._found()
            for series, segments in files.items():
                files[series] = segments or (
                    self._new(series, 1, {s: Head(0, genesis(self.id)) for s in streams_of(series)}),
                )
                self._current[series] = self._open(files[series][-1][0])
                self.heads |= self._taken_back(series, told) if told else self._current[series].heads()
            self.state = self._current["core"].state()
        except BaseException:
            self.close()
            raise
        self._files = files
        self._finish_drops()

    def _taken_back(self, series: Series, told: Mapping[Stream, Head]) -> dict[Stream, Head]:
        segment = self._current[series]
        heads = {stream: told[stream] for stream in streams_of(series)}
        state = self.state if series == "core" else {}
        if segment.heads() != heads or segment.state() != state:
            segment.take_back(heads, state)
        return segment.heads()

    def close(self) -> None:
        for segment in self._current.values():
            segment.close()
        self._current.clear()

    def _found(self) -> dict[Series, Files]:
        found: dict[Series, Files] = {"core": (), "reading": (), "diag": ()}
        with store_errors(self._dir):
            paths = sorted(self._dir.iterdir())
        for path in paths:
            if match := _FILE.fullmatch(path.name):
                series: Series = match[1]  # type: ignore[assignment]  # the pattern allows nothing else
                segment = Segment(path, writable=True)  # so that a WAL that was left is taken in
                found[series] += ((path, segment.starts()),)
                segment.close()
        return found

    def _open(self, path: Path) -> Segment:
        segment = Segment(path, writable=True)
        found = segment.identity
        if (found.gw, found.store) == (self.gw, self.id):
            return segment
        segment.close()
        if found.gw != self.gw:
            raise SettingsError("store_of_other_gateway", gateway=self.gw, found=found.gw, path=self._dir)
        raise StoreDamaged("store_damaged", path=path, why=f"it is of store {found.store}")

    def _new(self, series: Series, number: int, heads: Mapping[Stream, Head]) -> tuple[Path, dict[Stream, int]]:
        path = self._dir / f"{series}-{number:06d}.db"
        create(path, Identity(self.gw, self.id, series, number), heads, self.state if series == "core" else {})
        return path, {s: h.seq + 1 for s, h in heads.items()}

    def append(
        self, series: Series, drafts: Mapping[Stream, list[Draft]], state: Mapping[str, bytes | None]
    ) -> dict[Stream, int]:
        """Make drafts durable in one transaction; the first number of each stream. Raises StoreError: then nothing was taken."""
        segment = self._current.get(series)
        if segment is None:
            self.reopen()
            segment = self._current[series]
        if segment.size() >= self._limit:  # before the write: where there is no room for a new file, nothing is taken
            segment = self._rotate(series, segment)
        first = {stream: self.heads[stream].seq + 1 for stream in drafts}
        batches = [
            (stream, chain(self.heads[stream].hash, self.gw, self.id, stream, first[stream], items))
            for stream, items in drafts.items()
        ]
        try:
            segment.write(batches, state)
        except BaseException:
            self.close()
            raise
        for stream, records in batches:
            if records:
                self.heads[stream] = Head(records[-1].seq, records[-1].hash)
        for key, value in state.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        return first

    def _rotate(self, series: Series, full: Segment) -> Segment:
        """Go on in a new segment. Raises StoreError, and then all is as before."""
        full.checkpoint()
        new = self._new(series, full.identity.number + 1, {s: self.heads[s] for s in streams_of(series)})
        try:
            segment = self._open(new[0])
        except BaseException:
            new[0].unlink()  # the old one is written to, so no younger one may stand beside it
            raise
        self._files = self._files | {series: (*self._files[series], new)}
        self._current[series] = segment
        full.close()
        return segment

    # reading: from any thread, each with its own Segment objects

    def file_of(self, stream: Stream, seq: int) -> tuple[Path, bool]:
        """The segment that holds, or will hold, this number, and whether it is full. Raises StoreDamaged when it was dropped."""
        files = self._files[SERIES[stream]]
        for path, starts in reversed(files):
            if starts[stream] <= seq:
                return path, path != files[-1][0]
        raise StoreDamaged("store_hole", path=self._dir, stream=stream, seq=seq)

    def low(self, stream: Stream) -> int:
        """The oldest number still held."""
        return self._files[SERIES[stream]][0][1][stream]

    def size(self) -> int:
        """All bytes on disk, with the WALs."""
        return bytes_of(self._dir.iterdir())

    # dropping

    def drop_oldest(self, series: Series, upto: Mapping[Stream, int], reason: str, at: Stamp) -> bool:
        """Drop the oldest full segment of a series whole, after saying so on `audit`. False when only the current one is left."""
        files = self._files[series]
        if len(files) < 2:
            return False
        path, starts = files[0]
        size = bytes_of(self._dir.glob(path.name + "*"))
        drafts: list[Draft] = []
        state: dict[str, bytes | None] = {f"dropped/{series}": path.name.encode()}
        for stream, first in starts.items():
            last = files[1][1][stream] - 1
            if last < first:
                continue
            done = upto.get(stream, 0)
            body = StoreDrop(series=series, stream=stream, first=first, last=last, upto=done, bytes=size, reason=reason)
            drafts.append(draft("store.drop/1", body, at))
            if last > done:
                ranges = joined(lost(self.state, stream), (max(first, done + 1), last, reason))
                state[f"lost/{stream}"] = msgspec.json.encode(ranges)
        self.append("core", {Stream.AUDIT: drafts}, state)
        self._finish_drops()
        return True

    def _finish_drops(self) -> None:
        """Remove what was declared dropped: a crash may have come between the word and the deed."""
        for series, files in self._files.items():
            name = self.state.get(f"dropped/{series}", b"").decode()
            gone = [path for path, _ in files[:-1] if path.name <= name]
            self._files = self._files | {series: files[len(gone) :]}
            with store_errors(self._dir):
                for path in gone:
                    # the file itself last: what a crash leaves is found by its name
                    for part in sorted(self._dir.glob(path.name + "*"), reverse=True):
                        part.unlink()


def lost(state: Mapping[str, bytes], stream: Stream) -> list[LostRange]:
    """What stands in the state: ranges that were never acknowledged and can no longer be sent, in order."""
    return msgspec.json.decode(state.get(f"lost/{stream}", b"[]"), type=list[LostRange])


def joined(ranges: list[LostRange], more: LostRange) -> list[LostRange]:
    """A range added at the end, as one with the last where it goes on from there."""
    if ranges and (ranges[-1][1] + 1, ranges[-1][2]) == (more[0], more[2]):
        return [*ranges[:-1], (ranges[-1][0], *more[1:])]
    return [*ranges, more]


def cached(path: Path, full: bool, cache: dict[Path, Segment]) -> Segment:
    """A segment for reading, from a small cache of open ones that belongs to the reading thread."""
    if path not in cache:
        if len(cache) >= 6:
            cache.pop(next(iter(cache))).close()
        cache[path] = Segment(path, writable=False, full=full)
    return cache[path]


def forget_dropped(cache: dict[Path, Segment]) -> None:
    """Close what is gone from the directory: its room on the disk is free only then."""
    for path in [path for path in cache if not path.exists()]:
        cache.pop(path).close()
