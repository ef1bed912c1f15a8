"""Checkpoints of a real journal: when they are made, what they say, and what they do without a key."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from gateway import checkpoints
from gateway.checkpoints import Checkpoints
from model.bodies import Checkpoint
from model.record import STREAMS, Draft, Stream
from support.context import HANG_S, SystemClock
from support.disk import files_end_at
from support.journals import GW, drafts, verified
from sync.contract.checkpoint import is_signed
from sync.contract.signing import fingerprint, private_key, public_key
from sync.journal.journal import Journal

SITE = 'schema = 1\n[gateway]\nid = "gw-1"\n[web]\nlisten = "127.0.0.1:0"\n'


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    journal = await Journal.open(tmp_path / "stores", GW)
    yield journal
    await journal.close()


def read(body: bytes) -> Checkpoint:
    return msgspec.json.decode(body, type=Checkpoint)


async def test_it_says_what_is_durable_and_signs_it(journal: Journal, tmp_path: Path) -> None:
    """Count, first, last and head of every stream, by a key that only this user may read."""
    made = Checkpoints(GW, journal, SystemClock(), tmp_path / "gateway.key")
    await journal.append(drafts(Stream.ALARM, range(3)))
    (said,) = (read(d.body) for d in made.drafts())
    assert [one.stream for one in said.streams] == [*STREAMS]
    assert [(one.count, one.first, one.last) for one in said.streams] == [(3, 1, 3), *[(0, 1, 0)] * 4]
    assert [one.head for one in said.streams] == [journal.head(stream).hash.hex() for stream in STREAMS]
    assert is_signed(GW, journal.store, said, public_key(tmp_path / "gateway.pub"))
    assert (tmp_path / "gateway.key").stat().st_mode & 0o777 == 0o600


async def test_many_records_bring_one(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time so many records have become durable, of whatever stream; not before."""
    monkeypatch.setattr(checkpoints, "EVERY_RECORDS", 10)
    noted: asyncio.Queue[Checkpoint] = asyncio.Queue()

    def note(made: Sequence[Draft], _owner: str) -> None:
        noted.put_nowait(read(made[0].body))

    work = asyncio.create_task(Checkpoints(GW, journal, SystemClock(), tmp_path / "gateway.key").run(note))
    for stream, n in ((Stream.ALARM, 9), (Stream.EVENT, 1), (Stream.EVENT, 9), (Stream.ALARM, 1)):
        await journal.append(drafts(stream, range(n)))
        if n == 1:
            said = await noted.get()
            assert sum(one.count for one in said.streams) % 10 == 0
        assert noted.empty()
    work.cancel()


@pytest.mark.parametrize("turns", range(5))
async def test_a_stop_in_the_moment_of_an_alarm_is_a_stop(journal: Journal, tmp_path: Path, turns: int) -> None:
    """Told so many turns of the loop after the record: the gateway would wait for ever for a task that lost it."""
    made = Checkpoints(GW, journal, SystemClock(), tmp_path / "gateway.key")
    work = asyncio.create_task(made.run(lambda _made, _owner: None))
    await asyncio.sleep(0)

    async def stop() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        work.cancel()

    stopping: list[asyncio.Task[None]] = []
    journal.on_commit(lambda: stopping.append(asyncio.create_task(stop())))
    await journal.append(drafts(Stream.ALARM, range(1)))
    await asyncio.gather(*stopping)
    await asyncio.wait([work], timeout=checkpoints.ALARM_S / 2)
    assert work.cancelled()


async def test_the_clock_brings_one_every_15_minutes(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a loop whose time the test moves: nothing a second before, one then, and again after as long; records or not."""
    loop = asyncio.get_running_loop()
    start, ahead = loop.time(), 0.0
    monkeypatch.setattr(loop, "time", lambda: start + ahead)
    noted: list[Checkpoint] = []

    def note(made: Sequence[Draft], _owner: str) -> None:
        noted.append(read(made[0].body))

    async def until_idle() -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    work = asyncio.create_task(Checkpoints(GW, journal, SystemClock(), tmp_path / "gateway.key").run(note))
    await until_idle()
    for seconds, expected in ((899, 0), (901, 1), (1799, 1), (1802, 2), (2710, 3)):
        ahead = float(seconds)
        await until_idle()
        assert len(noted) == expected, seconds
    work.cancel()


async def test_an_alarm_brings_one_after_a_minute(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it goes on to say within that minute; no other record does."""
    loop = asyncio.get_running_loop()
    start, ahead = loop.time(), 0.0
    monkeypatch.setattr(loop, "time", lambda: start + ahead)
    noted: list[Checkpoint] = []

    async def until_idle() -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    made = Checkpoints(GW, journal, SystemClock(), tmp_path / "gateway.key")
    work = asyncio.create_task(made.run(lambda d, _owner: noted.append(read(d[0].body))))
    await until_idle()
    for seconds, stream, expected in (
        (10, Stream.EVENT, 0),
        (80, Stream.ALARM, 0),
        (130, Stream.ALARM, 0),
        (141, None, 1),
        (800, Stream.EVENT, 1),
        (1039, None, 1),
        (1042, None, 2),
    ):
        ahead = float(seconds)
        await until_idle()
        if stream:
            await journal.append(drafts(stream, range(1)))
        await until_idle()
        assert len(noted) == expected, seconds
    assert noted[0].streams[0].last == 2
    work.cancel()


async def test_many_records_of_a_new_store_bring_one(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a fork it is counted anew: what the old store had does not put it off."""
    monkeypatch.setattr(checkpoints, "EVERY_RECORDS", 10)
    noted: asyncio.Queue[Checkpoint] = asyncio.Queue()
    await journal.append(drafts(Stream.ALARM, range(9)))
    made = Checkpoints(GW, journal, SystemClock(), tmp_path / "gateway.key")
    work = asyncio.create_task(made.run(lambda d, _owner: noted.put_nowait(read(d[0].body))))
    await journal.fork(journal.store, {stream: journal.head(stream) for stream in STREAMS})
    await journal.append(drafts(Stream.ALARM, range(10)))
    said = await noted.get()
    assert is_signed(GW, journal.store, said, public_key(tmp_path / "gateway.pub"))
    assert said.streams[0].last == 10
    work.cancel()


@pytest.mark.parametrize("left", ["file", "link", None])
def test_the_key_is_made_here_for_this_user_alone(tmp_path: Path, left: str | None) -> None:
    """Whatever the umask is, and whatever lay there under the name that it is written to first."""
    draft, elsewhere = tmp_path / "gateway.new", tmp_path / "elsewhere"
    if left == "file":
        draft.touch(0o666)
        draft.chmod(0o666)
    elif left == "link":
        draft.symlink_to(elsewhere)
    before = os.umask(0)
    try:
        key = private_key(tmp_path / "gateway.key")
    finally:
        os.umask(before)
    assert (tmp_path / "gateway.key").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "gateway.key").is_symlink()
    assert not elsewhere.exists()
    assert private_key(tmp_path / "gateway.key").private_bytes_raw() == key.private_bytes_raw()
    assert fingerprint(public_key(tmp_path / "gateway.pub")) == fingerprint(key.public_key())


async def test_a_full_disk_at_the_first_start(journal: Journal, tmp_path: Path) -> None:
    """No key, no checkpoint, no stop; once there is room the next one is signed, and its public key is whole."""
    with files_end_at(0):
        made = Checkpoints(GW, journal, SystemClock(), tmp_path / "gateway.key")
        assert made.drafts() == []
    (tmp_path / "gateway.pub").write_bytes(b"-----BEGIN PUB")
    (said,) = (read(d.body) for d in made.drafts())
    assert is_signed(GW, journal.store, said, public_key(tmp_path / "gateway.pub"))


async def test_an_orderly_stop_signs_all_before_it(tmp_path: Path) -> None:
    """The daemon's last records are a checkpoint, whose heads are those of the store, and its stop."""
    (tmp_path / "site.toml").write_text(SITE)
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "run", "--config", str(tmp_path / "site.toml"), "--data", str(tmp_path),
        stderr=PIPE,
    )  # fmt: skip
    assert daemon.stderr
    async with asyncio.timeout(HANG_S):
        while b"page: " not in (line := await daemon.stderr.readline()):
            assert line
        daemon.send_signal(signal.SIGTERM)
        await daemon.communicate()
    assert daemon.returncode == 0
    journal = await Journal.open(tmp_path / "stores", GW)
    *_, before, point, stop = await verified(journal, Stream.AUDIT)
    await journal.close()
    assert (point.kind, stop.kind) == ("checkpoint/1", "gateway.stop/1")
    said = read(point.body)
    assert [(one.last, one.head) for one in said.streams if one.last] == [(before.seq, before.hash.hex())]
    assert is_signed(GW, journal.store, said, public_key(tmp_path / "gateway.pub"))
