"""Faults on the centre's side (docs/faults.md): acknowledgements lost and out of order, crashes, late wills, poison."""

import json
from pathlib import Path

import pytest

from central import queries
from central.store import reader, second_writer
from firmware_sim.mqtt_proxy_faults import Fault
from gateway.demo.broker import Broker
from model.record import Stream
from support.centre import GatewayEnd, password, running
from support.journals import GW
from support.proxy import ACKS, chain, proxied, through
from support.small_centre import SmallCentre
from support.source import Source, new_id
from support.uplinks import Gateway, settings
from sync.contract.messages import Ack, Hashes, encode
from sync.contract.topics import CENTRAL_STATUS, down_command, down_hashes
from sync.mqtt import MqttLink, MqttSettings


async def rubbish(broker: Broker) -> None:
    """A command that is none, from another client that may write to the gateway: it is counted when it has come."""
    who = MqttSettings(broker.url, "central", password(broker, "central"))
    link = MqttLink(who, client_id="rubbish", clean_start=True, will=None, on_message=print)
    await link.connect()
    await link.publish(down_command(GW), b"")
    await link.close()


async def test_an_end_right_behind_an_acknowledgement(broker: Broker, tmp_path: Path) -> None:
    """6: what the broker says of the centre last is what counts, also where both come in one piece."""
    async with (
        proxied(broker) as near,
        SmallCentre(broker) as centre,
        Gateway(through(near, settings(broker)), tmp_path) as gateway,
    ):
        await gateway.write(Stream.EVENT)
        await gateway.settled(Stream.EVENT)
        held = near.add(Fault("hold", way="down"))
        await gateway.write(Stream.EVENT)
        await near.until(lambda: held.hits == 1)
        await centre.status("down")
        await near.until(lambda: held.hits == 2)
        await near.clear()
        await gateway.settled(Stream.EVENT)
        assert gateway.uplink.central == "down"


async def test_an_end_right_behind_an_answer(broker: Broker, tmp_path: Path) -> None:
    """14: an acknowledgement that the centre's hashes explain is taken in, and tells nothing of a centre that has ended since."""
    home = tmp_path / "gw"
    async with proxied(broker) as near, SmallCentre(broker, acks=False) as centre:
        gateway = Gateway(through(near, settings(broker)), home)
        await gateway.open()
        await gateway.write(Stream.READING, 5)
        await gateway.journal.close()
        next(home.rglob("diag-000001.db")).write_bytes(b"rubbish" * 1000)
        async with gateway:
            (sealed,) = gateway.journal.sealed
            lane = gateway.uplink.lanes_of(sealed.id)[Stream.READING]
            await gateway.until(lambda: gateway.uplink.state == "online")
            beyond = Ack(ingest=1, upto=9, head="11" * 32)
            await centre.acknowledge(Stream.READING, beyond, store=sealed.id)
            await centre.until(lambda: bool(centre.questions))
            asked, end = centre.questions[0], sealed.head(Stream.READING)
            held = near.add(Fault("hold", way="down"))
            known = [(end.seq, end.hash.hex())]
            answer = Hashes(v=1, id=asked.id, store=asked.store, stream=asked.stream, hashes=known)
            await centre.say(down_hashes(GW), encode(answer))
            await near.until(lambda: held.hits == 1)
            await centre.status("down")
            await near.until(lambda: held.hits == 2)
            await near.clear()
            await gateway.until(lambda: lane.upto == 9)
            assert gateway.uplink.central == "down"


async def test_retained_acknowledgements_that_come_late(broker: Broker, tmp_path: Path) -> None:
    """6: there are more of them than the broker sends at once; they count, and tell nothing of the centre as it is now."""
    async with proxied(broker) as near, SmallCentre(broker, acks=False) as centre:
        gateway = Gateway(through(near, settings(broker)), tmp_path)
        await gateway.open()
        await centre.acknowledge(Stream.EVENT, Ack(ingest=1, upto=0), store=gateway.journal.store)
        held = near.add(Fault("hold", way="down", topic=ACKS))
        gateway.connect()
        await gateway.until(lambda: gateway.uplink.state == "online")
        await near.until(lambda: held.hits == 1)
        await near.clear()
        await gateway.until(lambda: gateway.uplink.lanes[Stream.EVENT].epoch == 1)
        assert gateway.uplink.central == "unknown"
        await gateway.__aexit__()


@pytest.mark.usefixtures("quick")
async def test_a_centre_that_came_and_went_meanwhile(broker: Broker, tmp_path: Path) -> None:
    """16: what the broker has kept of it is its last word, though this gateway has never heard of that session."""
    async with (
        proxied(broker) as near,
        SmallCentre(broker) as centre,
        Gateway(through(near, settings(broker)), tmp_path) as gateway,
    ):
        await centre.status("up")
        await gateway.until(lambda: (gateway.uplink.state, gateway.uplink.central) == ("online", "up"))
        near.refuse()
        near.reset()
        await gateway.until(lambda: gateway.uplink.state == "offline")
        second = await centre.status("up")
        await centre.status("down", session=second)
        near.resume()
        await gateway.until(lambda: gateway.uplink.state == "online")
        await rubbish(broker)  # behind it
        await gateway.until(lambda: gateway.uplink.ignored_messages == 1)
        assert gateway.uplink.central == "down"


@pytest.mark.usefixtures("quick")
async def test_lost_acknowledgements(broker: Broker, tmp_path: Path) -> None:
    """6: what was not acknowledged is sent again, counted once, and acknowledged again."""
    async with chain(broker, tmp_path) as way:
        lost = way.near.add(Fault("drop", way="down", topic=ACKS))
        again = way.far.add(Fault("late", way="down", topic="v1/gw/+/up/alarm", seconds=0))
        for stream in (Stream.ALARM, Stream.READING):
            await way.gateway.write(stream, 10)
        await way.far.until(lambda: again.hits >= 2)
        assert lost.hits
        await way.near.clear()
        await way.settled()
        await way.assert_exactly_once()
        assert way.duplicates()


async def test_reordered_acknowledgements(broker: Broker, tmp_path: Path) -> None:
    """6: the newest comes first; the older ones say nothing new, and are counted as stale."""
    async with chain(broker, tmp_path) as way:
        reversed_ = way.near.add(Fault("reverse", way="down", topic="v1/gw/+/down/ack/+/event", count=3))
        while (come := reversed_.hits) < 3:
            await way.gateway.write(Stream.EVENT)
            await way.near.until(lambda before=come: reversed_.hits > before)  # type: ignore[misc]
        await way.gateway.until(lambda: way.gateway.uplink.ignored_messages > 0)
        await way.settled()
        known = [upto for _, upto in way.gateway.progress]
        assert known == sorted(set(known)), "never back"
        await way.assert_exactly_once()


@pytest.mark.usefixtures("quick")
async def test_crash_before_the_commit(broker: Broker, tmp_path: Path) -> None:
    """8: the broker has handed the batches over and forgotten them, the centre dies before it has stored them."""
    async with chain(broker, tmp_path) as way:
        lock = second_writer(way.data)
        lock.execute("BEGIN IMMEDIATE")
        handed_over = way.far.add(Fault("late", way="down", topic="v1/gw/+/up/alarm", seconds=0))
        await way.gateway.write(Stream.ALARM, 100)
        await way.far.until(lambda: handed_over.hits == 1)
        answers = way.far.seen["up", "PUBACK"]
        await way.far.until(lambda: way.far.seen["up", "PUBACK"] > answers)
        await way.centre.kill()
        lock.execute("ROLLBACK")
        lock.close()
        assert way.centre.rows() == 0
        await way.start_centre()
        await way.settled()
        await way.assert_exactly_once()


@pytest.mark.usefixtures("quick")
async def test_late_will_of_a_gateway(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16: the broker's own word that an earlier connection has died comes after the birth of the next one."""
    monkeypatch.setattr("sync.mqtt.KEEPALIVE_S", 1)
    async with chain(broker, tmp_path) as way:
        way.near.stall()  # the broker sees nothing of its end, until the same name comes again
        await way.offline()
        late = way.far.add(Fault("reverse", way="down", topic="v1/gw/+/up/status", count=2))
        way.near.resume()
        await way.far.until(lambda: late.hits == 2)
        await way.gateway.write(Stream.ALARM)
        await way.settled()
        assert queries.counts(reader(way.data))["gateways"][GW]["online"] is True
        await way.assert_exactly_once()


@pytest.mark.usefixtures("quick")
async def test_late_will_of_the_centre(broker: Broker, tmp_path: Path) -> None:
    """16: it dies and comes back; that it is down is heard after it is up again."""
    async with chain(broker, tmp_path) as way:
        late = way.near.add(Fault("reverse", way="down", topic=CENTRAL_STATUS, count=2))
        await way.centre.kill()
        await way.start_centre()
        await way.near.until(lambda: late.hits == 2)
        await rubbish(broker)  # behind both of them
        await way.gateway.until(lambda: way.gateway.uplink.ignored_messages == 1)
        assert way.gateway.uplink.central == "up"
        await way.gateway.write(Stream.READING, boots=[new_id() for _ in range(12)])
        await way.settled()
        await way.assert_exactly_once()


async def test_poison_record_does_not_block_the_alarms_behind_it(broker: Broker, tmp_path: Path) -> None:
    """21: a batch that can never be verified is settled as refused; its alarm and those behind it are at the desk."""
    alarms = [new_id() for _ in range(3)]
    source = Source(Stream.ALARM)
    for alarm in alarms:
        body = {
            "alarm": alarm,
            "rule": "lift",
            "what": "lift_alarm",
            "device": "lift1",
            "point": "alarm",
            "profile": "p@1",
        }
        source.write(("alarm.raised/1", json.dumps(body).encode()))
    topic, raw = source.batch(2, 2)
    poison = raw.replace(b'"m":5000000', b'"m":5000001')
    data = tmp_path / "centre"
    async with running(data, broker), GatewayEnd(broker) as gateway:
        await gateway.send(source.batch(1, 1), (topic, poison), source.batch(3, 3))
        while (said := await gateway.ack())["upto"] != 3:
            pass
        assert said["refused"] == [[2, 2, "batch_chain"]]
    assert {alarm["alarm"]: alarm["quarantined"] for alarm in queries.alarms(reader(data))} == dict(
        zip(alarms, (False, True, False), strict=True)
    )
