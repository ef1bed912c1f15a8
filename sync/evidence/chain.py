"""One stream of one store followed from its first record to its last: does each go on from the one before, is each there?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from model.record import Hasher, genesis, hasher
from sync.evidence.entries import Entry, Held, Lane, Row, Unreadable
from sync.evidence.ranges import Range, added, without
from sync.evidence.said import Declared

Why = Literal[
    "altered", "missing", "unlinked", "order", "unreadable", "foreign",
    "seam", "head", "checkpoint", "witness", "seal", "moved",
]  # fmt: skip
"""What is wrong with a record. The catalogue has the words."""

Who = Literal["hole", "checkpoint", "seal", "witness", "left"]
"""How one knows that records are missing: the numbers have a hole, somebody has counted more, a sealed store has some left."""


class Bad(NamedTuple):
    store: str
    stream: str
    seq: int
    why: Why
    detail: str


class Missing(NamedTuple):
    first: int
    last: int
    why: Who


@dataclass(frozen=True)
class Known:
    """What is said about a stream elsewhere. `signed`, `witnessed`: hashes by number; `upto`: what the centre has settled.

    `due`: what the centre already had when the records were taken from the gateway, so that they must be here.
    `began`: a signed checkpoint has seen the stream begin there. `forgetful`: old audit records were dropped, and with them
    perhaps the word about an older loss. `partial`: there is more of the stream elsewhere.
    `end`: the stream's store is sealed, and what lies beyond does not count; `seal` has
    the hash there.
    """

    declared: Sequence[Declared] = ()
    signed: Mapping[int, bytes] = field(default_factory=dict)
    witnessed: Mapping[int, bytes] = field(default_factory=dict)
    upto: int = 0
    due: int = 0
    began: int = 1
    forgetful: bool = False
    partial: bool = False
    end: int | None = None
    seal: Mapping[int, bytes] = field(default_factory=dict)


@dataclass
class Found:
    """`signed`, `witnessed`: ranges that are proven. `unsaid`: a beginning that is not here, and nobody can say why any more.

    `vouched`: somebody has said how far the stream goes. `younger`: the centre has them, but what is here is older than that.
    """

    lane: Lane
    first: int = 1
    last: int = 0
    records: int = 0
    bad: Bad | None = None
    bad_count: int = 0
    declared: list[Declared] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    unsaid: list[Range] = field(default_factory=list)
    younger: list[Range] = field(default_factory=list)
    signed: list[Range] = field(default_factory=list)
    witnessed: list[Range] = field(default_factory=list)
    vouched: bool = False

    def wrong(self, seq: int, why: Why, detail: str = "") -> None:
        """The first one is kept, the others are counted."""
        self.bad = self.bad or Bad(*self.lane, seq, why, detail)
        self.bad_count += 1

    @property
    def unproven(self) -> list[Range]:
        """What is here, unharmed as far as one can see, but under no checkpoint."""
        told = [(one.first, one.last) for one in self.declared]
        return (
            without((self.first, self.last), [*self.signed, *self.witnessed, *told]) if self.last >= self.first else []
        )


def follow(lane: Lane, gw: str, held: Held, entries: Iterable[Entry], known: Known) -> Found:
    follower = _Follower(lane, gw, known)
    for entry in entries:
        if isinstance(entry, Row):
            follower.row(entry)
        else:
            follower.unreadable(entry)
    return follower.finished(held)


class _Follower:
    """`_next`: the number that comes next. `_link`: the hash before it, where that is known.

    `_run`: from here on each record has gone on from the one before it, so that a checkpoint proves all of them.
    """

    def __init__(self, lane: Lane, gw: str, known: Known) -> None:
        self._gw = gw
        self._known = known
        self._found = Found(lane, vouched=bool(known.signed or known.witnessed))
        self._hash: Hasher = hasher(gw, *lane)
        self._next = 1
        self._link: bytes | None = genesis(lane[0])
        self._run = 1
        self._began = False
        self._hold_against(0, self._link)

    def row(self, row: Row) -> None:
        found, seq = self._found, row.seq
        found.records += 1
        if row.gw != self._gw:
            found.wrong(seq, "foreign", row.gw)
        if not self._reach(seq):
            return
        if self._link is None and row.prev is not None:
            self._link = row.prev
            self._hold_against(seq - 1, self._link)
        elif row.prev not in (None, self._link):
            found.wrong(seq, "seam")
        link, self._link = self._link, row.hash
        if link is None or row.hash != self._hash(link, seq, row.boot, row.t, row.tq, row.mono, row.kind, row.body):
            self._run = seq + 1
            if not self._harmed(seq):
                found.wrong(seq, "unlinked" if link is None else "altered")
        self._hold_against(seq, row.hash)

    def unreadable(self, what: Unreadable) -> None:
        seq = what.seq or self._next
        if not self._harmed(seq):
            self._found.wrong(seq, "unreadable", what.why)
        if what.seq is not None and self._reach(seq):
            self._run, self._link = seq + 1, None

    def finished(self, held: Held) -> Found:
        found, known = self._found, self._known
        if held.last is not None and self._next <= held.last:
            self._hole(self._next, held.last)
        elif held.head not in (None, self._link and self._link.hex()):
            found.wrong(self._next - 1, "head")
        if not self._began:
            found.first, found.last = held.first, self._next - 1
        if known.partial:
            return found
        end = self._next - 1
        counts = end if known.end is None else min(end, known.end)  # what lies beyond the seal has come again elsewhere
        self._lacks(end, max((n for n in known.signed if known.end is None or n <= known.end), default=0), "checkpoint")
        self._lacks(end, known.end or 0, "seal")
        self._lacks(counts, known.due, "witness")
        found.younger = self._beyond(counts, max(known.upto, *known.witnessed, 0))
        return found

    def _reach(self, seq: int) -> bool:
        """Whether it is this one's turn; what is left out before it is a hole."""
        if seq < self._next:
            self._found.wrong(seq, "order")
            return False
        if seq > self._next:
            self._hole(self._next, seq - 1)
        if not self._began:
            self._began, self._found.first = True, seq
        self._next, self._found.last = seq + 1, seq
        return True

    def _hole(self, first: int, last: int) -> None:
        """Nothing is here; what was declared explains it."""
        known, found = self._known, self._found
        told = [one for one in known.declared if one.first <= last and first <= one.last]
        for one in told:
            self._tell(Declared(max(first, one.first), min(last, one.last), one.reason))
        ranges = [(one.first, one.last) for one in told]
        for a, b in without((first, min(last, known.began - 1)), ranges):
            self._tell(Declared(a, b, "dropped"))
        for a, b in without((max(first, known.began), last), ranges):
            if a == 1 and (known.forgetful or known.partial):
                found.unsaid.append((a, b))
            else:
                found.wrong(a, "missing", f"{a}..{b}")
                found.missing.append(Missing(a, b, "hole"))
        self._next, self._link, self._run = last + 1, None, last + 1

    def _harmed(self, seq: int) -> bool:
        """Whether the gateway itself has said that this record is not what it was."""
        if not any(one.reason == "damaged" and one.first <= seq <= one.last for one in self._known.declared):
            return False
        self._tell(Declared(seq, seq, "damaged"))
        return True

    def _tell(self, more: Declared) -> None:
        told = self._found.declared
        if told and (told[-1].last + 1, told[-1].reason) == (more.first, more.reason):
            told[-1] = told[-1]._replace(last=more.last)
        else:
            told.append(more)

    def _hold_against(self, seq: int, hash_: bytes) -> None:
        """The hash at `seq` against what checkpoints and the centre say of it."""
        known, found = self._known, self._found
        counts = known.end is None or seq <= known.end
        sources: tuple[tuple[Mapping[int, bytes], list[Range] | None, Why], ...] = (
            (known.signed, found.signed, "checkpoint"),
            (known.witnessed if counts else {}, found.witnessed, "witness"),
            (known.seal, None, "seal"),
        )
        for said, proven, why in sources:
            if said.get(seq, hash_) != hash_:
                found.wrong(seq, why)
            elif proven is not None and self._run <= seq in said:
                proven[:] = added(proven, (self._run, seq))

    def _lacks(self, end: int, known: int, why: Who) -> None:
        """`why` is who knows that there was more than is here."""
        self._found.missing += [Missing(a, b, why) for a, b in self._beyond(end, known)]

    def _beyond(self, end: int, known: int) -> list[Range]:
        """What lies between the two, neither declared nor missing already."""
        told = [(a, b) for a, b, _ in (*self._known.declared, *self._found.missing)]
        return without((end + 1, known), told)
