"""Stores as evidence, read from their files. Nothing is written; who writes meanwhile is not disturbed."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from model.errors import EvidenceError, SettingsError
from model.record import SERIES, STREAMS, Series, Stream
from sync.evidence.entries import Entry, Held, Sealed, StoreHeld, Unreadable, lanes
from sync.evidence.segment import Place, Segment
from sync.journal.schema import streams_of

_STORE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SEGMENT = re.compile(r"(core|reading|diag)-\d{6}\.db")
_SERIES: tuple[Series, ...] = ("core", "reading", "diag")

_Lost = list[tuple[int, int, str]]


def stores_in(path: Path) -> "Stores":
    """A data directory, its `stores`, one store, or one segment. Raises EvidenceError, Vanished."""
    if path.is_file():
        return Stores([(path.parent.name, [path])], partial=True)
    parent = path / "stores" if (path / "stores").is_dir() else path
    found = [one for one in sorted(parent.iterdir()) if _STORE.fullmatch(one.name)] or [path]
    places = [(one.name, sorted(p for p in one.iterdir() if _SEGMENT.fullmatch(p.name))) for one in found]
    if not any(files for _, files in places):
        raise EvidenceError("evidence_nothing", path=path)
    return Stores(places, path / "gateway.pub")


class _Files(NamedTuple):
    held: StoreHeld
    gw: str
    segments: dict[Series, list[Path]]


class Stores:
    """All reading goes up to where the streams ended when this was made. Raises EvidenceError and Vanished, at any time."""

    def __init__(
        self, places: Sequence[tuple[str, list[Path]]], key: Path | None = None, *, partial: bool = False
    ) -> None:
        """`places`: the name of each store, and its files, perhaps only part of them. `key`: what lies beside them."""
        self.key = _fingerprint(key)
        self.exported: int | None = None
        sealed = [(name, files, _seal(files)) for name, files in places]
        sealed.sort(key=lambda one: one[2] is None)  # the store that takes records comes last
        state: dict[str, bytes] = {}
        found = [_look(name, files, seal, state, partial=partial) for name, files, seal in sealed]
        self._files = {one.held.store: one for one in found}
        self.stores = [_with_lost(one.held, state) for one in found]
        self.gw = found[-1].gw

    def entries(self, streams: Collection[Stream] = STREAMS) -> Iterator[Entry]:
        for store, stream in lanes(self.stores):
            if stream in streams:
                yield from _entries(self._files[store], stream)


def _entries(files: _Files, stream: Stream) -> Iterator[Entry]:
    store = files.held.store
    last = next(held.last for held in files.held.streams if held.stream is stream)
    paths = files.segments[SERIES[stream]]
    before = 0
    for path, younger in zip_longest(paths, paths[1:]):
        # what an older file holds beyond the beginning of the next one was never answered for
        end = last if younger is None else _start(younger, stream, last)
        try:
            with Segment(path) as segment:
                if segment.store != store:
                    yield Unreadable(store, stream, f"{path.name} is of store {segment.store}")
                    continue
                for entry in segment.rows(stream, before, end):
                    yield entry
                    before = entry.seq or before
        except apsw.Error as err:
            yield Unreadable(store, stream, f"{path.name}: {err}")


def _start(path: Path, stream: Stream, otherwise: int | None) -> int | None:
    """The number that a segment goes on from."""
    try:
        with Segment(path) as segment:
            return segment.starts[stream][0]
    except (apsw.Error, KeyError):
        return otherwise


def _look(name: str, files: list[Path], seal: Sealed | None, state: dict[str, bytes], *, partial: bool) -> _Files:
    """Where the streams of a store begin and end, and whose it says that it is. `state` takes what it says of lost ranges.

    Core comes first: what its checkpoints say of the others is there by then.
    """
    identity: tuple[str, str] | None = None
    held = []
    segments: dict[Series, list[Path]] = {s: [p for p in files if p.name.startswith(s)] for s in _SERIES}
    for series, paths in segments.items():
        if partial and not paths:
            continue
        starts: dict[str, Place] = {}
        ends: dict[Stream, Place | None] = {}
        for path in paths[:1] + paths[-1:]:
            try:
                with Segment(path) as segment:
                    identity = identity or (segment.gw, segment.store)
                    starts = starts or segment.starts
                    ends = segment.ends(series) if path is paths[-1] else {}
                    state |= segment.lost()
            except apsw.Error:
                continue  # its streams will say so
        for stream in streams_of(series):
            before = starts.get(stream, (0, b""))[0]
            last, hash_ = ends.get(stream) or (None if paths else 0, None)
            held.append(Held(stream, before + 1, last, hash_.hex() if type(hash_) is bytes else None))
    gw, store = identity or ("", name)
    return _Files(StoreHeld(store, held, seal, partial), gw, segments)


def _with_lost(held: StoreHeld, state: dict[str, bytes]) -> StoreHeld:
    def lost(stream: Stream) -> _Lost:
        try:
            return msgspec.json.decode(state.get(f"lost/{held.store}/{stream}", b"[]"), type=_Lost)
        except msgspec.MsgspecError:
            return []

    streams = [msgspec.structs.replace(one, lost=lost(one.stream)) for one in held.streams]
    return msgspec.structs.replace(held, streams=streams)


def _seal(files: list[Path]) -> Sealed | None:
    path = files[0].with_name("sealed.json") if files else None
    if path is None or not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sealed)
    except (OSError, msgspec.MsgspecError) as err:
        raise EvidenceError("evidence_unreadable", path=path, why=str(err)) from err


def _fingerprint(path: Path | None) -> str | None:
    from sync.contract.signing import fingerprint, public_key

    try:
        return fingerprint(public_key(path)) if path and path.exists() else None
    except SettingsError:
        return None
