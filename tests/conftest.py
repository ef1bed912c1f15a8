"""Fixtures for all tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.sims import Sim, StartSim, start

# how fast the machine is decides no test
settings.register_profile("doorpost", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("doorpost")


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[StartSim]:
    """Start simulators: `s = await sim("xy-md02", "--port", path)` gives a `Sim`; all are ended with the test."""
    running: list[Sim] = []

    async def _start(kind: str, *options: str) -> Sim:
        one = await start(kind, *options, log=tmp_path / f"wire-{len(running)}-{kind}.jsonl")
        running.append(one)
        return one

    yield _start
    for one in running:
        await one.stop()
