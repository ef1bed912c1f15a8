"""The unit of work: one poll of one device with 20 points, made as the gateway makes it."""

import random
from collections.abc import Iterable, Iterator

from gateway.records import point_map_draft, poll_draft
from model.observation import Point, PointMap, Poll
from model.record import Draft
from model.time import Stamp, TimeQuality

POINTS = 20
BOOT = "0b6f4c1e-1111-4222-8333-444455556666"

T0 = 1_790_000_000_000_000
MONO0 = 5_000_000
_QUALITY = TimeQuality("ntp", 12)


def point_map(device: str) -> PointMap:
    return PointMap(device, "bench-20", 1, tuple(Point(f"p{i:02}", "Cel", 0.1) for i in range(POINTS)))


def maps(devices: int = 20) -> Iterator[tuple[Draft, dict[str, bytes]]]:
    """The records that say what the polls mean, with the state that goes with each."""
    at = Stamp(BOOT, T0, _QUALITY, MONO0)
    for n in range(devices):
        known = point_map(f"dev{n:02}")
        draft = point_map_draft(Poll(known.device, known, [0] * POINTS, at))
        yield draft, {f"map/{known.hash}": draft.body}


def spread(drafts: Iterable[Draft], first: int, step_us: int) -> list[Draft]:
    """The same polls as if there had been one every `step_us` since the `first` one."""
    return [
        Draft(d.kind, d.body, Stamp(BOOT, T0 + n * step_us, _QUALITY, MONO0 + n * step_us))
        for n, d in enumerate(drafts, first)
    ]


def polls(count: int, devices: int = 20) -> Iterator[Draft]:
    """Drafts of polls, all different, of devices in turn."""
    known = [point_map(f"dev{i:02}") for i in range(devices)]
    chance = random.Random(1)
    for n in range(count):
        values: list[int | None] = [n >> 16 & 0xFFFF, n & 0xFFFF, *(chance.getrandbits(16) for _ in range(POINTS - 2))]
        at = Stamp(BOOT, T0 + n, _QUALITY, MONO0 + n)
        yield poll_draft(Poll(known[n % devices].device, known[n % devices], values, at))
