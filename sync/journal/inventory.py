"""What lies on the disk, segment by segment, for whoever decides what has to go."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from model.record import Series, Stream
from sync.journal.files import bytes_of
from sync.journal.schema import streams_of
from sync.journal.shelf import Shelf, number_of


class SegmentInfo(NamedTuple):
    """`ranges` are the first and last numbers of the streams that have any."""

    store: str
    series: Series
    number: int
    path: Path
    bytes: int
    closed: bool
    ranges: dict[Stream, tuple[int, int]]


def inventory(shelf: Shelf, last: Callable[[Stream], int], *, sealed: bool) -> list[SegmentInfo]:
    """Of one store, per series from the oldest on; `last` is the number at which a stream ends now. No file is opened."""
    found: list[SegmentInfo] = []
    for series, files in shelf.files.items():
        for place, file in enumerate(files):
            spans = {s: (file.starts[s], shelf.end_of(s, file.path, last(s))) for s in streams_of(series)}
            found.append(
                SegmentInfo(
                    store=shelf.id,
                    series=series,
                    number=number_of(file.path),
                    path=file.path,
                    bytes=bytes_of(file.path.with_name(file.path.name + part) for part in ("", "-wal", "-shm")),
                    closed=sealed or place < len(files) - 1,
                    ranges={s: span for s, span in spans.items() if span[0] <= span[1]},
                )
            )
    return found
