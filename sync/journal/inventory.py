"""What lies on the disk, segment by segment, for whoever decides what has to go."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from model.record import Series, Stream
from sync.journal.files import bytes_of
from sync.journal.segment import Segment, streams_of
from sync.journal.shelf import Shelf, number_of


class SegmentInfo(NamedTuple):
    """`ranges` are the first and last numbers of the streams that have any; `newest_t` (us, UTC) is 0 while it is written to."""

    store: str
    series: Series
    number: int
    path: Path
    bytes: int
    closed: bool
    ranges: dict[Stream, tuple[int, int]]
    newest_t: int


class Inventory:
    """For one thread at a time. A closed segment is looked into only once."""

    def __init__(self) -> None:
        self._newest: dict[Path, int] = {}

    def take(self, shelf: Shelf, last: Callable[[Stream], int], *, sealed: bool) -> list[SegmentInfo]:
        """Of one store, per series from the oldest on; `last` is the number at which a stream ends now."""
        found: list[SegmentInfo] = []
        for series, files in shelf.files.items():
            for place, file in enumerate(files):
                closed = sealed or place < len(files) - 1
                spans = {s: (file.starts[s], shelf.end_of(s, file.path, last(s))) for s in streams_of(series)}
                found.append(
                    SegmentInfo(
                        store=shelf.id,
                        series=series,
                        number=number_of(file.path),
                        path=file.path,
                        bytes=bytes_of(file.path.parent.glob(file.path.name + "*")),
                        closed=closed,
                        ranges={s: span for s, span in spans.items() if span[0] <= span[1]},
                        newest_t=self._newest_of(file.path) if closed else 0,
                    )
                )
        return found

    def _newest_of(self, path: Path) -> int:
        if path not in self._newest:
            segment = Segment(path, writable=False, closed=True)
            try:
                self._newest[path] = segment.newest()
            finally:
                segment.close()
        return self._newest[path]
