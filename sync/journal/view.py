"""One store as the event loop sees it: what it holds, what is lost of it, and reading it in the reader's thread."""

from collections.abc import Mapping

from model.errors import StoreDamaged, StoreUnreadable
from model.record import STREAMS, Stream
from sync.journal.losses import LostRange, lost
from sync.journal.reader import Reader
from sync.journal.segment import Head, Slice
from sync.journal.shelf import Seal, Shelf


class StoreView:
    """`heads` are the last records that count: of a sealed store its ends. `state` is the journal's, with what is lost."""

    def __init__(
        self,
        shelf: Shelf,
        heads: Mapping[Stream, Head],
        state: Mapping[str, bytes],
        reader: Reader,
        seal: Seal | None = None,
    ) -> None:
        """`seal`: None of the store that takes records."""
        self.id = shelf.id
        self.seal = seal
        self._shelf = shelf
        self._heads = dict(heads)
        self._state = state
        self._reader = reader
        self._lows: dict[Stream, int] = {}
        self.refresh(heads)

    @property
    def sealed(self) -> bool:
        return self.seal is not None

    @property
    def parted(self) -> bool:
        """What the centre has beyond the heads is another history, known and left behind."""
        return self.seal is not None and self.seal.why == "fork"

    def refresh(self, heads: Mapping[Stream, Head]) -> None:
        """After a commit or a drop."""
        self._heads |= heads
        self._lows = {stream: self._shelf.low(stream, self.last(stream)) for stream in STREAMS}

    def last(self, stream: Stream) -> int:
        """The number of the last record; as many were captured."""
        return self._heads[stream].seq

    def head(self, stream: Stream) -> Head:
        return self._heads[stream]

    def low(self, stream: Stream) -> int:
        """The oldest number still held."""
        return self._lows[stream]

    def lost(self, stream: Stream) -> list[LostRange]:
        """Ranges that were never acknowledged and can no longer be sent, in order."""
        return lost(self._state, self.id, stream)

    async def read(self, stream: Stream, first: int, max_records: int, max_bytes: int) -> Slice:
        """Records from `first` on, of one boot, at least one where there is one. Raises StoreError, StoreDamaged at damage."""
        last = self.last(stream)
        if first > last:
            return Slice(b"", [])
        path, closed = self._shelf.file_of(stream, first)
        count = min(max_records, self._shelf.end_of(stream, path, last) - first + 1)
        found = await self._reader.call(
            lambda: self._reader.segment(path, closed or self.sealed).read(stream, first, count, max_bytes)
        )
        if not found.records:
            raise StoreDamaged("record_damaged", path=path, stream=stream, seq=first)
        return found

    async def next_good(self, stream: Stream, seq: int, *, hopeless: bool = False) -> int:
        """The first number from `seq` on whose record can be read and fits its chain; one more than the last where none does.

        `hopeless`: what the disk does not give of the segment with `seq` counts as damaged, and no other segment is looked at;
        else raises StoreUnreadable.
        """
        last = self.last(stream)
        while seq <= last:
            path, closed = self._shelf.file_of(stream, seq)
            end = self._shelf.end_of(stream, path, last)
            try:
                good: int = await self._reader.call(
                    lambda p=path, c=closed, s=seq, e=end: (  # type: ignore[misc]
                        self._reader.segment(p, c or self.sealed).next_good(stream, s, e, hopeless=hopeless)
                    )
                )
            except StoreDamaged:  # not even its first page
                good = end + 1
            except StoreUnreadable:
                if not hopeless:
                    raise
                good = end + 1
            if good <= end or hopeless:
                return good
            seq = end + 1
        return last + 1

    async def hash_at(self, stream: Stream, seq: int) -> bytes:
        """The hash of a record that is still held, or of the one before the oldest. Raises StoreError."""
        if seq == self.last(stream):
            return self.head(stream).hash
        path, closed = self._shelf.file_of(stream, max(seq, self.low(stream)))
        return await self._reader.call(lambda: self._reader.segment(path, closed or self.sealed).hash_at(stream, seq))
