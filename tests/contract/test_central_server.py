"""The running centre on a real broker: connect, acknowledge, command, come back."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.broker import Broker, Program
from model.record import Stream
from support.asyncapi import validate
from support.centre import USERS, CentreProcess, GatewayEnd, central, password, running
from support.source import STORE, T0, Source, birth, new_id
from sync.contract.messages import (
    Ack,
    CentralStatus,
    CommandResult,
    Hashes,
    HashRequest,
    SignedCommand,
    StreamState,
    decode,
    encode,
)
from sync.contract.signing import fingerprint, opened, public_key
from sync.contract.topics import CENTRAL_STATUS, down_ack, down_hashes, up_hash_request, up_result
from sync.mqtt import MqttLink, MqttSettings

ALARM = "7a3e0f52-1111-4222-8333-444455556666"
StartCentre = Callable[..., Awaitable[CentreProcess]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    program: Program = "mosquitto"
    broker = Broker(USERS, tmp_path / "broker", program=program)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
async def start(broker: Broker, tmp_path: Path) -> AsyncIterator[StartCentre]:
    """Start the centre, always on the same data."""
    async with AsyncExitStack() as stack:
        yield lambda *, wait=True: stack.enter_async_context(running(tmp_path / "centre", broker, wait=wait))


def lift_alarm() -> Source:
    source = Source(Stream.ALARM)
    body = {"alarm": ALARM, "rule": "lift", "what": "lift_alarm", "device": "lift1", "point": "alarm", "profile": "p@1"}
    source.write(("alarm.raised/1", json.dumps(body).encode()))
    source.write(("alarm.acked/1", json.dumps(body | {"by": "Li Na"}).encode()))
    return source


async def test_batch_to_acknowledgement(broker: Broker, start: StartCentre) -> None:
    """It says that it is ready, takes a batch, acknowledges it retained, and counts it."""
    centre = await start()
    assert centre.ready == {"ready": True, "broker": broker.url}
    source = Source(count=20)
    async with GatewayEnd(broker) as gateway:
        await gateway.send(birth("gw-1", new_id(), {"reading": StreamState(last=25, upto=0, low=1, head="00" * 32)}))
        await gateway.send(source.batch(1, 10))
        assert await gateway.ack() == {"ingest": 1, "upto": 0}
        assert await gateway.ack() == {"ingest": 1, "upto": 10, "head": source.hash(10).hex()}
    async with GatewayEnd(broker) as gateway:
        assert (await gateway.ack())["upto"] == 10
    code, counts = await central(centre.data, "counts")
    assert code == 0
    assert counts["gateways"] == {
        "gw-1": {
            "online": True,
            "stores": {
                STORE: {
                    "reading": {
                        "rows": 10, "upto": 10, "last_declared": 25, "missing": 0, "lost": 0, "refused": 0,
                        "duplicates_removed": 0, "again": 0, "quarantined": 0,
                    }
                }
            },
        }
    }  # fmt: skip
    assert await central(centre.data, "audit") == (
        0,
        {
            "lanes": [
                {
                    "gw": "gw-1", "store": STORE, "stream": "reading", "rows": 10, "ok": 10, "broken": 0,
                    "broken_first": [], "unaccounted": 0,
                }
            ],
            "rows": 10,
            "broken": 0,
            "unaccounted": 0,
            "problems": [],
            "checkpoints": {"gw-1": {"verified": 0, "bad": 0, "unverified": 0, "bad_first": []}},
            "witness": [],
        },
    )  # fmt: skip


async def test_broker_may_come_later_and_come_back(broker: Broker, start: StartCentre) -> None:
    """No broker at the start, then one, then kill -9 of it with its session: the centre is there again by itself."""
    source = Source(count=2)
    broker.kill()
    centre = await start(wait=False)
    broker.start()
    await centre.until_ready()
    async with GatewayEnd(broker) as gateway:
        await gateway.send(source.batch(1, 1))
        assert (await gateway.ack())["upto"] == 1
    broker.kill()
    broker.start()
    async with GatewayEnd(broker) as gateway:
        await gateway.central_up()
        await gateway.send(source.batch(2, 2))
        while (await gateway.ack())["upto"] != 2:
            """The first acknowledgement again: the broker may have taken its PUBACK with it."""


async def test_messages_wait_for_the_centre(broker: Broker, start: StartCentre) -> None:
    """Its session at the broker keeps what came while it was away."""
    await (await start()).stop()
    source = Source(count=5)
    async with GatewayEnd(broker) as gateway:
        await gateway.send(source.batch())
        await start()
        assert (await gateway.ack())["upto"] == 5


async def test_status_says_up_and_down(broker: Broker, start: StartCentre) -> None:
    """Retained: up while it runs, down after an orderly stop; a late will of an earlier session is outvoted."""
    heard: asyncio.Queue[CentralStatus] = asyncio.Queue()
    centre = await start()
    watcher = MqttLink(
        MqttSettings(url=broker.url, username="central", password_file=password(broker, "central")),
        client_id="watcher",
        clean_start=True,
        will=None,
        on_message=lambda _, payload: heard.put_nowait(decode(payload, CentralStatus)),
    )
    await watcher.connect()
    await watcher.subscribe(CENTRAL_STATUS)
    up = await heard.get()
    assert (up.state, up.epoch, up.encodings) == ("up", 1, ["json", "zstd"])
    late = encode(CentralStatus(v=1, state="down", session=new_id(), epoch=1, encodings=["json"]))
    await watcher.publish(CENTRAL_STATUS, late, retain=True)
    assert (await heard.get()).state == "down"
    assert await heard.get() == up
    await centre.stop()
    down = await heard.get()
    assert (down.state, down.session) == ("down", up.session)
    await watcher.close()


async def test_restored_database_raises_the_epoch(broker: Broker, start: StartCentre) -> None:
    """Yesterday's copy of the database is put back: the retained acknowledgement tells, and the gateway may replay."""
    source = Source(count=20)
    async with GatewayEnd(broker) as gateway:
        centre = await start()
        await gateway.send(source.batch(1, 10))
        assert (await gateway.ack())["upto"] == 10
        await centre.stop()
        backup = centre.data.with_name("backup")
        shutil.copytree(centre.data, backup)
        centre = await start()
        await gateway.send(source.batch(11, 20))
        assert (await gateway.ack())["upto"] == 20
        await centre.stop()
        shutil.rmtree(centre.data)
        backup.rename(centre.data)
        await start()
        assert await gateway.ack() == {"ingest": 2, "upto": 10, "head": source.hash(10).hex()}
        await gateway.send(source.batch(9, 20))
        assert await gateway.ack() == {"ingest": 2, "upto": 20, "head": source.hash(20).hex()}


async def test_hashes_on_request(broker: Broker, start: StartCentre) -> None:
    """Over the wire, in the form that the contract publishes, and not kept by the broker."""
    await start()
    source = Source(count=5)
    question = HashRequest(v=1, id=new_id(), store=STORE, stream="reading", at=[5, 6])
    async with GatewayEnd(broker) as gateway:
        await gateway.send(source.batch())
        await gateway.ack()
        validate(up_hash_request("gw-1"), encode(question))
        await gateway.send((up_hash_request("gw-1"), encode(question)))
        topic, payload = await gateway.next()
        validate(topic, payload)
        answer = Hashes(v=1, id=question.id, store=STORE, stream="reading", hashes=[(5, source.hash(5).hex())])
        assert (topic, decode(payload, Hashes)) == (down_hashes("gw-1"), answer)
    async with GatewayEnd(broker) as gateway:
        assert (await gateway.next())[0] == down_ack("gw-1", STORE, Stream.READING)
        await gateway.send(source.batch())
        assert (await gateway.next())[0] == down_ack("gw-1", STORE, Stream.READING), "no answer was retained"


async def test_nobody_elses_acknowledgement_moves_a_running_centre(broker: Broker, start: StartCentre) -> None:
    """It reads its own back only at the start: the epoch is not for others to raise."""
    await start()
    source = Source(count=5)
    other = MqttLink(
        MqttSettings(url=broker.url, username="central", password_file=password(broker, "central")),
        client_id="other",
        clean_start=True,
        will=None,
        on_message=lambda *_: None,
    )
    await other.connect()
    async with GatewayEnd(broker) as gateway:
        await other.publish(down_ack("gw-1", STORE, Stream.READING), encode(Ack(ingest=7, upto=9)), retain=True)
        assert (await gateway.ack())["ingest"] == 7
        await gateway.send(source.batch())
        assert await gateway.ack() == {"ingest": 1, "upto": 5, "head": source.hash(5).hex()}
    await other.close()


async def test_command_until_its_result(broker: Broker, start: StartCentre, tmp_path: Path) -> None:
    """A person acknowledges an alarm: signed, published at once, again at each birth, and no more after the result."""
    centre = await start()
    pin = tmp_path / "pin"
    pin.write_text("2468\n")
    assert await central(centre.data, "person", "add", "Li Na", "--pin-file", str(pin)) == (0, {"person": "Li Na"})
    async with GatewayEnd(broker) as gateway:
        await gateway.send(lift_alarm().batch(1, 1))
        await gateway.ack()
        code, sent = await central(centre.data, "ack", ALARM[:6], "--as", "Li Na", "--pin-file", str(pin))
        assert (code, sent["gw"], sent["alarm"]) == (0, "gw-1", ALARM)
        topic, payload = await gateway.next()
        key = public_key(centre.data / "central.pub")
        command = opened(decode(payload, SignedCommand), {fingerprint(key): key})
        assert (topic, command.id, command.gw) == ("v1/gw/gw-1/down/cmd", sent["command"], "gw-1")
        assert (command.name, command.args) == ("alarm.ack", {"alarm": ALARM})
        assert (command.issuer.kind, command.issuer.name) == ("person", "Li Na")
        await gateway.send(birth("gw-1", new_id(), {}))
        assert await gateway.next() == (topic, payload)
        result = CommandResult(v=1, id=command.id, result="done", sent=T0)
        await gateway.send((up_result("gw-1"), encode(result)), birth("gw-1", new_id(), {}))
        await gateway.send(lift_alarm().batch(2, 2))
        topic, payload = await gateway.next()
        assert topic == down_ack("gw-1", STORE, Stream.ALARM), "no command after its result"
    _, found = await central(centre.data, "alarms")
    (alarm,) = found["alarms"]
    assert (alarm["state"], alarm["acked_by"], alarm["command"]["result"]) == ("acked", "Li Na", "done")


async def test_no_acknowledgement_without_a_person(broker: Broker, start: StartCentre, tmp_path: Path) -> None:
    """No PIN, a wrong PIN, an unknown person, an unknown alarm: exit 1 with words, and nothing in the outbox."""
    centre = await start()
    async with GatewayEnd(broker) as gateway:
        await gateway.send(lift_alarm().batch(1, 1))
        await gateway.ack()
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("2468")
    wrong.write_text("1357")
    await central(centre.data, "person", "add", "Li Na", "--pin-file", str(right))

    async def refused(*args: str) -> Any:
        code, said = await central(centre.data, "ack", *args)
        assert (code, bool(said["error"]["text"])) == (1, True)
        return said["error"]["code"]

    assert await refused(ALARM, "--as", "Li Na") == "pin_missing"
    assert await refused(ALARM, "--as", "Wang Wei", "--pin-file", str(right)) == "person_refused"
    assert await refused(new_id(), "--as", "Li Na", "--pin-file", str(right)) == "alarm_unknown"
    for _ in range(3):
        assert await refused(ALARM, "--as", "Li Na", "--pin-file", str(wrong)) == "person_refused"
    assert await refused(ALARM, "--as", "Li Na", "--pin-file", str(right)) == "person_locked"
    _, found = await central(centre.data, "alarms")
    assert found["alarms"][0]["command"] is None
