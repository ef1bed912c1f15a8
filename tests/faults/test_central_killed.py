"""kill -9 of the centre: what was acknowledged is stored, what is stored is there once."""

import asyncio
import random
from pathlib import Path

import pytest

from gateway.demo.broker import Broker
from support.centre import GatewayEnd, central, running
from support.source import Source


class Muzzle:
    """A way to the broker that from the first acknowledgement on lets nothing of the centre through."""

    def __init__(self, broker: Broker) -> None:
        self.bitten = asyncio.Event()
        self._broker = broker

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._broker.port)
        down = asyncio.create_task(self._pump(up_reader, writer))
        while data := await reader.read(65536):
            if b"/down/ack/5a1d" in data:
                self.bitten.set()
            if not self.bitten.is_set():
                up_writer.write(data)
        up_writer.close()
        await down
        writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)


async def test_killed_between_commit_and_acknowledgement(broker: Broker, tmp_path: Path) -> None:
    """When the acknowledgement leaves, the rows are there; it gets lost with the centre; the batch counts once."""
    source = Source(count=10)
    data = tmp_path / "centre"
    muzzle = Muzzle(broker)
    async with GatewayEnd(broker) as gateway:
        async with muzzle as url, running(data, broker, url=url) as centre:
            await gateway.send(source.batch())
            await muzzle.bitten.wait()
            assert centre.rows() == 10
            await centre.kill()
        async with running(data, broker) as centre:
            await gateway.send(source.batch())
            assert await gateway.ack() == {"ingest": 1, "upto": 10, "head": source.hash(10).hex()}
    assert centre.rows() == 10
    assert (await central(data, "audit"))[0] == 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_at_any_moment_of_ingest(broker: Broker, tmp_path: Path, seed: int) -> None:
    """After each kill the gateway goes on from the last acknowledgement; at the end each record is there exactly once."""
    chance = random.Random(seed)
    source = Source(count=600)
    data = tmp_path / "centre"
    upto = 0
    async with GatewayEnd(broker) as gateway:
        for _ in range(5):
            end = upto + 100
            async with running(data, broker) as centre:
                sending = asyncio.create_task(gateway.send(*(source.batch(n, n + 1) for n in range(upto + 1, end, 2))))
                enough = chance.randrange(upto, end)
                while upto < enough:
                    upto = max(upto, (await gateway.ack())["upto"])
                await centre.kill()
                assert centre.rows() >= upto
                await sending
        async with running(data, broker) as centre:
            await gateway.send(*(source.batch(n, min(n + 9, 600)) for n in range(upto + 1, 601, 10)))
            while (await gateway.ack())["upto"] != 600:
                pass
    assert centre.rows() == 600
    code, audit = await central(data, "audit")
    assert (code, audit["rows"]) == (0, 600)
