"""A port's bytes and its end, as a driver meets them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from drivers.common.line import Line
from drivers.common.transport import open_transport
from model.errors import TransientError


@asynccontextmanager
async def device() -> AsyncIterator[tuple[Line, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A line, and the device's end of it."""
    arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()
    server = await asyncio.start_server(lambda r, w: arrived.set_result((r, w)), "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    line = await open_transport(f"tcp://{host}:{port}")
    reader, writer = await arrived
    try:
        yield line, reader, writer
    finally:
        await line.close()
        writer.close()
        server.close()


async def a_while() -> None:
    """What is under way between two sockets of this machine arrives."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_silence_costs_no_byte() -> None:
    async with device() as (line, _, theirs):
        assert await line.read(0.01) == b""
        theirs.write(b"late")
        assert await line.read(5) == b"late"


async def test_what_comes_in_pieces_is_gathered() -> None:
    """Nothing is read meanwhile, and all of it afterwards; the end of the connection is seen too."""
    async with device() as (line, _, theirs):
        gathering = asyncio.create_task(line.gather(0.05))
        await asyncio.sleep(0)
        for piece in (b"one ", b"two ", b"three"):
            theirs.write(piece)
            await a_while()
        assert not line._held
        theirs.close()
        await gathering
        assert await line.read(5) == b"one two three"
        with pytest.raises(TransientError, match="port_gone"):
            await line.read(5)


async def test_what_came_while_the_loop_was_busy_is_no_silence() -> None:
    async with device() as (line, _, theirs):
        reading = asyncio.create_task(line.read(0.05))
        await asyncio.sleep(0)
        theirs.write(b"in time")
        time.sleep(0.1)  # noqa: ASYNC251  # the loop does something else, until the time is over
        assert await reading == b"in time"
        theirs.write(b"more")
        time.sleep(0.05)  # noqa: ASYNC251
        assert await line.read(0) == b"more"


async def test_the_last_words_are_heard_before_the_end() -> None:
    async with device() as (line, _, theirs):
        theirs.write(b"goodbye")
        theirs.close()
        await a_while()
        assert await line.read(5) == b"goodbye"
        with pytest.raises(TransientError, match="port_gone"):
            await line.read(5)
        with pytest.raises(TransientError, match="port_gone"):
            await line.write(b"anybody?")


async def test_who_waits_is_told_that_the_port_is_gone() -> None:
    async with device() as (line, _, theirs):
        reading = asyncio.create_task(line.read())
        await asyncio.sleep(0)
        theirs.close()
        with pytest.raises(TransientError, match="port_gone"):
            await reading


async def test_a_flood_that_nobody_reads_stays_with_its_sender() -> None:
    async with device() as (line, _, theirs):
        flood = b"x" * (64 * 1024 * 1024)
        theirs.write(flood)
        left = len(flood)
        while theirs.transport.get_write_buffer_size() < left:
            left = theirs.transport.get_write_buffer_size()
            await a_while()
        assert left > 0
        got = 0
        while got < len(flood):
            got += len(await line.read(5))


async def test_a_writer_waits_for_a_device_that_takes_nothing_and_hears_when_it_is_gone() -> None:
    async with device() as (line, ours, theirs):
        ours._transport.pause_reading()  # type: ignore[attr-defined]
        writing = asyncio.create_task(line.write(b"x" * (64 * 1024 * 1024)))
        await a_while()
        assert not writing.done()
        theirs.transport.abort()
        with pytest.raises(TransientError, match="port_gone"):
            await writing


async def test_a_writer_goes_on_once_the_device_takes_it() -> None:
    async with device() as (line, ours, _):
        sent = b"x" * (4 * 1024 * 1024)
        writing = asyncio.create_task(line.write(sent))
        got = 0
        while got < len(sent):
            got += len(await ours.read(2**20))
        await writing


async def test_a_writer_that_gives_up_takes_no_other_with_it() -> None:
    async with device() as (line, ours, _):
        sent = b"x" * (64 * 1024 * 1024)
        first = asyncio.create_task(line.write(sent))
        await a_while()
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        second = asyncio.create_task(line.write(b"y"))
        got = 0
        while got < len(sent) + 1:
            got += len(await ours.read(2**20))
        await asyncio.wait([second])
        assert not second.cancelled()
        await second
