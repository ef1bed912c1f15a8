"""`make soak`: kill -9 of gateway, broker and centre while goods pass, judged by the simulators' own logs.

DOORPOST_SOAK_ROUNDS sets how often the gateway is killed.
"""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from gateway.demo.judge import Verdict, judge
from gateway.demo.site import LIFT, WIRED, Site
from gateway.demo.witness import Witness, settled

ROUNDS = int(os.environ.get("DOORPOST_SOAK_ROUNDS", "200"))
BOUND_S = 60.0
"""The next kill may come before a device was heard again: its dead times are then one."""


def table(rounds: int, verdict: Verdict, after: Counter[str]) -> str:
    lines = [f"{rounds} rounds; starts after: {dict(after)}"]
    lines.append(f"{'device':14}{'sent':>8}{'arrived':>9}  {'missing':34}{'dead times':>11}{'longest':>9}")
    for one in verdict.compared:
        missing = Counter(m.where for m in one.found.missing)
        longest = max((d.seconds for d in one.dead_times), default=0.0)
        lines.append(
            f"{one.wired.device:14}{one.found.sent:8}{one.found.arrived:9}  {dict(missing)!s:34}"
            f"{len(one.dead_times):11}{longest:8.1f}s"
        )
    return "\n".join([*lines, *(f"{p.what}: {p.device}: {p.detail}" for p in verdict.problems)])


async def kill_rounds(directory: Path, rounds: int, seed: int) -> tuple[Verdict, Counter[str]]:
    """Kill the gateway `rounds` times at any moment, broker and centre now and then; then let all settle."""
    chance = random.Random(seed)
    site = Site(directory, busy=True)
    try:
        await site.start()
        assert site.central
        for number in range(1, rounds + 1):
            await asyncio.sleep(chance.uniform(0.3, 6.0))
            await site.gateway.kill()
            if number % 10 == 0:
                await asyncio.to_thread(site.broker.kill)
                await asyncio.to_thread(site.broker.start)
            if number % 7 == 0:
                await site.central.kill()
                await site.start_central()
            await site.bus.command("press" if number % 2 else "release", slave=LIFT)
            await site.gateway.start()
        await Witness(site).gateway(settled)
        await site.stop_edge()
        audit = await site.ask_central("audit")
        assert (audit["broken"], audit["unaccounted"]) == (0, 0)
        rows = await site.rows()
        after = Counter(row.body["after"] for row in rows if row.kind == "gateway.start/1")
        return judge(rows, site.wires(), WIRED, bound_s=BOUND_S), after
    finally:
        await site.stop()


@pytest.mark.soak
async def test_kill_rounds(tmp_path: Path) -> None:
    """Nothing durable is lost, nothing counted twice, no scan with a handshake missing."""
    verdict, after = await kill_rounds(tmp_path / "site", ROUNDS, seed=random.randrange(2**32))
    print(table(ROUNDS, verdict, after))
    assert verdict.ok, table(ROUNDS, verdict, after)
