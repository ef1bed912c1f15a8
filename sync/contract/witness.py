"""A witness file: what a centre has committed of one gateway's stores, signed by the centre. `docs/evidence.md` describes it."""

from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Raw

from model.errors import EvidenceError
from model.record import Stream
from model.time import Micros
from sync.contract.messages import Count, Epoch, Hash, Name, Seq, Uuid
from sync.contract.signing import fingerprint


class Committed(msgspec.Struct, frozen=True):
    """All up to `upto` is committed at the centre, or was declared lost or refused; `head` is the hash there, where it is known."""

    store: Uuid
    stream: Stream
    upto: Count
    head: Hash | None


class Received(msgspec.Struct, frozen=True):
    """A checkpoint record of the gateway, its body byte for byte, and when (us, UTC, by the centre's clock) it was committed."""

    store: Uuid
    seq: Seq
    received: Micros
    body: str


class Witness(msgspec.Struct, frozen=True):
    format: Literal["doorpost-witness/1"]
    gw: Name
    made: Micros
    epoch: Epoch
    lanes: list[Committed]
    checkpoints: list[Received]


class _Signed(msgspec.Struct, frozen=True):
    """`sig` is the Ed25519 signature in hex over the very bytes of `witness`, by the key whose fingerprint is `key`."""

    witness: Raw
    key: str
    sig: Annotated[str, Meta(max_length=128, pattern="^[0-9a-f]{128}$")]


def signed(witness: Witness, key: Ed25519PrivateKey) -> bytes:
    """The whole file."""
    raw = msgspec.json.encode(witness)
    return msgspec.json.encode(_Signed(Raw(raw), fingerprint(key.public_key()), key.sign(raw).hex()))


def opened(data: bytes, key: Ed25519PublicKey | None) -> tuple[Witness, str]:
    """The witness, and the key that it names. Raises EvidenceError: it cannot be read, or `key` has not signed it."""
    try:
        said = msgspec.json.decode(data, type=_Signed)
        raw = bytes(said.witness)
        witness = msgspec.json.decode(raw, type=Witness)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise EvidenceError("witness_unreadable", why=str(err)) from err
    try:
        if key is not None:
            key.verify(bytes.fromhex(said.sig), raw)
    except InvalidSignature as err:
        raise EvidenceError("witness_signature", key=said.key) from err
    return witness, said.key
