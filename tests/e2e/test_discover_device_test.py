"""`doorpost device test`: where it ends between port and values, with the gateway and without it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.sims import StartSim
from support.small_gateway import doorpost, gateway, settings, start


def bus(endpoint: str, driver: str = "modbus_rtu") -> tuple[str, dict[str, Any]]:
    return "bus", {"id": "rs485", "driver": driver, "port": endpoint}


def probe(profile: str = "xy-md02", slave: int = 1) -> tuple[str, dict[str, Any]]:
    return "device", {"id": "room1", "driver": "modbus", "bus": "rs485", "slave": slave, "profile": profile}


async def alone(config: Path, device: str = "room1") -> tuple[int | None, list[dict[str, Any]]]:
    code, out, err = await doorpost("device", "test", device, "--config", config, "--json")
    assert err == ""
    return code, [json.loads(line) for line in out.splitlines()]


def ends(steps: list[dict[str, Any]]) -> list[tuple[str, bool | None]]:
    return [(step["step"], step["ok"]) for step in steps]


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_device_that_is_well(sim: StartSim, tmp_path: Path, tcp: bool) -> None:
    """Each step, with what was found, up to the values."""
    where = ("--listen", "127.0.0.1:0", "--tcp") if tcp else ("--port", str(tmp_path / "rs485"))
    one = await sim("xy-md02", "--baud", "0", *where)
    config = settings(tmp_path, bus(one.endpoint, "modbus_tcp" if tcp else "modbus_rtu"), probe())
    code, steps = await alone(config)
    port = [] if tcp else [("port", True)]
    assert (code, ends(steps)) == (0, [*port, ("open", True), ("answer", True), ("device", None), ("values", True)])
    assert steps[-1]["observation"]["points"]["temperature"]["quality"] == "good"


async def test_asked_through_the_running_gateway(sim: StartSim, tmp_path: Path) -> None:
    """It owns the port; the answer comes from the running bus. Without it, --config finds the port taken, and by whom."""
    one = await sim("xy-md02", "--baud", "0", "--port", str(tmp_path / "rs485"))
    config, data = settings(tmp_path, bus(one.endpoint), probe()), tmp_path / "data"
    async with gateway(config, data):
        code, out, err = await doorpost("device", "test", "room1", "--data", data)
        assert (code, err) == (0, "")
        said = out.splitlines()
        assert said[0] == f"✓ {one.endpoint} is there."
        assert said[1] == "✓ It can be opened: 9600 8N1."
        assert said[2].startswith("✓ The device answers, after ")
        assert said[-1].startswith("✓ temperature ")
        code, steps = await alone(config)
        assert (code, ends(steps)) == (3, [("port", True), ("open", False)])
        assert steps[-1]["problem"]["code"] == "port_held"
        assert f"({os.getpid()})" not in steps[-1]["problem"]["params"]["holder"]
        assert (await doorpost("device", "test", "room9", "--data", data))[0] == 1


async def test_where_it_ends(sim: StartSim, tmp_path: Path) -> None:
    """No port; nobody at that address; another device: each says what to do."""
    code, steps = await alone(settings(tmp_path, bus(str(tmp_path / "no-port")), probe()))
    assert (code, ends(steps)) == (3, [("port", False)])
    one = await sim("xy-md02", "--baud", "0", "--port", str(tmp_path / "rs485"))
    code, steps = await alone(settings(tmp_path, bus(one.endpoint), probe(slave=9)))
    assert (code, ends(steps)) == (3, [("port", True), ("open", True), ("answer", False)])
    assert steps[-1]["problem"]["code"] == "modbus_timeout"
    code, steps = await alone(settings(tmp_path, bus(one.endpoint), probe("waveshare-io-8ch")))
    assert (code, ends(steps)[-1]) == (1, ("device", False))
    assert steps[-1]["problem"]["code"].startswith("modbus_exception")


async def test_a_broken_probe(sim: StartSim, tmp_path: Path) -> None:
    """The device answers, its value is none: exit code 1."""
    one = await sim("xy-md02", "--baud", "0", "--port", str(tmp_path / "rs485"))
    await one.command("fault", kind="sentinel")
    code, out, _ = await doorpost("device", "test", "room1", "--config", settings(tmp_path, bus(one.endpoint), probe()))
    assert code == 1
    assert out.splitlines()[-1].startswith("✗ temperature sensor fault")


async def test_a_scanner_is_listened_to(sim: StartSim, tmp_path: Path) -> None:
    """It cannot be asked anything: a person shall scan."""
    gun = await sim("scanner", "--every", "0")
    config = settings(tmp_path, ("device", {"id": "scan1", "driver": "scanner", "port": gun.endpoint}))
    testing = await start("device", "test", "scan1", "--config", config)
    assert testing.stdout
    said = [(await testing.stdout.readline()).decode() for _ in range(4)]
    assert said[-1].startswith("– Listening for 10 s")
    await gun.command("scan", text="6901234567892", symbology="]E0")
    out, err = await testing.communicate()
    assert (testing.returncode, out.decode(), err) == (0, "✓ 6901234567892  ]E0\n", b"")
