"""What is fuzzed: for each parser what it may do with any bytes, and messages to begin with.

A harness returns whatever the bytes are; anything that it raises is a defect.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.codes import table
from model.bodies import Checkpoint
from model.errors import ContractError, EvidenceError
from model.record import Stream
from support.source import BOOT, STORE, T0, Source
from sync.contract import checkpoint, topics, witness
from sync.contract.batch import verify
from sync.contract.document import MESSAGES
from sync.contract.messages import (
    Ack,
    Batch,
    Birth,
    CentralStatus,
    Command,
    CommandResult,
    DeviceState,
    Hashes,
    HashRequest,
    Issuer,
    SignedCommand,
    StoreState,
    StreamState,
    Urgent,
    Will,
    decode,
    encode,
)
from sync.contract.signing import fingerprint, opened, sign
from sync.journal.journal import Journal
from sync.journal.losses import lost
from sync.journal.segment import Head
from sync.journal.view import StoreView
from sync.lane import Lane
from sync.watermark import Watermark
from traceability import identify
from traceability.finding import Verdict
from traceability.identity import GS1
from traceability.ranking import Answer

VECTORS = json.loads((Path(__file__).parents[2] / "docs/contract/vectors.json").read_text(encoding="utf-8"))
ID = "7a3e0f52-1111-4222-8333-444455556666"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PINNED = {fingerprint(KEY.public_key()): KEY.public_key()}
COMMAND = Command(
    v=1, id=ID, gw="gw-1", issuer=Issuer(kind="person", name="wang"), name="alarm.ack", args={"alarm": ID}
)
SIGNED = sign(COMMAND, KEY)
SOURCE = Source(count=8)
CODES = table(None)
LAST = 100
"""Of the stream whose lane hears acknowledgements."""


class Harness(NamedTuple):
    run: Callable[[bytes], None]
    seeds: list[bytes]


def _hash(seq: int) -> str:
    return f"{seq:064x}"


_MARK = StreamState(last=9, upto=7, low=2, head=_hash(9), ingest=1)
_EXAMPLES: dict[type[msgspec.Struct], msgspec.Struct] = {
    Ack: Ack(ingest=1, upto=7, head=_hash(7), missing=[(9, 12)], refused=[(3, 4, "batch_chain")]),
    Birth: Birth(
        v=1,
        state="up",
        session=ID,
        version="0.1.0",
        boot=BOOT,
        sent=T0,
        kinds=["scan/1"],
        encodings=["json", "zstd"],
        stores=[StoreState(store=STORE, sealed=True, streams={"alarm": _MARK})],
        devices=[DeviceState(id="room1", driver="modbus", health="online")],
    ),
    Will: Will(v=1, state="down", session=ID, orderly=True),
    CentralStatus: CentralStatus(v=1, state="up", session=ID, epoch=3, encodings=["json", "zstd"]),
    HashRequest: HashRequest(v=1, id=ID, store=STORE, stream="event", at=[1, 5, 9]),
    Hashes: Hashes(v=1, id=ID, store=STORE, stream="event", hashes=[(1, _hash(1)), (5, _hash(5))]),
    CommandResult: CommandResult(v=1, id=ID, result="refused", why="alarm_not_open", sent=T0),
    Command: COMMAND,
    SignedCommand: SIGNED,
    Batch: decode(SOURCE.batch(2, 6, lost=[(1, 1, "pressure")])[1], Batch),
    Urgent: Urgent(
        v=1,
        alarm=ID,
        boot=BOOT,
        t=T0,
        tq=SOURCE.records[0].at.tq,
        mono=5,
        kind="alarm.raised/1",
        body=msgspec.Raw(b'{"alarm":"x"}'),
    ),
}


def _decoding(of: type[msgspec.Struct]) -> Harness:
    """Refused, or a message that comes back from the wire unchanged."""

    def run(data: bytes) -> None:
        try:
            message = decode(data, of)
        except ContractError:
            return
        assert decode(encode(message), of) == message

    return Harness(run, [encode(_EXAMPLES[of]), encode(_EXAMPLES[of], "zstd"), b'{"x":' + b"[" * 4000])


def _verify(data: bytes) -> None:
    """Refused, or records numbered without a hole, in a chain that ends at the head."""
    try:
        batch = decode(data, Batch)
        records = verify(batch)
    except ContractError:
        return
    assert [r.seq for r in records] == list(range(batch.first, batch.last + 1))
    assert batch.low <= batch.first
    for a, b, why in batch.lost:
        assert a <= b < (batch.first if why == "damaged" and records else batch.low)
    assert (records[-1].hash.hex() if records else batch.prev) == batch.head


def _opened(data: bytes) -> None:
    """Only what was signed."""
    try:
        command = opened(decode(data, SignedCommand), PINNED)
    except ContractError:
        return
    assert encode(command) == bytes(SIGNED.cmd)


def _checkpoint(data: bytes) -> None:
    """Good only if all of it is what was signed."""
    vector = VECTORS["checkpoint"]
    try:
        said = decode(data, Checkpoint)
    except ContractError:
        return
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vector["public_key"]))
    good = checkpoint.is_signed(vector["gw"], vector["store"], said, key)
    assert not good or checkpoint.preimage(vector["gw"], vector["store"], said).hex() == vector["preimage"]


def _witness(data: bytes) -> None:
    try:
        said, _ = witness.opened(data, KEY.public_key())
    except EvidenceError:
        return
    assert said == _WITNESS


_WITNESS = witness.Witness(
    "doorpost-witness/1",
    "gw-1",
    T0,
    1,
    [witness.Committed(STORE, Stream.ALARM, 5, _hash(5))],
    [witness.Received(STORE, 3, T0, "{}")],
)


def _topics(data: bytes) -> None:
    topic = data.decode(errors="replace")
    for parse in (lambda: topics.parse_up(topic), lambda: topics.parse_ack("gw-1", topic)):
        try:
            found = parse()
        except ContractError:
            continue
        assert "/".join(found).count("/") == 1


class _Store:
    """A stream of `LAST` records, the first ten dropped before they were acknowledged."""

    id, sealed, parted = STORE, False, False

    def last(self, _stream: Stream) -> int:
        return LAST

    def low(self, _stream: Stream) -> int:
        return 11

    def lost(self, _stream: Stream) -> list[tuple[int, int, str]]:
        return [(1, 10, "pressure"), (50, 52, "damaged")]

    def head(self, _stream: Stream) -> Head:
        return Head(LAST, bytes.fromhex(_hash(LAST)))


class _State:
    """The journal, as a lane sees it."""

    def __init__(self, stored: bytes | None = None) -> None:
        self._stored = stored

    def state(self, _key: str) -> bytes | None:
        return self._stored

    def note(self, _key: str, value: bytes) -> None:
        self._stored = value


def _lane(state: _State) -> Lane:
    return Lane(cast(Journal, state), cast(StoreView, _Store()), Stream.READING, None)


def _acknowledging(data: bytes) -> None:
    """Line by line: the watermark goes only where a hash, a loss or a refusal proves it, and the count is always whole."""
    state = _State()
    lane = _lane(state)
    for line in data.splitlines():
        try:
            ack = decode(line, Ack)
        except ContractError:
            continue
        before = lane.upto, lane.epoch
        own = _hash(ack.upto) if ack.upto <= LAST else None
        verdict = lane.acknowledged(ack, own, 0.0)
        if verdict in ("stale", "unproven", "fork"):
            assert (lane.upto, lane.epoch) == before
        else:
            given_up = [*_Store().lost(Stream.READING), *ack.refused]
            proven = ack.head == own if ack.head else any(a <= ack.upto <= b for a, b, _ in given_up)
            assert proven or ack.upto <= before[0]
            assert lane.upto == ack.upto <= LAST
        counts = lane.counts()
        assert min(counts) >= 0
        assert counts.captured == LAST == counts.acknowledged + counts.waiting + counts.lost + counts.refused
        again = _lane(state)
        assert (again.upto, again.epoch, again.counts()) == (lane.upto, lane.epoch, counts)


def _state(data: bytes) -> None:
    """Read or begun anew; what is read is written as it was."""
    mark = Watermark.of(data)
    assert Watermark.of(msgspec.json.encode(mark)) == mark
    lost({f"lost/{STORE}/alarm": data}, STORE, Stream.ALARM)


_ACKS = [
    Ack(ingest=1, upto=10),
    Ack(ingest=1, upto=20, head=_hash(20), refused=[(15, 16, "batch_chain")]),
    Ack(ingest=1, upto=52, refused=[(21, 25, "batch_chain")]),
    Ack(ingest=2, upto=12, head=_hash(12)),
    Ack(ingest=2, upto=101, head=_hash(101)),
]


def _scan(data: bytes) -> None:
    """A symbology in front or none, then the code. An identity is read back as itself, and what is invalid has none."""
    aim, code = (data[:3].decode("latin-1"), data[3:]) if data.startswith(b"]") else (None, data)
    _answered(identify.scan(code, aim, CODES, None, 2026))


def _tag(data: bytes) -> None:
    """Two bytes of the protocol control word, then the bank."""
    _answered(identify.tag(data[2:].hex(), data[:2].hex(), CODES, None, 2026))


def _answered(answer: Answer) -> None:
    found = answer.best.identity if answer.best else None
    assert found is None or answer.verdict is not Verdict.INVALID
    if found and found.uri.startswith(GS1):
        again = identify.scan(found.uri, None, CODES, None, 2026).best
        assert again
        assert again.identity
        assert again.identity.uri == found.uri


HARNESSES: dict[str, Harness] = {
    **{f"decode_{of.__name__}": _decoding(of) for of in MESSAGES},
    "verify": Harness(
        _verify, [SOURCE.batch()[1], SOURCE.batch(3, 5, lost=[(1, 2, "damaged")])[1], VECTORS["batch"].encode()]
    ),
    "opened": Harness(_opened, [encode(SIGNED)]),
    "checkpoint": Harness(_checkpoint, [VECTORS["checkpoint"]["body"].encode()]),
    "witness": Harness(_witness, [witness.signed(_WITNESS, KEY)]),
    "topics": Harness(
        _topics, [topics.up_stream("gw-1", Stream.EVENT).encode(), topics.down_ack("gw-1", STORE, Stream.DIAG).encode()]
    ),
    "acknowledging": Harness(_acknowledging, [b"\n".join(map(encode, _ACKS)), encode(_ACKS[0])]),
    "scan": Harness(
        _scan,
        [
            b"]d20106901234567892172706301\x1d10L1\x1d21S1",
            b"(01)06901234567892(10)L1",
            b"https://id.gs1.org/01/06901234567892/10/L1?17=270630",
            b"https://a.cn/eh30164596f40c0e5cbe991a83",
            b"urn:epc:tag:sgtin-96:3.4012345.012345.1",
            b"urn:epc:id:sgln:9521141.12345.0",
            b"91330000142911462X",
            b"]E06901234567892|]e010L1",
            "扬麦25\n某种业\n330681A000\nhttp://a.cn".encode(),
        ],
    ),
    "tag": Harness(
        _tag,
        [
            bytes.fromhex(bank)
            for bank in (
                "30003066C4409047E140075BCD15",
                "3800F73795211411234538566CB0AFC4",
                "3000E28011606000020954321234",
            )
        ],
    ),
    "state": Harness(_state, [b'{"upto":5,"epoch":1,"refused":[[1,2,"x"]]}', b'[[1,10,"pressure"],[50,52,"damaged"]]']),
}
