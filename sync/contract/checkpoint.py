"""A checkpoint: what a gateway's store held, signed by a key that was made on the device and never leaves it."""

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from model.bodies import Checkpoint, StreamHead
from model.time import Stamp
from sync.contract.signing import fingerprint

KIND = "checkpoint/1"


def preimage(gw: str, store: str, said: Checkpoint) -> bytes:
    """The bytes that are signed, msgpack in its shortest form; the streams stand in the order of the body, `head` is 32 raw bytes:

    `["checkpoint/1", gw, store, boot, t, [source, err_ms or nil], [[stream, count, first, last, head], ...]]`
    """
    streams = [(one.stream, one.count, one.first, one.last, bytes.fromhex(one.head)) for one in said.streams]
    return msgspec.msgpack.encode((KIND, gw, store, said.boot, said.t, said.tq, streams))


def signed(gw: str, store: str, at: Stamp, streams: list[StreamHead], key: Ed25519PrivateKey) -> Checkpoint:
    unsigned = Checkpoint(boot=at.boot, t=at.t, tq=at.tq, streams=streams, key=fingerprint(key.public_key()), sig="")
    return msgspec.structs.replace(unsigned, sig=key.sign(preimage(gw, store, unsigned)).hex())


def is_signed(gw: str, store: str, said: Checkpoint, key: Ed25519PublicKey) -> bool:
    """Whether `key` has signed all of it, as what this store of this gateway held."""
    try:
        key.verify(bytes.fromhex(said.sig), preimage(gw, store, said))
    except InvalidSignature:
        return False
    return said.key == fingerprint(key)
