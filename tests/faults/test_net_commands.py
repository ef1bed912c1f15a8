"""Faults of commands on their way (docs/faults.md): twice, again, late and forged. One deed, one record, one answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware_sim.mqtt_proxy_faults import Fault
from gateway.commands import Commands
from gateway.demo.broker import Broker
from model.errors import ContractError
from model.record import STREAMS, Stream
from support.exactly_once import assert_at_small_centre
from support.journals import GW
from support.proxy import proxied, through
from support.site import Site, running
from support.small_centre import SmallCentre
from support.source import new_id
from support.uplinks import settings
from sync.contract.messages import Birth, Command, CommandResult, Issuer, encode
from sync.contract.signing import private_key, sign
from sync.contract.topics import down_command
from sync.mqtt import MqttSettings
from sync.uplink import Uplink


class Obeying:
    """A site on its uplink, which obeys the key in `directory`."""

    def __init__(self, site: Site, way: MqttSettings, directory: Path) -> None:
        self.site = site
        self.key = private_key(directory / "central.key")
        self._commands = Commands(GW, site.journal, site.pipeline, site.clock, [directory / "central.pub"])
        self._changed = asyncio.Event()
        self.uplink = Uplink(
            way,
            GW,
            site.journal,
            version="0.0.0",
            now=site.clock.now,
            devices=list,
            on_command=self._obey,
            on_progress=site.pipeline.delivered,
            on_change=self._changed.set,
        )

    async def _obey(self, payload: bytes) -> CommandResult | None:
        try:
            return await self._commands.obey(payload)
        except ContractError:
            return None

    def signed(self, alarm: str, *, gw: str = GW, key: Ed25519PrivateKey | None = None) -> bytes:
        command = Command(
            v=1, id=new_id(), gw=gw, issuer=Issuer(kind="person", name="wang"), name="alarm.ack", args={"alarm": alarm}
        )
        return encode(sign(command, key or self.key))

    async def ignored(self, count: int) -> None:
        while self.uplink.ignored_messages < count:
            self._changed.clear()
            await self._changed.wait()
        assert self.uplink.ignored_messages == count

    async def settled(self) -> None:
        """What was said of the deed too: it comes into the journal after the deed."""
        captured = -1
        while captured != (captured := sum(self.uplink.counts(stream).captured for stream in STREAMS)):
            await self.site.journal.flush()
            while any(self.uplink.counts(stream).waiting for stream in STREAMS):
                self._changed.clear()
                await self._changed.wait()

    async def deeds(self) -> list[str]:
        """By whom alarms were acknowledged."""
        return [body["by"] for _, body in await self.site.records(Stream.ALARM, "alarm.acked/1")]


@asynccontextmanager
async def obeying(way: MqttSettings, directory: Path) -> AsyncIterator[Obeying]:
    async with running(directory / "stores") as site:
        gateway = Obeying(site, way, directory)
        task = asyncio.create_task(gateway.uplink.run())
        yield gateway
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.usefixtures("quick")
async def test_command_twice_and_again(broker: Broker, tmp_path: Path) -> None:
    """17: doubled on its way, and replayed over the next connection: the same answer each time, and one deed."""
    async with (
        proxied(broker) as near,
        SmallCentre(broker) as centre,
        obeying(through(near, settings(broker)), tmp_path) as gateway,
    ):
        await centre.until(lambda: len(centre.statuses) == 1)
        near.add(Fault("twice", way="down", topic=down_command(GW), count=1))
        payload = gateway.signed(await gateway.site.press())
        await centre.say(down_command(GW), payload)
        await centre.until(lambda: len(centre.results) == 2)
        near.reset()
        await centre.until(lambda: [type(said) for said in centre.statuses].count(Birth) == 2)
        await centre.say(down_command(GW), payload)
        await centre.until(lambda: len(centre.results) == 3)
        assert {(said.id, said.result) for said in centre.results} == {(centre.results[0].id, "done")}
        assert await gateway.deeds() == ["wang"]
        assert len(await gateway.site.records(Stream.AUDIT, "command.result/1")) == 1
        await gateway.settled()
        await assert_at_small_centre(gateway.site.journal, centre)


@pytest.mark.usefixtures("quick")
async def test_forged_command(broker: Broker, tmp_path: Path) -> None:
    """17: by another key, changed on its way, for another gateway: counted, not answered; the true one is still obeyed."""
    async with SmallCentre(broker) as centre, obeying(settings(broker), tmp_path) as gateway:
        await centre.until(lambda: len(centre.statuses) == 1)
        alarm = await gateway.site.press()
        true = gateway.signed(alarm)
        for forged in (
            gateway.signed(alarm, key=Ed25519PrivateKey.generate()),
            true.replace(b'"wang"', b'"zhao"'),
            gateway.signed(alarm, gw="gw-2"),
        ):
            await centre.say(down_command(GW), forged)
        await gateway.ignored(3)
        assert (centre.results, await gateway.deeds()) == ([], [])
        await centre.say(down_command(GW), true)
        await centre.until(lambda: len(centre.results) == 1)
        assert await gateway.deeds() == ["wang"]
        await gateway.settled()
        await assert_at_small_centre(gateway.site.journal, centre)
