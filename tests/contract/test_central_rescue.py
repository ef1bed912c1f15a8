"""A rescue with two gateways over a real broker: what the desk says goes out once to each, and comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from central import commands, queries
from central.outbox import What
from central.standing import Standing, standing
from central.store import reader, second_writer
from gateway.demo.broker import Broker
from model.bodies import RescueOrder
from support.asyncapi import validate
from support.centre import USERS, CentreProcess, GatewayEnd, running
from support.centre_lifts import LiftGateway
from support.source import T0
from sync.contract.messages import Command, CommandResult, SignedCommand, decode, encode
from sync.contract.topics import up_result

ONE, TWO = "7a3e0f52-1111-4222-8333-444455556666", "8a3e0f52-1111-4222-8333-444455556666"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
async def centre(broker: Broker, tmp_path: Path) -> AsyncIterator[CentreProcess]:
    async with running(tmp_path / "centre", broker) as centre:
        yield centre


def say(centre: CentreProcess, what: What, **details: Any) -> commands.Ordered:
    with closing(second_writer(centre.data)) as db:
        return commands.order(db, ONE, what, "Li Na", RescueOrder(alarm=ONE, **details))


async def obey(gateway: GatewayEnd) -> Command:
    """The next command, whose result goes back."""
    while True:
        topic, payload = await gateway.next()
        if topic.endswith("/down/cmd"):
            validate(topic, payload)
            command = decode(bytes(decode(payload, SignedCommand).cmd), Command)
            await gateway.send(
                (up_result(gateway.gw), encode(CommandResult(v=1, id=command.id, result="done", sent=T0)))
            )
            return command


async def until(data: Path, state: str) -> Standing:
    while (found := standing(reader(data), data)).state != state:  # noqa: ASYNC110  another process says so
        await asyncio.sleep(0.02)
    return found


async def test_a_centre_without_its_broker_says_so(broker: Broker, centre: CentreProcess) -> None:
    """For whoever looks at the database, and no longer than that."""
    assert (await until(centre.data, "connected")).since is None
    broker.stop()
    assert (await until(centre.data, "cut_off")).since
    broker.start()
    await until(centre.data, "connected")
    await centre.kill()
    await until(centre.data, "away")


async def test_one_rescue_of_two_gateways(broker: Broker, centre: CentreProcess) -> None:
    """The second gateway hears of what was said before it called; the end at one closes the other, and the timeline has it all."""
    one, two = LiftGateway("gw-1"), LiftGateway("gw-2")
    async with GatewayEnd(broker, "gw-1") as first, GatewayEnd(broker, "gw-2") as second:
        await first.send(one.anchored(), one.file(rescue="330106"), one.alarm("raised", 10, ONE))
        while centre.rows() < 3:  # as one acknowledgement, or as several
            await first.ack()
        assert say(centre, "ack").done
        assert (await obey(first)).name == "alarm.ack"
        await second.send(two.anchored(), two.file(rescue="330106"), two.alarm("raised", 12, TWO))
        late = await obey(second)
        assert (late.name, late.args, late.issuer.name) == ("alarm.ack", {"alarm": TWO}, "Li Na")
        assert len(say(centre, "dispatch", team="Otis", tier=2).commands) == 2
        for gateway, alarm in ((first, ONE), (second, TWO)):
            sent = await obey(gateway)
            assert (sent.name, sent.args) == ("alarm.dispatch", {"alarm": alarm, "team": "Otis", "tier": 2})
        await first.send(one.alarm("ended", 900, ONE, by="Wang", via="badge", fault="door_lock"))
        close = await obey(second)
        assert (close.name, close.args["alarm"], close.args["reason"]) == ("alarm.close", TWO, "ended_at gw-1 badge")
    (incident,) = queries.incidents(reader(centre.data), 300)
    assert (incident["state"], incident["alarms"], incident["team"]) == ("dispatched", [ONE, TWO], "Otis")
    assert incident["open_gws"] == ["gw-2"]
    assert {order["result"] for order in incident["orders"]} <= {"done", None}
