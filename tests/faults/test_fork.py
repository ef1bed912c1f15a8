"""A restored backup, a cloned card, a disk that lied: two histories under one store's name (14).

On a real broker with the real centre: nothing that was ever durable at a gateway is missing there, and nothing is mixed up.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from central.store import reader
from gateway.demo.broker import Broker
from model.record import STREAMS, Stream
from support.centre import CentreProcess, GatewayEnd, central, running
from support.exactly_once import assert_at_centre
from support.journals import GW, verified
from support.uplinks import Gateway, settings
from sync.contract.batch import build
from sync.contract.messages import encode
from sync.contract.topics import up_stream
from sync.journal.journal import Journal
from sync.journal.segment import Head

ALL = (Stream.ALARM, Stream.EVENT, Stream.READING)


@pytest.fixture
async def centre(broker: Broker, tmp_path: Path) -> AsyncIterator[CentreProcess]:
    async with running(tmp_path / "central", broker) as process:
        yield process


def bodies_at_centre(centre: CentreProcess, stream: Stream) -> list[int]:
    """The numbers in the bodies of all that is stored of a stream, of any store; what came again by its `was` counts once."""
    with closing(reader(centre.data)) as db:
        rows: list[Any] = db.execute(
            "SELECT store, seq, hash, body FROM records WHERE (gw, stream) = (?, ?)", (GW, stream)
        ).fetchall()
    stored = {(store, seq, hash_.hex()) for store, seq, hash_, _ in rows}
    bodies = [msgspec.json.decode(body) for *_, body in rows]
    return sorted(body["n"] for body in bodies if tuple(body.get("was", ())) not in stored)


def was_of(centre: CentreProcess, store: str) -> list[list[object]]:
    """What the records of a store say of where they were."""
    with closing(reader(centre.data)) as db:
        rows: list[Any] = db.execute("SELECT body FROM records WHERE store = ? ORDER BY place", (store,)).fetchall()
    return [was for (body,) in rows if (was := msgspec.json.decode(body).get("was"))]


async def all_settled(gateway: Gateway) -> None:
    """Until every store's every record is settled at the centre."""
    await gateway.until(
        lambda: all(
            lane.done
            for view in (*gateway.journal.sealed, gateway.journal.current)
            for lane in gateway.uplink.lanes_of(view.id).values()
        )
    )


async def write(gateway: Gateway, first: int, last: int) -> None:
    for stream in ALL:
        await gateway.write_numbers(stream, range(first, last + 1))


async def restored(broker: Broker, home: Path) -> tuple[Gateway, str]:
    """A gateway that is closed, and its store: 25 of each are at the centre, and its disk is that of when there were 10."""
    gateway, backup = Gateway(settings(broker), home), home.with_name("backup")
    async with gateway:
        await write(gateway, 1, 10)
        await all_settled(gateway)
    shutil.copytree(home, backup)
    async with gateway:
        await write(gateway, 11, 25)
        await all_settled(gateway)
    shutil.rmtree(home)
    shutil.copytree(backup, home)
    return gateway, gateway.journal.store


async def test_restored_backup(broker: Broker, centre: CentreProcess, tmp_path: Path) -> None:
    """The gateway's disk is that of yesterday, and it has gone on: what it wrote since comes under a new store, once."""
    home = tmp_path / "gw"
    gateway, old = await restored(broker, home)
    await gateway.open()
    await write(gateway, 101, 107)  # before anybody could tell it
    gateway.connect()
    await gateway.until(lambda: gateway.journal.store != old)
    await write(gateway, 108, 110)
    await gateway.until(lambda: all(gateway.journal.last(s) == 10 for s in ALL))
    await all_settled(gateway)
    (sealed,) = gateway.journal.sealed
    assert (sealed.id, [sealed.last(s) for s in ALL]) == (old, [10, 10, 10])
    (told,) = gateway.journal.untold
    assert (told.store, told.why) == (old, "fork")
    for stream in ALL:
        assert bodies_at_centre(centre, stream) == [*range(1, 26), *range(101, 111)]
    was = was_of(centre, gateway.journal.store)
    assert [(w[0], w[1]) for w in was] == [(old, n) for n in range(11, 18)] * len(ALL)
    await assert_at_centre(centre.data, gateway.journal)
    await gateway.__aexit__()


def damage(home: Path) -> None:
    """A file of the store that holds none of the streams looked at here: the store is sealed, and they end where they were."""
    (path,) = home.rglob("diag-000001.db")
    path.write_bytes(b"rubbish" * 1000)


async def test_restored_and_damaged(broker: Broker, centre: CentreProcess, tmp_path: Path) -> None:
    """The disk of yesterday was written to, and then it broke: what its sealed store and the centre's do not share comes again."""
    home = tmp_path / "gw"
    gateway, old = await restored(broker, home)
    await gateway.open()
    await write(gateway, 101, 107)
    await gateway.journal.close()
    damage(home)
    async with gateway:
        (told,) = gateway.journal.untold
        assert (told.store, told.why) == (old, "damaged")
        await gateway.journal.append([], state={f"sealed/{old}": b"damaged"})
        await write(gateway, 108, 110)
        await gateway.until(lambda: all(gateway.journal.last(s) == 10 for s in ALL))
        await all_settled(gateway)
        (sealed,) = gateway.journal.sealed
        assert (sealed.id, sealed.parted, [sealed.last(s) for s in ALL]) == (old, True, [10, 10, 10])
        (told,) = gateway.journal.untold
        assert (told.store, told.why, told.aside) == (old, "fork", ["diag-000001.db.damaged"])
        for stream in ALL:
            assert bodies_at_centre(centre, stream) == [*range(1, 26), *range(101, 111)]
        was = was_of(centre, gateway.journal.store)
        assert sorted((w[0], w[1]) for w in was) == sorted([(old, n) for n in range(11, 18)] * len(ALL))
        await assert_at_centre(centre.data, gateway.journal)


async def test_the_centre_has_what_a_damaged_store_has_lost(
    broker: Broker, centre: CentreProcess, tmp_path: Path
) -> None:
    """It knows the record that is left last: so what it has beyond is no other history, and nothing comes twice."""
    home = tmp_path / "gw"
    gateway, _ = await restored(broker, home)
    damage(home)
    for _ in range(2):  # it is not asked again, and believed again
        async with gateway:
            (sealed,) = gateway.journal.sealed
            lanes = gateway.uplink.lanes_of(sealed.id)
            await gateway.until(lambda lanes=lanes: all(lanes[s].upto == 25 for s in ALL))  # type: ignore[misc]
            assert (sealed.parted, [lanes[s].counts().acknowledged for s in ALL]) == (False, [10, 10, 10])
            await all_settled(gateway)
    for stream in ALL:
        assert bodies_at_centre(centre, stream) == [*range(1, 26)]


async def test_cloned_card(broker: Broker, centre: CentreProcess, tmp_path: Path) -> None:
    """Two machines go on from one card under one name: whoever comes second forks, and both histories are whole."""
    one = Gateway(settings(broker), tmp_path / "one")
    async with one:
        await write(one, 1, 5)
        await all_settled(one)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    async with one:
        await write(one, 11, 20)
        await all_settled(one)
        shared = one.journal.store
    two = Gateway(settings(broker), tmp_path / "two")
    await two.open()
    await write(two, 51, 75)
    two.connect()
    await two.until(lambda: two.journal.store != shared)
    await two.until(lambda: all(two.journal.last(s) == 25 for s in ALL))
    await all_settled(two)
    for stream in ALL:
        assert bodies_at_centre(centre, stream) == [*range(1, 6), *range(11, 21), *range(51, 76)]
    await two.__aexit__()
    async with one:  # some of the clone's alarms may have come under the old name: then the first has to fork as well
        await write(one, 21, 40)
        whole = [*range(1, 6), *range(11, 41), *range(51, 76)]
        await one.until(lambda: all(bodies_at_centre(centre, stream) == whole for stream in ALL))


async def test_a_clones_alarms_lie_where_ours_will(broker: Broker, centre: CentreProcess, tmp_path: Path) -> None:
    """They came above the watermark, under the old name: our batch across them is refused, and all of ours is there under a new one."""
    one, two = (Gateway(settings(broker), tmp_path / name) for name in ("one", "two"))
    async with one:
        await write(one, 1, 5)
        await all_settled(one)
        shared = one.journal.store
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    await two.open()
    await two.write_numbers(Stream.ALARM, range(51, 76))
    late = await two.journal.current.read(Stream.ALARM, 20, 3, 1 << 20)
    await two.journal.close()
    batch = build(GW, shared, Stream.ALARM, late.records, prev=late.prev, low=1, lost=[], sent=0)
    async with GatewayEnd(broker) as end:
        await end.send((up_stream(GW, Stream.ALARM), encode(batch)))
        while (await end.ack()).get("missing") != [[6, 19]]:  # the retained ones come first
            pass
    await one.open()
    await write(one, 6, 40)
    one.connect()
    await one.until(lambda: one.journal.store != shared)
    await one.until(lambda: one.journal.last(Stream.ALARM) == 35)
    await all_settled(one)
    assert bodies_at_centre(centre, Stream.ALARM) == [*range(1, 41), 65, 66, 67]
    assert all(bodies_at_centre(centre, stream) == [*range(1, 41)] for stream in (Stream.EVENT, Stream.READING))
    await one.__aexit__()


async def test_fork_before_anything_is_shared(broker: Broker, centre: CentreProcess, tmp_path: Path) -> None:
    """The card was copied before its first record went out: nothing is shared, all is written anew."""
    one = Gateway(settings(broker), tmp_path / "one")
    await one.open()
    await one.journal.close()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    async with one:
        await write(one, 1, 3)
        await all_settled(one)
    two = Gateway(settings(broker), tmp_path / "two")
    await two.open()
    await write(two, 51, 58)
    two.connect()
    await two.until(lambda: two.journal.store != one.journal.store)
    await two.until(lambda: all(two.journal.last(s) == 8 for s in ALL))
    await all_settled(two)
    assert [two.journal.sealed[0].last(s) for s in STREAMS] == [0] * 5
    for stream in ALL:
        assert bodies_at_centre(centre, stream) == [1, 2, 3, *range(51, 59)]
    await two.__aexit__()


async def test_alarms_of_another_history_reach_the_desk(broker: Broker, centre: CentreProcess, tmp_path: Path) -> None:
    """From the quarantine at once, and as one alarm with the record that comes under the new store."""
    gateway = Gateway(settings(broker), tmp_path / "gw")
    async with gateway:
        await gateway.raise_alarm()
        await all_settled(gateway)
    shutil.copytree(tmp_path / "gw", tmp_path / "clone")
    async with gateway:
        await gateway.raise_alarm()
        await all_settled(gateway)
        shared = gateway.journal.store
    clone = Gateway(settings(broker), tmp_path / "clone")
    await clone.open()
    raised = await clone.raise_alarm()
    clone.connect()
    await clone.until(lambda: clone.journal.store != shared)
    await clone.until(lambda: clone.journal.last(Stream.ALARM) == 1)
    await all_settled(clone)
    _, alarms = await central(centre.data, "alarms")
    assert sorted(a["alarm"] for a in alarms["alarms"]).count(raised) == 1
    assert len(alarms["alarms"]) == 3
    await clone.__aexit__()


async def test_crash_in_the_middle_of_moving(broker: Broker, centre: CentreProcess, tmp_path: Path) -> None:
    """Sealed, and nothing moved yet: the next start goes on, and nothing comes twice."""
    gateway = Gateway(settings(broker), tmp_path / "gw")
    await gateway.open()
    await write(gateway, 1, 30)
    old = gateway.journal
    ends = {s: old.head(s) if s is Stream.EVENT else (await head_at(old, s, 10)) for s in STREAMS}
    old._stores.fork(old.store, ends)  # what the writer's thread does first; the process ends before it does more
    await old.close()
    await gateway.open()
    gateway.connect()
    moved = {Stream.ALARM: 20, Stream.EVENT: 0, Stream.READING: 20}
    await gateway.until(lambda: all(gateway.journal.last(s) == n for s, n in moved.items()))
    await all_settled(gateway)
    for stream in ALL:
        assert bodies_at_centre(centre, stream) == list(range(1, 31))
        assert len(await verified(gateway.journal, stream)) == moved[stream]
    await gateway.__aexit__()


async def head_at(journal: Journal, stream: Stream, seq: int) -> Head:
    seq = min(seq, journal.last(stream))
    return Head(seq, await journal.current.hash_at(stream, seq))
