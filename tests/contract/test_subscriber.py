"""The example in docs/contract is a subscriber that works."""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.demo.broker import Broker
from support.asyncapi import CONTRACT, validate
from support.source import Source
from sync.mqtt import MqttLink, MqttSettings

VECTORS = json.loads((CONTRACT / "vectors.json").read_text(encoding="utf-8"))
BATCH: str = VECTORS["batch"]
GOLDEN = VECTORS["records"][:3]
TOPIC = "v1/gw/gw-demo-1/up/reading"
SECRETS = {"gw-demo-1": "one", "central": "two"}


class Gateway:
    """A gateway's connection, with what came down in order."""

    def __init__(self, url: str, password_file: Path) -> None:
        self.down: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.link = MqttLink(
            MqttSettings(url, "gw-demo-1", password_file=password_file),
            client_id="gw-demo-1",
            clean_start=True,
            will=None,
            on_message=lambda topic, payload: self.down.put_nowait((topic, payload)),
        )

    async def next(self) -> tuple[str, dict[str, object]]:
        """The next message down, once the published contract has passed it."""
        topic, payload = await self.down.get()
        validate(topic, payload)
        return topic, json.loads(payload)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """Connected to a broker where the example is up and subscribed."""
    broker = Broker(SECRETS, tmp_path / "broker")
    broker.start()
    (tmp_path / "password").write_text(SECRETS["gw-demo-1"])
    example = await asyncio.create_subprocess_exec(
        sys.executable, str(CONTRACT / "subscriber.py"), "127.0.0.1", str(broker.port), "central", SECRETS["central"],
        str(tmp_path / "centre.sqlite"),
    )  # fmt: skip
    gateway = Gateway(broker.url, tmp_path / "password")
    await gateway.link.connect()
    await gateway.link.subscribe("v1/central/status")
    await gateway.link.subscribe("v1/gw/gw-demo-1/down/#")
    _, status = await gateway.next()
    assert status["state"] == "up"
    yield gateway
    await gateway.link.close()
    example.terminate()
    await example.wait()
    broker.stop()


async def test_the_example_stores_and_acknowledges(gateway: Gateway, tmp_path: Path) -> None:
    """Twice the same batch: the same acknowledgement, the same rows, with the golden hashes."""
    for _ in range(2):
        await gateway.link.publish(TOPIC, BATCH.encode())
        topic, ack = await gateway.next()
        assert topic == f"v1/gw/gw-demo-1/down/ack/{GOLDEN[0]['store']}/reading"
        assert ack == {"ingest": 1, "upto": 3, "head": GOLDEN[2]["hash"]}
    with closing(sqlite3.connect(tmp_path / "centre.sqlite")) as db:
        rows = db.execute("SELECT seq, body, hash FROM record ORDER BY seq").fetchall()
    assert rows == [(r["seq"], r["body"].encode(), r["hash"]) for r in GOLDEN]


@pytest.mark.parametrize(
    ("true", "changed"), [("[41,655]", "[40,655]"), ('"recs":', '"lost":[[1,9,"retired"]],"recs":')]
)
async def test_the_example_does_not_acknowledge_what_was_changed(gateway: Gateway, true: str, changed: str) -> None:
    """A changed byte, or a loss of what is still held, gets no answer: the next one is that of the true batch."""
    await gateway.link.publish(TOPIC, BATCH.replace(true, changed).encode())
    await gateway.link.publish(TOPIC, BATCH.encode())
    _, ack = await gateway.next()
    assert ack["upto"] == 3


async def test_the_example_shows_a_restored_gateway_where_it_stands(gateway: Gateway, tmp_path: Path) -> None:
    """Another history under the same name is not mixed in; each acknowledgement has the head of the one that came first."""
    await gateway.link.publish(TOPIC, BATCH.encode())
    _, current = await gateway.next()
    other = Source(count=5, gw="gw-demo-1", store=GOLDEN[0]["store"])
    for first, last in ((1, 5), (3, 3), (4, 5)):
        await gateway.link.publish(*other.batch(first, last))
        _, ack = await gateway.next()
        assert ack == current
    with closing(sqlite3.connect(tmp_path / "centre.sqlite")) as db:
        assert db.execute("SELECT seq, hash FROM record").fetchall() == [(r["seq"], r["hash"]) for r in GOLDEN]


async def test_the_example_believes_damage_between_records(gateway: Gateway) -> None:
    """A hole in what the gateway holds, declared by the batch behind it."""
    source = Source(count=9, gw="gw-demo-1")
    topic, payload = source.batch(6, 9, lost=[(4, 5, "damaged")])
    await gateway.link.publish(*source.batch(1, 3))
    assert (await gateway.next())[1]["upto"] == 3
    await gateway.link.publish(topic, payload.replace(b'"low":6', b'"low":1'))
    assert (await gateway.next())[1] == {"ingest": 1, "upto": 9, "head": source.hash(9).hex()}
