"""What other masters were seen to let through, each against a simulated slave on a real pty: no wrong value passes."""

import asyncio
import struct

import pytest

from drivers.modbus.bus import ModbusBus
from drivers.modbus.library import load_profile
from drivers.modbus.pdu import COIL_ON, SlaveError, read, write_coil
from drivers.modbus.slave import Terms
from support.modbus import IMPATIENT_S, LATE_S, eventually, open_bus
from support.sims import Sim, StartSim

MARKER = read(4, 0, 2)
"""Of two registers: no test asks for as many."""
REGISTERS = {"service_mode": 1, "car_status": 2, "direction": 3, "door_zone": 4, "floor": 5, "display_floor": 6}


async def lift(sim: StartSim, *options: str) -> Sim:
    """A lift whose registers 1 to 6 hold 101 to 106, so that each value names its register."""
    one = await sim("modbus", "--slave", "1=lift-gbt-1", "--slave", "2=lift-gbt-1", *options)
    for slave in (1, 2):
        await one.command("lift", slave=slave, **{name: 100 + place for name, place in REGISTERS.items()})
    return one


async def register(bus: ModbusBus, place: int, slave: int = 1) -> int:
    (value,) = struct.unpack(">H", await bus.request(slave, read(4, place, 1)))
    return int(value)


async def refused(bus: ModbusBus, place: int, slave: int = 1) -> str:
    with pytest.raises(SlaveError) as caught:
        await register(bus, place, slave)
    return caught.value.code


async def tried(bus: ModbusBus, place: int) -> int | None:
    try:
        return await register(bus, place)
    except SlaveError:
        return None


@pytest.fixture(params=["rtu", "tcp"])
def wire(request: pytest.FixtureRequest) -> list[str]:
    return [] if request.param == "rtu" else ["--tcp", "--listen", "127.0.0.1:0"]


async def test_a_late_reply_is_nobodys_reply(sim: StartSim, wire: list[str]) -> None:
    """Hazard 1: the value of the register asked before came as the value of the next one."""
    slave = await lift(sim, *wire)
    await slave.command("fault", slave=1, kind="late", count=1, seconds=LATE_S)
    async with open_bus(slave.endpoint, 1, timeout_s=IMPATIENT_S, marker=MARKER) as bus:
        assert await refused(bus, 1) == "modbus_timeout"
        assert [await register(bus, place) for place in (2, 3, 1)] == [102, 103, 101]


async def test_a_slave_that_is_always_late_gives_no_value(sim: StartSim, wire: list[str]) -> None:
    """Hazard 2: the stream slipped for good; here nothing passes, and the slave is right again when it is quick again."""
    slave = await lift(sim, *wire)
    await slave.command("fault", slave=1, kind="late", seconds=LATE_S)
    async with open_bus(slave.endpoint, 1, timeout_s=IMPATIENT_S, marker=MARKER) as bus:
        assert [await refused(bus, place) for place in (1, 2)] == ["modbus_timeout"] * 2
        await slave.command("clear")
        assert [await register(bus, place) for place in (4, 5, 6)] == [104, 105, 106]


async def test_a_late_slave_does_not_hold_up_the_others(sim: StartSim, wire: list[str]) -> None:
    """While one slave's late reply is awaited, another on the line is asked and answers; the late frame is dropped."""
    slave = await lift(sim, *wire)
    await slave.command("fault", slave=1, kind="late", seconds=LATE_S)
    async with open_bus(slave.endpoint, 1, 2, timeout_s=IMPATIENT_S, marker=MARKER) as bus:
        late = asyncio.create_task(refused(bus, 1))
        values = [await register(bus, 1 + n % 6, slave=2) for n in range(18)]
        assert values == [101 + n % 6 for n in range(18)]
        assert await late == "modbus_timeout"


async def test_however_late_a_reply_is_nobodys(sim: StartSim) -> None:
    """Later than any wait: the reply to register 1 comes while register 2 is asked, and is not taken for it."""
    slave = await lift(sim)
    async with open_bus(slave.endpoint, 1, timeout_s=IMPATIENT_S, marker=MARKER) as bus:
        for late_s in (2.4, 3.4):  # in the middle of the marker's wait, and behind it
            await slave.command("fault", slave=1, kind="late", count=1, seconds=late_s)
            assert await refused(bus, 1) == "modbus_timeout"
            values = [value for place in (2, 3, 4) if (value := await tried(bus, place)) is not None]
            assert values
            assert values == [102, 103, 104][-len(values) :]


async def test_what_was_given_up_in_the_middle_is_nobodys_reply(sim: StartSim) -> None:
    """Whoever asked has gone away; the answer comes all the same, and is not the next one's."""
    slave = await lift(sim)
    async with open_bus(slave.endpoint, 1, marker=MARKER) as bus:
        await slave.command("fault", slave=1, kind="late", count=1, seconds=LATE_S)
        asking = asyncio.create_task(register(bus, 1))
        await eventually(lambda: any(line["event"] == "fault" for line in slave.log()))
        asking.cancel()
        assert [await register(bus, place) for place in (2, 3)] == [102, 103]


async def test_a_slow_slave_is_learnt(sim: StartSim) -> None:
    """With no time given: what comes late shows how long it takes, and then it is waited for."""
    slave = await lift(sim)
    await slave.command("fault", slave=1, kind="late", seconds=0.5)
    async with open_bus(slave.endpoint, 1, timeout_s=None, marker=MARKER) as bus:
        assert await refused(bus, 1) == "modbus_timeout"
        assert [await register(bus, place) for place in (2, 3, 1)] == [102, 103, 101]


async def test_a_slave_without_a_marker_is_left_alone_until_nothing_can_come(sim: StartSim) -> None:
    """Nothing tells its replies apart: it is asked again when the late one must be gone."""
    slave = await lift(sim)
    await slave.command("fault", slave=1, kind="late", count=1, seconds=1.5)
    async with open_bus(slave.endpoint, 1, 2, timeout_s=IMPATIENT_S) as bus:
        assert await refused(bus, 1) == "modbus_timeout"
        assert await register(bus, 2) == 102


@pytest.mark.parametrize("kind", ["short", "wrong_function"])
async def test_a_sound_frame_with_another_content_is_no_reply(sim: StartSim, wire: list[str], kind: str) -> None:
    """Hazards 3 and 4: fewer registers than asked for, another function code; the frame itself is in order."""
    slave = await lift(sim, *wire)
    async with open_bus(slave.endpoint, 1, timeout_s=IMPATIENT_S, marker=MARKER) as bus:
        await slave.command("fault", slave=1, kind=kind, count=1)
        with pytest.raises(SlaveError, match="modbus_bad_reply"):
            await bus.request(1, read(4, 1, 4))
        assert await register(bus, 5) == 105


async def test_a_byte_of_noise_hides_nothing(sim: StartSim) -> None:
    """Hazard 5: a leading 00 made others drop the reply that followed."""
    slave = await lift(sim)
    await slave.command("fault", slave=1, kind="noise")
    async with open_bus(slave.endpoint, 1) as bus:
        assert [await register(bus, place) for place in range(1, 7)] == list(range(101, 107))


async def test_a_damaged_reply_is_no_reply(sim: StartSim) -> None:
    """Hazard 5: a wrong CRC is an error of that one request; the next is right."""
    slave = await lift(sim)
    await slave.command("fault", slave=1, kind="crc", count=1)
    async with open_bus(slave.endpoint, 1, timeout_s=IMPATIENT_S, marker=MARKER) as bus:
        assert await refused(bus, 1) == "modbus_bad_reply"
        assert await register(bus, 2) == 102


async def test_an_adapter_that_echoes_is_understood(sim: StartSim) -> None:
    """Hazard 6: our own bytes come back before the reply; reads are right with nothing to set."""
    slave = await lift(sim, "--echo")
    async with open_bus(slave.endpoint, 1) as bus:
        assert [await register(bus, place) for place in range(1, 7)] == list(range(101, 107))


async def test_our_own_echo_confirms_no_write(sim: StartSim) -> None:
    """Hazard 6: the reply to a write looks like the write. Only the device's own copy of it counts."""
    board = await sim("waveshare-io-8ch", "--echo")
    async with open_bus(board.endpoint) as bus:
        bus.register(1, Terms("io1", load_profile("waveshare-io-8ch").allowed_writes, timeout_s=IMPATIENT_S))
        with pytest.raises(SlaveError, match="modbus_line_unproven"):
            await bus.request(1, write_coil(0, COIL_ON))
        await bus.request(1, read(1, 0, 8))
        await bus.request(1, write_coil(0, COIL_ON))
        await board.command("fault", kind="silent", count=1)
        with pytest.raises(SlaveError, match="modbus_timeout"):
            await bus.request(1, write_coil(1, COIL_ON))
    assert [line["output"] for line in board.log() if line["event"] == "output"] == ["relay1", "relay2"]


async def test_silence_between_frames(sim: StartSim) -> None:
    """Hazard 7: a slave that ignores requests without 3.5 characters of silence before them misses none of ours."""
    slave = await lift(sim, "--strict", "--baud", "2400")
    async with open_bus(slave.endpoint, 1, baudrate=2400) as bus:
        assert [await register(bus, 1 + n % 6) for n in range(12)] == [101 + n % 6 for n in range(12)]
    assert not [line for line in slave.log() if line["event"] == "fault"]


async def test_a_slave_that_is_not_there(sim: StartSim, wire: list[str]) -> None:
    """Silence on the serial line; a TCP gateway says so in its slave's place."""
    slave = await lift(sim, *wire)
    async with open_bus(slave.endpoint, 1, 3, timeout_s=IMPATIENT_S, marker=MARKER) as bus:
        assert await refused(bus, 1, slave=3) == ("modbus_exception_target" if wire else "modbus_timeout")
        assert await register(bus, 1) == 101


async def test_exceptions_are_errors(sim: StartSim, wire: list[str]) -> None:
    """A register that is not there, a device that reports a failure."""
    slave = await lift(sim, *wire)
    async with open_bus(slave.endpoint, 1) as bus:
        assert await refused(bus, 23) == "modbus_exception_address"
        await slave.command("fault", slave=1, kind="exception", count=1)
        assert await refused(bus, 1) == "modbus_exception_failure"
        assert await register(bus, 1) == 101
