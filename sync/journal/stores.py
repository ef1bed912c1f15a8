"""The stores side by side: the one that takes records, and sealed ones that still drain. Synchronous; the writer thread's."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from model.bodies import StoreDamage, StoreSealed, StreamEnd
from model.errors import StoreDamaged, StoreError, StoreUnreadable
from model.record import SERIES, STREAMS, Draft, Record, Series, Stream
from sync.journal.files import UNREADABLE_S, Patience, make_directory, patiently, store_errors, sync_directory
from sync.journal.losses import lost_state
from sync.journal.salvage import ASIDE
from sync.journal.segment import Head, Segment
from sync.journal.shelf import ALL, STORE, End, Seal, Shelf, ends_of, file_name, remove
from sync.journal.store import DRAFT, NUMBER, SEGMENT_MAX_BYTES, Store, draft_shelf, heads_in, settle
from sync.watermark import Watermark

_MOVED_RECORDS = 200
_MOVED_BYTES = 256 * 1024

log = logging.getLogger("doorpost.journal")


class Stores:
    """`sealed` with their seals, from the oldest on."""

    def __init__(self, parent: Path, gw: str, segment_max_bytes: int) -> None:
        self._parent = parent
        self._gw = gw
        self._limit = segment_max_bytes
        self._doubts: dict[tuple[str, Stream, int], float] = {}
        """Since when the disk does not give a record that is to be moved."""
        self._begun: tuple[Shelf, Seal] | None = None
        self.sealed: dict[str, tuple[Shelf, Seal]] = {}
        self.current: Store
        self.on_hole: Callable[[StoreDamage], None] = _nobody
        """Told of records beyond a fork's end that cannot be read, and so come nowhere again."""
        self.on_fork: Callable[[], None] = _nothing
        """Called when another store has taken the current one's place."""

    @classmethod
    def open(cls, parent: Path, gw: str, *, segment_max_bytes: int = SEGMENT_MAX_BYTES) -> "Stores":
        """What is under `parent`, or a new store. A damaged store is sealed, and a new one takes its place.

        Raises StoreError, SettingsError when it is another gateway's.
        """
        Patience.renew()
        stores = cls(parent, gw, segment_max_bytes)
        active = sorted(stores._find(), key=_number_of)
        whole = [shelf for shelf in active if not shelf.aside]
        if len({_number_of(shelf) for shelf in whole[-2:]}) < len(whole[-2:]):
            raise StoreError("stores_several", path=parent, stores=", ".join(s.id for s in whole))
        current = whole[-1] if whole else None
        for shelf in active:
            if shelf is not current:  # damaged, or an older one that has lost its seal
                seal = Seal(
                    "damaged", _counted_ends(shelf), sorted(set(shelf.aside)), stores._number(_number_of(shelf))
                )
                shelf.write_seal(seal)
                stores.sealed[shelf.id] = (shelf, seal)
        current = current or stores._half_made()
        stores._forget_drafts(current)
        if current is None:
            states = {series: stores._last_state(series) for series in ALL}
            states["core"] = stores._with_lost_tails(states["core"])
            current = draft_shelf(parent, gw, states, stores._number(0))
        if current.dir.suffix == DRAFT:
            settle(current)
        stores.current = Store(current, segment_max_bytes=segment_max_bytes)
        patiently(stores.current.open)
        stores._finish_drops()
        return stores

    def _find(self) -> list[Shelf]:
        """The stores that have no seal; those that have one stand in `sealed` then."""
        active: list[Shelf] = []
        with store_errors(self._parent):
            make_directory(self._parent)
            found = [Shelf(path, self._gw) for path in self._parent.iterdir() if STORE.fullmatch(path.name)]
        sealed: list[tuple[Shelf, Seal]] = []
        for shelf in found:
            seal = shelf.read_seal()
            shelf.scan(sealed=seal is not None)
            if seal is None:
                active.append(shelf)
            else:
                sealed.append((shelf, seal))
        sealed.sort(key=lambda one: one[1].number)
        self.sealed = {shelf.id: (shelf, seal) for shelf, seal in sealed}
        return active

    def _half_made(self) -> Shelf | None:
        """What was to follow the store that was sealed last, if it had got all but its name: its state is the one that was answered."""
        for path in self._drafts():
            if all((path / file_name(series, 1)).exists() for series in ALL):
                shelf = Shelf(path, self._gw)
                shelf.scan(sealed=False)
                if not shelf.aside and _number_of(shelf) == self._number(0):
                    return shelf
        return None

    def _forget_drafts(self, but: Shelf | None) -> None:
        for path in self._drafts():
            if but is None or path != but.dir:
                self._clear_away(path)

    def _clear_away(self, draft: Path) -> None:
        """It counts for nothing: where the disk does not let it go, it may stay until the next start."""
        try:
            sync_directory(self._parent)  # its name is on the disk before its files go one by one
            shutil.rmtree(draft)
        except OSError as err:
            log.warning("what is left of a store is still there: %s", err)

    def _drafts(self) -> list[Path]:
        with store_errors(self._parent):
            return [p for p in self._parent.iterdir() if p.suffix == DRAFT and STORE.fullmatch(p.stem)]

    def _number(self, known: int) -> int:
        """That of the store after those that are sealed, which may know a higher one itself."""
        return max(known, 1 + max((seal.number for _, seal in self.sealed.values()), default=0))

    def _last_state(self, series: Series) -> Mapping[str, bytes]:
        """What the store that was sealed last knew: the new one goes on from there."""
        states = (_state_of(shelf, series) for shelf, _ in reversed(self.sealed.values()))
        return next(filter(None, states), {})

    def _with_lost_tails(self, state: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """With what damaged stores have lost behind what they hold, as far as the centre has not settled it."""
        for shelf, seal in self.sealed.values():
            for stream, end in seal.ends.items():
                upto = Watermark.of(state.get(f"ack/{shelf.id}/{stream}")).upto
                if (first := max(end.last, upto) + 1) <= end.seq:
                    state = {**state, **lost_state(state, shelf.id, stream, (first, end.seq, "damaged"))}
        return state

    def close(self) -> None:
        self.current.close()

    # a fork: the centre has another history of this store

    def fork(self, store: str, ends: Mapping[Stream, Head]) -> None:
        """Seal the current store, if it still is this one, at `ends` and go on in a new one; `move_some` moves what lies beyond.

        One that was sealed as damaged gets its ends anew. Raises StoreError, and then all is as before, or, where the seal
        may be on the disk, the next that is written ends it.
        """
        if store in self.sealed:
            self._part(store, ends)
            return
        if self._begun is None:
            old = self.current
            if old.id != store:
                return
            number = self._number(_number_in(old.state))
            draft = draft_shelf(self._parent, self._gw, old.states, number + 1)
            streams = {s: End(ends[s].seq, ends[s].hash.hex(), old.heads[s].seq) for s in STREAMS}
            self._begun = draft, Seal("fork", streams, number=number)
        self.ready()

    def _part(self, store: str, ends: Mapping[Stream, Head]) -> None:
        shelf, seal = self.sealed[store]
        if seal.why == "damaged":
            streams = {s: End(ends[s].seq, ends[s].hash.hex(), end.last) for s, end in seal.ends.items()}
            seal = Seal("fork", streams, seal.aside, seal.number)
            shelf.write_seal(seal)
            self.sealed[store] = (shelf, seal)
            self.on_fork()

    def ready(self) -> Store:
        """The store that takes records. A fork that the disk has stopped half way is ended first. Raises StoreError."""
        if self._begun is not None:
            draft, seal = self._begun
            old = self.current
            old.close()
            old.shelf.write_seal(seal)
            settle(draft)
            new = Store(draft, segment_max_bytes=self._limit)
            new.open()
            self.sealed[old.id] = (old.shelf, seal)
            self.current = new
            self._begun = None
            self.on_fork()
        return self.current

    def append(
        self, series: Series, drafts: Mapping[Stream, list[Draft]], state: Mapping[str, bytes | None]
    ) -> dict[Stream, int]:
        """As of Store."""
        return self.ready().append(series, drafts, state)

    def rotate(self, series: Series) -> None:
        """As of Store."""
        self.ready().rotate(series)

    def move_some(self) -> bool:
        """Append some records from beyond the end of a forked store again, each with its `was`. False when all are moved.

        Raises StoreError: where only one stream cannot be read now, once the others are moved.
        """
        failed: StoreUnreadable | None = None
        for shelf, seal in self.sealed.values():
            for stream, end in seal.ends.items():
                if (moved := self._moved(shelf, stream, end)) < end.last:
                    try:
                        self._move(shelf, stream, moved + 1, end.last)
                    except StoreUnreadable as err:
                        failed = err
                    else:
                        return True
        if failed:
            raise failed
        return False

    def _moved(self, shelf: Shelf, stream: Stream, end: End) -> int:
        """Up to where a stream's records beyond its end are in the current store."""
        moved = self.current.states[SERIES[stream]].get(f"moved/{shelf.id}/{stream}", b"")
        return int(moved) if moved.isdigit() else end.seq

    def _move(self, shelf: Shelf, stream: Stream, first: int, last: int) -> None:
        if first < (low := shelf.low(stream, last)):
            here, good = low - 1, low
            found: list[Record] = []
        else:
            path, _ = shelf.file_of(stream, first)
            here = shelf.end_of(stream, path, last)
            since = self._doubts.setdefault((shelf.id, stream, first), time.monotonic())
            hopeless = time.monotonic() - since >= UNREADABLE_S
            try:
                good, found = _some(path, stream, first, here, hopeless=hopeless)
            except StoreDamaged:  # not even its first page
                good, found = here + 1, []
            except StoreUnreadable:
                if not hopeless:
                    raise
                good, found = here + 1, []
            del self._doubts[shelf.id, stream, first]
        if good > first:
            self.on_hole(StoreDamage(store=shelf.id, stream=stream, first=first, last=good - 1, why="unreadable"))
        moved = found[-1].seq if found else here
        drafts = [_with_was(shelf.id, record) for record in found]
        self.append(SERIES[stream], {stream: drafts}, {f"moved/{shelf.id}/{stream}": b"%d" % moved})

    def untold(self) -> list[StoreSealed]:
        """Sealed stores of which no record tells yet: with it goes the state `sealed/{store}`, which is why."""
        return [
            StoreSealed(
                store=shelf.id,
                why=seal.why,
                streams=[
                    StreamEnd(stream=s, end=end.seq, head=end.hash, last=end.last) for s, end in seal.ends.items()
                ],
                aside=seal.aside,
            )
            for shelf, seal in self.sealed.values()
            if self.current.state.get(f"sealed/{shelf.id}") != seal.why.encode()
        ]

    # dropping

    def shelf(self, store: str) -> Shelf:
        return self.current.shelf if store == self.current.id else self.sealed[store][0]

    def last(self, store: str, stream: Stream) -> int:
        """The number of the last record that counts as this store's."""
        return self.current.heads[stream].seq if store == self.current.id else self.sealed[store][1].ends[stream].seq

    def moving(self, store: str) -> bool:
        """Whether it was forked, and what lies beyond its ends is not all in the current store yet."""
        if store == self.current.id:
            return False
        shelf, seal = self.sealed[store]
        return any(self._moved(shelf, stream, end) < end.last for stream, end in seal.ends.items())

    def discard(self, store: str) -> None:
        """Remove a sealed store with its directory, unless there is still something in it. Raises StoreError, and then it is as before."""
        shelf, _ = self.sealed[store]
        with store_errors(shelf.dir):
            if any(shelf.files.values()) or any(ASIDE in path.name for path in shelf.dir.iterdir()):
                return
            gone = shelf.dir.with_suffix(DRAFT)  # a crash leaves what counts for nothing
            shelf.dir.rename(gone)
        del self.sealed[store]
        self._clear_away(gone)

    def _finish_drops(self) -> None:
        """Remove what was declared dropped of sealed stores: a crash may have come between the word and the deed."""
        for shelf, _ in self.sealed.values():
            for series, files in shelf.files.items():
                name = self.current.state.get(f"dropped/{shelf.id}/{series}", b"").decode()
                for file in files:
                    if file.path.name <= name:
                        shelf.forget(file.path)
                        remove(file.path)


def _counted_ends(shelf: Shelf) -> dict[Stream, End]:
    """Where the streams of a damaged store ended: where what it holds of them does, or further, as files of other series tell."""
    ends = ends_of(shelf)
    for series in ALL:
        for stream, head in heads_in(_state_of(shelf, series), shelf.id).items():
            if head.seq > ends[stream].seq:
                ends[stream] = End(head.seq, head.hash.hex(), ends[stream].last)
    return ends


def _some(path: Path, stream: Stream, first: int, end: int, *, hopeless: bool) -> tuple[int, list[Record]]:
    """The first record that can be read, and what follows it, as much as is moved at once. Raises StoreDamaged, StoreUnreadable."""
    with closing(Segment(path, writable=False)) as segment:
        good = segment.next_good(stream, first, end, hopeless=hopeless)
        count = min(_MOVED_RECORDS, end - good + 1)
        return good, segment.read(stream, good, count, _MOVED_BYTES).records if count else []


def _state_of(shelf: Shelf, series: Series) -> Mapping[str, bytes]:
    """What can be read of it; a salvaged file may have nothing of it left."""
    for file in reversed(shelf.files[series]):
        with suppress(StoreDamaged, StoreUnreadable):
            if state := patiently(partial(_state_in, file.path)):
                return state
    return {}


def _state_in(path: Path) -> Mapping[str, bytes]:
    with closing(Segment(path, writable=False)) as segment:
        return segment.state()


def _number_in(state: Mapping[str, bytes]) -> int:
    number = state.get(NUMBER, b"")
    return int(number) if number.isdigit() else 0


def _number_of(shelf: Shelf) -> int:
    return _number_in(_state_of(shelf, "core"))


def _nothing() -> None:
    return


def _nobody(_: StoreDamage) -> None:
    return


def _with_was(store: str, record: Record) -> Draft:
    """The same record for another store: its body ends with where it was."""
    was = f'"was":["{store}",{record.seq},"{record.hash.hex()}"]}}'.encode()
    start = record.body.rstrip()[:-1]
    return Draft(record.kind, start + (was if start.strip() == b"{" else b"," + was), record.at)
