"""The smallest centre: keeps every gateway's records in SQLite and acknowledges them after its commit.

    python docs/contract/subscriber.py HOST PORT USER PASSWORD FILE.sqlite

It needs paho-mqtt and msgspec. It leaves out what a real one has beside this: quarantine, commands, a restored database,
answers to a gateway that was restored (see README.md).
"""

import hashlib
import json
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (gw, store, stream, seq, kind, t, body, hash, PRIMARY KEY (gw, store, stream, seq));
CREATE TABLE IF NOT EXISTS lost (gw, store, stream, first, last, reason, PRIMARY KEY (gw, store, stream, first));
CREATE TABLE IF NOT EXISTS watermark (gw, store, stream, upto, PRIMARY KEY (gw, store, stream));
"""
UPTO = "SELECT max(upto) FROM watermark WHERE (gw, store, stream) = (?, ?, ?)"
HASH = "SELECT hash FROM record WHERE (gw, store, stream, seq) = (?, ?, ?, ?)"
LOST = "SELECT last FROM lost WHERE (gw, store, stream) = (?, ?, ?) AND ? BETWEEN first AND last"
STATUS = "v1/central/status"
STREAMS = ("alarm", "event", "audit", "reading", "diag")

Lane = tuple[str, str, str]


class Rec(msgspec.Struct):
    s: int
    t: int
    tq: list[str | int | None]
    m: int
    k: str
    b: msgspec.Raw
    """The body's bytes as they came: decoding and encoding them again would change the hash."""


class Batch(msgspec.Struct):
    gw: str
    store: str
    stream: str
    boot: str
    first: int
    low: int
    prev: str
    head: str
    recs: list[Rec]
    lost: list[tuple[int, int, str]] = []


def hashes(batch: Batch) -> Iterator[str]:
    """The chain's hash at each record, recomputed from what arrived."""
    hash_ = bytes.fromhex(batch.prev)
    for r in batch.recs:
        fields = [batch.gw, batch.store, batch.stream, r.s, batch.boot, r.t, r.tq, r.m, r.k, bytes(r.b)]
        hash_ = hashlib.sha256(hash_ + msgspec.msgpack.encode(fields)).digest()
        yield hash_.hex()


def keep(db: sqlite3.Connection, batch: Batch) -> bool:
    """Store what is new; what comes again changes nothing. False for another history than the one that is stored.

    Raises ValueError for a batch that does not verify.
    """
    chain = list(hashes(batch))
    if chain and chain[-1] != batch.head:
        raise ValueError("the chain does not lead from prev to head")
    if any(b >= (batch.first if why == "damaged" and batch.recs else batch.low) for _, b, why in batch.lost):
        raise ValueError("it declares as lost what the gateway still holds")
    lane = (batch.gw, batch.store, batch.stream)
    for seq, hash_ in enumerate([batch.prev, *chain], batch.first - 1):
        known = db.execute(HASH, (*lane, seq)).fetchone()
        if known and known != (hash_,):
            return False
    with db:
        rows = [(*lane, r.s, r.k, r.t, bytes(r.b), h) for r, h in zip(batch.recs, chain, strict=True)]
        db.executemany("INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.executemany("INSERT OR IGNORE INTO lost VALUES (?, ?, ?, ?, ?, ?)", [(*lane, *lost) for lost in batch.lost])
        db.execute("INSERT OR REPLACE INTO watermark VALUES (?, ?, ?, ?)", (*lane, upto(db, lane)))
    return True


def upto(db: sqlite3.Connection, lane: Lane) -> int:
    """The number up to which every record is here or declared as lost."""
    (reached,) = db.execute(UPTO, lane).fetchone()
    reached = reached or 0
    while True:
        at = (*lane, reached + 1)
        if db.execute(HASH, at).fetchone():
            reached += 1
        elif lost := db.execute(LOST, at).fetchone():
            (reached,) = lost
        else:
            return int(reached)


def acknowledgement(db: sqlite3.Connection, lane: Lane) -> dict[str, Any]:
    reached = upto(db, lane)
    (head,) = db.execute(HASH, (*lane, reached)).fetchone() or (None,)
    return {"ingest": 1, "upto": reached, "head": head}


def main(host: str, port: str, user: str, password: str, file: str) -> None:
    db = sqlite3.connect(file)
    db.executescript(SCHEMA)
    status = {"v": 1, "session": str(uuid.uuid4()), "epoch": 1, "encodings": ["json"]}

    def connected(client: mqtt.Client, *_: object) -> None:
        client.subscribe("v1/gw/+/up/#", qos=1)
        client.publish(STATUS, json.dumps({**status, "state": "up"}), qos=1, retain=True)

    def message(client: mqtt.Client, _: object, m: mqtt.MQTTMessage) -> None:
        _, _, gw, _, what = m.topic.split("/", 4)
        if what not in STREAMS:
            return
        try:
            batch = msgspec.json.decode(m.payload, type=Batch)
            if (batch.gw, batch.stream) != (gw, what):
                raise ValueError("the batch is of another topic")
            if not keep(db, batch):
                print(f"not stored, another history: {m.topic}: the acknowledgement shows it", file=sys.stderr)
        except (ValueError, msgspec.DecodeError) as err:
            print(f"not stored, so not acknowledged: {m.topic}: {err}", file=sys.stderr)
            return
        lane = (batch.gw, batch.store, batch.stream)
        answer = json.dumps(acknowledgement(db, lane))
        client.publish(f"v1/gw/{gw}/down/ack/{batch.store}/{batch.stream}", answer, qos=1, retain=True)
        print(f"{gw} {batch.stream}: {answer}", flush=True)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user, clean_session=False)
    client.username_pw_set(user, password)
    client.will_set(STATUS, json.dumps({**status, "state": "down"}), qos=1, retain=True)
    client.on_connect = connected
    client.on_message = message
    client.connect(host, int(port))
    client.loop_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
