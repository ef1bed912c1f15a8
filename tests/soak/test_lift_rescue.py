"""`make soak`: scripts of presses, answers, power cuts and bad networks, each with a seed of its own.

A fortieth of DOORPOST_SOAK_ROUNDS; DOORPOST_SOAK_SEED is the seed of the first.
"""

import os
import secrets
from pathlib import Path

import pytest

from support.lift_script import played

SCRIPTS = max(1, int(os.environ.get("DOORPOST_SOAK_ROUNDS", "1000")) // 40)
SEED = int(os.environ.get("DOORPOST_SOAK_SEED", secrets.randbelow(2**32)))
STEPS = 20


@pytest.mark.soak
@pytest.mark.parametrize("number", range(SCRIPTS))
async def test_lift_rescue(tmp_path: Path, number: int) -> None:
    """As in tests/faults, but longer."""
    print(f"seed {SEED + number}")
    verdict = await played(tmp_path / "site", SEED + number, STEPS)
    assert verdict["problems"] == [], (SEED + number, verdict["script"])
