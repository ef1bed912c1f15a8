"""The segment files of one store on the disk, and what its seal says. Looked at by every thread, changed by the writer's alone."""

import re
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from model.errors import SettingsError, StoreDamaged, StoreError, StoreUnreadable
from model.record import SERIES, Series, Stream, genesis
from sync.journal.files import bytes_of, patiently, store_errors, sync_directory, write_again, write_durably
from sync.journal.migrate import migrate
from sync.journal.salvage import ASIDE, salvage
from sync.journal.schema import SCHEMA_VERSION, streams_of
from sync.journal.segment import Head, Identity, Segment

STORE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FILE = re.compile(rf"((core|reading|diag)-(\d{{6}})\.db)({re.escape(ASIDE)}.*)?")
_SEAL = "sealed.json"
_GONE = ".gone"
_WAL = ".db-wal"
ALL: tuple[Series, ...] = ("core", "reading", "diag")


class End(msgspec.Struct, frozen=True):
    """Where a sealed stream ends, with the hash there in hex.

    `last` is the highest number that is held: beyond the end after a fork, and not of this store any more; before it where the
    tail was lost with a damaged file.
    """

    seq: int
    hash: str
    last: int


class Seal(msgspec.Struct, frozen=True):
    """`number` tells which of several was sealed later: clocks do not."""

    why: Literal["fork", "damaged"]
    ends: dict[Stream, End]
    aside: list[str] = []
    number: int = 0


class File(NamedTuple):
    """A segment file and the first number of each stream that it may hold."""

    path: Path
    starts: Mapping[Stream, int]


def file_name(series: Series, number: int) -> str:
    return f"{series}-{number:06d}.db"


def number_of(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


class Shelf:
    """`files` per series from the oldest on; replaced whole, because other threads look at it."""

    def __init__(self, directory: Path, gw: str) -> None:
        self.dir = directory
        self.id = directory.stem
        self.gw = gw
        self.files: dict[Series, tuple[File, ...]] = dict.fromkeys(ALL, ())
        self.aside: list[str] = []
        """What was found damaged, and set aside."""

    def read_seal(self) -> Seal | None:
        """None of an open store. One that cannot be read is set aside; the store is damaged then. Raises StoreError."""
        path = self.dir / _SEAL
        with store_errors(path):
            if not path.exists():
                return None
            try:
                return msgspec.json.decode(path.read_bytes(), type=Seal)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                aside = path.rename(path.with_name(path.name + ASIDE))
                self.aside.append(aside.name)
                return None

    def write_seal(self, seal: Seal) -> None:
        with store_errors(self.dir):
            write_durably(self.dir / _SEAL, msgspec.json.encode(seal))

    def scan(self, *, sealed: bool) -> None:
        """Take the files from the disk, up to date and mended as far as that goes; what was damaged stands in `aside`.

        In a sealed store files may be missing at both ends: they were dropped. Raises StoreError, SettingsError.
        """
        names = self._names()
        for series, numbers in names.items():
            if sealed:
                expected = range(min(numbers, default=1), max(numbers, default=0) + 1)
            else:
                dropped = self._dropped(series, names["core"])
                for number in numbers:
                    if number <= dropped:  # a crash, or the disk, came between the word and the deed
                        remove(self.dir / file_name(series, number))
                expected = range(dropped + 1, max(*numbers, dropped + 1, 1) + 1)
            found: list[File] = []
            for number in expected:
                found.append(self._file(series, number, found[-1].path if found else None, sealed=sealed))
            self.files[series] = tuple(found)

    def _names(self) -> dict[Series, set[int]]:
        """The numbers of the files that are there, once what the process before us left half done is done."""
        names: dict[Series, set[int]] = {series: set() for series in ALL}
        with store_errors(self.dir):
            for path in self.dir.glob(f"*{_GONE}"):
                remove(path.with_suffix(""))
            for path in self.dir.iterdir():
                if path.suffix == _WAL:
                    # a process before us may have died of the disk: what it wrote last and could not sync is taken as
                    # committed from here on
                    write_again(path)
                elif match := _FILE.fullmatch(path.name):
                    names[match[2]].add(int(match[3]))  # type: ignore[index]  # the pattern allows nothing else
                    if match[4]:
                        self.aside.append(path.name)
        return names

    def _dropped(self, series: Series, core: set[int]) -> int:
        """The number of the last segment of a series that was dropped, as the youngest readable core file says; 0 of none."""
        for number in sorted(core, reverse=True):
            with suppress(StoreError):  # it is going to be mended
                name = patiently(partial(self._dropped_name, series, number))
                return number_of(Path(name)) if name else 0
        return 0

    def _dropped_name(self, series: Series, core: int) -> str:
        with closing(Segment(self.dir / file_name("core", core), writable=True)) as segment:
            return segment.state().get(f"dropped/{self.id}/{series}", b"").decode()

    def _file(self, series: Series, number: int, before: Path | None, *, sealed: bool) -> File:
        path = self.dir / file_name(series, number)
        identity = Identity(self.gw, self.id, series, number)
        try:
            segment = patiently(lambda: self._checked(path, identity, thorough=not sealed))
        except (StoreDamaged, StoreUnreadable):
            self.aside.append(salvage(path, identity, self._heads_before(series, number, before)).name)
            segment = Segment(path, writable=True)
        try:
            return File(path, {stream: head.seq + 1 for stream, head in segment.starts().items()})
        finally:
            segment.close()

    def _checked(self, path: Path, identity: Identity, *, thorough: bool) -> Segment:
        """Open it for writing, so that a WAL that was left is taken in. Raises StoreDamaged when it is not all that it should be."""
        if not path.exists():
            raise StoreDamaged("store_damaged", path=path, why="it is missing")
        segment = Segment(path, writable=True)
        try:
            found = segment.identity
            if found.gw != self.gw:
                raise SettingsError("store_of_other_gateway", gateway=self.gw, found=found.gw, path=self.dir)
            if found.store != self.id:
                raise StoreError("store_of_other_store", path=path, found=found.store)
            if found != identity:
                raise StoreDamaged("store_damaged", path=path, why=f"it says that it is {found.series} {found.number}")
            if segment.version < SCHEMA_VERSION:
                segment.close()
                migrate(path, segment.version)
                segment = Segment(path, writable=True)
            segment.starts()
            if thorough:
                segment.check()
        except BaseException:
            segment.close()
            raise
        return segment

    def _heads_before(self, series: Series, number: int, before: Path | None) -> dict[Stream, Head]:
        """What a damaged segment goes on from: the end of the one before it; of the first one it is known anyway."""
        if before is not None:
            with closing(Segment(before, writable=False)) as segment:
                try:
                    return patiently(segment.heads)
                except (StoreDamaged, StoreUnreadable):
                    return {stream: _end(segment, stream) for stream in streams_of(series)}
        return {stream: Head(0, genesis(self.id)) for stream in streams_of(series)}

    def file_of(self, stream: Stream, seq: int) -> tuple[Path, bool]:
        """The segment that holds, or will hold, this number, and whether a younger one follows. Raises StoreDamaged when it was dropped."""
        files = self.files[SERIES[stream]]
        for file in reversed(files):
            if file.starts[stream] <= seq:
                return file.path, file is not files[-1]
        raise StoreDamaged("store_hole", path=self.dir, stream=stream, seq=seq)

    def end_of(self, stream: Stream, path: Path, last: int) -> int:
        """The last number that counts of what this segment holds, where the stream ends at `last`."""
        files = self.files[SERIES[stream]]
        for file, younger in pairwise(files):
            if file.path == path:
                return min(last, younger.starts[stream] - 1)
        return last

    def low(self, stream: Stream, end: int) -> int:
        """The oldest number still held; `end + 1` where none is."""
        files = self.files[SERIES[stream]]
        return min(files[0].starts[stream], end + 1) if files else end + 1

    def forget(self, path: Path) -> None:
        """The file is going to be removed."""
        self.files = {series: tuple(f for f in files if f.path != path) for series, files in self.files.items()}

    def size(self) -> int:
        """All bytes on disk, with the WALs."""
        with store_errors(self.dir):
            return bytes_of(self.dir.iterdir())


def remove(path: Path) -> None:
    """A segment with its WAL. Under its name it is there whole, or not at all. Raises StoreError."""
    with store_errors(path.parent):
        gone = path.with_name(path.name + _GONE)
        if path.exists():
            path.rename(gone)
            sync_directory(path.parent)
        for part in (path.with_name(f"{path.name}-shm"), path.with_name(f"{path.name}-wal"), gone):
            part.unlink(missing_ok=True)
        sync_directory(path.parent)


def ends_of(shelf: Shelf) -> dict[Stream, End]:
    """Where the readable records of a store end, each proven by its chain."""
    ends: dict[Stream, End] = {}
    for series, files in shelf.files.items():
        with closing(Segment(files[-1].path, writable=False)) as segment:
            for stream in streams_of(series):
                head = _end(segment, stream)
                ends[stream] = End(head.seq, head.hash.hex(), head.seq)
    return ends


def _end(segment: Segment, stream: Stream) -> Head:
    """The last record that can be read and fits its chain."""
    try:
        return patiently(partial(segment.last_good, stream))
    except StoreUnreadable:
        return segment.last_good(stream, hopeless=True)
