"""Our master and our simulated slaves, each against somebody else's Modbus: a shared bug cannot cancel out."""

import asyncio
import os
import re
import select
import threading
import tty
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from typing import Any

import minimalmodbus
import pytest
import serial  # type: ignore[import-untyped]
from modbus_tk import defines, modbus_rtu
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.modbus.pdu import COIL_ON, read, write_coil
from drivers.modbus.slave import Terms
from support.context import running
from support.modbus import PATIENT_S, device, open_bus, raw
from support.sims import StartSim


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    """Two pseudo terminals, what goes into one comes out of the other."""
    ends = [os.openpty() for _ in range(2)]
    for fd in ends[0] + ends[1]:
        tty.setraw(fd)
    ours, theirs = (master for master, _ in ends)
    stop_r, stop_w = os.pipe()

    def carry() -> None:
        while True:
            ready, _, _ = select.select([ours, theirs, stop_r], [], [])
            if stop_r in ready:
                return
            for fd in ready:
                os.write(theirs if fd == ours else ours, os.read(fd, 4096))

    thread = threading.Thread(target=carry)
    thread.start()
    yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    os.write(stop_w, b"x")
    thread.join()
    for fd in (*ends[0], *ends[1], stop_r, stop_w):
        os.close(fd)


@pytest.mark.filterwarnings("ignore:isSet:DeprecationWarning")  # modbus_tk is older than Python 3.10
async def test_our_master_reads_a_modbus_tk_slave(cable: tuple[str, str]) -> None:
    """RTU: the vendor's worked values, from a sensor that modbus_tk plays."""
    server = modbus_rtu.RtuServer(serial.Serial(cable[1], 9600))
    server.start()
    try:
        slave = server.add_slave(1)
        slave.add_block("measured", defines.ANALOG_INPUTS, 1, 2)
        slave.set_values("measured", 1, [0xFF33, 546])
        async with open_bus(cable[0]) as bus:
            driver, context = device(bus, 1, "xy-md02")
            async with running(driver):
                await context.until(lambda: len(context.polls) >= 3)
        assert context.good() == [{"temperature": -205, "humidity": 546}] * len(context.polls)
    finally:
        server.stop()
        server.close()


async def test_our_master_reads_and_writes_a_pymodbus_server() -> None:
    """TCP: registers, bits, a confirmed write and an exception."""
    coils = SimData(0, values=[False] * 16, datatype=DataType.BITS)
    inputs = SimData(0, values=[True, False] * 8, datatype=DataType.BITS)
    words = SimData(0, values=[658, 0xFF9B, 7], datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(1, ([coils], [inputs], [words], [words])), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    try:
        assert isinstance(server.transport, asyncio.Server)
        port = server.transport.sockets[0].getsockname()[1]
        async with open_bus(f"tcp://127.0.0.1:{port}") as bus:
            bus.register(1, Terms("peer", frozenset({(5, 3)}), timeout_s=PATIENT_S))
            assert await bus.request(1, read(3, 0, 2)) == bytes.fromhex("0292 FF9B")
            assert await bus.request(1, read(4, 2, 1)) == bytes.fromhex("0007")
            assert await bus.request(1, read(2, 0, 8)) == b"\x55"
            await bus.request(1, write_coil(3, COIL_ON))
            assert await bus.request(1, read(1, 0, 8)) == b"\x08"
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


async def test_minimalmodbus_reads_our_slaves(sim: StartSim) -> None:
    """RTU: two sensors and a board on one line, by a blocking master of another make."""
    line = await sim("modbus", "--slave", "1=xy-md02", "--slave", "2=renke", "--slave", "3=waveshare-io-8ch")
    await line.command("set", slave=1, temperature=-18.0)
    await line.command("contact", slave=3, di=2, on=True)

    def master() -> list[Any]:
        sensor, other, board = (minimalmodbus.Instrument(line.endpoint, slave) for slave in (1, 2, 3))
        sensor.serial.baudrate = 9600
        sensor.serial.timeout = 2
        board.write_bit(4, 1)
        values = [
            [sensor.read_register(1, functioncode=4, signed=True), sensor.read_register(2, functioncode=4)],
            other.read_registers(0, 2),
            [board.read_bits(0, 8, functioncode=2), board.read_bits(0, 8, functioncode=1)],
        ]
        with pytest.raises(minimalmodbus.IllegalRequestError):
            sensor.read_register(0, functioncode=4)
        sensor.serial.close()
        return values

    first, second, bits = await asyncio.to_thread(master)
    sent = [(entry["slave"], entry["values"]) for entry in line.log() if entry["event"] == "reading"]
    assert sent == [
        (1, {"temperature": first[0]}),
        (1, {"humidity": first[1]}),
        (2, {"humidity": second[0], "temperature": second[1]}),
    ]
    assert bits == [[0, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]]


@pytest.mark.parametrize("tcp", [False, True], ids=["rtu", "tcp"])
async def test_pymodbus_reads_our_slaves(sim: StartSim, tcp: bool) -> None:
    """Both framings, all the reading functions, a write and an exception."""
    wire = ["--tcp", "--listen", "127.0.0.1:0"] if tcp else ["--baud", "0"]
    line = await sim("modbus", "--slave", "1=lift-gbt-1", "--slave", "2=waveshare-io-8ch", *wire)
    await line.command("lift", slave=1, floor=5, display_floor=-1, run_hours=70000, trapped=1)
    client: AsyncModbusTcpClient | AsyncModbusSerialClient
    if tcp:
        host, port = line.endpoint.removeprefix("tcp://").split(":")
        client = AsyncModbusTcpClient(host, port=int(port))
    else:
        client = AsyncModbusSerialClient(line.endpoint, framer=FramerType.RTU, baudrate=9600)
    assert await client.connect()
    try:
        lift = await client.read_input_registers(0, count=23, device_id=1)
        assert lift.registers[5:7] == [5, 0xFFFF]
        assert lift.registers[13:15] == [1, 70000 - 0x10000]
        assert (await client.read_discrete_inputs(0, count=10, device_id=1)).bits[:3] == [False, True, False]
        assert (await client.read_holding_registers(0, count=1, device_id=1)).exception_code == 1
        assert (await client.read_input_registers(22, count=2, device_id=1)).exception_code == 2
        assert not (await client.write_coils(0, [True, False, True], device_id=2)).isError()
        assert (await client.read_coils(0, count=8, device_id=2)).bits[:4] == [True, False, True, False]
        assert (await client.read_holding_registers(0x4000, count=1, device_id=2)).registers == [2]
    finally:
        client.close()


async def mbpoll(endpoint: str, slave: int, what: str, first: int, *more: str) -> tuple[list[str], str]:
    """What libmodbus's master prints of registers counted from 1, and what it complains of."""
    if endpoint.startswith("tcp://"):
        host, _, port = endpoint.removeprefix("tcp://").partition(":")
        way = ["-m", "tcp", "-p", port, host]
    else:
        way = ["-m", "rtu", "-b", "9600", "-P", "none", endpoint]
    arguments = ["-1", "-q", "-o", "5", "-a", str(slave), "-t", what, "-r", str(first), *more, *way]
    process = await asyncio.create_subprocess_exec("mbpoll", *arguments, stdout=PIPE, stderr=PIPE)
    out, err = await process.communicate()
    return re.findall(r"^\[\d+\]: \t(.*)$", out.decode(), re.MULTILINE), err.decode().strip()


@pytest.mark.parametrize("wire", [[], ["--tcp", "--listen", "127.0.0.1:0"]], ids=["rtu", "tcp"])
async def test_mbpoll_reads_our_slaves(sim: StartSim, wire: list[str]) -> None:
    """Input and holding registers, a float, inputs and coils, a refusal, of families that are tables."""
    families = ["mb8art", "danfoss-ekc-202d", "carel-ir33", "sdm120", "lift-ba-vanke"]
    slaves = [text for unit, family in enumerate(families, 1) for text in ("--slave", f"{unit}={family}")]
    line = await sim("modbus", *slaves, *wire)
    for unit, name, to in (
        (1, "ch1", -18.3),
        (1, "ch2", 4.1),
        (2, "air", 4.1),
        (4, "voltage", 230.5),
        (5, "starts", 7e4),
    ):
        await line.command("value", slave=unit, name=name, to=to)
    await line.command("fail", slave=1, name="ch3", how="short")
    await line.command("bit", slave=3, name="door", on=True)
    got = [
        await mbpoll(line.endpoint, 1, "3", 1, "-c", "3"),
        await mbpoll(line.endpoint, 1, "1", 1, "-c", "4"),
        await mbpoll(line.endpoint, 2, "4", 2576),
        await mbpoll(line.endpoint, 3, "1", 44),
        await mbpoll(line.endpoint, 3, "0", 55),
        await mbpoll(line.endpoint, 4, "3:float", 1, "-B"),
        await mbpoll(line.endpoint, 5, "4:int", 0x49 + 1, "-B"),
        await mbpoll(line.endpoint, 2, "4", 2576, "-c", "2"),
    ]
    assert got[:-1] == [
        (["65353 (-183)", "41", "35536 (-30000)"], ""),
        (["1", "1", "0", "1"], ""),
        (["41"], ""),
        (["1"], ""),
        (["1"], ""),
        (["230.5"], ""),
        (["70000"], ""),
    ]
    assert got[-1] == ([], "Read output (holding) register failed: Illegal data address")


async def test_all_relays_toggle_and_modes(sim: StartSim) -> None:
    """The all-relays coil, toggling, and an input that switches its relay where the control mode says so."""
    board = await sim("waveshare-io-8ch", "--baud", "0")
    client = AsyncModbusSerialClient(board.endpoint, framer=FramerType.RTU, baudrate=9600)
    assert await client.connect()
    try:
        assert not (await client.write_coil(0x00FF, True, device_id=1)).isError()
        assert (await client.read_coils(0, count=8, device_id=1)).bits == [True] * 8
        assert not (await client.write_coil(0x00FF, False, device_id=1)).isError()
        assert not (await client.write_register(0x1002, 1, device_id=1)).isError()
        await board.command("contact", di=3, on=True)
        assert (await client.read_coils(0, count=8, device_id=1)).bits == [False, False, True] + [False] * 5
        assert (await client.read_holding_registers(0x1000, count=8, device_id=1)).registers == [0, 0, 1, 0, 0, 0, 0, 0]
    finally:
        client.close()
    assert await raw(board.endpoint, "01 05 00 02 55 00 53 5A", 8) == "01 05 00 02 55 00 53 5A"
    assert [line["on"] for line in board.log() if line["event"] == "output"][-2:] == [True, False]


async def test_no_pair_of_values_returns(sim: StartSim) -> None:
    """1000 replies, 1000 different pairs, also across a new base: a value names its reply."""
    sensor = await sim("xy-md02", "--tcp", "--listen", "127.0.0.1:0", "--baud", "0")
    async with open_bus(sensor.endpoint, 1) as bus:
        first = [await bus.request(1, read(4, 1, 2)) for _ in range(600)]
        await sensor.command("set", temperature=4.1)
        second = [await bus.request(1, read(4, 1, 2)) for _ in range(400)]
    assert len({*first, *second}) == 1000
