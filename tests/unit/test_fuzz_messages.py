"""Whatever the bytes are: a message is one of the contract, within its bounds, or a ContractError; never anything else."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from central import ledger
from central.store import Lane, Store
from model.errors import ContractError
from support.odd_json import odd_json
from support.source import STORE, Source, new_id
from sync.contract.batch import verify
from sync.contract.document import MESSAGES
from sync.contract.messages import (
    COMMAND_MAX_BYTES,
    HASHES_MAX,
    HOLES_MAX,
    MESSAGE_MAX_BYTES,
    REFUSED_MAX,
    Ack,
    Batch,
    CentralStatus,
    Command,
    Hashes,
    Issuer,
    SignedCommand,
    decode,
    encode,
)
from sync.contract.signing import fingerprint, opened, sign

HASH = "ab" * 32
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PINNED = {fingerprint(KEY.public_key()): KEY.public_key()}
ENOUGH_BYTES = 8 * MESSAGE_MAX_BYTES
"""What may be used for a moment, while a message is refused."""


def command(**fields: Any) -> Command:
    given: dict[str, Any] = {"v": 1, "id": new_id(), "gw": "gw-1", "name": "alarm.ack", "args": {}}
    return Command(**(given | {"issuer": Issuer(kind="person", name="wang")} | fields))


def ack(**fields: Any) -> dict[str, Any]:
    return {"ingest": 1, "upto": 5, "head": HASH} | fields


def hashes(count: int) -> dict[str, Any]:
    return {"v": 1, "id": new_id(), "store": STORE, "stream": "alarm", "hashes": [(n + 1, HASH) for n in range(count)]}


def status(count: int) -> dict[str, Any]:
    return {"v": 1, "state": "up", "session": new_id(), "epoch": 1, "encodings": ["json"] * count}


@pytest.mark.parametrize(
    ("of", "make", "most"),
    [
        (Ack, lambda n: ack(missing=[(i, i) for i in range(1, n + 1)]), HOLES_MAX),
        (Ack, lambda n: ack(refused=[(i, i, "batch_chain") for i in range(1, n + 1)]), REFUSED_MAX),
        (Ack, lambda n: ack(refused=[(1, 1, "x" * n)]), 64),
        (Hashes, hashes, HASHES_MAX),
        (CentralStatus, status, 8),
        (SignedCommand, lambda n: {"cmd": {}, "key": "a" * 16, "sig": "a" * n}, 128),
        (SignedCommand, lambda n: {"cmd": {}, "key": "a" * n, "sig": "a" * 128}, 16),
    ],
)
def test_bounds(of: type, make: Callable[[int], dict[str, Any]], most: int) -> None:
    """What may stand in a downlink message is taken up to its bound, and one more is refused."""
    decode(msgspec.json.encode(make(most)), of)
    with pytest.raises(ContractError) as caught:
        decode(msgspec.json.encode(make(most + 1)), of)
    assert caught.value.code == "message_malformed"


@pytest.mark.parametrize(
    "pack", [bytes, zstandard.compress, lambda b: zstandard.ZstdCompressor(write_content_size=False).compress(b)]
)
def test_a_million_refused_ranges_cost_nothing(pack: Callable[[bytes], bytes]) -> None:
    """Refused by its size, packed or not, before it is unpacked."""
    payload = pack(msgspec.json.encode(ack(refused=[[1, 1, "x"]] * 1_000_000)))
    assert _peak(payload, Ack) < ENOUGH_BYTES


def test_as_many_ranges_as_fit_into_a_message_cost_little() -> None:
    """Refused by their number, and of what was decoded till then nothing is left."""
    payload = b'{"ingest":1,"upto":1,"refused":[%s]}' % b",".join([b'[1,1,"x"]'] * 26_000)
    assert len(payload) < MESSAGE_MAX_BYTES
    assert _peak(payload, Ack) < 4 * ENOUGH_BYTES


def _peak(payload: bytes, of: type) -> int:
    """How much memory its refusal takes at most."""
    tracemalloc.start()
    try:
        with pytest.raises(ContractError):
            decode(payload, of)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_large_command_is_refused_unread() -> None:
    """Whoever may sign may still not send what fills a gateway."""
    small = sign(command(args={"x": "y" * (COMMAND_MAX_BYTES - 300)}), KEY)
    assert opened(small, PINNED).name == "alarm.ack"
    large = sign(command(args={"x": "y" * COMMAND_MAX_BYTES}), KEY)
    with pytest.raises(ContractError) as caught:
        opened(large, PINNED)
    assert caught.value.code == "message_too_large"


def test_the_centre_tells_what_a_gateway_takes(tmp_path: Path) -> None:
    """However many holes and refusals there are: the lowest holes and the highest refusals."""
    store = Store(tmp_path)
    odd = [(n, n) for n in range(1, 4 * REFUSED_MAX, 2)]
    lane = Lane(1, "gw-1", STORE, "reading", above=odd[1:], refused=[(a, b, "message_malformed") for a, b in odd])
    said = decode(encode(ledger.ack(store, lane)), Ack)
    store.close()
    assert (len(said.missing), said.missing[0]) == (HOLES_MAX, (1, 2))
    assert (len(said.refused), said.refused[-1]) == (REFUSED_MAX, (*odd[-1], "message_malformed"))


_packed = st.binary(max_size=80).map(lambda b: b"\x28\xb5\x2f\xfd" + b)
_deep = st.integers(100, 5000).map(lambda depth: b'{"x":' + b"[" * depth)


@pytest.mark.parametrize("of", MESSAGES, ids=lambda of: of.__name__)
def test_decoding(of: type[msgspec.Struct]) -> None:
    """Any bytes, and messages of the right shape that are odd in places: a message that goes over the wire unchanged, or refused."""

    @settings(max_examples=25)
    @given(st.binary(max_size=200) | _packed | _deep | odd_json(of) | odd_json(of).map(zstandard.compress))
    def check(payload: bytes) -> None:
        try:
            message = decode(payload, of)
        except ContractError:
            return
        assert decode(encode(message), of) == message
        assert decode(encode(message, "zstd"), of) == message

    check()


@given(st.data())
@settings(max_examples=40)
def test_a_batch_is_whole_or_refused(data: st.DataObject) -> None:
    """Odd fields, or any bytes of a good one changed: what is verified is what was written."""
    source = Source(count=6)
    good = source.batch(2, 5)[1]
    start = data.draw(st.integers(0, len(good)))
    spoilt = good[:start] + data.draw(st.binary(max_size=3)) + good[start + data.draw(st.integers(0, 3)) :]
    for payload in (spoilt, data.draw(odd_json(Batch))):
        try:
            batch = decode(payload, Batch)
            records = verify(batch)
        except ContractError:
            continue
        assert [r.seq for r in records] == list(range(batch.first, batch.last + 1))
        if batch.head == source.hash(5).hex():
            assert records == source.records[1:5]


@given(st.data())
@settings(max_examples=40)
def test_a_command_is_signed_or_refused(data: st.DataObject) -> None:
    """Another command under a good signature, another signature, any byte changed: nothing is obeyed but what was signed."""
    signed = sign(command(id="7a3e0f52-1111-4222-8333-444455556666"), KEY)
    good = encode(signed)
    start = data.draw(st.integers(0, len(good) - 1))
    spoilt = good[:start] + data.draw(st.binary(max_size=3)) + good[start + data.draw(st.integers(0, 3)) :]
    other = msgspec.Raw(encode(command(args={"alarm": data.draw(st.text(max_size=3))})))
    sig = data.draw(st.just(signed.sig) | st.binary(min_size=64, max_size=64).map(bytes.hex))
    foreign = sign(
        command(), Ed25519PrivateKey.from_private_bytes(data.draw(st.binary(min_size=32, max_size=32).filter(any)))
    )
    for tried in (
        spoilt,
        data.draw(odd_json(SignedCommand)),
        encode(SignedCommand(cmd=other, key=signed.key, sig=sig)),
        encode(foreign),
        encode(msgspec.structs.replace(foreign, key=signed.key)),
    ):
        try:
            taken = opened(decode(tried, SignedCommand), PINNED)
        except ContractError:
            continue
        assert encode(taken) == bytes(signed.cmd)
