"""`make soak`: kill -9 of gateway, broker and centre while goods pass, judged by the simulators' own logs.

A tenth of DOORPOST_SOAK_ROUNDS; DOORPOST_SOAK_SEED repeats a run.
"""

import asyncio
import os
import random
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.cold_room.site import LIFT, ColdRoom
from gateway.demo.judge import Verdict, judge
from gateway.demo.site import GATEWAY
from gateway.demo.witness import Witness, settled
from support.soak_parts import Takes, takes
from support.soak_report import growth, report, table

ROUNDS = max(1, int(os.environ.get("DOORPOST_SOAK_ROUNDS", "1000")) // 10)
SEED = int(os.environ.get("DOORPOST_SOAK_SEED", secrets.randbelow(2**32)))
BOUND_S = 60.0
"""The next kill may come before a device was heard again: its dead times are then one."""
START_UP_S = 2.0
PARTS = ("gateway", "broker", "centre")


class Killer:
    """Kills parts of a site and starts them again."""

    def __init__(self, site: ColdRoom, chance: random.Random) -> None:
        self._site = site
        self._chance = chance
        self.kills: Counter[str] = Counter()
        self.taken: dict[str, list[Takes]] = {}

    async def round(self, number: int) -> None:
        """One or two at once, the gateway mostly; a third of the time again while they come up."""
        chance = self._chance
        await asyncio.sleep(chance.uniform(0.3, 4.0))
        victims = ["gateway"] if chance.random() < 0.5 else chance.sample(PARTS, 1 + (chance.random() < 0.4))
        self._look()
        for name in victims:
            await self._kill(name)
        if chance.random() < 0.33:
            coming = asyncio.gather(*(self._start(name) for name in victims if name != "centre"))
            await asyncio.sleep(chance.uniform(0, START_UP_S))
            await coming
            for name in victims:
                await self._kill(name)
        await self._site.bus.command("press" if number % 2 else "release", slave=LIFT)
        # at once: the centre is ready only when there is a broker
        chance.shuffle(victims)
        await asyncio.gather(*(self._start(name) for name in victims))

    async def _kill(self, name: str) -> None:
        self.kills[name] += 1
        match name:
            case "gateway":
                await self._site.gateway.kill()
            case "broker":
                await asyncio.to_thread(self._site.broker.kill)
            case _:
                assert self._site.central
                await self._site.central.kill()

    async def _start(self, name: str) -> None:
        match name:
            case "gateway":
                await self._site.gateway.start()
            case "broker":
                await asyncio.to_thread(self._site.broker.start)
            case _:
                await self._site.start_central()

    def _look(self) -> None:
        assert self._site.central
        pids = {"gateway": self._site.gateway.pid, "broker": self._site.broker.pid, "centre": self._site.central.pid}
        for name, pid in pids.items():
            if used := takes(pid):
                self.taken.setdefault(name, []).append(used)


def devices(verdict: Verdict) -> Iterator[tuple[object, ...]]:
    for one in verdict.compared:
        missing = Counter(m.where for m in one.found.missing)
        told = ", ".join(f"{where} {n}" for where, n in sorted(missing.items())) or "none"
        longest = max((d.seconds for d in one.dead_times), default=0.0)
        yield one.wired.device, one.found.sent, one.found.arrived, told, len(one.dead_times), f"{longest:.1f}"


@pytest.mark.soak
async def test_site_killed(tmp_path: Path) -> None:
    """Nothing durable is lost, nothing counted twice, no scan with a handshake missing."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    site = ColdRoom(tmp_path / "site", busy=True)
    killer = Killer(site, chance)
    try:
        await site.start()
        for number in range(1, ROUNDS + 1):
            await killer.round(number)
        await Witness(site).gateway(settled)
        await site.stop_edge()
        audit = await site.ask_central("audit")
        assert (audit["broken"], audit["unaccounted"]) == (0, 0)
        durable = await site.durable()
        (lanes,) = (await site.ask_central("counts"))["gateways"][GATEWAY]["stores"].values()
        rows = await site.rows()
    finally:
        await site.stop()
    verdict = judge(rows, site.wires(), site.wired, bound_s=BOUND_S)
    after = Counter(row.body["after"] for row in rows if row.kind == "gateway.start/1")
    taken, grown = growth(killer.taken)
    counted = {
        what: sum(lane[what] for lane in lanes.values()) for what in ("rows", "lost", "refused", "duplicates_removed")
    }
    missing = sum(durable.values()) - counted["rows"] - counted["lost"] - counted["refused"]
    text = report(
        "site-killed",
        "A whole site, killed",
        {
            "seed": SEED,
            "rounds": ROUNDS,
            "kills": ", ".join(f"{name} {n}" for name, n in sorted(killer.kills.items())),
            "starts of the gateway after": ", ".join(f"{what} {n}" for what, n in sorted(after.items())),
            "captured": sum(durable.values()),
            "at the centre": counted["rows"],
            "duplicates removed": counted["duplicates_removed"],
            "declared lost": counted["lost"],
            "refused": counted["refused"],
            "missing": missing,
        },
        table(("device", "sent", "arrived", "not arrived", "dead times", "longest, s"), devices(verdict)),
        taken,
    )
    assert verdict.ok, "\n".join([text, *(f"{p.what}: {p.device}: {p.detail}" for p in verdict.problems)])
    assert (missing, counted["refused"]) == (0, 0)
    assert not grown
