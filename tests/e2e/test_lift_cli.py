"""`doorpost lift` against a real gateway: badges and a button on their wires, persons with a PIN on the spot, and an inspector."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.client import ask
from gateway.rules.lift_calendar import PROFILES
from model.pin import hashed
from support.context import until
from support.sims import StartSim
from support.small_gateway import doorpost, gateway

pytestmark = pytest.mark.timeout(120)

SETTINGS = """\
schema = 1
[gateway]
id = "gw-1"
[web]
listen = "127.0.0.1:0"
[store]
retention = "lift"
[[bus]]
id = "rs485"
driver = "modbus_rtu"
port = "{bus}"
[[device]]
id = "board"
driver = "modbus"
bus = "rs485"
slave = 2
profile = "waveshare-io-8ch"
every_s = 0.1
[[device]]
id = "badge1"
driver = "card_lines"
port = "{one}"
pattern = 'No\\.(?P<uid>[0-9]{{10}})'
[[device]]
id = "badge2"
driver = "card_lines"
port = "{two}"
pattern = 'No\\.(?P<uid>[0-9]{{10}})'
[[person]]
name = "Chen Jie"
badge = "0011619647"
pin = "{chen}"
role = ["technician"]
[[person]]
name = "Lin Fang"
pin = "{lin}"
role = ["safety_manager"]
[[lift]]
id = "lift-1"
rescue = "100011"
inspection_due = "2020-01-01"
[[rule]]
id = "lift-1"
rule = "lift"
profile = "lift-default"
alarm = "board.di1"
end = "board.di2"
[[rule]]
id = "tests"
rule = "lift_test"
profile = "lift-test-default"
lift = "lift-1"
[[rule]]
id = "visits"
rule = "lift_visit"
profile = "lift-visit-default"
lift = "lift-1"
places = {{ machine_room = "badge1", pit = "badge2" }}
"""
CHEN, LIN = "2468", "1357"


class Here:
    """The command line at the gateway's data directory, with the PINs in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        for name, pin in (("chen", CHEN), ("lin", LIN), ("wrong", "0000")):
            (folder / name).write_text(pin)

    async def run(self, *args: str) -> tuple[int | None, dict[str, Any]]:
        code, out, err = await doorpost("lift", *args, "--data", self.data, "--json")
        assert out, err
        return code, json.loads(out)

    async def done(self, *args: str) -> dict[str, Any]:
        code, found = await self.run(*args)
        assert code == 0, found
        return found

    def chen(self) -> tuple[str, ...]:
        return ("--as", "Chen Jie", "--pin-file", str(self.folder / "chen"))

    def lin(self) -> tuple[str, ...]:
        return ("--as", "Lin Fang", "--pin-file", str(self.folder / "lin"))

    def lift(self) -> dict[str, Any]:
        (lift,) = ask(self.data, "lifts")
        return dict(lift)


@pytest.fixture
async def wires(sim: StartSim, tmp_path: Path) -> tuple[Path, Any, list[Any]]:
    board = await sim("modbus", "--slave", "2=waveshare-io-8ch")
    badges = [await sim("card-lines", "--every", "0") for _ in range(2)]
    site = tmp_path / "site.toml"
    ports = {"bus": board.endpoint, "one": badges[0].endpoint, "two": badges[1].endpoint}
    site.write_text(SETTINGS.format(**ports, chen=hashed(CHEN), lin=hashed(LIN)), encoding="utf-8")
    return site, board, badges


async def test_a_visit_a_call_and_an_inspector(wires: tuple[Path, Any, list[Any]], tmp_path: Path) -> None:
    """Badges at two places, entry, signature; a call from the button to its end on site; then the gateway is off, and its
    records tell it all."""
    site, board, badges = wires
    here = Here(tmp_path)
    async with gateway(site, here.data):
        items = [f"--item={name}=ok" for name in PROFILES.load("lift-visit-default").items("half_month")]
        enter = ("visit", "enter", "lift-1", "--cycle", "half_month", *here.chen())
        for badge in badges:
            await badge.command("card_in", uid="0011619647")
            await badge.command("card_out", uid="0011619647")
        await until(lambda: any(visit["proven"] for visit in here.lift()["visits"]))
        photo = tmp_path / "pit.jpg"
        photo.write_bytes(b"not really a picture")
        _, refused = await here.run(*enter, *items[1:])
        assert refused["error"]["code"] == "visit_item_missing"
        entered = await here.done(*enter, *items, "--note=pit=dry", "--photo", str(photo))
        assert entered["photos"] == [hashlib.sha256(photo.read_bytes()).hexdigest()]
        assert sorted(entered["places"]) == ["machine_room", "pit"]
        signed = await here.done("visit", "sign", "lift-1", entered["visit"][:8], *here.lin())
        (visit,) = here.lift()["visits"]
        assert (visit["sha256"], visit["signed_by"]) == (signed["entry"], "Lin Fang")
        code, out, _ = await doorpost("lift", "visit", "list", "--data", here.data)
        assert (code, entered["visit"][:8] in out, "Lin Fang" in out) == (0, True, True)
        code, due = await here.run("due")
        rows = {row["cycle"]: row for row in due["due"]}
        levels = rows["inspection"]["level"], rows["half_month"]["level"], rows["half_month"]["days"]
        by_the_clock = "clock_unknown" not in here.lift()["problems"]
        assert (code, *levels) == ((1, "red", "green", 15) if by_the_clock else (0, None, None, None))
        assert rows["year"]["last"] is None

        _, refused = await here.run("test", "lift-1", "--as", "Nobody")
        assert (refused["error"]["code"], "Lin Fang" in refused["error"]["hint"]) == ("lift_person_unknown", True)
        assert await here.done("test", "lift-1", "--as", "Chen Jie") == {"lift": "lift-1", "asked": 1, "waits": False}
        await until(lambda: here.lift()["tests"]["last"] is not None)
        await board.command("contact", di=1, on=True)
        await until(lambda: here.lift()["calls"])
        code, out, _ = await doorpost("lift", "list", "--data", here.data)
        assert (code, "lift-1" in out, "RED" in out, "since 20" in out) == (0, True, True, True)
        code, out, _ = await doorpost("lift", "test", "lift-1", "--as", "Chen Jie", "--data", here.data)
        assert (code, "the test begins when it is over" in out) == (0, True)
        _, refused = await here.run("end", "lift-1", "--as", "Chen Jie", "--pin-file", str(tmp_path / "wrong"))
        assert refused["error"]["code"] == "pin_refused"
        await here.done("arrive", "lift-1", *here.chen())
        ended = await here.done("end", "lift-1", "--fault", "door_open_fault", *here.chen())
        assert ended["durable"]
        assert here.lift()["calls"] == []
        await here.done("state", "lift-1", "stopped", "--reason", "worn ropes", *here.lin())
        assert here.lift()["state"] == "stopped"

    history = await here.done("history", "lift-1", "--days", "30")
    kinds = [record["kind"] for record in history["records"]]
    ours = [kind for kind in kinds if kind.startswith("visit.")]
    assert ours == ["visit.place/1", "visit.place/1", "visit.entry/1", "visit.signed/1"]
    assert kinds.count("lift.file/1") == 2
    assert "lift.test/1" in kinds
    assert {"alarm.raised/1", "alarm.arrived/1", "alarm.ended/1"} <= set(kinds)
    assert {record["body"]["via"] for record in history["records"] if "via" in record["body"]} <= {"pin"}
    code, out, _ = await doorpost("lift", "history", "lift-1", "--data", here.data, "--lang", "zh")
    assert (code, "维保录入 1 次，签字 1 次" in out, "lift_record" in out) == (0, True, False)
    code, out, err = await doorpost("lift", "history", "nolift", "--data", here.data, "--lang", "en")
    assert (code, err) == (1, "There is no lift nolift\n→ There are: lift-1.\n")


async def test_a_pin_for_the_settings_file(tmp_path: Path) -> None:
    """The line fits the person's table; without a terminal and without a file nobody is asked."""
    (tmp_path / "pin").write_text(f"{CHEN}\n")
    code, out, _ = await doorpost("person", "pin", "--pin-file", tmp_path / "pin")
    assert (code, out.startswith('pin = "scrypt$')) == (0, True)
    site = tmp_path / "site.toml"
    site.write_text('schema = 1\n[gateway]\nid = "gw-1"\n[[person]]\nname = "Chen Jie"\n' + out)
    assert (await doorpost("config", "check", site))[0] == 0
    (tmp_path / "pin").write_text("12")
    code, out, _ = await doorpost("person", "pin", "--pin-file", tmp_path / "pin", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "pin_short")
