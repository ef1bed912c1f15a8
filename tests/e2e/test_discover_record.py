"""From a device's wire into a file, and from the file back onto a wire."""

import asyncio
import json
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from drivers.common.tap import TAPS, Heard, Tap, listen
from drivers.common.transport import open_transport
from drivers.scanner.config import ScannerConfig
from drivers.scanner.driver import ScannerDevice
from gateway import recording
from gateway.alone import alone
from gateway.cli import tree
from gateway.settings.load import load
from model.errors import TransientError
from support.context import MemoryContext, running, until
from support.sims import StartSim
from support.small_gateway import doorpost, gateway, settings, start


def scanner(endpoint: str) -> tuple[str, dict[str, Any]]:
    return "device", {"id": "scan1", "driver": "scanner", "port": endpoint, "protocol": "ssi"}


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@asynccontextmanager
async def scanning(endpoint: str, *codes: bytes) -> AsyncIterator[None]:
    """Our driver has these codes at the end of the block, each acknowledged."""
    context = MemoryContext("scan1")
    config = ScannerConfig.model_validate({**scanner(endpoint)[1], "idle_flush_ms": 3000})
    async with running(ScannerDevice(config, context)):
        yield
        await context.until(lambda: {scan.data for scan in context.observations} == set(codes))


async def test_a_tap_hears_both_ways_and_after_a_reconnect(sim: StartSim) -> None:
    """Those that listen are asked anew for each byte; nobody hears a line that was opened elsewhere."""
    gun = await sim("scanner", "--every", "0")
    taps: list[Tap] = []
    token = TAPS.set(taps)
    heard: list[Heard | None] = []

    async def keep() -> None:
        async for one in listen(taps, None):
            heard.append(one)  # noqa: PERF401  it is looked at meanwhile

    listening = asyncio.create_task(keep())
    await until(lambda: heard)
    for code in ("A1", "B2"):
        line = await open_transport(gun.endpoint)
        await line.write(b"hello")
        await gun.command("scan", text=code)
        assert code.encode() in await line.read(5)
        await line.close()
    TAPS.reset(token)
    line = await open_transport(gun.endpoint)
    await line.write(b"unheard")
    await line.close()
    listening.cancel()
    await asyncio.wait([listening])
    assert taps == []
    said = [(one.to, one.data) for one in heard if one]
    assert [to for to, _ in said] == ["device", "gateway"] * 2
    assert (said[0][1], said[1][1][-3:], said[3][1][-3:]) == (b"hello", b"A1\r", b"B2\r")


async def test_a_recording_with_a_hole_is_none() -> None:
    """A reader that does not keep up is told so, behind all that it can have; nobody waits for it."""
    taps: list[Tap] = []
    listening = listen(taps, None)
    assert await anext(listening) is None
    for _ in range(20_000):
        taps[0]("gateway", b"x")
    count = 0
    with pytest.raises(TransientError, match="recording_behind"):
        async for _ in listening:
            count += 1
    assert 0 < count < 20_000
    assert taps == []


async def test_recorded_from_the_running_gateway_and_played(sim: StartSim, tmp_path: Path) -> None:
    """The gateway keeps its port, its records and its scans; the file makes a device that says the same."""
    gun = await sim("scanner-ssi", "--every", "0")
    file = tmp_path / "scan1.jsonl"
    data = tmp_path / "data"
    async with gateway(settings(tmp_path, scanner(gun.endpoint)), data):
        recording = await start("device", "record", "scan1", file, "--data", data, "--json")
        await until(lambda: file.exists() and lines(file))
        await gun.command("scan", text="6901234567892")
        await gun.command("scan", text="GATE-7")
        await until(lambda: len([line for line in gun.log() if line["event"] == "acked"]) == 2)
        await until(lambda: len(lines(file)) >= 5)
        recording.send_signal(signal.SIGINT)
        out, err = await recording.communicate()
        assert (recording.returncode, err) == (0, b"")
    told = json.loads(out)
    assert (told["sent"], told["personal"]) == (2, True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    header, *said = lines(file)
    assert header["line"]["port"] == gun.endpoint
    assert b"".join(bytes.fromhex(line["hex"]) for line in said if line["to"] == "device").count(b"\x04\xd0") == 2
    again = await sim("replay", str(file))
    async with scanning(again.endpoint, b"6901234567892", b"GATE-7"):
        await until(lambda: [line for line in again.log() if line["event"] == "unknown"])
        await again.command("play")  # the gateway had asked before it was recorded, and now asks again


async def test_recorded_without_a_gateway(sim: StartSim, tmp_path: Path) -> None:
    """The driver runs for that long; what nobody keeps is not acknowledged, so that the scanner says it again."""
    gun = await sim("scanner-ssi", "--every", "0", "--ack-timeout", "0.05")
    config, file = settings(tmp_path, scanner(gun.endpoint)), tmp_path / "scan1.jsonl"
    recording = await start("device", "record", "scan1", file, "--config", config)
    await until(lambda: file.exists() and len(lines(file)) > 1)
    await gun.command("scan", text="KEEP-ME")
    await until(lambda: sum(b"KEEP-ME" in bytes.fromhex(line.get("hex", "")) for line in lines(file)) > 1)
    recording.send_signal(signal.SIGINT)
    out, err = await recording.communicate()
    assert recording.returncode == 0
    assert "it may name persons or goods" in err.decode()
    assert out.decode().startswith(f"{file}: ")
    assert not [line for line in gun.log() if line["event"] == "acked"]
    async with scanning(gun.endpoint, b"KEEP-ME"):
        pass


async def test_a_reader_that_speaks_first(sim: StartSim, tmp_path: Path) -> None:
    """Its recording is that reader for each client. One that was made without its set-up is told to be of less use."""
    reader = await sim("llrp", "--every", "0.05", "--listen", "127.0.0.1:0")
    file, late, data = tmp_path / "dock1.jsonl", tmp_path / "late.jsonl", tmp_path / "data"

    def dock(endpoint: str) -> Path:
        return settings(tmp_path, ("device", {"id": "dock1", "driver": "rfid_llrp", "port": endpoint}))

    recording = await start("device", "record", "dock1", file, "--config", dock(reader.endpoint))
    await until(lambda: file.exists() and len(lines(file)) > 20)
    recording.send_signal(signal.SIGINT)
    _, err = await recording.communicate()
    assert b"--config" not in err
    async with gateway(dock(reader.endpoint), data):
        _, out, err_ = await doorpost("device", "record", "dock1", late, "--data", data, "--seconds", "0.5")
    assert "sent 0" in out
    assert "--config" in err_
    again = await sim("replay", str(file), "--listen", "127.0.0.1:0")
    for _ in range(2):
        async with alone(load(dock(again.endpoint)), "dock1") as (_, watch):
            assert (await anext(watch))["kind"] == "tag"


async def test_a_modbus_device_recorded_is_that_device_again(sim: StartSim, tmp_path: Path) -> None:
    """Its values are those that went over the wire, each in its turn; nothing is asked that was not asked then."""
    bus: dict[str, Any] = {"id": "rs485", "driver": "modbus_rtu"}
    room = {"id": "room1", "driver": "modbus", "bus": "rs485", "slave": 1, "profile": "xy-md02", "every_s": 0.05}
    one = await sim("xy-md02", "--baud", "0")
    file = tmp_path / "room1.jsonl"
    config = settings(tmp_path, ("bus", {**bus, "port": one.endpoint}), ("device", room))
    recording = await start("device", "record", "room1", file, "--config", config)
    await until(lambda: file.exists() and len(lines(file)) > 12)
    recording.send_signal(signal.SIGINT)
    _, err = await recording.communicate()
    assert (recording.returncode, err) == (0, b"")
    values = [tuple(line["values"].values()) for line in one.log() if line["event"] == "reading"]
    values = [both for both in values if len(both) == 2]  # the bus also tries what it would ask after a silence
    again = await sim("replay", str(file))
    config = settings(tmp_path, ("bus", {**bus, "port": again.endpoint}), ("device", room))
    async with alone(load(config), "room1") as (_, watch):
        polls = [await anext(watch) for _ in range(4)]
        await watch.aclose()
    seen = [tuple(round(point["value"] * 10) for point in poll["points"].values()) for poll in polls]
    assert seen == values[: len(seen)]
    assert [line for line in again.log() if line["event"] == "unknown"] == []


async def test_a_port_that_the_gateway_holds(sim: StartSim, tmp_path: Path) -> None:
    """Who holds it stands in the answer, and no file is in the way of the next try."""
    gun = await sim("scanner-ssi", "--every", "0")
    line = await open_transport(gun.endpoint)
    config, file = settings(tmp_path, scanner(gun.endpoint)), tmp_path / "scan1.jsonl"
    args = ["device", "record", "scan1", str(file), "--config", str(config), "--seconds", "0.2", "--json"]
    told = await asyncio.to_thread(CliRunner().invoke, tree("en"), args)
    await line.close()
    said = json.loads(told.stdout)
    assert (told.exit_code, said["file"], said["problem"]["code"]) == (3, None, "port_held")
    assert not file.exists()


def record(tmp_path: Path, *args: str | Path) -> Result:
    config = settings(tmp_path, scanner(str(tmp_path / "no-port")))
    return CliRunner().invoke(tree("en"), ["device", "record", *map(str, args), "--config", str(config)])


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    """And a device that is not there is not taken for well."""
    (tmp_path / "r").write_text("precious")
    told = record(tmp_path, "scan1", tmp_path / "r")
    assert (told.exit_code, (tmp_path / "r").read_text()) == (1, "precious")
    assert "another name" in told.stderr
    told = record(tmp_path, "scan1", tmp_path / "s", "--seconds", "0.1", "--json")
    assert (told.exit_code, json.loads(told.stdout)["received"]) == (3, 0)
    assert json.loads(told.stdout)["problem"]["code"] == "port_absent"
    assert not (tmp_path / "s").exists()
    told = record(tmp_path, "scan1", tmp_path / "s", "--seconds", "0.1")
    assert "no-port is not there" in told.stderr
    told = record(tmp_path, "scan1", tmp_path / "nowhere" / "r")
    assert "its directory is there" in told.stderr
    told = record(tmp_path, "scan2", tmp_path / "t")
    assert (told.exit_code, told.stderr.splitlines()[0]) == (1, "there is no device scan2")
    assert not (tmp_path / "t").exists()


async def test_a_reader_with_contacts_still_tells_who_was_there(sim: StartSim, tmp_path: Path) -> None:
    """Of a device that only measures a recording is no secret; of one that identifies it is."""
    reader = await sim("llrp", "--every", "0")
    file = settings(tmp_path, ("device", {"id": "gate", "driver": "rfid_llrp", "port": reader.endpoint}))
    with file.open("a") as more:
        more.write("inputs = { door = { gpi = 1 } }\n")
    async with alone(load(file), "gate") as (device, _):
        async for header in recording.record(device, 0.01):
            assert header["personal"] is True
            break
