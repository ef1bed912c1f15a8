"""Messages of the contract as types. `docs/contract/` is generated from them; all times are microseconds, UTC."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
import zstandard
from msgspec import Meta, Raw

from model.errors import ContractError
from model.time import Micros, TimeQuality

MESSAGE_MAX_BYTES = 256 * 1024
"""A larger message is refused unread, packed or unpacked."""

SEQ_MAX = 2**40 - 1
"""34 years of a thousand records per second."""

EPOCH_MAX = 2**53 - 1
"""What every JSON parser holds exactly."""

EPOCH_STEP_MAX = 1000
"""Nobody believes an epoch further ahead of the last one: each restored backup of the centre makes it one more."""

HASHES_MAX = 64
"""Numbers in one question for hashes."""

HOLES_MAX = 100
"""Holes that one acknowledgement tells of: the lowest."""

REFUSED_MAX = 1000
"""Refused ranges that one acknowledgement tells of: the highest. A gateway keeps them in its state."""

LOST_MAX = 1000
"""Ranges that one batch declares as lost: the lowest."""

COMMAND_MAX_BYTES = 16 * 1024
"""A command with its arguments."""

Seq = Annotated[int, Meta(ge=1, le=SEQ_MAX)]
Count = Annotated[int, Meta(ge=0, le=SEQ_MAX)]
Epoch = Annotated[int, Meta(ge=1, le=EPOCH_MAX, description="epoch of the centre's database")]
Hash = Annotated[str, Meta(max_length=64, pattern="^[0-9a-f]{64}$", description="32 bytes in lower-case hex")]
Uuid = Annotated[str, Meta(max_length=36, pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
StreamName = Literal["alarm", "event", "audit", "reading", "diag"]
LostReason = Literal["pressure", "retired", "damaged"]
Encoding = Literal["json", "zstd"]
Encodings = Annotated[list[Encoding], Meta(max_length=8)]
Why = Annotated[str, Meta(max_length=200, description="the reason, for a person")]


class _Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Unknown fields are ignored, so that a newer sender can add some."""


class Rec(_Message, frozen=True, kw_only=True):
    """A record in a batch; `b` is the stored JSON, byte for byte."""

    s: Seq
    t: Micros
    tq: TimeQuality
    m: Micros
    k: Annotated[str, Meta(min_length=3, max_length=64)]
    b: Raw


class Batch(_Message, frozen=True, kw_only=True):
    """Consecutive records of one stream and one boot. `prev` and `head` are the chain's hashes before the first and of the last.

    A batch without records only declares what was lost: `last` is then `first - 1` and `head` equals `prev`.
    """

    v: Literal[1]
    gw: Name
    store: Uuid
    stream: StreamName
    boot: Uuid
    first: Seq
    last: Count
    low: Annotated[int, Meta(ge=1, le=SEQ_MAX + 1, description="oldest record still held")]
    prev: Hash
    head: Hash
    sent: Micros
    recs: Annotated[list[Rec], Meta(max_length=500)]
    lost: Annotated[list[tuple[Seq, Seq, LostReason]], Meta(max_length=LOST_MAX)] = []


class Ack(_Message, frozen=True, kw_only=True):
    """What the centre has committed: all up to `upto`, whose hash is `head`; lost and refused ranges count as settled."""

    ingest: Epoch
    upto: Count
    head: Hash | None = None
    missing: Annotated[list[tuple[Seq, Seq]], Meta(max_length=HOLES_MAX)] = []
    refused: Annotated[list[tuple[Seq, Seq, Name]], Meta(max_length=REFUSED_MAX)] = []


class HashRequest(_Message, frozen=True, kw_only=True):
    """A gateway whose history is not the centre's asks where they part: which hashes are stored at these numbers?"""

    v: Literal[1]
    id: Uuid
    store: Uuid
    stream: StreamName
    at: Annotated[list[Seq], Meta(min_length=1, max_length=HASHES_MAX)]


class Hashes(_Message, frozen=True, kw_only=True):
    """The answer to the request `id`: those of its numbers at which the centre has a record, each with its hash."""

    v: Literal[1]
    id: Uuid
    store: Uuid
    stream: StreamName
    hashes: Annotated[list[tuple[Seq, Hash]], Meta(max_length=HASHES_MAX)]


class StreamState(_Message, frozen=True, kw_only=True):
    """`head` is the hash at `last`; `upto` is the acknowledged watermark as the gateway knows it.

    `ingest` is the epoch of the acknowledgement that it believed last, left out before the first one.
    In a sealed store `last` is the number at which it ends.
    """

    last: Count
    upto: Count
    low: Seq
    head: Hash
    ingest: Annotated[int, Meta(ge=0, le=EPOCH_MAX)] = 0


class StoreState(_Message, frozen=True, kw_only=True):
    store: Uuid
    sealed: bool = False
    streams: dict[StreamName, StreamState]


class DeviceState(_Message, frozen=True, kw_only=True):
    id: Name
    driver: str
    health: str


class Birth(_Message, frozen=True, kw_only=True):
    """Retained on `up/status` at each connection."""

    v: Literal[1]
    state: Literal["up"]
    session: Uuid
    version: str
    boot: Uuid
    sent: Micros
    kinds: list[str]
    encodings: Encodings
    stores: list[StoreState]
    devices: list[DeviceState]


class Will(_Message, frozen=True, kw_only=True):
    """Left with the broker; void unless its session is the one of the last birth."""

    v: Literal[1]
    state: Literal["down"]
    session: Uuid
    orderly: bool = False


class CentralStatus(_Message, frozen=True, kw_only=True):
    v: Literal[1]
    state: Literal["up", "down"]
    session: Uuid
    epoch: Epoch
    encodings: Encodings


class Urgent(_Message, frozen=True, kw_only=True):
    """An alarm that could not be made durable in time. Outside the count; merged by alarm id with the record that follows."""

    v: Literal[1]
    alarm: Uuid
    boot: Uuid
    t: Micros
    tq: TimeQuality
    mono: Micros
    kind: str
    body: Raw


class Issuer(_Message, frozen=True, kw_only=True):
    kind: Literal["person", "service"]
    name: Name


class Command(_Message, frozen=True, kw_only=True):
    """`nbf` and `exp` bound the wall time in which it may run; those about an alarm are bound to that instead and have none.

    `args` of `alarm.ack` is `{"alarm": id}`; the others about an alarm take the fields of `RescueOrder`.
    """

    v: Literal[1]
    id: Uuid
    gw: Name
    issuer: Issuer
    name: Literal["alarm.ack", "alarm.dispatch", "alarm.arrive", "alarm.release", "alarm.close"]
    args: dict[str, Any]
    nbf: Micros | None = None
    exp: Micros | None = None


class SignedCommand(_Message, frozen=True, kw_only=True):
    """`sig` is the Ed25519 signature in hex over the very bytes of `cmd`, by the key whose fingerprint is `key`."""

    cmd: Raw
    key: Annotated[
        str,
        Meta(
            max_length=16,
            pattern="^[0-9a-f]{16}$",
            description="first 16 hex digits of the sha256 of the raw public key",
        ),
    ]
    sig: Annotated[str, Meta(max_length=128, pattern="^[0-9a-f]{128}$")]


class CommandResult(_Message, frozen=True, kw_only=True):
    v: Literal[1]
    id: Uuid
    result: Literal["accepted", "done", "failed", "expired", "refused"]
    why: Why | None = None
    sent: Micros


# one for the thread that sends: making one costs more than packing with it
_pack = zstandard.ZstdCompressor(level=1).compress
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

T = TypeVar("T")


def encode(message: msgspec.Struct, encoding: Encoding = "json") -> bytes:
    data = msgspec.json.encode(message)
    return _pack(data) if encoding == "zstd" else data


def unpack(payload: bytes) -> bytes:
    """The JSON of a message, packed or not. Raises ContractError."""
    if len(payload) > MESSAGE_MAX_BYTES:
        raise ContractError("message_too_large", bytes=len(payload), limit=MESSAGE_MAX_BYTES)
    if not payload.startswith(_ZSTD_MAGIC):
        return payload
    try:
        size = zstandard.frame_content_size(payload)
        if not 0 <= size <= MESSAGE_MAX_BYTES:
            raise ContractError("message_too_large", bytes=size, limit=MESSAGE_MAX_BYTES)
        return zstandard.decompress(payload, max_output_size=MESSAGE_MAX_BYTES)
    except zstandard.ZstdError as err:
        raise ContractError("message_malformed", message="zstd", why=str(err)) from err


def decode(payload: bytes, message: type[T]) -> T:
    """Check and decode one message, packed or not. Raises ContractError and nothing else, whatever the bytes are."""
    try:
        return msgspec.json.decode(unpack(payload), type=message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise ContractError("message_malformed", message=message.__name__, why=str(err)) from err
