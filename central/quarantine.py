"""What could not be taken, kept as it came, until all that it holds has come another way."""

import hashlib
from collections.abc import Sequence

from central.store import Lane, Store, now
from model.errors import ContractError
from model.record import Record

KEPT = 1000
"""Per gateway, of what was not settled by being refused: whoever sends rubbish cannot fill the disk."""

_HASH_BYTES = 32


def keep(
    store: Store,
    gw: str,
    topic: str,
    payload: bytes,
    error: ContractError,
    *,
    same: bytes,
    lane: Lane | None = None,
    settled: bool = False,
    records: Sequence[Record] = (),
) -> None:
    """Keep a message; one that is the same in `same` as one that is kept already only counts.

    `records` are those of a good batch whose history is not the one that is stored.
    """
    digest = hashlib.sha256(topic.encode() + b"\0" + same).digest()
    at = now()
    store.db.execute(
        "UPDATE quarantine SET times = times + 1, last_at = ?, settled = max(settled, ?) WHERE digest = ?",
        (at, settled, digest),
    )
    if store.db.changes():
        return
    first, hashes = (records[0].seq, b"".join(r.hash for r in records)) if records else (None, None)
    store.db.execute(
        "INSERT INTO quarantine (digest, gw, topic, lane, reason, first_at, last_at, settled, first, hashes, payload) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (digest, gw, topic, lane and lane.id, str(error), at, at, settled, first, hashes, payload),
    )
    store.db.execute(
        "DELETE FROM quarantine WHERE NOT settled AND gw = ?1 AND id NOT IN "
        "(SELECT id FROM quarantine WHERE NOT settled AND gw = ?1 ORDER BY id DESC LIMIT ?2)",
        (gw, KEPT),
    )
    if records and lane:
        resolve(store, lane, records[0].seq, records[-1].seq)


def resolve(store: Store, lane: Lane, first: int, last: int) -> None:
    """Mark what is kept of this lane and touches these numbers, where each of its records is stored or has come again."""
    for id_, begin, hashes in store.rows(
        "SELECT id, first, hashes FROM quarantine WHERE lane = ?1 AND hashes IS NOT NULL AND resolved IS NULL "
        "AND first <= ?3 AND first + length(hashes) / ?4 > ?2",
        lane.id, first, last, _HASH_BYTES,
    ):  # fmt: skip
        kept = {(begin + i, hashes[i * _HASH_BYTES :][:_HASH_BYTES]) for i in range(len(hashes) // _HASH_BYTES)}
        end = begin + len(kept) - 1
        come = set(store.hashes(lane, begin, end).items()) | set(
            store.rows(
                "SELECT seq, hash FROM again WHERE (gw, store, stream) = (?, ?, ?) AND seq BETWEEN ? AND ?",
                lane.gw, lane.store, lane.stream, begin, end,
            )
        )  # fmt: skip
        if kept <= come:
            store.db.execute("UPDATE quarantine SET resolved = ? WHERE id = ?", (now(), id_))
