"""How the pictures of a camera are: told with the first one, then now and then, and as unknown once they do not come."""

import os
import time
from pathlib import Path

import pytest

from drivers.camera.protocol import Picture
from drivers.camera.vitals import EVERY_US, POINTS, Vitals
from model.observation import PointMap, Poll, Quality
from model.ports import Health
from model.time import TimeQuality
from support.camera import camera, qr, scans
from support.context import HeldClock, MemoryContext, running


def told(context: MemoryContext) -> list[list[float | None]]:
    polls = [one for one in context.observations if isinstance(one, Poll)]
    return [[poll.scaled(i) for i in range(len(POINTS))] for poll in polls]


def test_the_age_of_the_newest_picture() -> None:
    """Also while only such come that cannot be read; then it grows."""
    clock = HeldClock()
    context = MemoryContext("cam1", clock)
    vitals = Vitals(context, PointMap("cam1", "camera", 1, POINTS))
    vitals.tell()
    vitals.lost()
    assert context.observations == [], "of no picture nothing is known"
    for late_us in (80_000, 90_000):
        clock.ahead_us += EVERY_US // 2
        vitals.saw(Picture(clock.mono() - late_us, 0, 120.44, 50.0, None))
    assert told(context) == [[0.08, 120.4, 50.0]]
    clock.ahead_us += EVERY_US // 2
    vitals.tell()
    assert told(context)[1:] == [[0.09 + EVERY_US / 2e6, 120.4, 50.0]]
    vitals.lost()
    assert told(context)[2:] == [[None] * 3]
    assert context.observations[-1].quality == [Quality.COMM_ERROR] * 3


@pytest.mark.parametrize(
    ("known", "ago_s", "age_s"),
    [
        (False, 0, 0),
        (False, 3_600, 3_600),  # since this machine was started
        (False, 90_000, None),  # before: who knows what the clock said then
        (True, 90_000, 90_000),
        (True, -1, None),  # the clock was set back
        (False, -1, None),
    ],
)
def test_the_age_of_a_picture_file(known: bool, ago_s: int, age_s: int | None) -> None:
    """From when it was written, however lately it was looked at; by no clock that cannot tell."""
    clock = HeldClock()
    clock.ahead_us = 7_200_000_000
    clock.tq = TimeQuality("ntp" if known else "unknown")
    now = clock.now()
    clock.now = lambda: now  # type: ignore[method-assign]
    context = MemoryContext("cam1", clock)
    vitals = Vitals(context, PointMap("cam1", "camera", 1, POINTS))
    vitals.saw(Picture(now.mono, 0, 120.4, 50.0, None, written_us=now.t - ago_s * 1_000_000))
    assert told(context) == [[age_s, 120.4, 50.0]]
    qualities = [context.observations[0].quality_of(i) for i in range(3)]
    assert qualities == [Quality.GOOD if age_s is not None else Quality.IMPLAUSIBLE, Quality.GOOD, Quality.GOOD]


def told_ages(context: MemoryContext) -> list[float]:
    return [age for age, *_ in told(context) if age is not None]


async def test_a_picture_file_that_nobody_replaces_grows_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is looked at; and is not late, for it may stay as it is for hours."""
    monkeypatch.setattr("drivers.camera.vitals.EVERY_US", 0)
    context, picture = MemoryContext("cam1"), tmp_path / "snapshot.png"
    context.time.tq = TimeQuality("ntp")
    qr(picture, "one")
    written = time.time() - 5_000
    os.utime(picture, (written, written))
    async with running(camera(picture, context)):
        await context.until(lambda: len({*told_ages(context)}) > 2)
        grown = told_ages(context)
        assert [5_000, *grown] == sorted([5_000, *grown])
        qr(picture, "two")
        await context.until(lambda: len(scans(context)) == 2)
    assert told_ages(context)[-1] < 5_000
    assert context.healths == [(Health.ONLINE, None)]
