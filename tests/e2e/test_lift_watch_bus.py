"""Eight lifts on one line of 9600 baud: they fit, and each one's codes are its own."""

import asyncio
from pathlib import Path
from typing import Any

from gateway.client import ask
from gateway.settings.load import load
from support.context import until
from support.sims import StartSim
from support.small_gateway import gateway, settings

LIFTS = range(1, 9)


def tables(port: str, every_s: float) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = [("bus", {"id": "rs485", "driver": "modbus_rtu", "port": port})]
    for n in LIFTS:
        terminal: dict[str, Any] = {
            "id": f"car{n}",
            "driver": "modbus",
            "bus": "rs485",
            "slave": n,
            "profile": "lift-gbt-1",
        }
        terminal["every_s"] = every_s
        codes = "chongqing" if n == 8 else "gbt24476-2017"
        rule: dict[str, Any] = {
            "id": f"watch{n}",
            "rule": "lift_watch",
            "profile": "lift-watch-default",
            "lift": f"lift{n}",
        }
        found += [("device", terminal), ("lift", {"id": f"lift{n}", "codes": codes})]
        found.append(("rule", {**rule, "terminal": f"car{n}"}))
    return found


async def test_eight_lifts_on_one_line(sim: StartSim, tmp_path: Path) -> None:
    """The settings have no objection to their time, all are polled, and a fault, a code and a gap are told of the lift that has
    them.
    """
    slaves = [part for n in LIFTS for part in ("--slave", f"{n}=lift-gbt-1")]
    bus = await sim("modbus", *slaves)
    leisurely = load(settings(tmp_path, *tables(bus.endpoint, every_s=2)))
    assert leisurely.warnings == ()
    config, data = settings(tmp_path, *tables(bus.endpoint, every_s=1)), tmp_path / "data"
    assert {warning.error.code for warning in load(config).warnings} == {"bus_full"}, (
        "should each of them think for 50 ms"
    )

    def told() -> list[dict[str, Any]]:
        records = ask(data, "tail", stream="event", count=200)
        return [r["body"] | {"kind": r["kind"]} for r in records if r["kind"].startswith("lift.")]

    async with gateway(config, data):
        await until(lambda: len(told()) == len(LIFTS))  # the mode of each
        for n in LIFTS:
            await bus.command("lift", slave=n, fault_code=n, floor=n)
        await bus.command("lift", slave=8, event_code=43)
        await bus.command("lift", slave=8, event_code=44, alarm_code=93)
        await bus.command("lift", slave=8, event_seq=9)
        await until(lambda: {b["lift"] for b in told() if b.get("what") == "fault"} == {f"lift{n}" for n in LIFTS})
        await until(lambda: any(b["kind"] == "lift.gap/1" and b["after"] == 9 for b in told()))
        found = await asyncio.to_thread(told)
        for n in LIFTS:
            (fault,) = [b for b in found if b["lift"] == f"lift{n}" and b.get("what") == "fault"]
            assert (fault["device"], fault["raw"]) == (f"car{n}", str(n))
        gaps = [b for b in found if b["kind"] == "lift.gap/1"]
        assert {b["lift"] for b in gaps} == {"lift8"}
        assert any(b.get("code") == "trapped_level" for b in found)
        floors = {d["id"]: {p["name"]: p["value"] for p in d["points"]} for d in next(ask(data, "snapshot"))["devices"]}
        assert {n: floors[f"car{n}"]["floor"] for n in LIFTS} == {n: n for n in LIFTS}
        codes = [b for b in found if b["lift"] == "lift8" and b.get("what") in ("fault", "event", "alarm")]
        assert sum(b["n"] for b in gaps) + len(codes) == 9, "what was read and what was missed is all that was counted"
