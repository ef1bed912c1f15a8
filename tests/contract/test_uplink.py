"""The uplink on a real broker, before a centre written by hand from the contract."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from gateway.demo.broker import Broker, Tls
from gateway.demo.certs import Authority
from model.errors import LinkError, StoreError
from model.record import STREAMS, Stream
from support.centre import USERS
from support.journals import GW, drop_oldest, number
from support.mosquitto import allowing
from support.small_centre import SmallCentre
from support.source import BOOT, T0, at, new_id
from support.uplinks import Gateway, settings
from sync.contract.messages import Ack, Birth, CommandResult, Encoding, Urgent, Will, encode
from sync.contract.topics import down_command
from sync.journal.view import StoreView
from sync.lane import IN_FLIGHT_MAX, Counts
from sync.mqtt import MqttLink, MqttSettings, MqttVersion

ONLY_ALARMS = "pattern write v1/gw/%u/up/status\npattern write v1/gw/%u/up/alarm"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become tenths, so that a test need not wait."""
    monkeypatch.setattr("sync.lane.PATIENCE_S", 0.3)
    monkeypatch.setattr("sync.sender.PATIENCE_S", 0.3)


async def let(broker: Broker, access_list: str, *, read: bool) -> None:
    """Change the broker's access list; return once it is in force for readings, seen through another gateway."""
    broker.log.with_name("acl").write_text(access_list)
    os.kill(broker.pid, signal.SIGHUP)
    link = MqttLink(settings(broker, "gw-2"), client_id="gw-2", clean_start=True, will=None, on_message=print)
    await link.connect()
    allowed = not read
    while allowed != read:
        try:
            await link.publish("v1/gw/gw-2/up/reading", b"")
            allowed = True
        except LinkError as err:
            allowed = err.code != "publish_refused"
    await link.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_everything_arrives_and_is_counted(broker: Broker, tmp_path: Path, protocol: MqttVersion) -> None:
    """All five streams, before and after the connection; the bytes are those of the journal, the counts those of the centre."""
    way = settings(broker)
    way.protocol = protocol
    gateway = Gateway(way, tmp_path / "stores")
    await gateway.open()
    for stream in STREAMS:
        await gateway.write(stream, 700)
    async with SmallCentre(broker) as centre:
        gateway.connect()
        await gateway.settled(*STREAMS)
        for stream in STREAMS:
            await gateway.write(stream, 3)
        await gateway.settled(*STREAMS)
        for stream in STREAMS:
            assert sorted(centre.records[stream]) == list(range(1, 704))
            assert [number(r.body) for _, r in sorted(centre.records[stream].items())] == [*range(700), *range(3)]
            assert centre.records[stream][703].hash == gateway.journal.head(stream).hash
            assert gateway.uplink.counts(stream) == Counts(703, 703, 0, 0, 0)
            assert (stream, 703) in gateway.progress
        assert (gateway.uplink.state, gateway.uplink.central, gateway.uplink.problem) == ("online", "up", None)
        assert gateway.uplink.ignored_messages == 0
        await gateway.__aexit__()


async def test_birth_and_orderly_end(broker: Broker, tmp_path: Path) -> None:
    """The birth says what there is; the end says that it was meant, under the same session, and stays retained."""
    async with SmallCentre(broker) as centre:
        async with Gateway(settings(broker), tmp_path) as gateway:
            await gateway.write(Stream.EVENT, 5)
            await gateway.settled(Stream.EVENT)
        async with Gateway(settings(broker), tmp_path) as gateway:
            await centre.until(lambda: len(centre.statuses) == 3)
            first, end, second = centre.statuses
            assert isinstance(first, Birth)
            assert isinstance(second, Birth)
            assert end == Will(v=1, state="down", session=first.session, orderly=True)
            assert second.session != first.session
            (store,) = second.stores
            assert store.store == gateway.journal.store
            event = store.streams["event"]
            head = gateway.journal.head(Stream.EVENT).hash.hex()
            assert (event.last, event.upto, event.low, event.head, event.ingest) == (5, 5, 1, head, 1)
            assert store.streams["diag"].ingest == 0
            assert second.boot == BOOT
    async with SmallCentre(broker) as late:
        await late.until(lambda: bool(late.statuses))
        assert late.statuses == [Will(v=1, state="down", session=second.session, orderly=True)]


async def test_absent_centre_gets_alarms_and_one_probe(broker: Broker, tmp_path: Path) -> None:
    """A retained acknowledgement is no sign of life: alarms go, of the rest one batch; all of it once the centre is up."""
    boots = [new_id() for _ in range(5)]
    async with SmallCentre(broker, acks=False) as centre:
        await centre.status("down")
        gateway = Gateway(settings(broker), tmp_path)
        await gateway.open()
        for stream in (Stream.EVENT, Stream.READING):
            await centre.acknowledge(stream, Ack(ingest=1, upto=0), store=gateway.journal.store)
            await gateway.write(stream, boots=boots)
        gateway.connect()
        await gateway.until(lambda: gateway.uplink.state == "online")
        for _ in range(3):
            await gateway.write(Stream.ALARM)
            await gateway.write(Stream.EVENT)
        await centre.until(lambda: centre.has(Stream.ALARM, 3))
        assert gateway.uplink.central == "down"
        assert len([b for b in centre.batches if b.stream != "alarm"]) <= 1
        centre.acks = True
        await centre.status("up")
        await gateway.settled(*STREAMS)
        assert centre.has(Stream.EVENT, 8)
        assert centre.has(Stream.READING, 5)
        await gateway.__aexit__()


@pytest.mark.usefixtures("impatient")
async def test_silent_centre_gets_it_again(broker: Broker, tmp_path: Path) -> None:
    """PUBACKs but no acknowledgements: not one record counts as sent; they come again until the centre says so."""
    async with SmallCentre(broker, acks=False) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await gateway.write(Stream.ALARM, 10)
        await centre.until(lambda: len(centre.of(Stream.ALARM)) >= 3)
        assert gateway.uplink.counts(Stream.ALARM) == Counts(10, 0, 10, 0, 0)
        centre.acks = True
        await gateway.settled(Stream.ALARM)
        assert {(b.first, b.last) for b in centre.of(Stream.ALARM)} == {(1, 10)}


async def test_new_session_of_the_centre_gets_it_at_once(broker: Broker, tmp_path: Path) -> None:
    """A centre that was started again lost what was on its way: the gateway does not wait for its patience to end."""
    async with SmallCentre(broker, acks=False) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await centre.status("up")
        await gateway.write(Stream.EVENT, 10)
        await centre.until(lambda: centre.has(Stream.EVENT, 10))
        centre.acks = True
        await centre.status("up")
        await gateway.settled(Stream.EVENT)
        assert len(centre.of(Stream.EVENT)) == 2


@pytest.mark.parametrize(("stream", "other"), [(Stream.ALARM, Stream.EVENT), (Stream.EVENT, Stream.ALARM)])
async def test_at_most_eight_in_flight(broker: Broker, tmp_path: Path, stream: Stream, other: Stream) -> None:
    """By the centre's acknowledgements: PUBACKs open no window. What another stream sends afterwards proves the pause."""
    boots = [new_id() for _ in range(3 * IN_FLIGHT_MAX)]
    async with SmallCentre(broker, acks=False) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await gateway.write(stream, boots=boots)
        await centre.until(lambda: len(centre.of(stream)) == IN_FLIGHT_MAX)
        await gateway.write(other)
        await centre.until(lambda: centre.has(other, 1))
        assert [(b.first, b.last) for b in centre.of(stream)] == [(n, n) for n in range(1, IN_FLIGHT_MAX + 1)]
        centre.acks = True
        await centre.acknowledge_all()
        await gateway.settled(stream, other)
        assert len(centre.of(stream)) == len(boots)


async def test_alarm_overtakes_the_backlog(broker: Broker, tmp_path: Path) -> None:
    """While hundreds of batches wait, an alarm goes next: behind it only what was on its way already."""
    gateway = Gateway(settings(broker), tmp_path)
    await gateway.open()
    for _ in range(12):
        await gateway.write(Stream.READING, boots=[new_id() for _ in range(40)], padding=1000)
    async with SmallCentre(broker) as centre:
        gateway.connect()
        await centre.until(lambda: len(centre.batches) > 10)
        before = len(centre.batches)
        await gateway.write(Stream.ALARM)
        await gateway.settled(Stream.ALARM, Stream.READING)
        place = centre.batches.index(centre.of(Stream.ALARM)[0])
        assert before <= place < 240, "at the latest in the middle of 480"
        await gateway.__aexit__()


@pytest.mark.parametrize("window", [1, 2, 4])
async def test_small_window_of_the_broker(broker: Broker, tmp_path: Path, window: int) -> None:
    """However few publishes it allows: the slots for alarms leave one to the others."""
    async with (
        allowing(broker, window),
        SmallCentre(broker) as centre,
        Gateway(settings(broker), tmp_path) as gateway,
    ):
        for stream in STREAMS:
            await gateway.write(stream, boots=[new_id() for _ in range(5)])
        await gateway.settled(*STREAMS)
        assert all(centre.has(stream, 5) for stream in STREAMS)


async def test_broker_killed_and_back(broker: Broker, tmp_path: Path) -> None:
    """kill -9 of the broker, twice, with its memory gone: everything arrives, and what was written meanwhile."""
    async with SmallCentre(broker) as centre, Gateway(settings(broker), tmp_path) as gateway:
        written = 0
        for _ in range(2):
            await gateway.write(Stream.EVENT, 200)
            await gateway.write(Stream.READING, 200)
            await asyncio.to_thread(broker.kill)
            await gateway.write(Stream.ALARM)
            await gateway.until(lambda: gateway.uplink.state == "offline")
            assert gateway.uplink.problem is not None
            await asyncio.to_thread(broker.start)
            written += 200
            await gateway.settled(*STREAMS)
        assert centre.has(Stream.EVENT, written)
        assert centre.has(Stream.READING, written)
        assert centre.has(Stream.ALARM, 2)
        assert gateway.uplink.problem is None


@pytest.mark.usefixtures("impatient")
async def test_refused_publish_is_not_sent(broker: Broker, tmp_path: Path) -> None:
    """The broker's access list refuses readings: they wait and it is said; alarms pass; they go once it is allowed."""
    access = broker.log.with_name("acl")
    allowed = access.read_text()
    async with SmallCentre(broker) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await let(broker, allowed.replace("pattern write v1/gw/%u/up/#", ONLY_ALARMS), read=False)
        await gateway.write(Stream.READING, 10)
        await gateway.until(lambda: gateway.uplink.problem is not None)
        assert gateway.uplink.problem is not None
        assert (gateway.uplink.problem.code, gateway.uplink.state) == ("publish_refused", "online")
        await gateway.write(Stream.ALARM)
        await gateway.settled(Stream.ALARM)
        assert gateway.uplink.counts(Stream.READING) == Counts(10, 0, 10, 0, 0)
        assert not centre.of(Stream.READING)
        await let(broker, allowed, read=True)
        await gateway.settled(Stream.READING)
        assert gateway.uplink.problem is None


async def test_fork_ends_the_lane(broker: Broker, tmp_path: Path) -> None:
    """The centre knows another history of this store: until it tells where they part, that stream waits, and it is said."""
    async with SmallCentre(broker) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await gateway.write(Stream.EVENT, 5)
        await gateway.settled(Stream.EVENT)
        await centre.acknowledge(Stream.EVENT, Ack(ingest=1, upto=7, head="00" * 32))
        await gateway.until(lambda: gateway.uplink.problem is not None)
        assert gateway.uplink.problem is not None
        assert gateway.uplink.problem.code == "store_forked"
        await gateway.write(Stream.EVENT, 5)
        await centre.status("up")
        await gateway.write(Stream.READING)
        await gateway.settled(Stream.READING)
        assert [(b.first, b.last) for b in centre.of(Stream.EVENT)] == [(1, 5)]
        assert gateway.uplink.counts(Stream.EVENT) == Counts(10, 5, 5, 0, 0)


async def test_alarms_of_a_forked_store_still_go_out(broker: Broker, tmp_path: Path) -> None:
    """They cannot be counted any more, but the centre's quarantine shows them to the desk."""
    async with SmallCentre(broker, acks=False) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await gateway.write(Stream.ALARM, 5)
        await centre.until(lambda: bool(centre.of(Stream.ALARM)))
        await centre.acknowledge(Stream.ALARM, Ack(ingest=1, upto=7, head="00" * 32))
        await gateway.until(lambda: gateway.uplink.problem is not None)
        await gateway.write(Stream.ALARM)
        await centre.until(lambda: any(b.last == 6 for b in centre.of(Stream.ALARM)))


async def test_restored_centre_gets_it_again(broker: Broker, tmp_path: Path) -> None:
    """A higher epoch with a lower watermark: everything behind it is sent once more."""
    async with SmallCentre(broker) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await gateway.write(Stream.EVENT, 20)
        await gateway.settled(Stream.EVENT)
        for seq in range(11, 21):
            del centre.records[Stream.EVENT][seq]
        centre.epoch = 2
        await centre.acknowledge(Stream.EVENT, centre.ack(Stream.EVENT))
        await centre.until(lambda: centre.has(Stream.EVENT, 20))
        await gateway.settled(Stream.EVENT)
        assert [(b.first, b.last) for b in centre.of(Stream.EVENT)][-1] == (11, 20)


async def test_a_fork_overtakes_an_acknowledgement(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is slow with the hash that proves it: it is of the old store, and says nothing of the one that takes its place."""
    asked, go_on = asyncio.Event(), asyncio.Event()
    hash_at = StoreView.hash_at

    async def slow(view: StoreView, stream: Stream, seq: int) -> bytes:
        asked.set()
        await go_on.wait()
        return await hash_at(view, stream, seq)

    async with SmallCentre(broker, acks=False) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await gateway.write(Stream.ALARM, 40)
        old = gateway.journal.store
        ack = Ack(ingest=1, upto=30, head=(await gateway.journal.current.hash_at(Stream.ALARM, 30)).hex())
        monkeypatch.setattr(StoreView, "hash_at", slow)
        await gateway.until(lambda: gateway.uplink.state == "online")
        await centre.acknowledge(Stream.ALARM, ack, store=old)
        await asked.wait()
        await gateway.journal.fork(old, {s: gateway.journal.head(s) for s in STREAMS})
        assert gateway.journal.store != old
        go_on.set()
        await gateway.write(Stream.EVENT)
        centre.acks = True
        await centre.status("up")
        await gateway.settled(Stream.EVENT)
        assert gateway.progress == [(Stream.EVENT, 1)]


async def test_lost_ranges_are_declared(broker: Broker, tmp_path: Path) -> None:
    """Dropped before it was ever sent: the centre is told which records and why, and the rest follows."""
    gateway = Gateway(settings(broker), tmp_path)
    await gateway.open()
    for _ in range(40):
        await gateway.write(Stream.READING, padding=8000)
        await gateway.write(Stream.DIAG, padding=8000)
    await drop_oldest(gateway.journal, "reading", {})
    while await drop_oldest(gateway.journal, "diag", {}):
        pass
    low = {s: gateway.journal.low(s) for s in (Stream.READING, Stream.DIAG)}
    assert 1 < low[Stream.READING] < 40
    async with SmallCentre(broker) as centre:
        gateway.connect()
        await gateway.settled(*STREAMS)
        for stream, first in low.items():
            assert centre.lost[stream] == dict.fromkeys(range(1, first), "pressure")
            assert sorted(centre.records[stream]) == list(range(first, 41))
            assert gateway.uplink.counts(stream) == Counts(40, 41 - first, 0, first - 1, 0)
        await gateway.__aexit__()


@pytest.mark.usefixtures("impatient")
async def test_more_lost_ranges_than_a_batch_declares(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lowest go first, the rest once these are settled: no batch is larger than a centre takes."""
    monkeypatch.setattr("sync.sender.LOST_MAX", 3)
    monkeypatch.setattr("sync.sender.PROBE_S", 0.3)
    ranges = [(n, n, "damaged" if n % 2 else "pressure") for n in range(1, 11)]
    async with SmallCentre(broker) as centre, Gateway(settings(broker), tmp_path) as gateway:
        gateway.journal.note(f"lost/{gateway.journal.store}/reading", msgspec.json.encode(ranges))
        await gateway.write(Stream.READING, 10)
        await gateway.until(lambda: gateway.uplink.lanes[Stream.READING].upto == 10)
        assert max(len(batch.lost) for batch in centre.of(Stream.READING)) == 3
        assert gateway.uplink.counts(Stream.READING) == Counts(10, 0, 0, 10, 0)


async def test_packed_only_for_a_centre_that_says_so(broker: Broker, tmp_path: Path) -> None:
    """JSON until its status offers zstd, and JSON again when it no longer does."""
    async with SmallCentre(broker) as centre, Gateway(settings(broker), tmp_path) as gateway:
        packed = []
        offers: list[list[Encoding]] = [[], ["json", "zstd"], ["json"]]
        for encodings in offers:
            if encodings:
                await centre.status("up", encodings=encodings)
                await gateway.until(lambda: gateway.uplink.central == "up")
            await gateway.write(Stream.EVENT)
            await gateway.settled(Stream.EVENT)
            packed.append(centre.payloads[-1].startswith(ZSTD_MAGIC))
        assert packed == [False, True, False]


async def test_command_and_its_result(broker: Broker, tmp_path: Path) -> None:
    """A result is published for every command that was understood."""
    async with SmallCentre(broker) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await gateway.until(lambda: gateway.uplink.state == "online")
        results = [CommandResult(v=1, id=new_id(), result="done", sent=T0) for _ in range(3)]
        for result in results:
            await centre.say(down_command(GW), encode(result))
        await centre.until(lambda: len(centre.results) == 3)
        assert centre.results == results


async def test_urgent_alarm_goes_past_the_journal(broker: Broker, tmp_path: Path) -> None:
    """It goes out by itself, and raises where there is no link."""
    message = Urgent(
        v=1, alarm=new_id(), boot=BOOT, t=T0, tq=at().tq, mono=1, kind="alarm.raised/1", body=Raw(b'{"a":1}')
    )
    async with SmallCentre(broker) as centre, Gateway(settings(broker), tmp_path) as gateway:
        await gateway.until(lambda: gateway.uplink.state == "online")
        await gateway.uplink.urgent(message)
        await centre.until(lambda: centre.urgent == [message])
        await gateway.disconnect()
        gateway.uplink.problem = StoreError("store_failed", path=tmp_path, why="EIO")  # whatever else is wrong
        with pytest.raises(LinkError):
            await gateway.uplink.urgent(message)


async def test_client_certificate(tmp_path: Path) -> None:
    """mqtts with a certificate of our own authority: its common name is the user, no password is asked for."""
    authority = Authority(tmp_path)
    server, own = authority.server(), authority.client(GW)
    broker = Broker(
        USERS, tmp_path / "broker", program="mosquitto", tls=Tls(authority.ca, server.cert, server.key, True)
    )
    await asyncio.to_thread(broker.start)
    way = MqttSettings(broker.url, GW, ca=authority.ca, cert=own.cert, key=own.key)
    theirs = authority.client("central")
    centres = MqttSettings(broker.url, "central", ca=authority.ca, cert=theirs.cert, key=theirs.key)
    async with SmallCentre(broker, settings=centres) as centre, Gateway(way, tmp_path / "stores") as gateway:
        await gateway.write(Stream.EVENT, 500, padding=500)
        await gateway.settled(Stream.EVENT)
        assert centre.has(Stream.EVENT, 500)
    await asyncio.to_thread(broker.kill)
