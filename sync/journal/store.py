"""The store that takes records: three series of segments under one id. Synchronous; the journal's writer thread owns it."""

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

import msgspec

from model.errors import StoreFull
from model.record import SERIES, Draft, Series, Stream, genesis
from sync.contract.messages import Count, Hash
from sync.journal.files import store_errors, sync_directory
from sync.journal.schema import streams_of
from sync.journal.segment import Head, Identity, Segment, create
from sync.journal.shelf import ALL, File, Shelf, file_name, number_of

DRAFT = ".new"
NUMBER = "store/number"
SEGMENT_MAX_BYTES = 64 * 1024 * 1024


class Store:
    """Writes go to the newest segment of each series.

    `state` is core's; the others keep only how far a move has got, and each series how far the others were.
    """

    def __init__(self, shelf: Shelf, *, segment_max_bytes: int = SEGMENT_MAX_BYTES) -> None:
        """On a shelf that was scanned. Call `open` before anything else."""
        self.shelf = shelf
        self.id = shelf.id
        self._limit = segment_max_bytes
        self._current: dict[Series, Segment] = {}
        self._doubtful: set[Series] = set()
        self.heads: dict[Stream, Head] = {}
        self.states: dict[Series, dict[str, bytes]] = {series: {} for series in ALL}

    @property
    def state(self) -> dict[str, bytes]:
        return self.states["core"]

    def open(self) -> None:
        """Take everything from the disk, as at a start. Raises StoreError."""
        try:
            for series in ALL:
                self._open(series)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for segment in self._current.values():
            segment.close()
        self._current.clear()

    def append(
        self, series: Series, drafts: Mapping[Stream, list[Draft]], state: Mapping[str, bytes | None]
    ) -> dict[Stream, int]:
        """Make drafts durable in one transaction; the first number of each stream. Raises StoreError: then nothing was taken."""
        if series not in self._current:
            self._open_again(series)
        if (
            self._current[series].size() >= self._limit
        ):  # before the write: where no new file finds room, nothing is taken
            self.rotate(series)
        first = {stream: self.heads[stream].seq + 1 for stream in drafts}
        state = {**state, **self._others(series)}
        try:
            heads = self._current[series].append(drafts, self.heads, state)
        except BaseException as err:
            self._fail(series, err)
            raise
        self.heads |= heads
        for key, value in state.items():
            if value is None:
                self.states[series].pop(key, None)
            else:
                self.states[series][key] = value
        return first

    def _others(self, series: Series) -> dict[str, bytes]:
        """State that tells how far the other series were, where that has changed: if a file is destroyed, another one knows."""
        key, heads = heads_state(self.id, {s: head for s, head in self.heads.items() if SERIES[s] != series})
        return {} if self.states[series].get(key) == heads else {key: heads}

    def rotate(self, series: Series) -> None:
        """Go on in a new segment. Raises StoreError, and then all is as before."""
        if series not in self._current:
            self._open_again(series)
        full = self._current[series]
        try:
            full.checkpoint()
        except BaseException as err:
            self._fail(series, err)
            raise
        del self._current[series]
        try:
            self._go_on(series, number_of(full.path) + 1)
        finally:
            full.close()

    def _open(self, series: Series) -> None:
        segment = _writable(self.shelf.files[series][-1].path)
        try:
            self.heads |= segment.heads()
            self.states[series] = segment.state()
        except BaseException:
            segment.close()
            raise
        self._current[series] = segment

    def _fail(self, series: Series, err: BaseException) -> None:
        """Close the file that could not be written."""
        segment = self._current.pop(series)
        if isinstance(err, StoreFull):
            segment.close()
        else:
            self._doubtful.add(series)
            segment.abandon()

    def _open_again(self, series: Series) -> None:
        """After a failed write.

        After a sync that failed nobody knows what is on the disk: the kernel calls those pages clean, and what is written
        behind them would be lost with them. So that file is never written to again; a new one goes on from what was
        answered, and whatever the old one holds beyond that does not count. The same where a transaction that was said not
        to be taken is there after all.
        """
        youngest = self.shelf.files[series][-1].path
        if series not in self._doubtful:
            segment = _writable(youngest)
            answered = {stream: self.heads[stream] for stream in streams_of(series)}
            if segment.heads() == answered and segment.state() == self.states[series]:
                self._current[series] = segment
                return
            segment.abandon()
            self._doubtful.add(series)
        self._go_on(series, number_of(youngest) + 1)
        self._doubtful.discard(series)

    def _go_on(self, series: Series, number: int) -> None:
        """From here on the new one is the youngest, also where it cannot be opened yet: the old one is not written to again."""
        try:
            new = _create(self.shelf, series, number, self.heads, self.states[series])
        except BaseException:
            if (self.shelf.dir / file_name(series, number)).exists():  # nobody knows whether a cut would leave it there
                self._doubtful.add(series)
            raise
        self.shelf.files = self.shelf.files | {series: (*self.shelf.files[series], new)}
        self._current[series] = _writable(new.path)


def heads_state(store: str, heads: Mapping[Stream, Head]) -> tuple[str, bytes]:
    """The key and the value under which a series keeps the heads of others."""
    return f"heads/{store}", msgspec.json.encode(
        {stream: (head.seq, head.hash.hex()) for stream, head in heads.items()}
    )


def heads_in(state: Mapping[str, bytes], store: str) -> dict[Stream, Head]:
    """What stands there; nothing where that cannot be read."""
    try:
        found = msgspec.json.decode(state.get(f"heads/{store}", b"{}"), type=dict[Stream, tuple[Count, Hash]])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return {stream: Head(seq, bytes.fromhex(hash_)) for stream, (seq, hash_) in found.items()}


def _writable(path: Path) -> Segment:
    """Its WAL's name is there for good: SQLite takes no notice of a directory that cannot be synced. Raises StoreError."""
    segment = Segment(path, writable=True)
    try:
        with store_errors(path):
            sync_directory(path.parent)
    except BaseException:
        segment.close()
        raise
    return segment


def _create(
    shelf: Shelf, series: Series, number: int, heads: Mapping[Stream, Head], state: Mapping[str, bytes]
) -> File:
    path = shelf.dir / file_name(series, number)
    starts = {stream: heads[stream] for stream in streams_of(series)}
    create(path, Identity(shelf.gw, shelf.id, series, number), starts, state)
    return File(path, {stream: head.seq + 1 for stream, head in starts.items()})


def draft_shelf(parent: Path, gw: str, states: Mapping[Series, Mapping[str, bytes]], number: int) -> Shelf:
    """Make an empty store with these states, under a name that does not count yet. Raises StoreError.

    `number` tells which of several stores is younger: clocks do not.
    """
    shelf = Shelf(parent / f"{uuid.uuid4()}{DRAFT}", gw)
    try:
        with store_errors(parent):
            shelf.dir.mkdir()
            for series in ALL:
                heads = {stream: Head(0, genesis(shelf.id)) for stream in streams_of(series)}
                state = dict(states[series]) | ({NUMBER: b"%d" % number} if series == "core" else {})
                _create(shelf, series, 1, heads, state)
            sync_directory(parent)
    except BaseException:
        shutil.rmtree(shelf.dir, ignore_errors=True)
        raise
    return shelf


def settle(draft: Shelf) -> None:
    """Give a new store its name: from then on it is there. Raises StoreError, and then it may be tried again."""
    final = draft.dir.with_suffix("")
    with store_errors(draft.dir):
        if draft.dir.exists():
            draft.dir.rename(final)
        sync_directory(final.parent)
    draft.dir = final
    draft.scan(sealed=False)
