"""The owner of a port: who goes first, what may be written, and what happens when the port goes."""

import asyncio
from pathlib import Path

import pytest

from drivers.modbus import pdu
from drivers.modbus.bus import ModbusBus
from drivers.modbus.library import load_profile
from drivers.modbus.pdu import COIL_OFF, COIL_ON, Request, SlaveMissed, read, write_coil
from drivers.modbus.slave import Terms
from drivers.modbus.turns import Priority
from model.errors import PermanentError, TransientError
from model.ports import Health
from support.context import MemoryContext
from support.modbus import PATIENT_S, new_bus, open_bus
from support.sims import StartSim

WRITES = [
    write_coil(0, COIL_ON),
    write_coil(0x0200, 7),
    pdu.write(bytes.fromhex("06 0000 0001")),
    pdu.write(bytes.fromhex("0F 0000 0008 01 FF")),
    pdu.write(bytes.fromhex("10 0000 0002 04 0001 0002")),
    Request(bytes.fromhex("17 0000 0001 0000 0001 02 0001"), b"\x17\x02", 4),  # reads, but writes too
]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"FC{write.function:02d}")
async def test_a_lift_is_never_written(sim: StartSim, write: Request) -> None:
    """Whatever is asked, in whatever hurry: the master refuses, and goes on reading."""
    lift = await sim("lift-gbt-1")
    async with open_bus(lift.endpoint) as bus:
        bus.register(1, Terms("lift", load_profile("lift-gbt-1").allowed_writes, timeout_s=PATIENT_S))
        for slave in (1, 0, 2):  # its address, the broadcast, an address that nobody has registered
            with pytest.raises(PermanentError, match="write_forbidden"):
                await bus.request(slave, write, Priority.WRITE)
        assert await bus.request(1, read(4, 0, 1)) == bytes.fromhex("0101")


@pytest.mark.parametrize(
    "write",
    [
        write_coil(0x00FF, COIL_ON),
        write_coil(8, COIL_ON),
        pdu.write(bytes.fromhex("0F 0000 0008 01 FF")),
        pdu.write(bytes.fromhex("06 1000 0001")),
        pdu.write(bytes.fromhex("06 4000 0002")),
    ],
    ids=lambda write: write.pdu.hex(),
)
async def test_a_board_is_written_only_where_its_profile_has_outputs(write: Request) -> None:
    """Coil and flash address of each relay, nothing else: not its address, not its control mode."""
    bus = new_bus("/dev/null", MemoryContext("bus"))
    bus.register(1, Terms("io1", load_profile("waveshare-io-8ch").allowed_writes, timeout_s=PATIENT_S))
    with pytest.raises(PermanentError, match="write_forbidden"):
        await bus.request(1, write, Priority.WRITE)


async def test_a_slave_belongs_to_one_device() -> None:
    """The second device at an address is refused; the first may come again, with nothing more than it had."""
    bus = new_bus("/dev/null", MemoryContext("bus"))
    bus.register(3, Terms("lift"))
    bus.register(3, Terms("lift"))
    for device, writes in (("io1", frozenset[tuple[int, int]]()), ("lift", frozenset({(5, 0)}))):
        with pytest.raises(PermanentError, match="modbus_slave_taken"):
            bus.register(3, Terms(device, writes))


async def test_writes_and_urgent_polls_go_first(sim: StartSim) -> None:
    """All asked at the same moment: only the one already on the line is not overtaken."""
    board = await sim("waveshare-io-8ch")
    order: list[str] = []

    async def ask(bus: ModbusBus, name: str, request: Request, priority: Priority) -> None:
        await bus.request(1, request, priority)
        order.append(name)

    async with open_bus(board.endpoint) as bus:
        bus.register(1, Terms("io1", load_profile("waveshare-io-8ch").allowed_writes, timeout_s=PATIENT_S))
        await bus.request(1, read(1, 0, 8))
        first = asyncio.create_task(ask(bus, "slow", read(1, 0, 8), Priority.NORMAL))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.gather(
            first,
            ask(bus, "slow", read(1, 0, 8), Priority.NORMAL),
            ask(bus, "urgent", read(2, 0, 8), Priority.URGENT),
            ask(bus, "write", write_coil(0, COIL_OFF), Priority.WRITE),
        )
    assert order == ["slow", "write", "urgent", "slow"]


async def test_nobody_waits_for_a_bus_that_is_not_there(tmp_path: Path) -> None:
    """An absent port is an error of the bus; who asks meanwhile is told at once."""
    bus = new_bus(str(tmp_path / "ttyUSB0"), MemoryContext("bus"))
    bus.register(1, Terms("d1"))
    with pytest.raises(TransientError, match="port_absent"):
        await bus.run()
    with pytest.raises(TransientError, match="bus_down"):
        await bus.request(1, read(4, 0, 1))


async def test_pulling_the_plug_fails_who_waits_and_plugging_in_heals(sim: StartSim, tmp_path: Path) -> None:
    """In mid-request: the bus ends with an error, each asker gets `bus_down`, and the next run of the bus works."""
    port = str(tmp_path / "ttyUSB0")
    lift = await sim("lift-gbt-1", "--port", port)
    context = MemoryContext("bus")
    bus = new_bus(port, context)
    bus.register(1, Terms("lift", timeout_s=5.0))
    run = asyncio.create_task(bus.run())
    await context.until(lambda: context.healths == [(Health.ONLINE, None)])
    await lift.command("fault", kind="silent", count=1)
    waiting = asyncio.gather(*(bus.request(1, read(4, i, 1)) for i in range(3)), return_exceptions=True)
    await asyncio.sleep(0)
    await lift.command("unplug")
    assert [str(answer) for answer in await waiting] == ["bus_down bus=bus"] * 3
    with pytest.raises(TransientError, match="port_gone"):
        await run
    with pytest.raises(TransientError, match="port_absent"):
        await bus.run()
    await lift.command("clear")
    await lift.command("replug")
    run = asyncio.create_task(bus.run())
    await asyncio.sleep(0)
    while True:
        try:
            assert await bus.request(1, read(4, 0, 1)) == bytes.fromhex("0101")
            break
        except TransientError:
            await asyncio.sleep(0.01)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_who_has_gone_away_is_not_served(sim: StartSim) -> None:
    """A request whose asker was cancelled while it waited never goes out on the line."""
    board = await sim("waveshare-io-8ch")
    async with open_bus(board.endpoint) as bus:
        bus.register(1, Terms("io1", load_profile("waveshare-io-8ch").allowed_writes, timeout_s=PATIENT_S))
        await bus.request(1, read(1, 0, 8))
        read_task = asyncio.create_task(bus.request(1, read(1, 0, 8)))
        await asyncio.sleep(0)
        write_task = asyncio.create_task(bus.request(1, write_coil(0, COIL_ON), Priority.NORMAL))
        await asyncio.sleep(0)
        write_task.cancel()
        await read_task
        assert await bus.request(1, read(1, 0, 8)) == b"\x00"
    assert [line for line in board.log() if line["event"] == "output"] == []


async def test_a_server_that_does_not_speak_modbus_tcp() -> None:
    """The connection is given up: where a frame begins can no longer be known."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        context = MemoryContext("bus")
        bus = new_bus(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", context)
        bus.register(1, Terms("d1"))
        run = asyncio.create_task(bus.run())
        await context.until(lambda: context.healths == [(Health.ONLINE, None)])
        with pytest.raises(TransientError, match="bus_down"):
            await bus.request(1, read(4, 0, 1))
        with pytest.raises(TransientError, match="modbus_not_tcp"):
            await run


async def test_a_server_that_answers_to_another_transaction() -> None:
    """Its frames are sound, but whose they are cannot be known: no value, and what came is told."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            writer.write(bytes.fromhex("7777 0000 0005 01 04 02 0101"))
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_bus(f"tcp://127.0.0.1:{port}", 1, timeout_s=0.2) as bus:
            with pytest.raises(SlaveMissed, match=r"modbus_bad_reply .*got=7777 01 04 02 01 01"):
                await bus.request(1, read(4, 0, 1))
