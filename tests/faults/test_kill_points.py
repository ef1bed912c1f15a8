"""The gateway's process ends at the worst moments, to the call: what was durable is at the centre once, or was declared lost."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.demo.broker import Broker
from model.record import Stream
from support.centre import password
from support.diskfaults import KILL_AFTER, KILL_BEFORE, Faults, Kind, environment
from support.journals import GW, number
from support.small_centre import SmallCentre

PUBACK = b"\x40"


class Gateway:
    """Life after life on one store; `durable` is what it said, in all of them."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.disk = directory / "disk"
        self.disk.mkdir()
        self.faults = Faults(directory / "control")
        self.durable: dict[Stream, dict[int, int]] = {s: {} for s in Stream}
        self._command = [sys.executable, "-m", "support.disk_gateway", broker.url, str(password(broker, GW))]
        self._n = 0

    async def start(self) -> None:
        command = [*self._command, str(self.disk / "stores")]
        env = environment(self.disk, self.faults)
        self.process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=env)
        await self.heard("online")

    def tell(self, what: str, about: Stream | None = None) -> None:
        assert self.process.stdin
        self._n += 1
        self.process.stdin.write(f"{what} {about or ''} {self._n}\n".encode())

    async def write(self, stream: Stream) -> None:
        """One record, durable on return."""
        self.tell("write", stream)
        await self.heard(stream)

    async def heard(self, words: str) -> None:
        """Until it says so. AssertionError when it ends first."""
        while not (line := await self._line()).startswith(words):
            assert line, "it has ended"

    async def end(self) -> None:
        """It meets its end; what it still said counts."""
        while await self._line():
            pass
        assert await self.process.wait() == -9
        self.faults.lift()

    async def _line(self) -> str:
        assert self.process.stdout
        line = (await self.process.stdout.readline()).decode()
        match line.split():
            case [stream, seq, n] if stream in list(Stream):
                self.durable[Stream(stream)][int(seq)] = int(n)
        return line

    async def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        await self.process.wait()


@pytest.fixture
async def centre(broker: Broker) -> AsyncIterator[SmallCentre]:
    async with SmallCentre(broker) as centre:
        yield centre


@pytest.fixture
def gateway(broker: Broker, tmp_path: Path) -> Gateway:
    return Gateway(broker, tmp_path)


async def all_is_there(gateway: Gateway, centre: SmallCentre) -> None:
    """The next life, started already, sends what is due; nothing that was answered is missing, and nothing is there in two versions."""
    centre.acks = True
    await centre.acknowledge_all()
    await gateway.write(Stream.EVENT)
    gateway.tell("settle")
    await gateway.heard("settled")
    for stream, durable in gateway.durable.items():
        found = {seq: number(record.body) for seq, record in centre.records[stream].items()}
        held = {seq: n for seq, n in durable.items() if seq not in centre.lost[stream]}
        assert held.items() <= found.items()
        assert centre.has(stream, max(durable, default=0))


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        pytest.param(KILL_BEFORE, Kind.WRITE, id="before the insert"),
        pytest.param(KILL_AFTER, Kind.WRITE, id="half inserted"),
        pytest.param(KILL_BEFORE, Kind.SYNC, id="before the commit"),
        pytest.param(KILL_AFTER, Kind.SYNC, id="after the commit"),
    ],
)
async def test_insert_and_commit(gateway: Gateway, centre: SmallCentre, action: int, kind: Kind) -> None:
    """Of a record that nobody was told of, all or nothing is there."""
    await gateway.start()
    await gateway.write(Stream.EVENT)
    gateway.faults.arm(action, kind, match=b"core-")
    gateway.tell("write", Stream.EVENT)
    await gateway.end()
    assert set(gateway.durable[Stream.EVENT]) == {1}
    await gateway.start()
    await all_is_there(gateway, centre)
    assert set(gateway.durable[Stream.EVENT]) == ({1, 2} if kind is Kind.WRITE else {1, 3})
    await gateway.stop()


@pytest.mark.parametrize(
    ("action", "kind", "match"),
    [
        pytest.param(KILL_BEFORE, Kind.SEND, b"/up/event", id="before it is sent"),
        pytest.param(KILL_AFTER, Kind.SEND, b"/up/event", id="after it is sent"),
        pytest.param(KILL_AFTER, Kind.RECV, PUBACK, id="at the PUBACK"),
    ],
)
async def test_send_and_puback(gateway: Gateway, centre: SmallCentre, action: int, kind: Kind, match: bytes) -> None:
    """Durable and not acknowledged by the centre: the next life sends it, again where it was sent before."""
    centre.acks = False
    await gateway.start()
    gateway.faults.arm(action, kind, match=match)
    gateway.tell("write", Stream.EVENT)
    await gateway.end()
    if kind is Kind.RECV:
        await centre.until(lambda: centre.has(Stream.EVENT, 1))
    elif action == KILL_BEFORE:
        assert not centre.batches
    await gateway.start()
    await all_is_there(gateway, centre)
    assert 1 in centre.records[Stream.EVENT]
    await gateway.stop()


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        pytest.param(KILL_BEFORE, Kind.WRITE, id="before it is written"),
        pytest.param(KILL_BEFORE, Kind.SYNC, id="before it is durable"),
        pytest.param(KILL_AFTER, Kind.SYNC, id="after it is durable"),
    ],
)
async def test_acknowledgement(gateway: Gateway, centre: SmallCentre, action: int, kind: Kind) -> None:
    """The centre's word goes to the disk with the next commit; lost with it, it costs a second batch at most."""
    await gateway.start()
    await gateway.write(Stream.EVENT)
    await gateway.heard("acknowledged event 1")
    gateway.faults.arm(action, kind, match=b"core-")
    gateway.tell("write", Stream.AUDIT)
    await gateway.end()
    await gateway.start()
    await all_is_there(gateway, centre)
    await gateway.stop()


@pytest.mark.parametrize(
    ("action", "kind", "match", "declared"),
    [
        pytest.param(KILL_BEFORE, Kind.WRITE, b"core-", False, id="before it is declared"),
        pytest.param(KILL_AFTER, Kind.SYNC, b"core-", True, id="declared"),
        pytest.param(KILL_AFTER, Kind.RENAME, b"reading-000001", True, id="under another name"),
        pytest.param(KILL_AFTER, Kind.UNLINK, b"reading-000001", True, id="removed"),
    ],
)
async def test_drop(
    gateway: Gateway, centre: SmallCentre, action: int, kind: Kind, match: bytes, declared: bool
) -> None:
    """The centre gets its records, or is told that they are lost; never a hole, and nothing stays on the disk."""
    centre.acks = False
    await gateway.start()
    await gateway.write(Stream.EVENT)
    for _ in range(3):
        await gateway.write(Stream.READING)
    await centre.until(lambda: centre.has(Stream.READING, 3))
    centre.records[Stream.READING].clear()  # as a centre that was restored from a backup
    gateway.tell("rotate", Stream.READING)
    await gateway.heard("rotated")
    gateway.faults.arm(action, kind, match=match)
    gateway.tell("drop", Stream.READING)
    await gateway.end()
    await gateway.start()
    await all_is_there(gateway, centre)
    assert (set(centre.lost[Stream.READING]), set(centre.records[Stream.READING])) == (
        ({1, 2, 3}, set()) if declared else (set(), {1, 2, 3})
    )
    assert declared == (not list(gateway.disk.rglob("reading-000001*")))
    await gateway.stop()
