"""Follows the journal after its commits and keeps `views.db`; answers what is asked of it.

Nothing waits for it: it reads as any other reader, folds and writes in a thread of its own, and sleeps until there is something.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import apsw

from gateway.projection.file import ViewDamaged, ViewFile
from gateway.projection.points import places
from gateway.projection.round import Mark, Round
from gateway.status import Plot, PlotMinute, Rebuilding
from model.errors import DoorpostError, StoreDamaged, StoreError, StoreUnreadable
from model.observation import Point, PointMap
from model.record import Stream
from model.timeline import Located
from sync.journal.files import UNREADABLE_S
from sync.journal.journal import Journal
from sync.journal.view import StoreView

WITHIN_S = {Stream.ALARM: 0.2, Stream.AUDIT: 5.0, Stream.READING: 60.0}
"""What is followed, and how long it may wait for its round. Whoever asks for a plot does not wait for it."""
WORTH_RECORDS = 500
ROUND_RECORDS = 2 * WORTH_RECORDS
"""So many readings are worth a round, and so many it takes at the most: then one is enough at any pace that can be kept."""
_SLICE_RECORDS = 200
_SLICE_BYTES = 1024 * 1024

log = logging.getLogger("doorpost.views")

P = ParamSpec("P")
T = TypeVar("T")


class ViewsError(DoorpostError):
    """The views cannot be read or written now. The journal is as it was."""


class Projection:
    """All methods are for the event loop's thread. `run` follows until it is cancelled."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self._path = path
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "views")
        self._file: ViewFile | None = None
        self._busy = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._due = asyncio.Event()
        self._moved = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._at: dict[Stream, int] = {}
        self._problem = ""
        self._doubts: dict[tuple[str, Stream], tuple[int, float]] = {}
        """Behind which record the disk does not give what comes, and since when."""
        self.alarms: dict[str, Located | None] = {}
        """When those were raised that are not over, as of the newest round."""
        journal.on_commit(self._committed)

    async def run(self) -> None:
        """What it does not get done before it is cancelled it does at the next start."""
        try:
            while True:
                self._due.clear()
                await self._catch_up()
                await self._due.wait()
        finally:
            if self._timer:
                self._timer.cancel()
            async with self._busy:  # a round goes on without us: it ends first
                await self._close()
                await asyncio.to_thread(self._thread.shutdown)

    # when to work

    def _committed(self) -> None:
        """Wake when there is something worth a round; a timer runs only while something waits for it."""
        behind = {stream: self._journal.last(stream) - self._at.get(stream, 0) for stream in WITHIN_S}
        if behind[Stream.READING] >= WORTH_RECORDS:
            self._due.set()
        elif waiting := [seconds for stream, seconds in WITHIN_S.items() if behind[stream]]:
            self._within(min(waiting))

    def _within(self, seconds: float) -> None:
        when = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > when:
            if self._timer:
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._due.set)

    async def _catch_up(self) -> None:
        """Up to what the journal has now, at most half of the time: alarms and polls go first."""
        while True:
            began = self._loop.time()
            more = await self._alone(self._round)
            self._moved.set()
            self._moved = asyncio.Event()
            if not more:
                return
            await asyncio.sleep(self._loop.time() - began)

    # one round

    async def _round(self) -> bool:
        """Take what is there, but not more than is worth a commit. True when there is more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._at = {stream: self._journal.last(stream) for stream in WITHIN_S}
        try:
            file = self._file or await self._open()
            round_ = Round(file.marks)
            for view in (*self._journal.sealed, self._journal.current):
                for stream in WITHIN_S:
                    await self._read(view, stream, round_)
            if round_.marks:
                await self._in_thread(file.write, round_)
                self.alarms = await self._in_thread(file.alarms)
        except ViewDamaged as err:
            return await self._damaged(err)
        except (apsw.Error, OSError, StoreError) as err:
            await self._failed(err)
            return False
        self._problem = ""
        return round_.count >= ROUND_RECORDS

    async def _read(self, view: StoreView, stream: Stream, round_: Round) -> None:
        lane = (view.id, stream)
        at = self._mark(view, stream)
        while at < view.last(stream) and round_.count < ROUND_RECORDS:
            try:
                found = await view.read(stream, at + 1, _SLICE_RECORDS, _SLICE_BYTES)
            except (StoreDamaged, StoreUnreadable) as err:
                try:
                    at = await self._behind(view, stream, at, err)
                except StoreUnreadable:
                    if round_.marks:  # what was got over is written first: the next round meets it again
                        return
                    raise
                round_.marks[lane] = Mark(at, b"")
                continue
            self._doubts.pop(lane, None)
            await self._in_thread(round_.take, lane, found.records)
            at = found.records[-1].seq

    async def _behind(self, view: StoreView, stream: Stream, at: int, err: StoreError) -> int:
        """The last record of what comes behind `at` and will never be had. Raises StoreUnreadable where it may be had yet."""
        lane, now = (view.id, stream), self._loop.time()
        known, since = self._doubts.get(lane, (-1, 0.0))
        hopeless = known == at and now - since >= UNREADABLE_S
        if known != at:
            self._doubts[lane] = at, now
        if isinstance(err, StoreUnreadable) and not hopeless:
            raise err
        return await view.next_good(stream, at + 1, hopeless=hopeless) - 1

    def _mark(self, view: StoreView, stream: Stream) -> int:
        """Up to where a stream is in the views, or will never be."""
        mark = self._file.marks.get((view.id, stream)) if self._file else None
        return max(mark.seq if mark else 0, view.low(stream) - 1)

    async def _open(self) -> ViewFile:
        file = await self._in_thread(ViewFile, self._path)
        if not await self._same_history(file):
            log.warning("%s does not go with the journal and is built anew", self._path)
            await self._in_thread(file.close)
            await self._in_thread(_remove, self._path)
            file = await self._in_thread(ViewFile, self._path)
        self._file = file
        self.alarms = await self._in_thread(file.alarms)
        return file

    async def _same_history(self, file: ViewFile) -> bool:
        """A journal that was put back, or taken from elsewhere, has other records under the numbers that were followed."""
        current = self._journal.current
        stores = {view.id for view in self._journal.sealed} | {current.id}
        if file.marks and not any(store in stores for store, _ in file.marks):
            return False
        for stream in WITHIN_S:
            mark = file.marks.get((current.id, stream))
            if mark is None or mark.seq < current.low(stream):
                continue
            if mark.seq > current.last(stream):
                return False
            try:
                if mark.hash not in (b"", await current.hash_at(stream, mark.seq)):
                    return False
            except StoreError:  # not to be had: what the record was cannot be told
                continue
        return True

    # asking

    def behind(self) -> int:
        """How many records are not in the views yet."""
        return sum(self._left(self._goal()).values())

    def _goal(self) -> dict[tuple[str, Stream], int]:
        stores = (*self._journal.sealed, self._journal.current)
        return {(view.id, stream): view.last(stream) for view in stores for stream in WITHIN_S}

    async def plot(self, device: str, point: str, since: int, until: int, points: PointMap | None) -> Plot | None:
        """One point of a device from `since` to `until` (us UTC); `points` is the device's map now, if it has one.

        None where the device never had such a point. Raises ViewsError.
        """
        maps = [b for b in self._journal.states("map/").values() if device.encode() in b]
        found = places(maps, device, point, points)
        if found is None:
            return None
        shown, positions = found
        minutes = await self._alone(partial(self._minutes, device, positions, since, until))
        if minutes is None:
            raise ViewsError("views_failed", path=self._path, why=self._problem)
        return Plot(device, point, shown.unit, shown.label, self.behind(), minutes)

    async def _minutes(
        self, device: str, positions: Mapping[str, tuple[int, Point]], since: int, until: int
    ) -> list[PlotMinute] | None:
        """With what is durable now, unless that is more than a moment's work. None where the views cannot be had."""
        for _ in range(2):  # the first may find that all is to be made anew
            if self._file is None or 0 < self.behind() <= ROUND_RECORDS:
                await self._round()
        if self._file is None:
            return None
        try:
            return await self._in_thread(self._file.minutes, device, positions, since, until)
        except ViewDamaged as err:
            await self._damaged(err)
            self._due.set()
            return []
        except apsw.Error as err:
            await self._failed(err)
            return None

    async def rebuild(self) -> AsyncIterator[Rebuilding]:
        """Drop all and take it out of the journal again, while the gateway runs. Raises ViewsError.

        It goes on when nobody listens any more.
        """
        goal = self._goal()
        await self._alone(self._anew)
        of = sum(self._left(goal).values())
        told = -1
        while True:
            moved = self._moved
            left = sum(self._left(goal).values())
            if (percent := 100 * (of - left) // max(of, 1)) > told or not left:
                told = percent
                yield Rebuilding(of - left, of)
            if not left:
                return
            await moved.wait()
            if self._problem:
                raise ViewsError("views_failed", path=self._path, why=self._problem)

    async def _anew(self) -> None:
        await self._drop()
        self._due.set()

    def _left(self, goal: Mapping[tuple[str, Stream], int]) -> dict[tuple[str, Stream], int]:
        views = {view.id: view for view in (*self._journal.sealed, self._journal.current)}
        return {
            (store, stream): max(0, last - self._mark(views[store], stream))
            for (store, stream), last in goal.items()
            if store in views
        }

    # the file

    async def _alone(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """One at a time, and each that has begun to its end: who waits for it may leave, but what a thread is at goes on."""
        begun = asyncio.Event()
        task = asyncio.create_task(self._locked(work, begun), name="views-work")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait({task})  # what fails when nobody waits any more, asyncio tells
        except asyncio.CancelledError:
            if not begun.is_set():
                task.cancel()
            raise
        return task.result()

    async def _locked(self, work: Callable[[], Coroutine[Any, Any, T]], begun: asyncio.Event) -> T:
        async with self._busy:
            begun.set()
            return await work()

    async def _damaged(self, err: ViewDamaged) -> bool:
        """Whether to go on at once: not where the last try ended badly too, or what is damaged cannot be removed."""
        log.warning("%s is damaged and is built anew: %s", self._path, err)
        first, self._problem = not self._problem, str(err)
        try:
            await self._drop()
        except OSError as error:
            await self._failed(error)
            return False
        return first

    async def _failed(self, err: Exception) -> None:
        """Told once per change. The next round opens the file anew, with nothing left of this one."""
        if str(err) != self._problem:
            log.error("the views are not kept now: %s", err)
        self._problem = str(err)
        await self._close()

    async def _drop(self) -> None:
        await self._close()
        await self._in_thread(_remove, self._path)

    async def _close(self) -> None:
        file, self._file = self._file, None
        if file:
            await self._in_thread(file.close)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._loop.run_in_executor(self._thread, partial(work, *args, **kwargs))


def _remove(path: Path) -> None:
    for part in ("-shm", "-wal", ""):
        path.with_name(path.name + part).unlink(missing_ok=True)
