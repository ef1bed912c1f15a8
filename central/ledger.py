"""What a batch does to its lane: the contract's rules for duplicates, holes, losses, refusals and conflicts."""

from central.ranges import Range, joined, without
from central.store import Lane, Store
from model.errors import ContractError
from model.record import Record
from sync.contract.batch import BATCH_MAX_RECORDS
from sync.contract.messages import HOLES_MAX, REFUSED_MAX, Ack, Batch, Hashes, HashRequest

WINDOW = 8 * BATCH_MAX_RECORDS
"""What a gateway may have in flight: a range further away is not believed to be refused."""


class Conflict(ContractError):
    """`at` is the first number that is seen to be stored with another history."""

    def __init__(self, batch: Batch, at: int) -> None:
        super().__init__("batch_conflict", first=batch.first, last=batch.last)
        self.at = at


def take(store: Store, lane: Lane, batch: Batch, records: list[Record]) -> list[Record]:
    """Take the records of a verified batch, and what it declares as lost. Returns the new ones.

    Raises ContractError, with nothing changed: Conflict where another history is stored already, `batch_chain` where it
    does not lead to the rows above.
    """
    first, last, prev = batch.first, batch.last, bytes.fromhex(batch.prev)
    stored = store.hashes(lane, first, last) if first <= lane.top else {}
    before = lane.head if first == lane.upto + 1 and lane.head else store.hash_at(lane, first - 1)
    if before not in (None, prev):
        raise Conflict(batch, first - 1)
    if stored and (other := next((r.seq for r in records if stored.get(r.seq, r.hash) != r.hash), None)):
        raise Conflict(batch, other)
    after = store.seam(lane, last + 1) if last < lane.top else None
    if records and after not in (None, records[-1].hash):
        raise ContractError("batch_chain", first=first, last=last)

    for a, b, why in batch.lost:
        parts = [p for free in _unsettled(lane, a, b) for p in without(free, [(first, last)] if records else [])]
        store.settle(lane, parts, "lost", why)
        _advance(store, lane, parts)
    fresh = [r for r in records if r.seq not in stored] if stored else records
    if fresh:
        if first <= lane.top:
            store.unsettle(lane, first, last)
            store.drop_seams(lane, first + 1, last + 1)
        store.insert(lane, fresh)
        if before is None:
            store.set_seam(lane, first, prev)
        _advance(store, lane, [(first, last)], records[-1])
    lane.duplicates += len(stored)
    return fresh


def refuse(store: Store, lane: Lane, first: int, last: int, why: str) -> bool:
    """Settle a range that cannot be verified: it must not block what is behind it. False where it is not believable."""
    if not 0 <= last - first < BATCH_MAX_RECORDS or first > lane.top + WINDOW:
        return False
    parts = _unsettled(lane, first, last)
    store.settle(lane, parts, "refused", why)
    _advance(store, lane, parts)
    return bool(parts)


def ack(store: Store, lane: Lane) -> Ack:
    return Ack(
        ingest=store.epoch,
        upto=lane.upto,
        head=lane.head.hex() if lane.head else None,
        missing=lane.missing[:HOLES_MAX],
        refused=lane.refused[-REFUSED_MAX:],
    )


def hashes(store: Store, gw: str, asked: HashRequest) -> Hashes:
    """What is known of this history: the hash of a record, or at a number without one as the batch after it stated it."""
    lane = store.known_lane(gw, asked.store, asked.stream)
    known = [(seq, hash_.hex()) for seq in asked.at if lane and (hash_ := store.hash_at(lane, seq))]
    return Hashes(v=1, id=asked.id, store=asked.store, stream=asked.stream, hashes=known)


def _unsettled(lane: Lane, first: int, last: int) -> list[Range]:
    return without((max(first, lane.upto + 1), last), lane.above)


def _advance(store: Store, lane: Lane, parts: list[Range], tip: Record | None = None) -> None:
    """Count parts as settled; move the watermark over all that is now contiguous. `tip` saves reading its hash back."""
    lane.above = joined([*lane.above, *parts])
    while lane.above and lane.above[0][0] <= lane.upto + 1:
        lane.upto = max(lane.upto, lane.above.pop(0)[1])
    if lane.upto:
        lane.head = tip.hash if tip and tip.seq == lane.upto else store.hash_at(lane, lane.upto)
