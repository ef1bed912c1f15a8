"""The golden vectors of the contract, held against our code and against a second implementation from the text alone."""

import hashlib
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from model.bodies import Checkpoint
from model.record import chain_hash, genesis
from model.time import TimeQuality
from sync.contract.batch import verify
from sync.contract.checkpoint import is_signed
from sync.contract.messages import Batch, SignedCommand, decode
from sync.contract.signing import fingerprint, opened

VECTORS = json.loads((Path(__file__).parents[2] / "docs/contract/vectors.json").read_text(encoding="utf-8"))
RECORDS: list[dict[str, Any]] = VECTORS["records"]


def pack(value: str | bytes | int | Sequence[Any] | None) -> bytes:
    """The few forms of msgpack that a preimage needs: always the shortest, big-endian."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        if value < 1 << 7:
            return struct.pack(">B", value)
        if value < 1 << 8:
            return struct.pack(">BB", 0xCC, value)
        if value < 1 << 16:
            return struct.pack(">BH", 0xCD, value)
        if value < 1 << 32:
            return struct.pack(">BI", 0xCE, value)
        return struct.pack(">BQ", 0xCF, value)
    if isinstance(value, str):
        raw = value.encode()
        head = struct.pack(">B", 0xA0 | len(raw)) if len(raw) < 32 else struct.pack(">BB", 0xD9, len(raw))
        return head + raw
    if isinstance(value, bytes):
        return (
            struct.pack(">BB", 0xC4, len(value)) + value
            if len(value) < 256
            else struct.pack(">BH", 0xC5, len(value)) + value
        )
    return struct.pack(">B", 0x90 | len(value)) + b"".join(pack(item) for item in value)


def preimage(r: dict[str, Any]) -> bytes:
    order = ("gw", "store", "stream", "seq", "boot", "t", "tq", "mono", "kind")
    return pack([*(r[name] for name in order), r["body"].encode()])


@pytest.mark.parametrize("r", RECORDS, ids=lambda r: r["what"])
def test_a_record_hashes_to_its_golden_value(r: dict[str, Any]) -> None:
    """Our hash, the hash of the second implementation's preimage and the written one are the same."""
    prev = bytes.fromhex(r["prev"])
    assert preimage(r).hex() == r["preimage"]
    assert hashlib.sha256(prev + preimage(r)).hexdigest() == r["hash"]
    assert (
        chain_hash(
            prev, r["gw"], r["store"], r["stream"], r["seq"], r["boot"], r["t"], TimeQuality(*r["tq"]), r["mono"],
            r["kind"], r["body"].encode(),
        ).hex()
        == r["hash"]
    )  # fmt: skip


def test_a_chain_begins_with_the_hash_of_its_store() -> None:
    """The first record's `prev` is the sha256 of the store's lower-case text."""
    first = RECORDS[0]
    assert first["seq"] == 1
    assert first["prev"] == hashlib.sha256(first["store"].encode()).hexdigest() == genesis(first["store"]).hex()


def test_the_golden_batch_verifies_from_its_bytes() -> None:
    """The bodies' bytes are taken out of the payload as they stand, white space and all."""
    payload = VECTORS["batch"].encode()
    records = verify(decode(payload, Batch))
    assert [r.hash.hex() for r in records] == [r["hash"] for r in RECORDS[:3]]
    assert [r.body.decode() for r in records] == [r["body"] for r in RECORDS[:3]]


def test_the_golden_command_is_signed_over_its_bytes() -> None:
    """The signature covers `cmd` as it stands in the payload, and the key's fingerprint names the key."""
    golden = VECTORS["command"]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(golden["public_key"]))
    signed = decode(golden["payload"].encode(), SignedCommand)
    assert signed.key == fingerprint(key)
    assert msgspec.to_builtins(opened(signed, {signed.key: key})) == json.loads(golden["payload"])["cmd"]


def test_the_golden_checkpoint_is_signed_over_bytes_that_anyone_can_rebuild() -> None:
    """From the body's JSON alone, by the second implementation; ours takes the signature, and none for another store."""
    golden = VECTORS["checkpoint"]
    b = json.loads(golden["body"])
    heads = [[s["stream"], s["count"], s["first"], s["last"], bytes.fromhex(s["head"])] for s in b["streams"]]
    signed = pack(["checkpoint/1", golden["gw"], golden["store"], b["boot"], b["t"], b["tq"], heads])
    assert signed.hex() == golden["preimage"]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(golden["public_key"]))
    key.verify(bytes.fromhex(b["sig"]), signed)
    said = decode(golden["body"].encode(), Checkpoint)
    assert is_signed(golden["gw"], golden["store"], said, key)
    assert not is_signed(golden["gw"], golden["store"].replace("3", "4"), said, key)
