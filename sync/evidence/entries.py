"""What a check reads, wherever it lies: the stores of a gateway, and the records of each of their streams in order."""

from collections.abc import Collection, Iterator
from typing import Protocol

import msgspec

from model.record import STREAMS, Stream
from model.time import TimeQuality
from sync.contract.messages import Hash

Lane = tuple[str, Stream]
"""One stream of one store."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A record as it stands, right or wrong. `prev`: the hash before it, told where the row before it is not its predecessor."""

    gw: str
    store: str
    stream: Stream
    seq: int
    boot: str
    t: int
    tq: TimeQuality
    mono: int
    kind: str
    body: bytes
    hash: bytes
    prev: bytes | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """Something that should be a record and cannot be read as one; `seq` where that much is known."""

    store: str
    stream: Stream
    why: str
    seq: int | None = None


Entry = Row | Unreadable


class Held(msgspec.Struct, frozen=True, omit_defaults=True):
    """The records of a stream, `first` to `last`, with the hash at `last`; `last` is `first - 1` where there are none.

    `last` is None where damage hides the end.
    `lost`: ranges that the gateway could no longer send to its centre, with the reason, as it told them.
    """

    stream: Stream
    first: int
    last: int | None
    head: Hash | None = None
    lost: list[tuple[int, int, str]] = []


class End(msgspec.Struct, frozen=True):
    """Where a sealed stream ends, with the hash there; what lies beyond, up to `last`, came again in another store."""

    seq: int
    hash: Hash
    last: int


class Sealed(msgspec.Struct, frozen=True):
    """The store takes no more records."""

    why: str
    ends: dict[Stream, End]


class StoreHeld(msgspec.Struct, frozen=True, omit_defaults=True):
    """`partial`: only a piece of it was given to look at."""

    store: str
    streams: list[Held]
    sealed: Sealed | None = None
    partial: bool = False


class Evidence(Protocol):
    """`key` is the fingerprint of the public key that lies beside the stores: told, not proven.

    `exported`: when it was taken from the gateway, told too; None where it is looked at as it lies there.
    """

    gw: str
    key: str | None
    exported: int | None
    stores: list[StoreHeld]

    def entries(self, streams: Collection[Stream] = STREAMS) -> Iterator[Entry]:
        """These streams one after the other, as `lanes` has them. Raises EvidenceError."""
        ...


def lanes(stores: list[StoreHeld]) -> list[Lane]:
    """All streams, audit first: what it says of the others is known before those are read."""
    held = [(one.store, stream.stream) for one in stores for stream in one.streams]
    return sorted(held, key=lambda lane: lane[1] is not Stream.AUDIT)
