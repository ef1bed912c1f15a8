"""Batches: built from records as they are stored, verified from the bytes that arrived."""

from collections.abc import Sequence

from msgspec import Raw

from model.errors import ContractError
from model.record import Record, Stream, hasher
from model.time import Stamp
from sync.contract.messages import Batch, LostReason, Rec

BATCH_MAX_RECORDS = 500
BATCH_MAX_BYTES = 64 * 1024


def build(
    gw: str,
    store: str,
    stream: Stream,
    records: Sequence[Record],
    *,
    prev: bytes,
    low: int,
    lost: Sequence[tuple[int, int, LostReason]],
    sent: int,
) -> Batch:
    """A batch of at least one record, all of one boot. `prev` is the hash before the first."""
    return Batch(
        v=1,
        gw=gw,
        store=store,
        stream=stream.value,
        boot=records[0].at.boot,
        first=records[0].seq,
        last=records[-1].seq,
        low=low,
        prev=prev.hex(),
        head=records[-1].hash.hex(),
        lost=list(lost),
        sent=sent,
        recs=[Rec(s=r.seq, t=r.at.t, tq=r.at.tq, m=r.at.mono, k=r.kind, b=Raw(r.body)) for r in records],
    )


def verify(batch: Batch) -> list[Record]:
    """The records, with their hashes recomputed from the bytes received.

    Raises ContractError when the numbers are not consecutive, when what is lost may not be lost, or when the
    chain does not lead from `prev` to `head`.
    """
    if batch.last != batch.first + len(batch.recs) - 1:
        raise ContractError("batch_range", first=batch.first, last=batch.last, records=len(batch.recs))
    # what is held is not lost, and damage is only below records that are here to prove that the stream goes on: one wrong
    # number must not end a lane
    if batch.low > batch.first or any(
        not a <= b < (batch.first if why == "damaged" and batch.recs else batch.low) for a, b, why in batch.lost
    ):
        raise ContractError("batch_lost_range", lost=batch.lost)
    next_hash = hasher(batch.gw, batch.store, batch.stream)
    hash_ = bytes.fromhex(batch.prev)
    records = []
    for seq, rec in enumerate(batch.recs, batch.first):
        if rec.s != seq:
            raise ContractError("batch_range", first=batch.first, last=batch.last, records=len(batch.recs))
        body = bytes(rec.b)
        hash_ = next_hash(hash_, seq, batch.boot, rec.t, rec.tq, rec.m, rec.k, body)
        records.append(Record(seq, rec.k, body, Stamp(batch.boot, rec.t, rec.tq, rec.m), hash_))
    if hash_.hex() != batch.head:
        raise ContractError("batch_chain", first=batch.first, last=batch.last)
    return records
