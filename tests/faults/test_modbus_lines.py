"""Lines that misbehave, played byte by byte by the test: echoes, reflections, replies through a port that was opened anew,
frames made of two, floods; and the plug pulled under load.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.modbus.bus import ModbusBus
from drivers.modbus.pdu import COIL_ON, SlaveError, SlaveMissed, read, write_coil
from drivers.modbus.slave import Terms
from firmware_sim.modbus_link import crc
from model.errors import TransientError
from model.ports import Health
from support.context import HANG_S, MemoryContext
from support.modbus import device, kept, new_bus
from support.sims import StartSim

READ, OTHER, MARKER = read(4, 1, 2), read(4, 11, 2), read(4, 0, 1)
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def rtu(text: str) -> bytes:
    body = bytes.fromhex(text)
    return body + crc(body).to_bytes(2, "little")


@asynccontextmanager
async def line(play: Play) -> AsyncIterator[str]:
    """A serial server whose devices are the test."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await play(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def opened(endpoint: str, *, tcp: bool = False, timeout_s: float = 0.3) -> AsyncIterator[ModbusBus]:
    """Kept open as the supervisor keeps it, without its pauses."""
    context = MemoryContext("bus")
    bus = new_bus(endpoint, context, rtu=not tcp)
    for slave in (1, 2):
        bus.register(slave, Terms(f"d{slave}", frozenset({(5, 0)}), timeout_s=timeout_s, marker=MARKER))

    keeping = asyncio.create_task(kept(bus))
    await context.until(lambda: (Health.ONLINE, None) in context.healths)
    try:
        yield bus
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def eventually(bus: ModbusBus) -> bytes:
    """The value of `OTHER`, which the bus may refuse for a while."""
    async with asyncio.timeout(HANG_S):
        while True:
            try:
                return await bus.request(1, OTHER)
            except TransientError:
                await asyncio.sleep(0.01)


async def test_a_late_reply_through_a_port_that_was_opened_anew() -> None:
    """The adapter was pulled in the middle: what comes behind is not the answer to what is asked then."""
    connections = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        request = await reader.readexactly(8)
        if connections == 1:
            assert request[2:4] == b"\0\1"
            writer.transport.abort()
            return
        writer.write(rtu("01 04 04 DEAD DEAD"))  # that of the first connection
        while True:
            writer.write(rtu("01 04 02 0101") if request[2:4] == b"\0\0" else rtu("01 04 04 0B0B 0C0C"))
            request = await reader.readexactly(8)

    async with line(play) as endpoint, opened(endpoint) as bus:
        with pytest.raises(TransientError):
            await bus.request(1, READ)
        assert await eventually(bus) == bytes.fromhex("0B0B 0C0C")


async def test_a_damaged_echo_does_not_make_the_next_one_a_confirmation() -> None:
    """The adapter eats the first bit: what cannot be told as an echo is none, and yet the adapter makes them."""
    seen = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await reader.readexactly(8)
            seen.append(request[1])
            echo = bytes([request[0] ^ 0x80, *request[1:]]) if len(seen) == 1 else request
            writer.write(echo + (rtu("01 04 04 0001 0002") if request[1] == 4 else b""))

    async with line(play) as endpoint, opened(endpoint) as bus:
        assert await bus.request(1, READ) == bytes.fromhex("0001 0002")
        with pytest.raises(SlaveError):
            await bus.request(1, write_coil(0, COIL_ON))
    assert seen[0] == 4


async def test_a_reflection_does_not_blind_the_line() -> None:
    """One request came back, once: the adapter makes no echo, and the line is understood again."""
    count = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while True:
            request = await reader.readexactly(8)
            count += 1
            reply = {b"\0\0": "01 04 02 0101", b"\0\1": "01 04 04 0A0A 0A0A"}.get(request[2:4], "01 04 04 0B0B 0C0C")
            writer.write((request if count == 2 else b"") + rtu(reply))

    async with line(play) as endpoint, opened(endpoint) as bus:
        assert await bus.request(1, MARKER) == bytes.fromhex("0101")
        assert await bus.request(1, READ) == bytes.fromhex("0A0A 0A0A")
        assert await eventually(bus) == bytes.fromhex("0B0B 0C0C")


async def test_the_late_confirmation_of_a_write_confirms_no_other() -> None:
    """Not once, and not again when more bytes come behind it: the second write was never heard."""
    confirmed = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writes = 0
        while True:
            request = await reader.readexactly(8)
            if request[1] == 4:
                writer.write(rtu("01 04 02 0101"))
                continue
            writes += 1
            if writes == 2:
                writer.write(request)
                await writer.drain()
                await confirmed.wait()
                writer.write(b"\0")

    async with line(play) as endpoint, opened(endpoint) as bus:
        await bus.request(1, MARKER)
        with pytest.raises(SlaveMissed, match="modbus_timeout"):
            await bus.request(1, write_coil(0, COIL_ON))
        asyncio.get_running_loop().call_later(0.1, confirmed.set)
        with pytest.raises(SlaveMissed):
            await bus.request(1, write_coil(0, COIL_ON))


async def test_a_tcp_frame_made_of_two_is_no_reply() -> None:
    """The first reply breaks off behind its head; the next frame would be taken for its end."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readexactly(12)
        writer.write(request[:2] + bytes.fromhex("0000 0007 01 04 04") + bytes.fromhex("7777 0000 0005 02 04 02 BEEF"))
        await reader.read()

    async with line(play) as endpoint, opened(endpoint, tcp=True) as bus:
        with pytest.raises(TransientError, match="bus_down"):
            await bus.request(1, READ)


async def test_half_a_tcp_frame_ends_the_connection() -> None:
    """Whatever came next would be taken for its other half; on a new connection the device is well."""
    connections = 0

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            request = await reader.readexactly(12)
            reply = request[:2] + bytes.fromhex("0000 0007 01 04 04 0B0B 0C0C")
            writer.write(reply[:9] if connections == 1 else reply)

    async with line(play) as endpoint, opened(endpoint, tcp=True) as bus:
        with pytest.raises(TransientError, match="bus_down"):
            await bus.request(1, READ)
        assert await eventually(bus) == bytes.fromhex("0B0B 0C0C")
    assert connections == 2


async def test_a_flood_of_foreign_frames_ends_no_later_than_silence() -> None:
    """Each request has its time, however much comes that is not its reply."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        while True:
            writer.write(bytes.fromhex("7777 0000 0005 01 04 02 BEEF") * 50)
            await writer.drain()

    async with line(play) as endpoint, opened(endpoint, tcp=True) as bus:
        for slave in (1, 2):
            with pytest.raises(TransientError):
                await bus.request(slave, READ)


async def test_pulling_the_plug_under_load_lets_no_wrong_value_pass(sim: StartSim, tmp_path: Path) -> None:
    """Eight devices as fast as the line carries, five times unplugged: each value was on the wire, in its order."""
    port = str(tmp_path / "ttyUSB0")
    members = [option for n in range(1, 9) for option in ("--slave", f"{n}=xy-md02")]
    slaves = await sim("modbus", *members, "--port", port, "--baud", "115200")
    context = MemoryContext("bus")
    bus = new_bus(port, context, 115200)

    async def keep(one: ModbusBus | object) -> None:
        while True:
            try:
                await one.run()  # type: ignore[union-attr]
            except (TransientError, SlaveMissed):
                await asyncio.sleep(0.01)

    devices = {n: device(bus, n, "xy-md02") for n in range(1, 9)}
    tasks = [asyncio.create_task(keep(one)) for one in (bus, *(driver for driver, _ in devices.values()))]
    for _ in range(5):
        marks = {n: len(context.good()) for n, (_, context) in devices.items()}
        for n, (_, device_context) in devices.items():
            await device_context.until(lambda n=n, c=device_context, marks=marks: len(c.good()) >= marks[n] + 3)  # type: ignore[misc]
        await slaves.command("unplug")
        await slaves.command("replug")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for n, (_, device_context) in devices.items():
        sent = iter([e["values"] for e in slaves.log() if e["event"] == "reading" and e["slave"] == n])
        assert all(any(values == one for one in sent) for values in device_context.good())
