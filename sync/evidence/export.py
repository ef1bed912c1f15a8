"""The evidence export: JSON lines that a stranger can check without this program. `docs/evidence.md` is its description."""

import os
from collections.abc import Collection, Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from model.errors import DoorpostError, EvidenceError
from model.record import STREAMS, Stream
from model.time import TimeQuality
from sync.evidence.entries import Entry, Evidence, Row, StoreHeld, Unreadable

LINE_MAX_BYTES = 8 * 1024 * 1024
_BUFFER = 1024 * 1024

_Hash = Annotated[str, Meta(max_length=64, pattern="^[0-9a-f]{64}$")]

_T = TypeVar("_T")


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["doorpost-evidence/1"]
    gw: str
    key: str | None
    exported: int
    stores: list[StoreHeld]


class _Record(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    gw: str
    store: str
    stream: Stream
    seq: int
    boot: str
    t: int
    tq: tuple[str, int | None]
    mono: int
    kind: str
    body: str
    hash: _Hash
    prev: _Hash | None = None


class _NoRecord(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    unreadable: str
    store: str
    stream: Stream
    seq: int | None = None


class Gap(NamedTuple):
    """Records `first` to `last` of the stream could not be read; `last` is None where damage hides the end."""

    store: str
    stream: Stream
    first: int
    last: int | None
    why: str


class Written(NamedTuple):
    """`unreadable`: what is not in the file although it should be."""

    records: int
    bytes: int
    unreadable: list[Gap]


def write(evidence: Evidence, path: Path, now: int) -> Written:
    """The whole of it, or no file at all. Raises DoorpostError `evidence_unwritable`, and what reading raises."""
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("wb", buffering=_BUFFER) as file:
            written = _write(evidence, file, now)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError as err:
        raise DoorpostError("evidence_unwritable", path=path, why=err.strerror) from err
    finally:
        draft.unlink(missing_ok=True)
    return written


def _write(evidence: Evidence, file: BinaryIO, now: int) -> Written:
    encode = msgspec.json.Encoder().encode
    file.write(encode(_Header("doorpost-evidence/1", evidence.gw, evidence.key, now, evidence.stores)) + b"\n")
    records = 0
    unreadable: list[Gap] = []
    held = {(one.store, stream.stream): stream for one in evidence.stores for stream in one.streams}
    for lane, entries in groupby(evidence.entries(), key=lambda entry: (entry.store, entry.stream)):
        following, gap = held[lane].first, None
        for entry in entries:
            line = _line(entry)
            file.write(encode(line) + b"\n")
            if isinstance(line, _NoRecord):
                gap = gap or Gap(*lane, line.seq or following, None, line.unreadable)
                continue
            if gap and gap.first < line.seq:
                unreadable.append(gap._replace(last=line.seq - 1))
            records, following, gap = records + 1, line.seq + 1, None
        if gap:
            last = held[lane].last
            unreadable.append(gap._replace(last=last if last and last >= gap.first else None))
    return Written(records, file.tell(), unreadable)


def _line(entry: Entry) -> _Record | _NoRecord:
    if isinstance(entry, Unreadable):
        return _NoRecord(entry.why, entry.store, entry.stream, entry.seq)
    try:
        body = entry.body.decode()
    except UnicodeDecodeError:
        return _NoRecord("the body is no text", entry.store, entry.stream, entry.seq)
    prev = entry.prev.hex() if entry.prev else None
    tq = (entry.tq.source, entry.tq.err_ms)
    return _Record(
        entry.gw, entry.store, entry.stream, entry.seq, entry.boot, entry.t, tq, entry.mono, entry.kind, body,
        entry.hash.hex(), prev,
    )  # fmt: skip


class Export:
    """A file as it was written, or as somebody has changed it. Raises EvidenceError where it cannot be understood."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            header = _decode(file.readline(LINE_MAX_BYTES), _Header, path, 1)
        self.gw, self.key, self.stores = header.gw, header.key, header.stores
        self.exported: int | None = header.exported

    def entries(self, streams: Collection[Stream] = STREAMS) -> Iterator[Entry]:
        with self._opened() as file:
            file.readline(LINE_MAX_BYTES)
            number = 1
            while line := file.readline(LINE_MAX_BYTES):
                number += 1
                entry = self._entry(line, number)
                if entry.stream in streams:
                    yield entry
                elif set(streams) == {Stream.AUDIT}:
                    return  # it comes first

    def _entry(self, line: bytes, number: int) -> Entry:
        if line.startswith(b'{"unreadable":'):
            what = _decode(line, _NoRecord, self._path, number)
            return Unreadable(what.store, what.stream, what.unreadable, what.seq)
        r = _decode(line, _Record, self._path, number)
        tq = TimeQuality(r.tq[0], r.tq[1])  # type: ignore[arg-type]  # as it stands
        prev = bytes.fromhex(r.prev) if r.prev else None
        return Row(
            r.gw,
            r.store,
            r.stream,
            r.seq,
            r.boot,
            r.t,
            tq,
            r.mono,
            r.kind,
            r.body.encode(),
            bytes.fromhex(r.hash),
            prev,
        )

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("rb", buffering=_BUFFER)
        except OSError as err:
            raise EvidenceError("evidence_unreadable", path=self._path, why=err.strerror) from err


def _decode(line: bytes, kind: type[_T], path: Path, number: int) -> _T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise EvidenceError("evidence_line", path=path, line=number, why=str(err)) from err
