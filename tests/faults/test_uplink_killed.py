"""The gateway's process is killed while it sends; the network is gone for days."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from gateway.demo.broker import Broker
from model.record import STREAMS, Stream
from support import uplinks
from support.centre import USERS, password
from support.journals import GW, verified
from support.small_centre import SmallCentre
from support.uplinks import Gateway, settings
from sync.contract.messages import Birth, Will
from sync.mqtt import MqttSettings

TESTS = str(Path(uplinks.__file__).parents[1])


async def test_killed_while_it_sends(tmp_path: Path) -> None:
    """The will says so, under the session of the birth; the next life sends what is durable, and nothing is counted twice."""
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto")
    await asyncio.to_thread(broker.start)
    async with SmallCentre(broker) as centre:
        for _ in range(3):
            centre.batches.clear()
            centre.statuses.clear()
            command = [sys.executable, "-m", "support.uplink_child", broker.url]
            command += [str(password(broker, GW)), str(tmp_path / "stores")]
            child = await asyncio.create_subprocess_exec(*command, env=os.environ | {"PYTHONPATH": TESTS})
            await centre.until(lambda: len(centre.batches) > 20)
            child.kill()
            await child.wait()
            await centre.until(lambda: len(centre.statuses) == 2)
            birth, will = centre.statuses
            assert isinstance(birth, Birth)
            assert will == Will(v=1, state="down", session=birth.session)
        async with Gateway(settings(broker), tmp_path / "stores") as gateway:
            await gateway.settled(*STREAMS)
            for stream in (Stream.EVENT, Stream.READING):
                durable = {r.seq: r.hash for r in await verified(gateway.journal, stream)}
                assert {seq: r.hash for seq, r in centre.records[stream].items()} == durable
    await asyncio.to_thread(broker.kill)


async def test_offline_for_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More failed attempts than a float has doublings: it goes on trying, and says why it is offline."""
    monkeypatch.setattr("sync.uplink.RETRY_S", 0.0)
    monkeypatch.setattr("sync.uplink.RETRY_MAX_S", 0.0)
    async with Gateway(MqttSettings("mqtt://127.0.0.1:1", GW), tmp_path) as gateway:
        await gateway.until(lambda: gateway.changes > 1100)
        assert gateway.uplink.state == "offline"
        assert gateway.uplink.problem is not None
        assert gateway.uplink.problem.code == "broker_unreachable"
