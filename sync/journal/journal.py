"""The journal as the rest of the gateway sees it: `append` returns when durable, or raises.

One thread owns the stores and their only writing connections. What is urgent is committed at once; the rest waits for its
group, `GROUP_S` at most, and shares one fsync. A second thread reads, and a third removes files and looks them over:
capturing never waits for reading, sending or dropping.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from model.bodies import StoreDamage, StoreDrop, StoreSealed
from model.errors import StoreError
from model.record import SERIES, Draft, Series, Stream, draft
from model.time import Stamp
from sync.journal.inventory import SegmentInfo, inventory
from sync.journal.losses import lost_state
from sync.journal.reader import Reader
from sync.journal.reserve import RESERVE_BYTES, Reserve
from sync.journal.segment import Head
from sync.journal.shelf import remove
from sync.journal.store import SEGMENT_MAX_BYTES
from sync.journal.stores import Stores
from sync.journal.view import StoreView
from sync.journal.writer import DRAFT_BYTES, Entry, Item, Refused, Writer, changed

GROUP_S = 1.0
"""A reading is durable at most this long after it was submitted."""
MOVE_RETRY_S = 5.0

log = logging.getLogger("doorpost.journal")


class Journal:
    """Open with `await Journal.open(...)`; all methods are for the event loop's thread."""

    def __init__(self, stores: Stores, reserve: Reserve, group_s: float) -> None:
        self._stores = stores
        self._reserve = reserve
        self._state = dict(stores.current.state)
        self._listeners: list[Callable[[], None]] = []
        self._fork_listeners: list[Callable[[], None]] = []
        self._discard_listeners: list[Callable[[], None]] = []
        self._hole_listeners: list[Callable[[StoreDamage], None]] = []
        self._to_remove: list[Path] = []
        self._reader = Reader()
        self._janitor = ThreadPoolExecutor(1, "journal-janitor")
        self.failed: StoreError | None = None
        self._look()
        self._writer = Writer(stores, reserve, group_s, self)
        stores.on_fork = self._on_fork
        stores.on_hole = lambda hole: self._writer.tell(self._tell_hole, hole)
        self._writer.soon(self._move_on)
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
        self.current = StoreView(current.shelf, current.heads, self._state, self._reader)
        self.sealed = [
            StoreView(
                shelf,
                {s: Head(end.seq, bytes.fromhex(end.hash)) for s, end in seal.ends.items()},
                self._state,
                self._reader,
                seal,
            )
            for shelf, seal in self._stores.sealed.values()
        ]
        self.untold: list[StoreSealed] = self._stores.untold()
        """Sealed stores of which no record tells yet: whoever appends one sets the state `sealed/{store}` to `why` with it."""

    @property
    def store(self) -> str:
        """The id of the store that takes records, which makes a sequence number unique for ever."""
        return self.current.id

    # writing

    def post(self, one: Draft, refused: Refused, *, urgent: bool = False, age_s: float = 0.0) -> None:
        """Queue a draft for which nobody waits: `refused` is called where it was not taken, and nothing where it was.

        What was gathered for `age_s` before waits that much less for its group.
        """
        size = len(one.body) + DRAFT_BYTES
        if error := self._writer.put(SERIES[one.stream], (one, refused), size, urgent=urgent, age_s=age_s):
            refused(error)

    def submit(
        self, drafts: Sequence[Draft], *, state: Mapping[str, bytes | None] | None = None, urgent: bool = False
    ) -> "asyncio.Future[list[int]]":
        """Queue drafts of one series, with state that changes in the same transaction (core only).

        The future gives each draft's number once durable, or StoreError: then none of them was taken.
        """
        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        series = SERIES[drafts[0].stream] if drafts else "core"
        if any(SERIES[d.stream] != series for d in drafts) or (state and series != "core"):
            raise ValueError("a submission is atomic, so it is of one series; only core keeps state")
        size = sum(len(d.body) + DRAFT_BYTES for d in drafts)
        if error := self._writer.put(series, Item(drafts, state or {}, done), size, urgent=urgent):
            done.set_exception(error)
        return done

    async def append(
        self, drafts: Sequence[Draft], *, state: Mapping[str, bytes | None] | None = None, urgent: bool = False
    ) -> list[int]:
        """Return each draft's number once all are durable. Raises StoreError."""
        return await self.submit(drafts, state=state, urgent=urgent)

    async def flush(self) -> None:
        """Commit now what waits for its group; return when that is done, well or not."""
        self._writer.hurry()
        await self._writer.do(lambda: None, self._refresh)

    def note(self, key: str, value: bytes | None) -> None:
        """State that may be lost in a crash: written with the next core commit, at the latest by `close`."""
        self._set_state({key: value})
        self._writer.note(key, value)

    def refuse_telemetry(self, refuse: bool) -> None:
        """From now on readings and diag are turned away with `store_full`, or taken again."""
        self._writer.refusing = refuse

    # what is there

    def last(self, stream: Stream) -> int:
        """The number of the last durable record of the current store; as many were captured."""
        return self.current.last(stream)

    def head(self, stream: Stream) -> Head:
        return self.current.head(stream)

    def low(self, stream: Stream) -> int:
        """The oldest number still held of the current store."""
        return self.current.low(stream)

    def state(self, key: str) -> bytes | None:
        """Durable state, as of the newest commit."""
        return self._state.get(key)

    def states(self, prefix: str) -> dict[str, bytes]:
        return {key: value for key, value in self._state.items() if key.startswith(prefix)}

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop after each commit."""
        self._listeners.append(listener)

    def on_fork(self, listener: Callable[[], None]) -> None:
        """Call `listener` when another store has taken the current one's place: numbers start anew, `current` is another."""
        self._fork_listeners.append(listener)

    def on_discard(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a sealed store has gone for good."""
        self._discard_listeners.append(listener)

    def on_hole(self, listener: Callable[[StoreDamage], None]) -> None:
        """Call `listener` with what was not moved after a fork because it cannot be read: whoever listens says it on `audit`."""
        self._hole_listeners.append(listener)

    # room on the disk

    def size(self) -> int:
        """All bytes of all stores on disk: segments, WALs, what was set aside, and the reserve. From any thread. Raises StoreError."""
        shelves = [self._stores.current.shelf, *(shelf for shelf, _ in list(self._stores.sealed.values()))]
        return sum(shelf.size() for shelf in shelves) + self._reserve.size()

    async def inventory(self) -> list[SegmentInfo]:
        """Every segment that may be dropped, sealed stores first, per series from the oldest on. Raises StoreError.

        A store that was forked is left out until what lies beyond its ends is in the current one.
        """
        if self._writer.closing:
            raise StoreError("store_failed", path=self.store, why="closed")
        views = [view for view in (*self.sealed, self.current) if not self._stores.moving(view.id)]
        stores = [(self._stores.shelf(view.id), view) for view in views]

        def take() -> list[SegmentInfo]:
            self._reserve.keep()
            self._remove_dropped()
            return [info for shelf, view in stores for info in inventory(shelf, view.last, sealed=view.sealed)]

        return await asyncio.get_running_loop().run_in_executor(self._janitor, take)

    async def drop(self, info: SegmentInfo, upto: Mapping[Stream, int], reason: str, at: Stamp) -> None:
        """Drop a store's oldest closed segment whole: said on `audit` first, with what of it was never acknowledged.

        `upto` are the store's watermarks. Raises StoreError, and then nothing was dropped; a file that cannot be removed is
        tried again with the next inventory.
        """
        await self._writer.do(partial(self._declare_drop, info, upto, reason, at), self._refresh)
        await self._reader.forget(info.path)
        self._to_remove.append(info.path)
        await asyncio.get_running_loop().run_in_executor(self._janitor, self._remove_dropped)

    def _remove_dropped(self) -> None:
        """For the janitor."""
        for path in list(self._to_remove):
            try:
                if path.parent.exists():  # else its store is gone, and it with it
                    remove(path)
            except StoreError as err:
                log.error("a dropped segment is still there: %s", err)
                return
            self._to_remove.remove(path)

    async def discard(self, store: str) -> None:
        """A sealed store of which every segment was dropped goes for good; where something was set aside, it stays. Raises StoreError."""
        written = await self._writer.do(partial(self._discard, store), self._refresh)
        if store in self._stores.sealed:
            return
        self.sealed = [view for view in self.sealed if view.id != store]
        for key in {*written, *self._state}:
            if key.split("/")[1:2] == [store]:
                self.note(key, None)
        for listener in self._discard_listeners:
            listener()

    async def rotate(self, series: Series) -> None:
        """Close the segment that is written to, so that it can be dropped. Raises StoreError."""
        await self._writer.do(lambda: self._stores.rotate(series), self._refresh)

    # what the centre or the disk tells of our history

    async def declare_damage(self, store: str, stream: Stream, first: int, last: int, why: str, at: Stamp) -> None:
        """Records that cannot be had any more are lost, and that is said on `audit`. Raises StoreError."""
        work = partial(self._declare_damage, store, stream, first, last, why, at)
        await self._writer.do(work, self._refresh)

    async def fork(self, store: str, ends: Mapping[Stream, Head]) -> None:
        """Seal a store, the current one or one that was damaged, at `ends`; the one that takes records takes what lies beyond again.

        Raises StoreError, and then all is as before, or the fork ends with the next commit.
        """
        await self._writer.do(lambda: self._stores.fork(store, ends), self._refresh)

    async def close(self) -> None:
        """Commit what waits, notes too, and close the files: readers first, so that the writer leaves no WAL behind."""
        await asyncio.to_thread(self._reader.close)
        await asyncio.to_thread(self._janitor.shutdown)
        await self._writer.close()

    # in the writer's thread

    def _discard(self, store: str) -> list[str]:
        """The keys of all state that is on the disk."""
        self._stores.discard(store)
        return [*self._stores.current.state]

    def _declare_drop(self, info: SegmentInfo, upto: Mapping[Stream, int], reason: str, at: Stamp) -> None:
        current = self._stores.ready()
        shelf = self._stores.shelf(info.store)
        if self._stores.moving(info.store):  # it was forked meanwhile
            raise StoreError("store_failed", path=shelf.dir, why="its records are not all moved yet")
        of = None if info.store == current.id else info.store
        drafts: list[Draft] = []
        state: dict[str, bytes | None] = {f"dropped/{info.store}/{info.series}": info.path.name.encode()}
        for stream, (first, held) in info.ranges.items():
            last = min(held, self._stores.last(info.store, stream))
            if last < first:
                continue
            done = upto.get(stream, 0)
            body = StoreDrop(
                store=of,
                series=info.series,
                stream=stream,
                first=first,
                last=last,
                count=last - first + 1,
                upto=done,
                bytes=info.bytes,
                reason=reason,
            )
            drafts.append(draft("store.drop/1", body, at))
            if last > done:
                state |= lost_state(current.state, info.store, stream, (max(first, done + 1), last, reason))
        self._writer.append("core", {Stream.AUDIT: drafts}, state)
        shelf.forget(info.path)

    def _declare_damage(self, store: str, stream: Stream, first: int, last: int, why: str, at: Stamp) -> None:
        current = self._stores.ready()
        of = None if store == current.id else store
        said = draft("store.damage/1", StoreDamage(store=of, stream=stream, first=first, last=last, why=why), at)
        state = lost_state(current.state, store, stream, (first, last, "damaged"))
        self._writer.append("core", {Stream.AUDIT: [said]}, state)

    def _on_fork(self) -> None:
        current = self._stores.current
        self._writer.tell(self._forked, dict(current.heads))
        self._writer.soon(self._move_on)

    def _move_on(self) -> None:
        """Move a little of what a fork left to be moved, and come again: commits go in between."""
        before = dict(self._stores.current.state)
        try:
            more = self._stores.move_some()
        except Exception as err:  # noqa: BLE001  # whatever it is, the writer has to go on
            log.error("records of a sealed store wait to be moved: %s", err)
            self._writer.tell(self._move_later)
            return
        if more:
            current = self._stores.current
            self._writer.tell(self.settled, [], [], dict(current.heads), changed(before, current.state))
            if not self._writer.closing:
                self._writer.soon(self._move_on)

    # back on the event loop

    def settled(
        self,
        items: list[Item],
        numbers: list[list[int]],
        heads: Mapping[Stream, Head],
        state: Mapping[str, bytes | None],
    ) -> None:
        """For the writer."""
        self.failed = None
        self.current.refresh(heads)
        self._set_state(state)
        for item, seqs in zip(items, numbers, strict=True):
            if not item.done.done():
                item.done.set_result(seqs)
        for listener in self._listeners:
            listener()

    def failed_with(self, entries: Sequence[Entry], error: Exception) -> None:
        """For the writer."""
        known = error if isinstance(error, StoreError) else StoreError("store_failed", path=self.store, why=str(error))
        if known is error:
            self.failed = known
        for entry in entries:
            if not isinstance(entry, Item):
                entry[1](known)
            elif not entry.done.done():
                entry.done.set_exception(error)
                entry.done.exception()  # whoever waits sees it; a reading that nobody waits for is counted by its owner
        for listener in self._listeners:
            listener()

    def _refresh(self, heads: dict[Stream, Head], state: dict[str, bytes | None]) -> None:
        self._set_state(state)
        self.current.refresh(heads)
        for view in self.sealed:
            view.refresh({})

    def _move_later(self) -> None:
        asyncio.get_running_loop().call_later(MOVE_RETRY_S, self._writer.soon, self._move_on)

    def _forked(self, heads: dict[Stream, Head]) -> None:
        self._look()
        self._refresh(heads, {})  # the new store began with the old one's
        for listener in (*self._fork_listeners, *self._listeners):
            listener()

    def _tell_hole(self, hole: StoreDamage) -> None:
        for listener in self._hole_listeners:
            listener(hole)

    def _set_state(self, state: Mapping[str, bytes | None]) -> None:
        for key, value in state.items():
            if value is None:
                self._state.pop(key, None)
            else:
                self._state[key] = value
