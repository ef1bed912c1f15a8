"""`doorpost tag`: the memory of a tag through the running gateway and without it, asked for and confirmed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import tree
from support.context import until
from support.sims import Sim, StartSim
from support.small_gateway import doorpost, gateway, settings

EPC, OTHER = "3034257BF7194E4000001A01", "3034257BF7194E4000001A02"


def gate(sim: Sim) -> tuple[str, dict[str, Any]]:
    return "device", {"id": "gate", "driver": "rfid_m100", "port": sim.endpoint, "framing": "bb"}


def asked(sim: Sim) -> tuple[str, dict[str, Any]]:
    return "device", {"id": "gate", "driver": "rfid_uhfreader", "model": "uhfreader18", "port": sim.endpoint}


def written(sim: Sim) -> list[dict[str, Any]]:
    return [line for line in sim.log() if line["event"] == "tag_written"]


async def test_through_the_running_gateway(sim: StartSim, tmp_path: Path) -> None:
    """Its driver does it between two reads; after it, tags are read as before. What is wrong has its words and exit code."""
    module = await sim("uhfreader18", "--every", "0", "--port", str(tmp_path / "uhf"))
    gun = await sim("scanner", "--every", "0")
    config = settings(tmp_path, asked(module), ("device", {"id": "scan1", "driver": "scanner", "port": gun.endpoint}))
    data = tmp_path / "data"
    await module.command("tag_in", epc=EPC)
    async with gateway(config, data):
        code, out, err = await doorpost(
            "tag", "write", "gate", "user", "1234 5678", "--pointer", "2", "--yes", "--data", data
        )
        assert (code, out, err) == (0, f"Written and read back: {EPC}  user 2: 12345678\n", "")
        code, out, _ = await doorpost("tag", "read", "gate", "user", "--count", "4", "--data", data, "--json")
        assert (code, json.loads(out)) == (0, {"epc": EPC, "data": "0000000012345678", "bank": "user", "pointer": 0})
        before = sum(line["event"] == "tag" for line in module.log())
        await until(lambda: sum(line["event"] == "tag" for line in module.log()) > before + 3)
        await module.command("tag_in", epc=OTHER)
        code, out, err = await doorpost(
            "tag", "write", "gate", "user", "FFFF", "--pointer", "0", "--yes", "--data", data
        )
        assert (code, out) == (1, "")
        assert err.startswith(f"2 tags are there: {EPC}, {OTHER}\n→ Take the others away")
        code, _, err = await doorpost("tag", "read", "scan1", "epc", "--data", data)
        assert (code, err.splitlines()[0]) == (1, "scan1 cannot read or write the memory of tags")
    assert len(written(module)) == 1


async def test_alone_and_confirmed(sim: StartSim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a gateway the driver runs alone. Before a write it is said which tag holds what; no answer is no."""
    monkeypatch.setattr("drivers.rfid.m100.module.ROUND_S", 0.03)
    module = await sim("m100", "--every", "0", "--port", str(tmp_path / "uhf"))
    config = str(settings(tmp_path, gate(module)))
    await module.command("tag_in", epc=EPC)
    args = ["tag", "write", "gate", "epc", "30FF", "--pointer", "2", "--config", config]

    def run(*given: str, said: str = "") -> Any:
        return CliRunner().invoke(tree("en"), list(given), input=said)

    told = await asyncio.to_thread(run, *args, said="n\n")
    assert told.exit_code == 1
    assert f"Write 30FF over 3034 in the epc bank, from word 2 on, of the tag {EPC}?" in told.stderr
    assert "Nothing was written." in told.stderr
    assert written(module) == []
    told = await asyncio.to_thread(run, *args, "--json", said="y\n")
    new = "30FF" + EPC[4:]
    assert json.loads(told.stdout) == {"epc": new, "bank": "epc", "pointer": 2, "data": "30FF", "before": "3034"}
    assert [line["epc"] for line in written(module)] == [EPC]


@pytest.mark.parametrize("tid", ["E28011602000123456789ABC", "E280116020001234", "E2801160"])
async def test_as_much_tid_as_there_is(sim: StartSim, tmp_path: Path, tid: str) -> None:
    """Without a count: chips have six words of it, four or two."""
    reader = await sim("uhfreader18", "--every", "0", "--port", str(tmp_path / "uhf"))
    config = str(settings(tmp_path, asked(reader)))
    await reader.command("tag_in", epc=EPC, tid=tid)
    args = ["tag", "read", "gate", "tid", "--config", config, "--json"]
    told = await asyncio.to_thread(CliRunner().invoke, tree("en"), args)
    assert json.loads(told.stdout) == {"epc": EPC, "bank": "tid", "pointer": 0, "data": tid}


def test_what_is_no_place_or_no_words() -> None:
    """Found before any port is opened: exit code 2."""
    for args, why in [
        (["read", "gate", "kill"], "kill"),
        (["read", "gate", "epc", "--count", "0"], "0"),
        (["write", "gate", "epc", "30F", "--pointer", "2"], "30F is not a whole number of 16-bit words"),
        (["read", "gate", "epc", "--epc", ""], "'' is not a whole number of 16-bit words"),
        (["write", "gate", "epc", "30FF"], "--pointer"),
        (["read", "gate", "epc", "--password", "12"], "eight hex digits"),
    ]:
        told = CliRunner().invoke(tree("en"), ["tag", *args])
        assert told.exit_code == 2
        assert why in told.stderr


def test_a_reader_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, with where to look."""
    config = settings(tmp_path, ("device", {"id": "gate", "driver": "rfid_m100", "port": str(tmp_path / "uhf")}))
    monkeypatch.setattr("gateway.tags._ONLINE_S", 0.2)
    told = CliRunner().invoke(tree("en"), ["tag", "read", "gate", "epc", "--config", str(config)])
    assert told.exit_code == 3
    assert told.stderr == ("The reader gate is not connected now\n→ `doorpost device test gate` says where it ends.\n")
