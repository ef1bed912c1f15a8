"""The journal as the rest of the gateway sees it: `append` returns when durable, or raises.

One writer thread owns the store and its only writing connections. What is urgent is committed at once; the rest waits for
its group, `GROUP_S` at most, and shares one fsync. A second thread reads. Capturing never waits for reading or sending.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from model.errors import StoreError, StoreFull
from model.record import SERIES, STREAMS, Draft, Series, Stream
from model.time import Stamp
from sync.journal import store as reading
from sync.journal.segment import Head, Segment, Slice
from sync.journal.store import SEGMENT_MAX_BYTES, LostRange, Store, lost

GROUP_S = 1.0
"""A reading is durable at most this long after it was submitted."""
GROUP_MAX_BYTES = 1024 * 1024
QUEUE_MAX_BYTES = 16 * 1024 * 1024
"""What may wait for a disk that has stopped; more is refused, and counted by whoever submitted it."""
DRAFT_BYTES = 500
"""What a waiting draft takes in memory beside its body."""

log = logging.getLogger("doorpost.journal")

T = TypeVar("T")


class _Item(NamedTuple):
    drafts: Sequence[Draft]
    state: Mapping[str, bytes | None]
    done: "asyncio.Future[list[int]]"


class _Group:
    """What waits for the next commit of one series."""

    def __init__(self) -> None:
        self.items: list[_Item] = []
        self.due = float("inf")
        self.bytes = 0


class Journal:
    """Open with `await Journal.open(...)`; all methods are for the event loop's thread."""

    def __init__(self, store: Store, group_s: float) -> None:
        self._store = store
        self._group_s = group_s
        self._loop = asyncio.get_running_loop()
        self._wake = threading.Condition()
        self._groups: dict[Series, _Group] = {"core": _Group(), "reading": _Group(), "diag": _Group()}
        self._waiting_bytes = 0
        self._closing = False
        self._heads = dict(store.heads)
        self._lows = {stream: store.low(stream) for stream in STREAMS}
        self._state = dict(store.state)
        self._notes: dict[str, bytes | None] = {}
        self._jobs: list[Callable[[], None]] = []
        self._listeners: list[Callable[[], None]] = []
        self._reader = ThreadPoolExecutor(1, "journal-reader")
        self._open_segments: dict[Path, Segment] = {}
        self._writer = threading.Thread(target=self._write_forever, name="journal-writer", daemon=True)
        self.failed: StoreError | None = None
        self._writer.start()

    @classmethod
    async def open(
        cls, directory: Path, gw: str, *, group_s: float = GROUP_S, segment_max_bytes: int = SEGMENT_MAX_BYTES
    ) -> "Journal":
        """Raises StoreError, or SettingsError when the store is another gateway's."""
        store = await asyncio.to_thread(Store.open, directory, gw, segment_max_bytes=segment_max_bytes)
        return cls(store, group_s)

    @property
    def store(self) -> str:
        """The store's id, which makes a sequence number unique for ever."""
        return self._store.id

    # writing

    def submit(
        self,
        drafts: Sequence[Draft],
        *,
        state: Mapping[str, bytes | None] | None = None,
        urgent: bool = False,
        age_s: float = 0.0,
    ) -> "asyncio.Future[list[int]]":
        """Queue drafts of one series, with state that changes in the same transaction (core only).

        What was gathered for `age_s` before waits that much less for its group. The future gives each draft's number once
        durable, or StoreError: then none of them was taken.
        """
        done: asyncio.Future[list[int]] = self._loop.create_future()
        series = SERIES[drafts[0].stream] if drafts else "core"
        if any(SERIES[d.stream] != series for d in drafts) or (state and series != "core"):
            raise ValueError("a submission is atomic, so it is of one series; only core keeps state")
        size = sum(len(d.body) + DRAFT_BYTES for d in drafts)
        with self._wake:
            if self._closing or self._waiting_bytes + size > QUEUE_MAX_BYTES:
                done.set_exception(StoreFull("store_behind", bytes=self._waiting_bytes))
                return done
            group = self._groups[series]
            group.items.append(_Item(drafts, state or {}, done))
            group.bytes += size
            self._waiting_bytes += size
            now = time.monotonic()
            at_once = series == "core" or urgent or group.bytes >= GROUP_MAX_BYTES
            due = min(group.due, now if at_once else now + max(0.0, self._group_s - age_s))
            if due != group.due:
                group.due = due
                self._wake.notify()
        return done

    async def append(
        self, drafts: Sequence[Draft], *, state: Mapping[str, bytes | None] | None = None, urgent: bool = False
    ) -> list[int]:
        """Return each draft's number once all are durable. Raises StoreError."""
        return await self.submit(drafts, state=state, urgent=urgent)

    async def flush(self) -> None:
        """Commit now what waits for its group; return when that is done, well or not."""
        with self._wake:
            groups = [group for group in self._groups.values() if group.items]
            for group in groups:
                group.due = time.monotonic()
            self._wake.notify()
        waiting = [item.done for group in groups for item in group.items]
        if waiting:
            await asyncio.wait(waiting)

    def note(self, key: str, value: bytes | None) -> None:
        """State that may be lost in a crash: written with the next core commit, at the latest by `close`."""
        self._set_state({key: value})
        with self._wake:
            self._notes[key] = value

    async def drop_oldest(self, series: Series, upto: Mapping[Stream, int], reason: str, at: Stamp) -> bool:
        """Drop the oldest closed segment of a series whole, declared on `audit`. False when only the current one is left."""
        done: asyncio.Future[bool] = self._loop.create_future()

        def drop() -> None:
            try:
                result: bool | Exception = self._store.drop_oldest(series, upto, reason, at)
            except Exception as err:  # noqa: BLE001  # it is whoever asked that gets it
                result = err
            lows = {stream: self._store.low(stream) for stream in STREAMS}
            self._tell(self._settle_drop, done, result, dict(self._store.heads), lows, dict(self._store.state))

        with self._wake:
            if self._closing:
                raise StoreError("store_failed", path=self._store.id, why="closed")
            self._jobs.append(drop)
            self._wake.notify()
        dropped = await done
        await self._in_reader(lambda: reading.forget_dropped(self._open_segments))
        return dropped

    # what is there

    def last(self, stream: Stream) -> int:
        """The number of the last durable record; as many were captured."""
        return self._heads[stream].seq

    def head(self, stream: Stream) -> Head:
        return self._heads[stream]

    def low(self, stream: Stream) -> int:
        """The oldest number still held."""
        return self._lows[stream]

    def lost(self, stream: Stream) -> list[LostRange]:
        """Ranges that were never acknowledged and can no longer be sent."""
        return lost(self._state, stream)

    def state(self, key: str) -> bytes | None:
        """Durable state, as of the newest commit."""
        return self._state.get(key)

    def states(self, prefix: str) -> dict[str, bytes]:
        return {key: value for key, value in self._state.items() if key.startswith(prefix)}

    def size(self) -> int:
        return self._store.size()

    async def read(self, stream: Stream, first: int, max_records: int, max_bytes: int) -> Slice:
        """Records from `first` on, of one boot, at least one where there is one. Raises StoreError."""
        where = self._store.file_of(stream, first)
        return await self._in_reader(lambda: self._reading(where).read(stream, first, max_records, max_bytes))

    async def hash_at(self, stream: Stream, seq: int) -> bytes:
        """The hash of a record that is still held, or of the one before the oldest. Raises StoreError."""
        where = self._store.file_of(stream, max(seq, self.low(stream)))
        return await self._in_reader(lambda: self._reading(where).hash_at(stream, seq))

    def _reading(self, where: tuple[Path, bool]) -> Segment:
        return reading.cached(*where, self._open_segments)

    async def _in_reader(self, call: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._reader, call)

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after each commit."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Commit what waits, notes too, and close the files: readers first, so that the writer leaves no WAL behind."""
        await asyncio.to_thread(self._reader.shutdown)
        for segment in self._open_segments.values():
            segment.close()
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._writer.join)

    # the writer thread

    def _write_forever(self) -> None:
        while True:
            with self._wake:
                while not (taken := self._take()) and not self._jobs and not self._closing:
                    due = min(group.due for group in self._groups.values())
                    self._wake.wait(None if due == float("inf") else max(0, due - time.monotonic()))
                jobs, self._jobs = self._jobs, []
                closing = self._closing and not taken and not jobs
            for series, items in taken:
                self._commit(series, items)
            for job in jobs:
                job()
            if closing:
                self._commit("core", [])
                self._store.close()
                return

    def _take(self) -> list[tuple[Series, list[_Item]]]:
        """The groups whose time has come, core first. The lock is held."""
        now = time.monotonic()
        taken: list[tuple[Series, list[_Item]]] = []
        for series, group in self._groups.items():
            if group.items and (group.due <= now or self._closing):
                taken.append((series, group.items))
                self._waiting_bytes -= group.bytes
                self._groups[series] = _Group()
        return taken

    def _commit(self, series: Series, items: list[_Item]) -> None:
        drafts: dict[Stream, list[Draft]] = {}
        places: list[list[tuple[Stream, int]]] = []
        notes: dict[str, bytes | None] = {}
        if series == "core":
            with self._wake:
                notes, self._notes = self._notes, {}
        state = dict(notes)
        for item in items:
            place = []
            for d in item.drafts:
                stream = drafts.setdefault(d.stream, [])
                place.append((d.stream, len(stream)))
                stream.append(d)
            places.append(place)
            state |= item.state
        if not items and not state:
            return
        try:
            first = self._store.append(series, drafts, state)
        except Exception as err:
            with self._wake:
                self._notes = notes | self._notes
            if isinstance(err, StoreError):
                self._tell(self._settle_failure, items, err)
            elif len(items) > 1:  # one that cannot be written at all must not take the others with it
                for item in items:
                    self._commit(series, [item])
            else:
                log.exception("not a record that can be written")
                self._tell(self._settle_failure, items, err)
            return
        numbers = [[first[stream] + offset for stream, offset in place] for place in places]
        self._tell(self._settle, items, numbers, dict(self._store.heads), state)

    def _tell(self, callback: Callable[..., None], *args: object) -> None:
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
        self._heads |= heads
        self._set_state(state)
        for item, seqs in zip(items, numbers, strict=True):
            if not item.done.done():
                item.done.set_result(seqs)
        for listener in self._listeners:
            listener()

    def _settle_failure(self, items: list[_Item], err: Exception) -> None:
        if isinstance(err, StoreError):
            self.failed = err
        for item in items:
            if not item.done.done():
                item.done.set_exception(err)
                item.done.exception()  # whoever waits sees it; a reading that nobody waits for is counted by its owner
        for listener in self._listeners:
            listener()

    def _settle_drop(
        self,
        done: "asyncio.Future[bool]",
        result: bool | Exception,
        heads: dict[Stream, Head],
        lows: dict[Stream, int],
        state: Mapping[str, bytes | None],
    ) -> None:
        self._heads |= heads
        self._lows = lows
        self._set_state({**state, **self._notes})
        if done.done():
            return
        if isinstance(result, Exception):
            done.set_exception(result)
        else:
            done.set_result(result)

    def _set_state(self, state: Mapping[str, bytes | None]) -> None:
        for key, value in state.items():
            if value is None:
                self._state.pop(key, None)
            else:
                self._state[key] = value
