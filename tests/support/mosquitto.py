"""A mosquitto with settings that `Broker` has no word for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.demo.broker import Broker, find


@asynccontextmanager
async def allowing(broker: Broker, publishes: int) -> AsyncIterator[None]:
    """In the place of this broker, one whose Receive Maximum is `publishes`."""
    await asyncio.to_thread(broker.kill)
    conf = broker.log.with_name("mosquitto.conf")
    conf.write_text(f"max_inflight_messages {publishes}\n{conf.read_text()}")
    program = find("mosquitto")
    assert program
    process = await asyncio.create_subprocess_exec(program, "-c", str(conf), stderr=asyncio.subprocess.PIPE)
    assert process.stderr
    while b" running" not in (line := await process.stderr.readline()):
        assert line, "it has ended"
    yield
    process.kill()
    await process.communicate()
