"""A slave in C that nobody here wrote: libmodbus on a serial line, made by socat, and over TCP."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.libmodbus import free_port, program
from drivers.modbus.pdu import COIL_ON, SlaveRefused, read, write_coil
from drivers.modbus.slave import Terms
from model.ports import Health
from support.context import MemoryContext, running
from support.modbus import PATIENT_S, eventually, new_bus

REGISTERS = [1000 + n for n in range(10)]
EVEN = int("01010101", 2).to_bytes()


@asynccontextmanager
async def slave(tmp_path: Path, wire: str) -> AsyncIterator[str]:
    """Where it is reached."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    started = []
    try:
        if wire == "tcp":
            port = free_port()
            endpoint, where = f"tcp://127.0.0.1:{port}", ["tcp", str(port), "7"]
        else:
            line = ["socat", f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={theirs}"]
            started.append(subprocess.Popen(line))  # noqa: ASYNC220 (it returns at once)
            await eventually(lambda: ours.exists() and theirs.exists())
            endpoint, where = str(ours), ["rtu", str(theirs), "19200", "7"]
        peer = subprocess.Popen([program(), "slave", *where], stdout=subprocess.PIPE)  # noqa: ASYNC220
        started.append(peer)
        assert peer.stdout
        assert await asyncio.to_thread(peer.stdout.readline) == b"ready\n"
        yield endpoint
    finally:
        for process in reversed(started):
            process.kill()
            process.communicate()


@pytest.mark.parametrize("wire", ["rtu", "tcp"])
async def test_our_master_reads_libmodbus(tmp_path: Path, wire: str) -> None:
    """All the reading functions, an allowed write that is read back, and an exception."""
    async with slave(tmp_path, wire) as endpoint:
        context = MemoryContext("bus")
        bus = new_bus(endpoint, context, 19200)
        bus.register(7, Terms("peer", frozenset({(5, 3)}), timeout_s=PATIENT_S))
        async with running(bus):
            await context.until(lambda: context.healths == [(Health.ONLINE, None)])
            for function in (3, 4):
                data = await bus.request(7, read(function, 0, 10))
                assert [int.from_bytes(data[i : i + 2]) for i in range(0, 20, 2)] == REGISTERS
            for function in (1, 2):
                assert await bus.request(7, read(function, 0, 8)) == EVEN
            await bus.request(7, write_coil(3, COIL_ON))
            assert await bus.request(7, read(1, 0, 8)) == bytes([EVEN[0] | 0x08])
            with pytest.raises(SlaveRefused, match="modbus_exception_address"):
                await bus.request(7, read(3, 95, 10))
            assert await bus.request(7, read(3, 90, 1)) == (1090).to_bytes(2)
