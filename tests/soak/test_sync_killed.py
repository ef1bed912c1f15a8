"""`make soak`: kill -9 over gateway, broker and centre, one or two at once, at any moment and at the worst ones.

DOORPOST_SOAK_ROUNDS sets how often, DOORPOST_SOAK_SEED repeats a run.
"""

import os
import random
import secrets
from pathlib import Path
from typing import get_args

import pytest

from support.soak_parts import Part
from support.soak_report import growth, report, table
from support.soak_site import Moment, Site

ROUNDS = int(os.environ.get("DOORPOST_SOAK_ROUNDS", "1000"))
SEED = int(os.environ.get("DOORPOST_SOAK_SEED", secrets.randbelow(2**32)))
PATIENT = 0.7
"""How many of the rounds wait for an acknowledgement first, so that the backlog does not only grow."""


def aim(site: Site, chance: random.Random) -> tuple[Moment, list[Part]]:
    """Whom to kill, and when. A segment's change is the gateway's own moment."""
    moment = chance.choice(get_args(Moment))
    if moment == "rotation":
        others = [part for part in site.parts if part is not site.gateway]
        return moment, [site.gateway, *chance.sample(others, chance.random() < 0.2)]
    return moment, chance.sample(site.parts, 1 + (chance.random() < 0.3))


@pytest.mark.soak
async def test_sync_killed(tmp_path: Path) -> None:
    """Every record that was said to be durable is at the centre once, with its hash, or was declared lost by the gateway."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    site = Site(tmp_path, chance)
    twice = 0
    try:
        await site.start()
        for _ in range(ROUNDS):
            if chance.random() < PATIENT:
                await site.sign("acknowledged")
            moment, victims = aim(site, chance)
            twice += len(victims) > 1
            await site.shoot(moment, victims)
        await site.settle()
    finally:
        await site.stop()
    streams = await site.judge()
    tally = site.tally
    taken, grown = growth(tally.taken)
    total = {what: sum(int(str(row[what])) for row in streams) for what in list(streams[0])[1:]}
    report(
        "sync-killed",
        "Journal, uplink, broker and centre, killed",
        {
            "seed": SEED,
            "rounds": ROUNDS,
            "kills": ", ".join(f"{name} {n}" for name, n in sorted(tally.kills.items())),
            "rounds with two at once": twice,
            "moments": ", ".join(f"{name} {n}" for name, n in sorted(tally.moments.items())),
            "lives of the broker with persistence": site.broker.persistent_lives,
            "promised as durable": sum(map(len, site.promised.values())),
            **total,
            "longest dead time, capturing": f"{tally.capturing.longest:.1f} s",
            "longest dead time, acknowledging": f"{tally.acknowledging.longest:.1f} s",
        },
        table(streams[0], (row.values() for row in streams)),
        taken,
    )
    assert (total["missing"], total["refused"]) == (0, 0)
    assert not grown
