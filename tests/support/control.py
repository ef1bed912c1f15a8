"""A control socket for tests, and the plainest possible client of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.control import ControlServer
from gateway.datadir import socket_address
from gateway.status import Backend


@asynccontextmanager
async def serving(data: Path, backend: Backend) -> AsyncIterator[None]:
    server = asyncio.create_task(ControlServer(backend, data).run())
    await _until_listening(data, server)
    try:
        yield
    finally:
        server.cancel()
        await asyncio.wait([server])
        assert server.cancelled()


async def _until_listening(data: Path, server: asyncio.Task[None]) -> None:
    """Returns when the socket answers."""
    while not server.done():
        try:
            await request(data, b'{"op":"snapshot"}\n')
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0)
        else:
            return
    server.result()


async def connect(data: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    with socket_address(data) as address:
        return await asyncio.open_unix_connection(address, limit=1 << 20)


async def request(data: Path, line: bytes) -> list[dict[str, Any]]:
    """Everything that is answered to one line."""
    reader, writer = await connect(data)
    writer.write(line)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return [json.loads(part) for part in answer.splitlines()]
