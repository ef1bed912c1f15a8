"""The centre as a process, and a gateway's end of the wire to talk to it."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from central import queries
from central.store import reader
from gateway.demo.broker import Broker
from sync.contract.topics import CENTRAL_STATUS, all_down
from sync.mqtt import MqttLink, MqttSettings

USERS = {"central": "c-secret", "gw-1": "1-secret", "gw-2": "2-secret"}


def password(broker: Broker, user: str) -> Path:
    path = broker.log.with_name(f"{user}.password")
    path.write_text(USERS[user])
    return path


class CentreProcess:
    """`python -m central run`. `ready` is its first line."""

    def __init__(self, process: Process, data: Path) -> None:
        self.process = process
        self.data = data
        self.ready: dict[str, Any] = {}

    async def until_ready(self) -> None:
        assert self.process.stdout
        self.ready = json.loads(await self.process.stdout.readline())

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.communicate()

    async def stop(self) -> None:
        """AssertionError when it crashed before or does not end cleanly."""
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.communicate()
        assert self.process.returncode == 0

    def rows(self, gw: str = "gw-1") -> int:
        """How many records of a gateway are committed."""
        stores = queries.counts(reader(self.data))["gateways"].get(gw, {"stores": {}})["stores"]
        return sum(lane["rows"] for streams in stores.values() for lane in streams.values())


@asynccontextmanager
async def running(
    data: Path, broker: Broker, *command: str, url: str | None = None, wait: bool = True
) -> AsyncIterator[CentreProcess]:
    """The centre, or one of its workers, once it is ready, or, without `wait`, at once.

    What still runs at the end is stopped in good order.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "central", *(command or ("run",)), "--data", str(data), "--broker", url or broker.url,
        "--password-file", str(password(broker, "central")), stdout=PIPE,
    )  # fmt: skip
    centre = CentreProcess(process, data)
    try:
        if wait:
            await centre.until_ready()
        yield centre
    finally:
        if process.returncode is None:
            await centre.stop()


async def central(data: Path, *args: str) -> tuple[int, dict[str, Any]]:
    """Run another command of the centre with --json: its exit code and document."""
    code, out = await _run(data, *args)
    return code, json.loads(out)


async def central_lines(data: Path, *args: str) -> list[dict[str, Any]]:
    """As `central` for a command that prints a document per line. AssertionError where it fails."""
    code, out = await _run(data, *args)
    assert code == 0, out
    return [json.loads(line) for line in out.splitlines()]


async def _run(data: Path, *args: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "central", *args, "--data", str(data), "--json",
        stdin=asyncio.subprocess.DEVNULL, stdout=PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out


class GatewayEnd:
    """A gateway's connection. `next` gives what comes down, (topic, payload) each."""

    def __init__(self, broker: Broker, gw: str = "gw-1") -> None:
        self._heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        settings = MqttSettings(url=broker.url, username=gw, password_file=password(broker, gw))
        self.gw = gw
        self.link = MqttLink(
            settings, client_id=gw, clean_start=True, will=None, on_message=lambda t, p: self._heard.put_nowait((t, p))
        )

    async def __aenter__(self) -> Self:
        await self.link.connect()
        await self.link.subscribe(all_down(self.gw))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.close()

    async def send(self, *messages: tuple[str, bytes], retain: bool = False) -> None:
        for topic, payload in messages:
            await self.link.publish(topic, payload, retain=retain)

    async def next(self) -> tuple[str, bytes]:
        return await self._heard.get()

    async def central_up(self) -> None:
        """Until the centre says that it is there."""
        await self.link.subscribe(CENTRAL_STATUS)
        while True:
            topic, payload = await self.next()
            if topic == CENTRAL_STATUS and json.loads(payload)["state"] == "up":
                return

    async def ack(self) -> dict[str, Any]:
        """The next acknowledgement."""
        while True:
            topic, payload = await self.next()
            if "/down/ack/" in topic:
                said: dict[str, Any] = json.loads(payload)
                return said
