"""A lift is only ever read: whoever tries to write to it, in whatever way, nothing but reads is on its line."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.modbus.library import load_profile
from drivers.modbus.pdu import READS, Request, read, write, write_coil
from drivers.modbus.turns import Priority
from firmware_sim.modbus_link import crc
from gateway.settings.load import load
from gateway.settings.problem import SettingsInvalid
from model.errors import PermanentError
from support.context import running
from support.modbus import device, open_bus
from support.sims import StartSim
from support.small_gateway import doorpost, gateway, settings

LIFTS = ("lift-gbt-1", "lift-ba-vanke")
OTHERS = [function for function in range(256) if function not in READS]
FORMS = (
    "0000 FF00",  # one thing is set
    "0000 0000",  # nothing, and all the same a write
    "0000 0001 01 FF",
    "0000 0001 02 0001",
    "0000 0000 00",
    "FFFF FFFF FF",
)


class Tap:
    """Between master and bus, with all that the master has ever put on the line."""

    def __init__(self) -> None:
        self.endpoint = ""
        self._heard = b""

    def functions(self) -> set[tuple[int, int]]:
        """(address, function) of all requests. Each must be a whole read: eight bytes with their checksum, or of Modbus TCP
        (which a search tries too) twelve.
        """
        found, rest = set(), self._heard
        while rest:
            if not crc(rest[:8]):
                found.add((rest[0], rest[1]))
                rest = rest[8:]
            else:
                assert rest[2:6] == b"\0\0\0\x06", rest[:12].hex(" ")
                found.add((rest[6], rest[7]))
                rest = rest[12:]
        return found

    async def pass_on(self, bus: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = bus.removeprefix("tcp://").rpartition(":")
        from_bus, to_bus = await asyncio.open_connection(host, int(port))

        async def back() -> None:
            while data := await from_bus.read(4096):
                writer.write(data)

        answering = asyncio.create_task(back())
        try:
            while data := await reader.read(4096):
                self._heard += data
                to_bus.write(data)
        except ConnectionError:
            pass
        finally:
            answering.cancel()
            to_bus.close()
            writer.close()


@asynccontextmanager
async def tapped(bus: str) -> AsyncIterator[Tap]:
    tap = Tap()
    passing: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing.add(asyncio.create_task(tap.pass_on(bus, reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    tap.endpoint = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tap
    finally:
        server.close()
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)


async def two_lifts(sim: StartSim) -> str:
    """On one bus, whose bytes take no time."""
    slaves = [part for unit, family in enumerate(LIFTS, 1) for part in ("--slave", f"{unit}={family}")]
    return (await sim("modbus", *slaves, "--baud", "0", "--listen", "127.0.0.1:0")).endpoint


async def test_no_request_but_a_read_reaches_the_line(sim: StartSim) -> None:
    """Every function code that is none of the four reads, in every form, to the lift, to all, to an address of nobody's."""
    endpoint = await two_lifts(sim)
    async with tapped(endpoint) as tap, open_bus(tap.endpoint, rtu=True) as bus:
        for unit, name in enumerate(LIFTS, 1):
            driver, context = device(bus, unit, name)
            async with running(driver):
                await context.until(context.good)
                for pdu in (bytes((function,)) + bytes.fromhex(form) for function in OTHERS for form in FORMS):
                    for address in (unit, 0, 3):
                        with pytest.raises(PermanentError, match="write_forbidden"):
                            await bus.request(address, write(pdu), Priority.WRITE)
                glued = read(4, 0, 1).pdu + struct.pack("<H", crc(b"\x01" + read(4, 0, 1).pdu)) + b"\x01\x05\0\0\xff\0"
                with pytest.raises(PermanentError, match="write_forbidden"):
                    await bus.request(unit, Request(glued, b"\x04\x02", 4))
                for output in ("relay1", "alarm_button", "trapped", ""):
                    with pytest.raises(PermanentError, match="output_unknown"):
                        await driver.switch(output, True)
                    with pytest.raises(PermanentError, match="output_unknown"):
                        await driver.flash(output, 1.0)
                with pytest.raises(PermanentError, match="write_forbidden"):
                    await bus.request(unit, write_coil(0, 0xFF00))
                context.observations.clear()
                await context.until(context.good)
        assert tap.functions() == {(1, 2), (1, 4), (2, 3)}


@pytest.mark.parametrize("name", LIFTS)
def test_settings_give_a_lift_no_output(tmp_path: Path, name: str) -> None:
    """Neither by an output of the site nor by a profile of one's own; nor is its address given to another device too."""
    assert load_profile(name).allowed_writes == frozenset()
    bus = ("bus", {"id": "rs485", "driver": "modbus_rtu", "port": "tcp://127.0.0.1:1"})
    lift = {"id": "lift1", "driver": "modbus", "bus": "rs485", "slave": 1, "profile": name}
    board = {"id": "board", "driver": "modbus", "bus": "rs485", "slave": 1, "profile": "waveshare-io-8ch"}
    output = {"id": "siren", "device": "lift1", "output": "trapped", "mode": "hold", "on": ["siren"]}
    assert refused(settings(tmp_path, bus, ("device", lift), ("output", output))) == ["device_has_no_outputs"]
    assert refused(settings(tmp_path, bus, ("device", lift), ("device", board))) == ["slave_twice"]
    own = Path("config/profiles", f"{name}.toml").read_text().replace(f'name = "{name}"', 'name = "own"', 1)
    relay = '[[point]]\nname = "stop"\nfunction = 1\naddress = 900\n[[output]]\nname = "stop"\ncoil = 900\n'
    (tmp_path / "own.toml").write_text(own + relay)
    output["output"] = "stop"
    file = settings(tmp_path, bus, ("device", {**lift, "profile": "own.toml"}), ("output", output))
    assert refused(file) == ["profile_bad"]


def refused(file: Path) -> list[str]:
    with pytest.raises(SettingsInvalid) as told:
        load(file)
    return [problem.error.code for problem in told.value.problems]


async def test_no_command_writes_to_a_lift(sim: StartSim, tmp_path: Path) -> None:
    """Those that ask a device something, while the gateway runs and without it."""
    endpoint = await two_lifts(sim)
    async with tapped(endpoint) as tap:
        bus = ("bus", {"id": "rs485", "driver": "modbus_rtu", "port": tap.endpoint})
        lifts = [
            ("device", {"id": f"lift{unit}", "driver": "modbus", "bus": "rs485", "slave": unit, "profile": name})
            for unit, name in enumerate(LIFTS, 1)
        ]
        config, data = settings(tmp_path, bus, *lifts), tmp_path / "data"
        async with gateway(config, data):
            tag = doorpost("tag", "write", "lift1", "user", "1234", "--pointer", "0", "--yes", "--data", data)
            test = doorpost("device", "test", "lift2", "--data", data)
            (code, _, err), (tested, told, _) = await asyncio.gather(tag, test)
            assert (code, "cannot read or write the memory of tags" in err) == (1, True)
            assert tested == 0, told
        found, out, _ = await doorpost("discover", "modbus", tap.endpoint, "--addresses", "1-1", "--json")
        assert (found, "lift-gbt-1" in out) == (0, True)
        assert {function for _, function in tap.functions()} <= READS
        assert {address for address, _ in tap.functions()} >= {1, 2}
