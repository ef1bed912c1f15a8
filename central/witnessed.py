"""How far the gateways bear witness to what is stored here: what a checkpoint that they have signed follows from is theirs,
whoever has this database.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw
import msgspec

from central import queries
from central.checkpoints import enrolled
from central.ranges import Range, joined, size, without
from central.store import SEQ_BITS
from model.bodies import Checkpoint, StoreDamage, StoreDrop
from model.errors import ContractError
from model.record import genesis
from sync.contract.messages import Birth, decode
from sync.contract.was import moves, origin
from sync.contract.witness import Witness

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

STREAMS = ("alarm", "audit")
FAULTS = ("altered", "missing", "incomplete", "unwitnessed")
STATES = (*FAULTS, "unverified", "not_witnessed", "intact")
"""The worst first."""

_DECLARED: dict[str, type[StoreDrop] | type[StoreDamage]] = {"store.drop/1": StoreDrop, "store.damage/1": StoreDamage}
_USED = {"alarm": "%", "audit": "lift.file/1"}
"""What of a stream is to be witnessed, as a pattern of kinds; anchors that are not are left out where others are."""

Key = tuple[str, str, str]
"""Gateway, store, stream."""


class Mark(NamedTuple):
    """The gateway had `head` at `seq`, as it said at `t`."""

    seq: int
    head: str
    t: int
    signed: bool


class Gap(NamedTuple):
    """A range without rows. `declared`: the gateway's own records say that it has lost it."""

    first: int
    last: int
    how: str
    why: str
    declared: bool


@dataclass
class Held:
    """A lane against its gateway's word. `key`: whose signatures were checked, None where no key was given to the centre;
    `named`: a signed checkpoint or the gateway's birth knows of the store.
    """

    gw: str
    store: str
    stream: str
    key: str | None
    named: bool
    rows: int = 0
    broken: list[int] = field(default_factory=list)
    unaccounted: int = 0
    contradicted: list[int] = field(default_factory=list)
    """Numbers at which a checkpoint has another hash, and its own numbers on audit where it is not signed."""
    missing: list[Range] = field(default_factory=list)
    """A checkpoint counts them, and they are not here: they were taken out, or are still on their way."""
    gaps: list[Gap] = field(default_factory=list)
    witnessed: list[Range] = field(default_factory=list)
    at: int | None = None
    """When the newest checkpoint that holds was made, by the gateway's clock."""
    beyond: int = 0
    """How many rows that count no checkpoint follows from, yet."""

    def covers(self, seq: int) -> bool:
        return any(a <= seq <= b for a, b in self.witnessed)

    @property
    def state(self) -> str:
        if self.broken or self.unaccounted or self.contradicted:
            return "altered"
        if self.missing:
            return "missing"
        if not all(gap.declared for gap in self.gaps):
            return "incomplete"
        if self.key is None:
            return "unverified"
        if not self.named:
            return "unwitnessed"
        return "not_witnessed" if self.beyond else "intact"

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "gaps": [gap._asdict() for gap in self.gaps], "state": self.state}


class Doubts:
    """Why rows do not prove what they say: by a fault of their gateway's lanes, which has them all in doubt, or each for itself."""

    def __init__(self, held: dict[Key, Held]) -> None:
        self._held = held
        self._faults: dict[str, set[str]] = {}
        for one in held.values():
            # what was made up says nothing against the others
            if one.state in FAULTS and one.state != "unwitnessed":
                self._faults.setdefault(one.gw, set()).add(one.state)

    def of(self, gw: str, store: str, stream: str, seq: int) -> set[str]:
        lane = self._held[gw, store, stream]
        own = "unverified" if lane.key is None else "not_witnessed" if lane.named else "unwitnessed"
        return self._faults.get(gw, set()) | (set() if lane.covers(seq) else {own})


def worst(states: Iterable[str]) -> str:
    return min(states, key=STATES.index, default="intact")


def held(
    db: apsw.Connection, keys: Path, lanes: Sequence[dict[str, Any]], outside: Sequence[Witness] = ()
) -> dict[Key, Held]:
    """Of those `lanes` of `queries.audit` that are of `STREAMS`, and of all that a checkpoint names: also one that is gone.

    `keys` has the gateways' public halves; `outside` are witness files that somebody has kept elsewhere.
    """
    found: dict[Key, Held] = {}
    audited = {(one["gw"], one["store"], one["stream"]): one for one in lanes if one["stream"] in STREAMS}
    for gw in dict.fromkeys(
        [gw for gw, *_ in audited] + [gw for (gw,) in db.execute("SELECT DISTINCT gw FROM checkpoint")]
    ):
        key = enrolled(keys, gw)
        marks, bad, stores = _marks(db, gw, key, [one for one in outside if one.gw == gw])
        again = functools.cache(functools.partial(_again, db, gw))
        for lane in dict.fromkeys([*(one for one in audited if one[0] == gw), *marks]):
            one = Held(*lane, _fingerprint(key) if key else None, lane[1] in stores)
            if said := audited.get(lane):
                one.rows, one.broken, one.unaccounted = said["rows"], said["broken_first"], said["unaccounted"]
            if lane[2] == "audit":
                one.contradicted += bad.get(lane[1], [])
            _hold(db, one, marks.get(lane, []), again)
            found[lane] = one
    losses = functools.cache(functools.partial(_losses, db, found))
    for one in found.values():
        one.gaps = [gap._replace(declared=_declared(one, gap, losses)) for gap in one.gaps]
    return found


def _fingerprint(key: "Ed25519PublicKey") -> str:
    from sync.contract.signing import fingerprint

    return fingerprint(key)


def _marks(
    db: apsw.Connection, gw: str, key: "Ed25519PublicKey | None", outside: Sequence[Witness]
) -> tuple[dict[Key, list[Mark]], dict[str, list[int]], set[str]]:
    """What its checkpoints say of each lane, the numbers of those that are not signed, and the stores that it has named."""
    from sync.contract.checkpoint import KIND, is_signed

    said = {(store, seq, body) for store, seq, _, body in _records(db, gw, "audit", f"text = '{KIND}'")}
    said |= set(db.execute("SELECT store, seq, body FROM checkpoint WHERE gw = ? AND typeof(body) = 'blob'", (gw,)))
    marks: dict[Key, list[Mark]] = {}
    bad: dict[str, list[int]] = {}
    stores = _born(db, gw)
    for one in outside:
        said |= {(c.store, c.seq, c.body.encode()) for c in one.checkpoints}
        for lane in one.lanes:
            if lane.head and lane.stream in STREAMS:
                marks.setdefault((gw, lane.store, lane.stream), []).append(Mark(lane.upto, lane.head, one.made, False))
    for store, seq, body in sorted(said):
        try:
            checkpoint, of = decode(body, Checkpoint), origin(store, body)
        except ContractError:
            bad.setdefault(store, []).append(seq)
            continue
        if key is not None and not is_signed(gw, of, checkpoint, key):
            bad.setdefault(store, []).append(seq)
            continue
        if key is not None:
            stores.add(of)
        for head in checkpoint.streams:
            if head.stream in STREAMS:
                mark = Mark(head.last, head.head, checkpoint.t, key is not None)
                marks.setdefault((gw, of, head.stream), []).append(mark)
    return marks, bad, stores


def _born(db: apsw.Connection, gw: str) -> set[str]:
    births = db.execute("SELECT birth FROM gateway WHERE gw = ?", (gw,))
    return {state.store for (birth,) in births for state in msgspec.json.decode(birth, type=Birth).stores}


def _hold(
    db: apsw.Connection, one: Held, marks: Sequence[Mark], again: Callable[[str], dict[tuple[str, int], str]]
) -> None:
    """A chain proves what is before its end, as far back as the last hole: nothing binds a row to what is behind a hole."""
    lane = db.execute("SELECT id FROM lane WHERE (gw, store, stream) = (?, ?, ?)", (one.gw, one.store, one.stream)).get
    base, end = ((lane or 0) << SEQ_BITS, (lane or 0) + 1 << SEQ_BITS)
    stored: Any = db.execute(
        "SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM "
        "(SELECT place - ?1 AS seq FROM record WHERE place > ?1 AND place < ?2)) GROUP BY run ORDER BY 1",
        (base, end),
    )
    runs: list[Range] = stored.fetchall()
    settled: Any = db.execute("SELECT first, last, how, why FROM settled WHERE lane = ? ORDER BY first", (lane,))
    one.gaps = [Gap(first, last, how, why, declared=False) for first, last, how, why in settled]
    good = []
    for mark in sorted(set(marks)):
        hash_ = genesis(one.store) if mark.seq == 0 else _hash_at(db, lane, mark.seq)
        if hash_ is None or hash_.hex() == mark.head:
            good += [mark] if hash_ and mark.signed else []
        elif again(one.stream).get((one.store, mark.seq)) != mark.head:
            one.contradicted.append(mark.seq)
    one.at = max((mark.t for mark in good), default=None)
    for first, last in runs:
        if top := max((mark.seq for mark in good if first <= mark.seq <= last), default=0):
            one.witnessed.append((first, top))
    here = joined([*runs, *((gap.first, gap.last) for gap in one.gaps)])
    one.missing = without((1, max((mark.seq for mark in marks), default=0)), here)
    if one.missing:
        given = [(seq, seq) for store, seq in again(one.stream) if store == one.store]
        one.missing = [part for missing in one.missing for part in without(missing, joined(given))]
    one.beyond = sum(
        not one.covers(seq)
        for (seq,) in db.execute(
            "SELECT place - ?1 FROM record JOIN word ON word.id = kind WHERE place > ?1 AND place < ?2 AND text LIKE ?3",
            (base, end, _USED[one.stream]),
        )
    )


def _hash_at(db: apsw.Connection, lane: int | None, seq: int) -> bytes | None:
    """Of the row; where there is none, as the batch behind it stated it."""
    if lane is None:
        return None
    hash_: bytes | None = db.execute(
        "SELECT CAST(hash AS BLOB) FROM record WHERE place = ?", (lane << SEQ_BITS | seq,)
    ).get
    return hash_ or db.execute("SELECT prev FROM seam WHERE (lane, seq) = (?, ?)", (lane, seq + 1)).get


def _again(db: apsw.Connection, gw: str, stream: str) -> dict[tuple[str, int], str]:
    """What its records of other stores say that they were before a fork."""
    given = _records(db, gw, stream, "instr(body, CAST('\"was\":[' AS BLOB))")
    return {(was.store, was.seq): was.hash for *_, body in given for was in moves(body)}


def _records(db: apsw.Connection, gw: str, stream: str, condition: str) -> Iterator[tuple[str, int, str, bytes]]:
    """Store, number, kind and body of a gateway's records for which the condition holds, by its own lanes alone. One whose body
    is none is altered, and says nothing.
    """
    rows: Any = db.execute(
        f"SELECT store, place & {(1 << SEQ_BITS) - 1}, text, body FROM lane CROSS JOIN record "  # noqa: S608
        f"ON place > lane.id << {SEQ_BITS} AND place < lane.id + 1 << {SEQ_BITS} JOIN word ON word.id = kind "
        f"WHERE (gw, stream) = (?, ?) AND typeof(body) = 'blob' AND {condition}",
        (gw, stream),
    )
    yield from rows


def _declared(one: Held, gap: Gap, losses: Callable[[str], dict[tuple[str, str], list[Range]]]) -> bool:
    """Whether its gateway says that all of it is lost."""
    if gap.how != "lost":
        return False
    return size(without((gap.first, gap.last), joined(losses(one.gw).get((one.store, one.stream), [])))) == 0


def _losses(db: apsw.Connection, found: dict[Key, Held], gw: str) -> dict[tuple[str, str], list[Range]]:
    """By store and stream what a gateway's records say is lost: the witnessed ones, or any where no signature can be checked."""
    said: dict[tuple[str, str], list[Range]] = {}
    kinds = ", ".join(f"'{kind}'" for kind in _DECLARED)
    for store, seq, kind, body in _records(db, gw, "audit", f"text IN ({kinds})"):
        audit = found[gw, store, "audit"]
        if audit.key is None or audit.covers(seq):
            try:
                lost = decode(body, _DECLARED[kind])
            except ContractError:
                continue
            if lost.first <= lost.last:
                said.setdefault((lost.store or origin(store, body), lost.stream), []).append((lost.first, lost.last))
    return said


def audited(db: apsw.Connection, keys: Path, outside: Sequence[Witness] = ()) -> dict[Key, Held]:
    """As `held`, with the chains of those streams hashed anew."""
    return held(db, keys, [lane for stream in STREAMS for lane in queries.audit(db, stream)["lanes"]], outside)
