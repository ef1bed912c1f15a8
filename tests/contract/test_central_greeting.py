"""What comes while the running centre greets its broker, when it can say nothing itself: it is said as soon as that is over."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from central.commands import acknowledge
from central.store import reader, second_writer
from firmware_sim.mqtt_proxy import Proxy
from firmware_sim.mqtt_proxy_faults import Fault
from gateway.demo.broker import Broker
from model.record import Stream
from support.centre import USERS, GatewayEnd, password, running
from support.centre_lifts import LiftGateway
from support.proxy import proxied
from support.source import STORE, birth, new_id
from sync.contract.messages import Ack, CentralStatus, StreamState, decode, encode
from sync.contract.topics import CENTRAL_STATUS, down_ack, down_command
from sync.mqtt import MqttLink, MqttSettings

ALARM = "7a3e0f52-1111-4222-8333-444455556666"
ACK = down_ack("gw-1", STORE, Stream.ALARM)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto")
    broker.start()
    yield broker
    broker.stop()


def greeting(far: Proxy) -> Fault:
    """From now on the broker's last answer in a greeting does not come, until the faults are cleared."""
    return far.add(Fault("hold", packet="UNSUBACK", way="down"))


async def test_a_late_will_in_the_greeting_is_outvoted(broker: Broker, tmp_path: Path) -> None:
    """As soon as the greeting is over: else it would stay retained that the centre is down."""
    heard: asyncio.Queue[CentralStatus] = asyncio.Queue()
    watcher = MqttLink(
        MqttSettings(url=broker.url, username="central", password_file=password(broker, "central")),
        client_id="watcher",
        clean_start=True,
        will=None,
        on_message=lambda _, payload: heard.put_nowait(decode(payload, CentralStatus)),
    )
    await watcher.connect()
    await watcher.subscribe(CENTRAL_STATUS)
    async with proxied(broker) as far:
        held = greeting(far)
        async with running(tmp_path / "centre", broker, url=far.url, wait=False):
            up = await heard.get()
            await far.until(lambda: held.hits == 1)
            taken = far.seen["up", "PUBACK"]
            late = encode(CentralStatus(v=1, state="down", session=new_id(), epoch=1, encodings=["json"]))
            await watcher.publish(CENTRAL_STATUS, late, retain=True)
            assert (await heard.get()).state == "down"
            await far.until(lambda: far.seen["up", "PUBACK"] > taken)
            await far.clear()
            assert await heard.get() == up
    await watcher.close()


async def heard(gateway: GatewayEnd, upto: int) -> dict[str, bytes]:
    """The last payload by topic, up to the acknowledgement of that number in epoch 7."""
    said: dict[str, bytes] = {}
    while ACK not in said or (decode(said[ACK], Ack).ingest, decode(said[ACK], Ack).upto) != (7, upto):
        said.update([await gateway.next()])
    return said


async def test_what_is_due_after_a_cut_goes_out_at_once(broker: Broker, tmp_path: Path) -> None:
    """An order that went with the link, though its gateway's birth comes in the greeting; and the epoch which that raises."""
    lift, data = LiftGateway(), tmp_path / "centre"
    async with proxied(broker) as far, running(data, broker, url=far.url), GatewayEnd(broker) as gateway:
        await gateway.link.subscribe(CENTRAL_STATUS)
        await gateway.send(lift.alarm("raised", 1, ALARM))
        await gateway.ack()
        held = greeting(far)
        far.add(Fault("cut", way="up", topic=down_command("gw-1"), count=1))
        with closing(second_writer(data)) as db:
            acknowledge(db, "gw-1", ALARM, "Li Na")
        await far.until(lambda: held.hits == 1)
        head = lift.streams[Stream.ALARM].hash(1).hex()
        known = StreamState(last=1, upto=1, low=1, head=head, ingest=6)
        await gateway.send(birth("gw-1", new_id(), {"alarm": known}), retain=True)
        while reader(data).execute("SELECT epoch FROM centre").get != 7:  # noqa: ASYNC110  another process stores it
            await asyncio.sleep(0.02)
        await far.clear()
        said = await heard(gateway, 1)
        await gateway.send(lift.alarm("escalated", 40, ALARM, n=1))
        said |= await heard(gateway, 2)
        assert set(said) == {ACK, CENTRAL_STATUS, down_command("gw-1")}
        up = decode(said[CENTRAL_STATUS], CentralStatus)
        assert (up.state, up.epoch) == ("up", 7)
