"""The thread that writes: groups of what was submitted, each one transaction, and between them whatever else changes the stores."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from model.errors import StoreError, StoreFull
from model.record import Draft, Series, Stream
from sync.journal.reserve import Reserve
from sync.journal.segment import Head
from sync.journal.stores import Stores

GROUP_MAX_BYTES = 512 * 1024
QUEUE_MAX_BYTES = 16 * 1024 * 1024
"""What may wait for a disk that has stopped; more is refused, and counted by whoever submitted it."""
DRAFT_BYTES = 500
"""What a waiting draft takes in memory beside its body."""

log = logging.getLogger("doorpost.journal")

T = TypeVar("T")

Refused = Callable[[StoreError], None]
Then = Callable[[dict[Stream, Head], dict[str, bytes | None]], None]
"""Takes the heads of the current store as they were when the work was done, and what that has changed of its state."""


class Item(NamedTuple):
    """Drafts that somebody waits for, with state that changes in the same transaction."""

    drafts: Sequence[Draft]
    state: Mapping[str, bytes | None]
    done: "asyncio.Future[list[int]]"


Post = tuple[Draft, Refused]
"""A draft for which nobody waits."""
Entry = Item | Post


class Owner(Protocol):
    """Is told on the event loop what has become of its entries."""

    def settled(
        self,
        items: list[Item],
        numbers: list[list[int]],
        heads: Mapping[Stream, Head],
        state: Mapping[str, bytes | None],
    ) -> None: ...

    def failed_with(self, entries: Sequence[Entry], error: Exception) -> None: ...


class _Group:
    """What waits for the next commit of one series."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.due = float("inf")
        self.bytes = 0


class Writer:
    """Owns the stores from `start` until `close`. All methods but those of the thread are for the event loop's."""

    def __init__(self, stores: Stores, reserve: Reserve, group_s: float, owner: Owner) -> None:
        self.stores = stores
        self._reserve = reserve
        self._group_s = group_s
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._wake = threading.Condition()
        self._groups: dict[Series, _Group] = {"core": _Group(), "reading": _Group(), "diag": _Group()}
        self._waiting_bytes = 0
        self._notes: dict[str, bytes | None] = {}
        self._held = False
        """A core group has failed, and the event loop has not heard of it: what was queued since must not overtake it."""
        self._jobs: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self.refusing = False
        """Whether readings and diag are turned away."""
        self.closing = False

    def start(self) -> None:
        self._thread.start()

    def put(self, series: Series, entry: Entry, size: int, *, urgent: bool, age_s: float = 0.0) -> StoreError | None:
        """Queue an entry of one series that takes `size` bytes; why it cannot be, where it cannot."""
        with self._wake:
            if self.refusing and series != "core":
                return StoreFull("store_full", path=self.stores.current.id)
            if self.closing or self._waiting_bytes + size > QUEUE_MAX_BYTES:
                return StoreFull("store_behind", bytes=self._waiting_bytes)
            group = self._groups[series]
            group.entries.append(entry)
            group.bytes += size
            self._waiting_bytes += size
            if urgent or series == "core" or group.bytes >= GROUP_MAX_BYTES:
                due = 0.0
            elif len(group.entries) == 1 or age_s:
                due = time.monotonic() + max(0.0, self._group_s - age_s)
            else:
                return None
            if due < group.due:
                group.due = due
                self._wake.notify()
        return None

    def note(self, key: str, value: bytes | None) -> None:
        """State that goes with the next core commit."""
        with self._wake:
            self._notes[key] = value

    def hurry(self) -> None:
        """Nothing waits for its group any more."""
        with self._wake:
            for group in self._groups.values():
                if group.entries:
                    group.due = 0.0
            self._wake.notify()

    def soon(self, job: Callable[[], None]) -> None:
        """Do it in the thread, between two commits. From any thread."""
        with self._wake:
            self._jobs.append(job)
            self._wake.notify()

    async def do(self, work: Callable[[], T], then: Then) -> T:
        """The same, and wait for it. Raises StoreError.

        When it was done well, `then` is called on the event loop, before anything that was committed after it is told.
        Of the state it is given what the work has changed: a newer note of another key may be there by then.
        """
        done: asyncio.Future[T] = self._loop.create_future()

        def job() -> None:
            result: T | None = None
            error: Exception | None = None
            before = dict(self.stores.current.state)
            try:
                result = work()
            except Exception as err:  # noqa: BLE001  # it is whoever asked that gets it
                error = err
            current = self.stores.current
            told = partial(then, dict(current.heads), changed(before, current.state))
            self.tell(_finish, done, result, error, told)

        if self.closing:
            raise StoreError("store_failed", path=self.stores.current.id, why="closed")
        self.soon(job)
        return await done

    async def close(self) -> None:
        """Commit what waits, notes too, and close the files."""
        with self._wake:
            self.closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    # the thread

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (taken := self._take()) and not self._jobs and (self._held or not self.closing):
                    due = min(group.due for series, group in self._groups.items() if not self._waits(series))
                    self._wake.wait(None if due == float("inf") else max(0, due - time.monotonic()))
                jobs, self._jobs = self._jobs, []
                end = self.closing and not taken and not jobs and not self._held
            for series, entries in taken:
                self._commit(series, entries)
            for job in jobs:
                job()
            if end:
                self._commit("core", [])
                self.stores.close()
                return

    def _take(self) -> list[tuple[Series, list[Entry]]]:
        """The groups whose time has come, core first. The lock is held."""
        now = time.monotonic()
        taken: list[tuple[Series, list[Entry]]] = []
        for series, group in self._groups.items():
            if group.entries and (group.due <= now or self.closing) and not self._waits(series):
                taken.append((series, group.entries))
                self._waiting_bytes -= group.bytes
                self._groups[series] = _Group()
        return taken

    def _waits(self, series: Series) -> bool:
        return series == "core" and self._held

    def _commit(self, series: Series, entries: Sequence[Entry], behind: Sequence[Entry] = ()) -> bool:
        """False where the disk did not take it: then `behind`, which stands behind it in its group, is not tried either."""
        drafts: dict[Stream, list[Draft]] = {}
        items: list[Item] = []
        places: list[list[tuple[Stream, int]]] = []
        notes: dict[str, bytes | None] = {}
        if series == "core":
            with self._wake:
                notes, self._notes = self._notes, {}
        state: dict[str, bytes | None] = {}
        for entry in entries:
            if isinstance(entry, Item):
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
        if not entries and not notes:
            return True
        try:
            first = self.append(series, drafts, notes | state)
        except Exception as err:
            with self._wake:
                self._notes = notes | self._notes
                self._held = self._held or (series == "core" and isinstance(err, StoreError))
            if isinstance(err, StoreError):
                self.tell(self._failed, series, [*entries, *behind], err)
                return False
            if len(entries) > 1:  # one that cannot be written at all must not take the others with it
                all(self._commit(series, [entry], entries[n:]) for n, entry in enumerate(entries, 1))
            else:
                log.exception("not a record that can be written")
                self.tell(self._owner.failed_with, entries, err)
            return True
        numbers = [[first[stream] + offset for stream, offset in place] for place in places]
        # without the notes: whoever made one knows it, and perhaps a newer one
        self.tell(self._owner.settled, items, numbers, dict(self.stores.current.heads), state)
        return True

    def _failed(self, series: Series, entries: Sequence[Entry], error: StoreError) -> None:
        """On the event loop: of core all that was queued since fails with it, in order."""
        behind: list[Entry] = []
        if series == "core":
            with self._wake:
                group, self._groups[series] = self._groups[series], _Group()
                self._waiting_bytes -= group.bytes
                self._held = False
                self._wake.notify()
            behind = group.entries
        self._owner.failed_with([*entries, *behind], error)

    def append(
        self, series: Series, drafts: Mapping[Stream, list[Draft]], state: Mapping[str, bytes | None]
    ) -> dict[Stream, int]:
        """For the thread. Where the disk is full, core takes the reserve. Raises StoreError."""
        try:
            return self.stores.append(series, drafts, state)
        except StoreFull:
            if series != "core" or not self._reserve.give_up():
                raise
            return self.stores.append(series, drafts, state)

    def tell(self, callback: Callable[..., object], *args: object) -> None:
        """Back to the event loop; when that is closed nobody waits any more."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return


def changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """None for what is gone."""
    new = {key: value for key, value in after.items() if before.get(key) != value}
    return new | dict.fromkeys(before.keys() - after.keys())


def _finish(done: "asyncio.Future[T]", result: T, error: Exception | None, then: Callable[[], None]) -> None:
    if error is None:
        then()
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
