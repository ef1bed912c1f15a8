"""The journal as the rest of the gateway sees it: `append` returns when durable, or raises.

One writer thread owns the stores and their only writing connections. What is urgent is committed at once; the rest waits for
its group, `GROUP_S` at most, and shares one fsync. A second thread reads, and a third removes files and looks them over:
capturing never waits for reading, sending or dropping.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from model.bodies import StoreDamage, StoreDrop, StoreSealed
from model.errors import StoreError, StoreFull
from model.record import SERIES, Draft, Series, Stream, draft
from model.time import Stamp
from sync.journal.inventory import Inventory, SegmentInfo
from sync.journal.reserve import RESERVE_BYTES, Reserve
from sync.journal.segment import Head, Slice
from sync.journal.shelf import remove
from sync.journal.store import SEGMENT_MAX_BYTES
from sync.journal.stores import Stores
from sync.journal.view import LostRange, Reader, StoreView, lost, with_lost

GROUP_S = 1.0
"""A reading is durable at most this long after it was submitted."""
GROUP_MAX_BYTES = 1024 * 1024
QUEUE_MAX_BYTES = 16 * 1024 * 1024
"""What may wait for a disk that has stopped; more is refused, and counted by whoever submitted it."""
DRAFT_BYTES = 500
"""What a waiting draft takes in memory beside its body."""
MOVE_RETRY_S = 5.0

log = logging.getLogger("doorpost.journal")

T = TypeVar("T")

Refused = Callable[[StoreError], None]


class _Item(NamedTuple):
    drafts: Sequence[Draft]
    state: Mapping[str, bytes | None]
    done: "asyncio.Future[list[int]]"


_Post = tuple[Draft, Refused]


class _Group:
    """What waits for the next commit of one series."""

    def __init__(self) -> None:
        self.entries: list[_Item | _Post] = []
        self.due = float("inf")
        self.bytes = 0


class Journal:
    """Open with `await Journal.open(...)`; all methods are for the event loop's thread."""

    def __init__(self, stores: Stores, reserve: Reserve, group_s: float) -> None:
        self._stores = stores
        self._reserve = reserve
        self._group_s = group_s
        self._loop = asyncio.get_running_loop()
        self._wake = threading.Condition()
        self._groups: dict[Series, _Group] = {"core": _Group(), "reading": _Group(), "diag": _Group()}
        self._waiting_bytes = 0
        self._closing = False
        self._refusing = False
        self._state = dict(stores.current.state)
        self._notes: dict[str, bytes | None] = {}
        self._jobs: list[Callable[[], None]] = [self._move_on]
        self._listeners: list[Callable[[], None]] = []
        self._fork_listeners: list[Callable[[], None]] = []
        self._reader = Reader()
        self._janitor = ThreadPoolExecutor(1, "journal-janitor")
        self._inventory = Inventory()
        self.failed: StoreError | None = None
        self._look()
        self._writer = threading.Thread(target=self._write_forever, name="journal-writer", daemon=True)
        self._writer.start()

    @classmethod
    async def open(
        cls,
        directory: Path,
        gw: str,
        *,
        group_s: float = GROUP_S,
        segment_max_bytes: int = SEGMENT_MAX_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> "Journal":
        """Raises StoreError, or SettingsError when the store is another gateway's."""
        stores = await asyncio.to_thread(Stores.open, directory, gw, segment_max_bytes=segment_max_bytes)
        reserve = Reserve(directory, reserve_bytes)
        await asyncio.to_thread(reserve.keep)
        return cls(stores, reserve, group_s)

    def _look(self) -> None:
        """Take over which stores there are: at the start, and after a fork."""
        current = self._stores.current
        self.current = StoreView(current.shelf, current.heads, self._state, self._reader, sealed=False)
        self.sealed = [
            StoreView(
                shelf,
                {s: Head(end.seq, bytes.fromhex(end.hash)) for s, end in seal.ends.items()},
                self._state,
                self._reader,
                sealed=True,
            )
            for shelf, seal in self._stores.sealed.values()
        ]
        self.untold: list[StoreSealed] = self._stores.untold()
        """Sealed stores of which no record tells yet: whoever appends one sets the state `sealed/{store}` with it."""

    @property
    def store(self) -> str:
        """The id of the store that takes records, which makes a sequence number unique for ever."""
        return self.current.id

    # writing

    def post(self, one: Draft, refused: Refused, *, urgent: bool = False, age_s: float = 0.0) -> None:
        """Queue a draft for which nobody waits: `refused` is called where it was not taken, and nothing where it was.

        What was gathered for `age_s` before waits that much less for its group.
        """
        series = SERIES[one.stream]
        size = len(one.body) + DRAFT_BYTES
        with self._wake:
            if (error := self._why_not(series, size)) is None:
                self._enqueue(series, (one, refused), size, urgent or series == "core", age_s)
        if error:
            refused(error)

    def submit(
        self, drafts: Sequence[Draft], *, state: Mapping[str, bytes | None] | None = None, urgent: bool = False
    ) -> "asyncio.Future[list[int]]":
        """Queue drafts of one series, with state that changes in the same transaction (core only).

        The future gives each draft's number once durable, or StoreError: then none of them was taken.
        """
        done: asyncio.Future[list[int]] = self._loop.create_future()
        series = SERIES[drafts[0].stream] if drafts else "core"
        if any(SERIES[d.stream] != series for d in drafts) or (state and series != "core"):
            raise ValueError("a submission is atomic, so it is of one series; only core keeps state")
        size = sum(len(d.body) + DRAFT_BYTES for d in drafts)
        with self._wake:
            if (error := self._why_not(series, size)) is None:
                self._enqueue(series, _Item(drafts, state or {}, done), size, urgent or series == "core", 0.0)
            else:
                done.set_exception(error)
        return done

    def _why_not(self, series: Series, size: int) -> StoreError | None:
        """Why this cannot be queued. The lock is held."""
        if self._refusing and series != "core":
            return StoreFull("store_full", path=self.store)
        if self._closing or self._waiting_bytes + size > QUEUE_MAX_BYTES:
            return StoreFull("store_behind", bytes=self._waiting_bytes)
        return None

    def _enqueue(self, series: Series, entry: "_Item | _Post", size: int, at_once: bool, age_s: float) -> None:
        """The lock is held."""
        group = self._groups[series]
        group.entries.append(entry)
        group.bytes += size
        self._waiting_bytes += size
        if at_once or group.bytes >= GROUP_MAX_BYTES:
            due = 0.0
        elif len(group.entries) == 1 or age_s:
            due = time.monotonic() + max(0.0, self._group_s - age_s)
        else:
            return
        if due < group.due:
            group.due = due
            self._wake.notify()

    async def append(
        self, drafts: Sequence[Draft], *, state: Mapping[str, bytes | None] | None = None, urgent: bool = False
    ) -> list[int]:
        """Return each draft's number once all are durable. Raises StoreError."""
        return await self.submit(drafts, state=state, urgent=urgent)

    async def flush(self) -> None:
        """Commit now what waits for its group; return when that is done, well or not."""
        with self._wake:
            for group in self._groups.values():
                if group.entries:
                    group.due = 0.0
        await self._in_writer(lambda: None)

    def note(self, key: str, value: bytes | None) -> None:
        """State that may be lost in a crash: written with the next core commit, at the latest by `close`."""
        self._set_state({key: value})
        with self._wake:
            self._notes[key] = value

    def refuse_telemetry(self, refuse: bool) -> None:
        """From now on readings and diag are turned away with `store_full`, or taken again."""
        self._refusing = refuse

    # what is there

    def last(self, stream: Stream) -> int:
        """The number of the last durable record of the current store; as many were captured."""
        return self.current.last(stream)

    def head(self, stream: Stream) -> Head:
        return self.current.head(stream)

    def low(self, stream: Stream) -> int:
        """The oldest number still held of the current store."""
        return self.current.low(stream)

    def lost(self, stream: Stream) -> list[LostRange]:
        """Ranges of the current store that were never acknowledged and can no longer be sent."""
        return self.current.lost(stream)

    def state(self, key: str) -> bytes | None:
        """Durable state, as of the newest commit."""
        return self._state.get(key)

    def states(self, prefix: str) -> dict[str, bytes]:
        return {key: value for key, value in self._state.items() if key.startswith(prefix)}

    async def read(self, stream: Stream, first: int, max_records: int, max_bytes: int) -> Slice:
        """As of StoreView: of the current store."""
        return await self.current.read(stream, first, max_records, max_bytes)

    async def hash_at(self, stream: Stream, seq: int) -> bytes:
        """As of StoreView: of the current store."""
        return await self.current.hash_at(stream, seq)

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after each commit."""
        self._listeners.append(listener)

    def on_fork(self, listener: Callable[[], None]) -> None:
        """Call `listener` when another store has taken the current one's place: numbers start anew, `current` is another."""
        self._fork_listeners.append(listener)

    # room on the disk

    def size(self) -> int:
        """All bytes of all stores on disk: segments, WALs, what was set aside, and the reserve."""
        shelves = [self._stores.current.shelf, *(shelf for shelf, _ in self._stores.sealed.values())]
        return sum(shelf.size() for shelf in shelves) + self._reserve.size()

    async def inventory(self) -> list[SegmentInfo]:
        """Every segment of every store, sealed stores first, per series from the oldest on. Raises StoreError."""
        if self._closing:
            raise StoreError("store_failed", path=self.store, why="closed")
        stores = [(self._stores.shelf(view.id), view) for view in (*self.sealed, self.current)]

        def take() -> list[SegmentInfo]:
            self._reserve.keep()
            return [
                info for shelf, view in stores for info in self._inventory.take(shelf, view.last, sealed=view.sealed)
            ]

        return await self._loop.run_in_executor(self._janitor, take)

    async def drop(self, info: SegmentInfo, upto: Mapping[Stream, int], reason: str, at: Stamp) -> None:
        """Drop a store's oldest closed segment whole: said on `audit` first, with what of it was never acknowledged.

        `upto` are the store's watermarks. Raises StoreError, and then it is still there.
        """
        await self._in_writer(partial(self._declare_drop, info, upto, reason, at))
        await self._reader.forget(info.path)
        await self._loop.run_in_executor(self._janitor, remove, info.path)

    async def rotate(self, series: Series) -> None:
        """Close the segment that is written to, so that it can be dropped. Raises StoreError."""
        await self._in_writer(lambda: self._stores.current.rotate(series))

    # what the centre or the disk tells of our history

    async def declare_damage(self, store: str, stream: Stream, first: int, last: int, why: str, at: Stamp) -> None:
        """Records that cannot be had any more are lost, and that is said on `audit`. Raises StoreError."""
        await self._in_writer(partial(self._declare_damage, store, stream, first, last, why, at))

    async def fork(self, ends: Mapping[Stream, Head]) -> None:
        """Seal the current store at `ends`, and go on in a new one, where what lies beyond is appended again.

        Raises StoreError, and then all is as before.
        """
        await self._in_writer(lambda: self._stores.fork(ends), then=self._forked)
        self._enqueue_job(self._move_on)

    async def close(self) -> None:
        """Commit what waits, notes too, and close the files: readers first, so that the writer leaves no WAL behind."""
        await asyncio.to_thread(self._reader.close)
        await asyncio.to_thread(self._janitor.shutdown)
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._writer.join)

    # the writer thread

    def _enqueue_job(self, job: Callable[[], None]) -> None:
        with self._wake:
            self._jobs.append(job)
            self._wake.notify()

    async def _in_writer(self, work: Callable[[], T], then: Callable[[], None] | None = None) -> T:
        """Do it between two commits; what it changed is known here when this returns. Raises StoreError.

        `then` is called here when it was done well, before anything that was committed after it is known.
        """
        done: asyncio.Future[T] = self._loop.create_future()

        def job() -> None:
            result: T | None = None
            error: Exception | None = None
            try:
                result = work()
            except Exception as err:  # noqa: BLE001  # it is whoever asked that gets it
                error = err
            store = self._stores.current
            self._tell(self._settle_work, done, result, error, then, dict(store.heads), dict(store.state))

        with self._wake:
            if self._closing:
                raise StoreError("store_failed", path=self.store, why="closed")
            self._jobs.append(job)
            self._wake.notify()
        return await done

    def _write_forever(self) -> None:
        while True:
            with self._wake:
                while not (taken := self._take()) and not self._jobs and not self._closing:
                    due = min(group.due for group in self._groups.values())
                    self._wake.wait(None if due == float("inf") else max(0, due - time.monotonic()))
                jobs, self._jobs = self._jobs, []
                closing = self._closing and not taken and not jobs
            for series, entries in taken:
                self._commit(series, entries)
            for job in jobs:
                job()
            if closing:
                self._commit("core", [])
                self._stores.close()
                return

    def _take(self) -> list[tuple[Series, list[_Item | _Post]]]:
        """The groups whose time has come, core first. The lock is held."""
        now = time.monotonic()
        taken: list[tuple[Series, list[_Item | _Post]]] = []
        for series, group in self._groups.items():
            if group.entries and (group.due <= now or self._closing):
                taken.append((series, group.entries))
                self._waiting_bytes -= group.bytes
                self._groups[series] = _Group()
        return taken

    def _commit(self, series: Series, entries: Sequence[_Item | _Post]) -> None:
        drafts: dict[Stream, list[Draft]] = {}
        items: list[_Item] = []
        places: list[list[tuple[Stream, int]]] = []
        notes: dict[str, bytes | None] = {}
        if series == "core":
            with self._wake:
                notes, self._notes = self._notes, {}
        state = dict(notes)
        for entry in entries:
            if isinstance(entry, _Item):
                place = []
                for d in entry.drafts:
                    stream = drafts.setdefault(d.stream, [])
                    place.append((d.stream, len(stream)))
                    stream.append(d)
                items.append(entry)
                places.append(place)
                state |= entry.state
            else:
                drafts.setdefault(entry[0].stream, []).append(entry[0])
        if not entries and not state:
            return
        try:
            first = self._append(series, drafts, state)
        except Exception as err:
            with self._wake:
                self._notes = notes | self._notes
            if isinstance(err, StoreError):
                self._tell(self._settle_failure, entries, err)
            elif len(entries) > 1:  # one that cannot be written at all must not take the others with it
                for entry in entries:
                    self._commit(series, [entry])
            else:
                log.exception("not a record that can be written")
                self._tell(self._settle_failure, entries, err)
            return
        numbers = [[first[stream] + offset for stream, offset in place] for place in places]
        self._tell(self._settle, items, numbers, dict(self._stores.current.heads), state)

    def _append(
        self, series: Series, drafts: Mapping[Stream, list[Draft]], state: Mapping[str, bytes | None]
    ) -> dict[Stream, int]:
        """Where the disk is full, core takes the reserve."""
        try:
            return self._stores.current.append(series, drafts, state)
        except StoreFull:
            if series != "core" or not self._reserve.give_up():
                raise
            return self._stores.current.append(series, drafts, state)

    def _declare_drop(self, info: SegmentInfo, upto: Mapping[Stream, int], reason: str, at: Stamp) -> None:
        current = self._stores.current
        shelf = self._stores.shelf(info.store)
        of = None if info.store == current.id else info.store
        drafts: list[Draft] = []
        state: dict[str, bytes | None] = {f"dropped/{info.store}/{info.series}": info.path.name.encode()}
        for stream, (first, last) in info.ranges.items():
            done = upto.get(stream, 0)
            body = StoreDrop(
                store=of,
                series=info.series,
                stream=stream,
                first=first,
                last=last,
                upto=done,
                bytes=info.bytes,
                reason=reason,
            )
            drafts.append(draft("store.drop/1", body, at))
            if last > done:
                state |= _lost_state(current.state, info.store, stream, (max(first, done + 1), last, reason))
        self._append("core", {Stream.AUDIT: drafts}, state)
        shelf.forget(info.path)

    def _declare_damage(self, store: str, stream: Stream, first: int, last: int, why: str, at: Stamp) -> None:
        current = self._stores.current
        of = None if store == current.id else store
        said = draft("store.damage/1", StoreDamage(store=of, stream=stream, first=first, last=last, why=why), at)
        state = _lost_state(current.state, store, stream, (first, last, "damaged"))
        self._append("core", {Stream.AUDIT: [said]}, state)

    def _move_on(self) -> None:
        """Move a little of what a fork left to be moved, and come again: commits go in between."""
        try:
            more = self._stores.move_some()
        except Exception as err:  # noqa: BLE001  # whatever it is, the writer has to go on
            log.error("records of a sealed store wait to be moved: %s", err)
            self._tell(self._loop.call_later, MOVE_RETRY_S, self._enqueue_job, self._move_on)
            return
        if more:
            self._tell(self._settle, [], [], dict(self._stores.current.heads), {})
            if not self._closing:
                self._enqueue_job(self._move_on)

    def _tell(self, callback: Callable[..., object], *args: object) -> None:
        """Back to the event loop; when that is closed nobody waits any more."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return

    # back on the event loop

    def _settle(
        self,
        items: list[_Item],
        numbers: list[list[int]],
        heads: Mapping[Stream, Head],
        state: Mapping[str, bytes | None],
    ) -> None:
        self.failed = None
        self.current.refresh(heads)
        self._set_state(state)
        for item, seqs in zip(items, numbers, strict=True):
            if not item.done.done():
                item.done.set_result(seqs)
        for listener in self._listeners:
            listener()

    def _settle_failure(self, entries: Sequence[_Item | _Post], err: Exception) -> None:
        known = err if isinstance(err, StoreError) else StoreError("store_failed", path=self.store, why=str(err))
        if known is err:
            self.failed = known
        for entry in entries:
            if not isinstance(entry, _Item):
                entry[1](known)
            elif not entry.done.done():
                entry.done.set_exception(err)
                entry.done.exception()  # whoever waits sees it; a reading that nobody waits for is counted by its owner
        for listener in self._listeners:
            listener()

    def _settle_work(
        self,
        done: "asyncio.Future[T]",
        result: T,
        error: Exception | None,
        then: Callable[[], None] | None,
        heads: dict[Stream, Head],
        state: Mapping[str, bytes | None],
    ) -> None:
        self._set_state({**state, **self._notes})
        if then and error is None:
            then()
        else:
            self.current.refresh(heads)
            for view in self.sealed:
                view.refresh({})
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)

    def _forked(self) -> None:
        self._look()
        for listener in (*self._fork_listeners, *self._listeners):
            listener()

    def _set_state(self, state: Mapping[str, bytes | None]) -> None:
        for key, value in state.items():
            if value is None:
                self._state.pop(key, None)
            else:
                self._state[key] = value


def _lost_state(state: Mapping[str, bytes], store: str, stream: Stream, more: LostRange) -> dict[str, bytes]:
    return {f"lost/{store}/{stream}": msgspec.json.encode(with_lost(lost(state, store, stream), more))}
