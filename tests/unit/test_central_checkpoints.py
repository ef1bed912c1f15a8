"""What the centre makes of checkpoints: good, altered, contradicted by what is stored, and without a key."""

from pathlib import Path

import msgspec
import pytest

from central.ingest import Ingest
from central.store import Store
from model.bodies import Checkpoint, StreamHead
from model.record import Stream
from support.centre import central
from support.source import STORE, Source, at, birth, new_id
from sync.contract.checkpoint import signed
from sync.contract.messages import encode
from sync.contract.signing import private_key

GOOD = {"verified": 1, "bad": 0, "unverified": 0, "bad_first": []}
BAD = {"verified": 0, "bad": 1, "unverified": 0, "bad_first": [{"store": STORE, "seq": 1}]}


@pytest.fixture
def said(tmp_path: Path) -> Checkpoint:
    """Of 20 readings; the gateway's public key lies at the centre."""
    (tmp_path / "gateways").mkdir()
    key = private_key(tmp_path / "gateways" / "gw-1.key")
    head = StreamHead(stream="reading", count=20, first=1, last=20, head=Source(count=20).hash(20).hex())
    empty = StreamHead(stream="diag", count=0, first=1, last=0, head=Source(Stream.DIAG).hash(0).hex())
    return signed("gw-1", STORE, at(), [head, empty], key)


def take(data: Path, said: Checkpoint, readings: Source | None = None, last: int = 20) -> None:
    audit = Source(Stream.AUDIT)
    audit.write(("checkpoint/1", encode(said)))
    store = Store(data)
    Ingest(store).take([(readings or Source(count=20)).batch(1, last), audit.batch()])
    store.close()


@pytest.mark.parametrize("last", [20, 19])
async def test_a_good_one_is_verified(tmp_path: Path, said: Checkpoint, last: int) -> None:
    """Also while the record that it names is still on its way."""
    take(tmp_path, said, last=last)
    code, found = await central(tmp_path, "audit")
    assert (code, found["checkpoints"]) == (0, {"gw-1": GOOD})


@pytest.mark.parametrize("change", [{"t": 1}, {"boot": "b"}, {"key": "0" * 16}, {"sig": "0" * 128}, {"streams": []}])
async def test_an_altered_body_is_bad(tmp_path: Path, said: Checkpoint, change: dict[str, object]) -> None:
    """Whatever was altered before the record was chained; the chain itself is whole."""
    take(tmp_path, msgspec.structs.replace(said, **change))
    code, found = await central(tmp_path, "audit")
    assert (code, found["broken"], found["checkpoints"]) == (1, 0, {"gw-1": BAD})


@pytest.mark.parametrize("key", [True, False])
async def test_a_rewritten_chain_is_found(tmp_path: Path, said: Checkpoint, key: bool) -> None:
    """Rows altered with all hashes after them made to fit: only the checkpoint knows, even without the key."""
    if not key:
        (tmp_path / "gateways" / "gw-1.pub").unlink()
    forged = Source()
    forged.write(*(("reading.poll/1", b'{"n":4}') for _ in range(20)))
    take(tmp_path, said, forged)
    code, found = await central(tmp_path, "audit")
    assert (code, found["broken"], found["checkpoints"]) == (1, 0, {"gw-1": BAD})


async def test_without_the_key_it_is_unverified(tmp_path: Path, said: Checkpoint) -> None:
    """Nobody has copied the gateway's public key yet: that is no fault."""
    (tmp_path / "gateways" / "gw-1.pub").unlink()
    take(tmp_path, said)
    code, found = await central(tmp_path, "audit")
    assert (code, found["checkpoints"]) == (0, {"gw-1": {"verified": 0, "bad": 0, "unverified": 1, "bad_first": []}})


async def test_a_key_file_that_is_no_key(tmp_path: Path, said: Checkpoint) -> None:
    """Told with its path, as wrong settings."""
    (tmp_path / "gateways" / "gw-1.pub").write_text("no key")
    take(tmp_path, said)
    code, found = await central(tmp_path, "audit")
    assert (code, found["error"]["code"]) == (78, "key_unreadable")


async def test_one_that_came_again_in_another_store(tmp_path: Path, said: Checkpoint) -> None:
    """After a fork: it still speaks of the store that it was made for, and is signed for that."""
    again = Source(Stream.AUDIT, store=new_id())
    body = encode(said)[:-1] + b',"was":["%s",7,"%s"]}' % (STORE.encode(), b"0" * 64)
    again.write(("checkpoint/1", body))
    store = Store(tmp_path)
    born = birth("gw-1", new_id(), {}, store=again.store)
    Ingest(store).take([born, Source(count=20).batch(), again.batch()])
    store.close()
    code, found = await central(tmp_path, "audit")
    assert (code, found["checkpoints"]) == (0, {"gw-1": GOOD})
