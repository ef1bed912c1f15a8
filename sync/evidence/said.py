"""What a gateway has said about its own records: on `audit` of its stores, and in the checkpoints that its centre has kept."""

from collections.abc import Collection, Iterable
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from model.bodies import Checkpoint, ClockStep, StoreDamage, StoreDrop, StoreSealed, TimeAnchor
from model.record import Stream
from sync.contract.checkpoint import KIND, is_signed
from sync.contract.was import origin
from sync.contract.witness import Received, Witness
from sync.evidence.clocks import Clocks
from sync.evidence.entries import Evidence, Lane, Row

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_BAD_SHOWN = 10


class Declared(NamedTuple):
    """Records `first` to `last` are said to be gone, or not to be what they were."""

    first: int
    last: int
    reason: str


class Unsigned(NamedTuple):
    """A checkpoint that is not by the key. `where`: in the evidence, or in the witness."""

    store: str
    seq: int
    where: str


class Signed:
    """What checkpoints say, as far as `key` has signed them: `hashes` at numbers of streams, and where streams began."""

    def __init__(self, gw: str, stores: Collection[str], key: "Ed25519PublicKey") -> None:
        self._gw = gw
        self._stores = stores
        self._key = key
        self.good: dict[str, int] = {}
        self.bad = 0
        self.bad_first: list[Unsigned] = []
        self.hashes: dict[Lane, dict[int, bytes]] = {}
        self.begins: dict[Lane, int] = {}
        self.contradicted: list[tuple[Lane, int]] = []

    def hear(self, store: str, seq: int, body: bytes, where: str) -> None:
        """A checkpoint that lies in `store`. It may speak of another one: it was moved, or a fork came before it was written."""
        try:
            said = msgspec.json.decode(body, type=Checkpoint)
            candidates = dict.fromkeys((origin(store, body), store, *self._stores))
            of = next(one for one in candidates if is_signed(self._gw, one, said, self._key))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, StopIteration):
            self.bad += 1
            if len(self.bad_first) < _BAD_SHOWN:
                self.bad_first.append(Unsigned(store, seq, where))
            return
        self.good[of] = self.good.get(of, 0) + 1
        for one in said.streams:
            lane = (of, Stream(one.stream))
            self.begins[lane] = max(one.first, self.begins.get(lane, 1))
            self.say(lane, one.last, bytes.fromhex(one.head))

    def say(self, lane: Lane, seq: int, hash_: bytes) -> None:
        if self.hashes.setdefault(lane, {}).setdefault(seq, hash_) != hash_:
            self.contradicted.append((lane, seq))


class Said:
    """`ends`: where streams of sealed stores end, by the store that took their place. `sealed`: why, and which store that is."""

    def __init__(self, signed: Signed) -> None:
        self.signed = signed
        self.clocks = Clocks()
        self.declared: dict[Lane, list[Declared]] = {}
        self.ends: dict[Lane, int] = {}
        self.sealed: dict[str, tuple[str, str]] = {}

    def hear(self, row: Row) -> None:
        if row.kind == KIND:
            self.signed.hear(row.store, row.seq, row.body, "evidence")
            return
        kind = _KINDS.get(row.kind)
        if kind is None:
            return
        try:
            self._hear(origin(row.store, row.body), msgspec.json.decode(row.body, type=kind))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            return  # it says nothing of its kind

    def _hear(self, store: str, said: object) -> None:
        match said:
            case TimeAnchor():
                self.clocks.anchored(said)
            case ClockStep():
                self.clocks.stepped(said)
            case StoreDrop():
                self._declare(said.store or store, said.stream, Declared(said.first, said.last, said.reason))
            case StoreDamage():
                self._declare(said.store or store, said.stream, Declared(said.first, said.last, "damaged"))
            case StoreSealed():
                if (
                    self.sealed.get(said.store, ("",))[0] != "fork"
                ):  # what was damaged may have become a fork, never back
                    self.ends |= {(said.store, Stream(one.stream)): one.end for one in said.streams}
                    self.sealed[said.store] = said.why, store

    def _declare(self, store: str, stream: str, more: Declared) -> None:
        """Kept few: one that goes on where the last one ended becomes one with it."""
        ranges = self.declared.setdefault((store, Stream(stream)), [])
        if ranges and (ranges[-1].last + 1, ranges[-1].reason) == (more.first, more.reason):
            ranges[-1] = ranges[-1]._replace(last=more.last)
        else:
            ranges.append(more)


_KINDS: dict[str, type[msgspec.Struct]] = {
    "time.anchor/1": TimeAnchor,
    "clock.step/1": ClockStep,
    "store.drop/1": StoreDrop,
    "store.damage/1": StoreDamage,
    "store.sealed/1": StoreSealed,
}


def heard(evidence: Evidence, key: "Ed25519PublicKey") -> Said:
    """From all audit streams."""
    said = Said(Signed(evidence.gw, [one.store for one in evidence.stores], key))
    for entry in evidence.entries((Stream.AUDIT,)):
        if isinstance(entry, Row):
            said.hear(entry)
    return said


class Witnessed:
    """What the centre has committed: hashes at numbers, and up to where it has settled each stream.

    `due`: up to where it had them before the evidence was taken; what it has beyond may have been recorded later.
    """

    def __init__(self, witness: Witness | None, evidence: Evidence, key: "Ed25519PublicKey") -> None:
        self.signed = Signed(evidence.gw, [one.store for one in evidence.stores], key)
        self.upto: dict[Lane, int] = {}
        self.due: dict[Lane, int] = {}
        if witness:
            self._hear(witness, inf if evidence.exported is None else evidence.exported)

    def _hear(self, witness: Witness, taken: float) -> None:
        self._checkpoints(one for one in witness.checkpoints if one.received <= taken)
        self.due = {lane: max(hashes) for lane, hashes in self.signed.hashes.items()}
        self._checkpoints(one for one in witness.checkpoints if one.received > taken)
        for mark in witness.lanes:
            lane = (mark.store, mark.stream)
            self.upto[lane] = mark.upto
            if witness.made <= taken:
                self.due[lane] = max(mark.upto, self.due.get(lane, 0))
            if mark.head:
                self.signed.say(lane, mark.upto, bytes.fromhex(mark.head))

    def _checkpoints(self, received: Iterable[Received]) -> None:
        for one in received:
            self.signed.hear(one.store, one.seq, one.body.encode(), "witness")
