"""A mosquitto with settings that `Broker` has no word for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from gateway.demo.broker import Broker, find


@asynccontextmanager
async def configured(broker: Broker, *lines: str) -> AsyncIterator[None]:
    """In the place of this broker, one that has these lines in its configuration too. What it says goes to the same log."""
    await asyncio.to_thread(broker.kill)
    conf = broker.log.with_name("mosquitto.conf")
    conf.write_text("\n".join([conf.read_text(), *lines, ""]))
    program = find("mosquitto")
    assert program
    process = await asyncio.create_subprocess_exec(program, "-c", str(conf), stderr=asyncio.subprocess.PIPE)
    listens = asyncio.Event()
    telling = asyncio.create_task(_tell(process, broker, listens))
    await listens.wait()
    assert process.returncode is None, "it has ended"
    try:
        yield
    finally:
        process.kill()
        await telling


def allowing(broker: Broker, publishes: int) -> AbstractAsyncContextManager[None]:
    """In the place of this broker, one whose Receive Maximum is `publishes`."""
    return configured(broker, f"max_inflight_messages {publishes}")


async def _tell(process: asyncio.subprocess.Process, broker: Broker, listens: asyncio.Event) -> None:
    assert process.stderr
    async for line in process.stderr:
        _note(broker.log, line)
        if b" running" in line:
            listens.set()
    await process.wait()
    listens.set()


def _note(log: Path, line: bytes) -> None:
    with log.open("ab") as file:
        file.write(line)
