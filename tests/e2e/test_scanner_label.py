"""`doorpost scan`: one code at a scanner, alone and through the running gateway."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from drivers.scanner.label import GS1_TEXT, TEXT
from gateway.cli import tree
from gateway.client import ask
from support.context import until
from support.sims import Sim, StartSim
from support.small_gateway import doorpost, gateway, settings, start

GS1 = GS1_TEXT.decode()


def scanner(endpoint: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "device", {"id": "scan1", "driver": "scanner", "port": endpoint} | more


async def scan(config: Path, *options: str) -> Result:
    """`doorpost scan` without a gateway, in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, tree("en"), ["scan", "scan1", "--config", str(config), *options])


async def test_through_the_running_gateway(sim: StartSim, tmp_path: Path) -> None:
    """It goes on beside what is asked of it."""
    gun = await sim("scanner", "--every", "0", "--trigger", "gm65", "--prefix", "\x02", "--gs", "{GS}")
    strict = await sim("scanner", "--every", "0")
    other = scanner(strict.endpoint, id="scan2", aim="always")
    config, data = settings(tmp_path, scanner(gun.endpoint, trigger="gm65"), other), tmp_path / "data"
    async with gateway(config, data) as daemon:
        await a_test_label(gun, data)
        await an_old_problem_is_not_told_again(strict, data)
        await the_port_belongs_to_the_gateway(gun, config, daemon)


async def a_test_label(gun: Sim, data: Path) -> None:
    """Triggered, told byte by byte, with the settings for it; another code comes as before."""
    await gun.command("scan", text=GS1, symbology="]d2")
    code, out, err = await doorpost("scan", "scan1", "--test-label", "--json", "--data", data)
    assert (code, err) == (0, "")
    told = json.loads(out)
    raw = b"\x02]d2" + GS1_TEXT.replace(b"\x1d", b"{GS}") + b"\r"
    assert (told["triggered"], bytes.fromhex(told["hex"])) == (True, raw)
    assert told["observation"]["text"].startswith("\x02]d2")
    assert told["label"]["symbology"] == "GS1 Data Matrix"
    assert told["settings"] == {"terminators": ["CR"], "prefix": "\x02", "aim": "always", "gs": "{GS}"}
    await gun.command("scan", text="6901234567892", symbology="]E0")
    code, out, _ = await doorpost("scan", "scan1", "--data", data)
    assert code == 0
    assert "02 5d 45 30 36 39" in out
    assert [line["on"] for line in gun.log() if line["event"] == "trigger"] == [True, False, True, False]


async def an_old_problem_is_not_told_again(gun: Sim, data: Path) -> None:
    """Only what happened during this scan; what happens during it is."""
    await gun.command("noise", hex="41 0d")
    await until(lambda: "scan_dropped" in str(list(ask(data, "snapshot"))))
    _, out, _ = await doorpost("scan", "scan2", "--seconds", "0.1", "--data", data)
    assert "dropped" not in out
    scanning = await start("scan", "scan2", "--data", data)
    assert scanning.stdout
    await scanning.stdout.readuntil(b"Waiting for")
    await gun.command("noise", hex="42 0d")
    out_, _ = await scanning.communicate()
    assert b"dropped" in out_
    assert b"make no code" in out_


async def the_port_belongs_to_the_gateway(gun: Sim, config: Path, daemon: int) -> None:
    """Who holds it is said, once and at once, and nobody is asked to scan; a running gateway is asked instead."""
    done = await scan(config, "--test-label")
    assert done.exit_code == 3
    told, hint = done.stdout.splitlines()
    assert told.startswith(f"✗ {gun.endpoint} is in use by ")
    assert f"({daemon})" in told
    assert "device test" in hint


async def test_a_test_label_alone(sim: StartSim, tmp_path: Path) -> None:
    """Without a gateway, in words: Chinese text in GBK, nothing behind it."""
    gun = await sim("scanner", "--every", "0", "--trigger", "honeywell", "--charset", "gbk", "--terminator", "none")
    config = settings(tmp_path, scanner(gun.endpoint, trigger="honeywell"))
    await gun.command("scan", text=TEXT, symbology="]Q1")
    done = await scan(config, "--test-label")
    assert (done.exit_code, done.stderr) == (0, "")
    for line in ("Symbology: QR Code (]Q1)", "Chinese text: gbk", 'charset = "gbk"', "terminators = []", "labels"):
        assert line in done.stdout


async def test_a_label_whose_separator_is_lost(sim: StartSim, tmp_path: Path) -> None:
    """Told, by SSI as well, of which no line is to be seen."""
    gun = await sim("scanner-ssi", "--every", "0", "--trigger", "host")
    config = settings(tmp_path, scanner(gun.endpoint, protocol="ssi"))
    await gun.command("scan", text=GS1.replace("\x1d", ""), symbology="]d2")
    done = await scan(config, "--test-label", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (told["label"]["gs"], told["observation"]["doubt"], told["settings"]) == (
        "",
        "scan_gs_lost",
        {"aim": "always"},
    )


async def test_another_code(sim: StartSim, tmp_path: Path) -> None:
    """It is shown, and said to be none of the labels; a scanner with a button waits for it."""
    gun = await sim("scanner", "--every", "0")
    config = settings(tmp_path, scanner(gun.endpoint))
    scanning = await start("scan", "scan1", "--config", config, "--test-label")
    assert scanning.stdout
    assert b"do not say how" in await scanning.stdout.readline()
    await gun.command("scan", text="6901234567892", symbology="]E0")
    out, _ = await scanning.communicate()
    assert scanning.returncode == 1
    assert b"EAN-13" in out
    assert b"none of the test labels" in out


async def test_a_wrong_trigger(sim: StartSim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reply came to it: is it the right one?"""
    monkeypatch.setattr("drivers.scanner.lines.REPLY_S", 0.3)
    gun = await sim("scanner", "--every", "0")
    done = await scan(settings(tmp_path, scanner(gun.endpoint, trigger="gm65")), "--seconds", "0.1")
    assert done.exit_code == 3
    assert "Is the trigger" in done.stdout


async def test_an_identifier_that_is_left_in_the_data(sim: StartSim, tmp_path: Path) -> None:
    """Told here, where somebody sets the scanner up."""
    gun = await sim("scanner", "--every", "0", "--trigger", "gm65")
    await gun.command("scan", text="6901234567892", symbology="]E0")
    done = await scan(settings(tmp_path, scanner(gun.endpoint, trigger="gm65", aim="never")))
    assert done.exit_code == 0
    assert 'aim = "auto"' in done.stdout


async def test_a_device_that_reads_no_codes(tmp_path: Path) -> None:
    """Refused, with what to use."""
    reader = ("device", {"id": "scan1", "driver": "rfid_m100", "port": str(tmp_path / "uhf")})
    done = await scan(settings(tmp_path, reader))
    assert done.exit_code == 1
    assert "doorpost device watch scan1" in done.stderr


async def test_nothing_comes(sim: StartSim, tmp_path: Path) -> None:
    """Exit code 3, and why, where it is known."""
    gun = await sim("scanner", "--every", "0")
    assert (await scan(settings(tmp_path, scanner(gun.endpoint)), "--seconds", "0.1")).exit_code == 3
    done = await scan(settings(tmp_path, scanner(str(tmp_path / "no-port"))), "--seconds", "0.1")
    assert done.exit_code == 3
    assert "is not there" in done.stdout
