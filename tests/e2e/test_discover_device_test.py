"""`doorpost device test`: where it ends between port and values, with the gateway and without it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.alone import alone
from gateway.cli import tree
from gateway.examine import Step, examine
from gateway.settings.load import load
from gateway.status import Problem
from support.camera import qr
from support.sims import StartSim
from support.small_gateway import doorpost, gateway, settings, start


def bus(endpoint: str, driver: str = "modbus_rtu") -> tuple[str, dict[str, Any]]:
    return "bus", {"id": "rs485", "driver": driver, "port": endpoint}


def probe(profile: str = "xy-md02", slave: int = 1) -> tuple[str, dict[str, Any]]:
    return "device", {"id": "room1", "driver": "modbus", "bus": "rs485", "slave": slave, "profile": profile}


async def steps_of(config: Path, device: str = "room1") -> list[Step]:
    """Without a gateway."""
    async with alone(load(config), device) as (supervised, watch):
        return [step async for step in examine(supervised, watch)]


def ends(steps: list[Step]) -> list[tuple[str, bool | None]]:
    return [(step.step, step.ok) for step in steps]


def problem(steps: list[Step]) -> Problem:
    last = steps[-1].problem
    assert last
    return last


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_device_that_is_well(sim: StartSim, tmp_path: Path, tcp: bool) -> None:
    """Each step, with what was found, up to the values."""
    where = ("--listen", "127.0.0.1:0", "--tcp") if tcp else ("--port", str(tmp_path / "rs485"))
    one = await sim("xy-md02", "--baud", "0", *where)
    config = settings(tmp_path, bus(one.endpoint, "modbus_tcp" if tcp else "modbus_rtu"), probe())
    steps = await steps_of(config)
    port = [] if tcp else [("port", True)]
    assert ends(steps) == [*port, ("open", True), ("answer", True), ("device", None), ("values", True)]
    said = steps[-1].observation
    assert said
    assert said["points"]["temperature"]["quality"] == "good"


async def test_asked_through_the_running_gateway(sim: StartSim, tmp_path: Path) -> None:
    """It owns the port; the answer comes from the running bus. Without it, --config finds the port taken, and by whom."""
    one = await sim("xy-md02", "--baud", "0", "--port", str(tmp_path / "rs485"))
    config, data = settings(tmp_path, bus(one.endpoint), probe()), tmp_path / "data"
    async with gateway(config, data) as daemon:
        code, out, err = await doorpost("device", "test", "room1", "--data", data)
        assert (code, err) == (0, "")
        said = out.splitlines()
        assert said[0] == f"✓ {one.endpoint} is there."
        assert said[1] == "✓ It can be opened: 9600 8N1."
        assert said[2].startswith("✓ The device answers, after ")
        assert said[-1].startswith("✓ temperature ")
        steps = await steps_of(config)
        assert ends(steps) == [("port", True), ("open", False)]
        assert problem(steps).code == "port_held"
        assert f"({daemon})" in problem(steps).params["holder"]
        assert (await doorpost("device", "test", "room9", "--data", data))[0] == 1


def test_exit_codes_and_words(tmp_path: Path) -> None:
    """3 where there is nobody to ask; each step in words, or as a document."""
    config = settings(tmp_path, bus(str(tmp_path / "no-port")), probe())
    told = CliRunner().invoke(tree("en"), ["device", "test", "room1", "--config", str(config)])
    assert told.exit_code == 3
    assert told.stdout.startswith(f"✗ {tmp_path / 'no-port'} is not there\n    → Plug the adapter in")
    told = CliRunner().invoke(tree("en"), ["device", "test", "room1", "--config", str(config), "--json"])
    assert json.loads(told.stdout)["step"] == "port"


async def test_where_it_ends(sim: StartSim, tmp_path: Path) -> None:
    """No port; nobody at that address; another device: each says what to do."""
    assert ends(await steps_of(settings(tmp_path, bus(str(tmp_path / "no-port")), probe()))) == [("port", False)]
    one = await sim("xy-md02", "--baud", "0", "--port", str(tmp_path / "rs485"))
    steps = await steps_of(settings(tmp_path, bus(one.endpoint), probe(slave=9)))
    assert ends(steps) == [("port", True), ("open", True), ("answer", False)]
    assert problem(steps).code == "modbus_timeout"
    steps = await steps_of(settings(tmp_path, bus(one.endpoint), probe("waveshare-io-8ch")))
    assert ends(steps)[-1] == ("device", False)
    assert problem(steps).code.startswith("modbus_exception")


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


@pytest.mark.parametrize(
    ("kind", "driver", "words"),
    [
        ("scanner", "scanner", ("scan a code", "doorpost scan dev1")),
        ("id12la", "card_em4100", ("hold a card", "antenna")),
    ],
)
async def test_a_silent_device_is_not_judged(
    sim: StartSim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, driver: str, words: tuple[str, str]
) -> None:
    """A person is told what to show to it, and what it does not prove that nothing came."""
    monkeypatch.setattr("gateway.examine.LISTEN_S", 0.05)
    one = await sim(kind, "--every", "0")
    config = settings(tmp_path, ("device", {"id": "dev1", "driver": driver, "port": one.endpoint}))
    told = await asyncio.to_thread(CliRunner().invoke, tree("en"), ["device", "test", "dev1", "--config", str(config)])
    *_, invited, end = told.stdout.splitlines()
    assert told.exit_code == 0
    assert words[0] in invited
    assert "proves nothing" in end
    assert words[1] in end


async def test_a_camera_that_sees_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked to scan or to hold a tag."""
    monkeypatch.setattr("gateway.examine.LISTEN_S", 0.05)
    qr(tmp_path / "qr.png", "of no format that is looked for")
    camera = {"id": "dev1", "driver": "camera", "source": str(tmp_path / "qr.png"), "formats": ["Code128"]}
    config = settings(tmp_path, ("device", camera))
    told = await asyncio.to_thread(CliRunner().invoke, tree("en"), ["device", "test", "dev1", "--config", str(config)])
    assert "show a code to the camera" in told.stdout
    assert "light, sharpness" in told.stdout


async def test_a_camera_with_a_code_in_view(tmp_path: Path) -> None:
    """What it says by itself of its pictures is not what it is listened to for."""
    qr(tmp_path / "qr.png", "HERE")
    camera = {"id": "dev1", "driver": "camera", "source": str(tmp_path / "qr.png")}
    steps = await steps_of(settings(tmp_path, ("device", camera)), "dev1")
    assert ends(steps) == [("health", True), ("listen", None), ("values", True), ("values", True)]
    pictures, code = (step.observation for step in steps[2:])
    assert pictures and pictures["points"]["frame_age"]["unit"] == "s"
    assert code and code["text"] == "HERE"


async def test_a_device_that_polls_by_itself(tmp_path: Path) -> None:
    """It has no port and cannot be asked, but nobody has to hold anything to it."""
    sensor = tmp_path / "w1" / "28-0316a2794d01"
    sensor.mkdir(parents=True)
    scratchpad = "72 01 4b 46 7f ff 0e 10 57"
    (sensor / "w1_slave").write_text(f"{scratchpad} : crc=57 YES\n{scratchpad} t=23125\n")
    site = tmp_path / "site.toml"
    site.write_text(f"""
        schema = 1
        [gateway]
        id = "gw-1"
        [[device]]
        id = "room1"
        driver = "ds18b20"
        base = "{tmp_path}/w1"
        sensors = {{ air = "{sensor.name}" }}
        """)
    steps = await steps_of(site)
    assert ends(steps) == [("health", True), ("values", True)]
    said = steps[-1].observation
    assert said
    assert said["points"]["air"]["value"] == 23.125
