"""From a probe on its wire to the verdict about its records: every program a process of its own, the broker a real one."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.client import DaemonAbsent, ask
from gateway.demo.broker import Broker
from gateway.demo.processes import Program
from model.record import Stream
from support.centre import USERS, CentreProcess, central, password, running
from support.evidence import Site
from support.sims import StartSim

pytestmark = pytest.mark.timeout(120)

SETTINGS = """\
schema = 1
[gateway]
id = "gw-1"
[sync]
broker = "{broker}"
password_file = "{password}"
[web]
listen = "127.0.0.1:0"
[[bus]]
id = "rs485"
driver = "modbus_rtu"
port = "{port}"
[[device]]
id = "room1"
driver = "modbus"
bus = "rs485"
slave = 1
profile = "xy-md02"
every_s = 0.2
"""


@pytest.fixture
async def gateway(sim: StartSim, tmp_path: Path) -> AsyncIterator[tuple[Program, Broker, CentreProcess]]:
    """A gateway with a probe, its broker and its centre; the gateway's data is in `data`, the centre's in `centre`."""
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto")
    broker.start()
    await sim("modbus", "--slave", "1=xy-md02", "--port", str(tmp_path / "rs485"))
    settings = tmp_path / "site.toml"
    settings.write_text(
        SETTINGS.format(broker=broker.url, password=password(broker, "gw-1"), port=tmp_path / "rs485"), encoding="utf-8"
    )
    args = ["run", "--config", str(settings), "--data", str(tmp_path / "data")]
    program = Program("gateway", "gateway.cli", args, tmp_path / "gateway.log")
    async with running(tmp_path / "centre", broker) as centre:
        await program.start()
        yield program, broker, centre
        if program.running:
            await program.kill()
    broker.kill()


async def doorpost(*args: str | Path, lang: str = "en") -> tuple[int, str]:
    """Exit code and output of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", *map(str, args), "--lang", lang,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def verdict(*args: str | Path) -> tuple[int, dict[str, Any]]:
    code, out = await doorpost("verify", *args, "--json")
    return code, json.loads(out)


def answers(found: dict[str, Any]) -> tuple[str, str, str]:
    """But for the time: what a test machine's clock is worth, nobody knows."""
    return found["intact"]["answer"], found["complete"]["answer"], found["device"]["answer"]


async def acknowledged(data: Path, readings: int) -> None:
    """Until so many readings are at the centre."""
    while True:
        await asyncio.sleep(0.05)
        try:
            (snapshot,) = await asyncio.to_thread(lambda: list(ask(data, "snapshot")))
        except DaemonAbsent:  # it is not up yet
            continue
        streams = {one["stream"]: one for one in snapshot["streams"]}
        if streams["reading"]["acknowledged"] >= readings:
            return


async def test_from_the_wire_to_the_verdict(gateway: tuple[Program, Broker, CentreProcess], tmp_path: Path) -> None:
    """Exported while it runs, looked at after kill -9, witnessed by the centre, rewritten with the stolen key."""
    program, _, _ = gateway
    data, key = tmp_path / "data", tmp_path / "data" / "gateway.pub"
    live, whole, witness = (tmp_path / name for name in ("live.jsonl", "whole.jsonl", "witness.json"))

    await acknowledged(data, 3)
    code, out = await doorpost("store", "export", "--out", live, "--data", data, "--json")
    assert code == 0
    code, found = await verdict(live, "--key", key)
    assert (code, answers(found)) == (1, ("yes", "unknown", "unproven")), "no checkpoint was due yet"
    assert sum(one["records"] for one in found["complete"]["streams"]) == json.loads(out)["records"]

    await program.kill()
    code, found = await verdict(data, "--key", key)
    assert answers(found) == ("yes", "unknown", "unproven")
    assert [one["records"] >= 3 for one in found["complete"]["streams"] if one["stream"] == "reading"] == [True]

    await program.start()
    await acknowledged(data, 6)
    await program.stop()
    code, found = await central(tmp_path / "centre", "witness", "gw-1", "--out", str(witness))
    assert (code, found["checkpoints"]) == (0, 1)
    code, out = await doorpost("store", "export", "--out", whole, "--data", data, lang="zh")
    assert (code, f"{whole}：" in out) == (0, True)
    vouched = ("--witness", witness, "--witness-key", tmp_path / "centre" / "central.pub")
    for place in (whole, data):
        code, found = await verdict(place, "--key", key, *vouched)
        assert answers(found) == ("yes", "yes", "yes")
        assert code == (0 if found["time"]["answer"] == "yes" else 1)
        assert found["cannot_know"] == []
        assert all(one["unproven"] == [] for one in found["complete"]["streams"])
    code, out = await doorpost("verify", whole, "--key", key, lang="zh")
    assert "完好：是" in out
    assert "没有中心平台的见证" in out

    thief = Site(data)
    thief.alter(Stream.READING, 2, b'{"d":"room1","v":[40,400]}')
    thief.resign()
    code, found = await verdict(data, "--key", key)
    assert (answers(found), found["cannot_know"][0]) == (("yes", "yes", "yes"), "no_witness")
    code, found = await verdict(data, "--key", key, *vouched)
    assert (code, answers(found)) == (1, ("no", "yes", "yes"))
    assert {one["why"] for one in found["intact"]["bad"]} == {"witness"}
    code, out = await doorpost("verify", data, "--key", key, *vouched)
    assert "Intact: NO." in out
    assert "the centre has committed another hash here" in out

    forged = tmp_path / "forged.json"
    forged.write_bytes(witness.read_bytes().replace(b'"epoch":1', b'"epoch":2'))
    code, found = await verdict(data, "--key", key, "--witness", forged, *vouched[2:])
    assert (code, found["error"]["code"]) == (65, "witness_signature")
    code, out = await doorpost("verify", forged, "--key", key)
    assert (code, "is not of an evidence export" in out) == (65, True)
