"""Where evidence lies: an export, a data directory, a store, a segment."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from model.errors import EvidenceError
from sync.evidence.entries import Evidence
from sync.evidence.export import Export
from sync.evidence.files import stores_in
from sync.evidence.segment import Vanished

_SQLITE = b"SQLite format 3\0"
_TRIES = 10

T = TypeVar("T")


def with_evidence(path: Path, use: Callable[[Evidence], T]) -> T:
    """`use` what lies there; again from the beginning where a segment was dropped meanwhile. Raises EvidenceError."""
    for _ in range(_TRIES):
        try:
            return use(_opened(path))
        except Vanished:
            continue
    raise EvidenceError("evidence_moving", path=path)


def _opened(path: Path) -> Evidence:
    try:
        if path.is_dir():
            return stores_in(path)
        with path.open("rb") as file:
            segment = file.read(len(_SQLITE)) == _SQLITE
        return stores_in(path) if segment else Export(path)
    except OSError as err:
        raise EvidenceError("evidence_unreadable", path=path, why=err.strerror) from err
