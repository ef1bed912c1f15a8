"""What the centre bears witness to: each checkpoint of a gateway as it was committed, and how far its streams had come."""

from collections.abc import Iterable
from pathlib import Path

import apsw

from central.store import Lane, Store, now
from model.errors import DoorpostError
from model.record import Record, Stream
from sync.contract.checkpoint import KIND
from sync.contract.signing import private_key
from sync.contract.witness import Committed, Received, Witness, signed


def keep(store: Store, lane: Lane, records: Iterable[Record]) -> None:
    """Of records that were stored just now."""
    found = [(lane.gw, lane.store, r.seq, now(), r.body) for r in records if r.kind == KIND and lane.stream == "audit"]
    store.db.executemany("INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?, ?, ?)", found)


def write(db: apsw.Connection, data: Path, gw: str, out: Path) -> Witness:
    """Into a file, signed by the centre's key. Raises DoorpostError when nothing is known of this gateway, or no room is left."""
    lanes = db.execute("SELECT store, stream, upto, head FROM lane WHERE gw = ? ORDER BY id", (gw,))
    rows = db.execute("SELECT store, seq, received, body FROM checkpoint WHERE gw = ? ORDER BY store, seq", (gw,))
    said = Witness(
        format="doorpost-witness/1",
        gw=gw,
        made=now(),
        epoch=db.execute("SELECT epoch FROM centre").get,
        lanes=[Committed(store, Stream(stream), upto, head and head.hex()) for store, stream, upto, head in lanes],
        checkpoints=[
            Received(store, seq, received, body.decode(errors="replace")) for store, seq, received, body in rows
        ],
    )
    if not said.lanes:
        raise DoorpostError("gateway_unknown", gw=gw)
    try:
        out.write_bytes(signed(said, private_key(data / "central.key")))
    except OSError as err:
        raise DoorpostError("evidence_unwritable", path=out, why=err.strerror) from err
    return said
