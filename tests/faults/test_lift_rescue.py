"""Presses, answers, power cuts and bad networks at random, at the real daemon, with simulators, broker and centre."""

from pathlib import Path

import pytest

from support.lift_script import played

STEPS = 6


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_happens_a_call_is_a_rescue(tmp_path: Path, seed: int) -> None:
    """I1 to I7 by the rows at the centre and the simulators' logs; all is there once. `make soak` plays many more."""
    verdict = await played(tmp_path / "site", seed, STEPS)
    assert verdict["problems"] == [], verdict["script"]
    assert verdict["rescues"]
