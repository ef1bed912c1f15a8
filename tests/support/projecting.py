"""A journal with polls of known points, its views beside it, and what the views have to say by going over every record."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.projection.follow import Projection
from gateway.records import point_map_draft, poll_draft
from gateway.status import PlotMinute
from model.bodies import AlarmBody, TimeAnchor
from model.observation import Point, PointMap, Poll, Quality
from model.record import Draft, Record, Stream, draft
from model.time import Stamp, TimeQuality
from support.journals import GW
from support.source import BOOT, T0
from sync.journal.journal import Journal

ROOM = PointMap("room1", "probe", 1, (Point("temperature", "Cel", 0.1), Point("door")))
TURNED = PointMap("room1", "probe", 2, (Point("door"), Point("temperature", "Cel", 0.01)))
"""The same device by a later version of its profile: other positions, another scale."""
OTHER = PointMap("room2", "probe", 1, (Point("temperature", "Cel", 0.1), Point("door")))
MAPS = (ROOM, TURNED, OTHER)
POINTS = [("room1", "temperature"), ("room1", "door"), ("room2", "temperature"), ("room2", "door")]

MINUTE = 60_000_000
ALWAYS = (-(2**62), 2**62)
NTP = TimeQuality("ntp", 5)


def poll(
    mono: int,
    *values: int | Quality,
    map: PointMap = ROOM,  # noqa: A002  # that is what it is
    boot: str = BOOT,
    t: int | None = None,
    tq: TimeQuality = NTP,
) -> Draft:
    """A quality stands for a value that is not good. `t` is `mono` after T0 where the clock is right."""
    bad = any(isinstance(v, Quality) for v in values)
    quality = [v if isinstance(v, Quality) else Quality.GOOD for v in values] if bad else None
    raw = [None if isinstance(v, Quality) else v for v in values]
    return poll_draft(Poll(map.device, map, raw, Stamp(boot, T0 + mono if t is None else t, tq, mono), quality))


def anchor(mono: int, utc: int, source: str = "ntp", err_ms: int | None = 5, *, boot: str = BOOT) -> Draft:
    body = TimeAnchor(boot=boot, mono=mono, utc=utc, source=source, err_ms=err_ms)
    return draft("time.anchor/1", body, Stamp(boot, utc, NTP, mono))


def alarm(kind: str, name: str, mono: int, *, boot: str = BOOT) -> Draft:
    body = AlarmBody(alarm=name, rule="r", what="lift_alarm", device="room1", point="door", profile="p@1")
    return draft(f"alarm.{kind}/1", body, Stamp(boot, mono, TimeQuality("unknown"), mono))


async def write(journal: Journal, drafts: Iterable[Draft]) -> None:
    """Each of them durable, one submission per stream."""
    by_stream: dict[Stream, list[Draft]] = {}
    for one in drafts:
        by_stream.setdefault(one.stream, []).append(one)
    for of_stream in by_stream.values():
        await journal.append(of_stream, urgent=True)


async def some(journal: Journal) -> None:
    """Readings of two devices over an hour, and an open alarm."""
    await write(journal, [alarm("raised", "a1", MINUTE)])
    await write(journal, [poll(n * MINUTE // 7, n % 50, n % 2, map=MAPS[n % 3]) for n in range(420)])


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[tuple[Journal, Projection]]:
    """Maps are known and this boot has its anchor. The views do not follow by themselves."""
    journal = await Journal.open(directory / "stores", GW, group_s=0)
    try:
        if not journal.states("map/"):
            maps = {m.hash: point_map_draft(Poll(m.device, m, [], Stamp(BOOT, T0, NTP, 0))) for m in MAPS}
            state = {f"map/{hash_}": one.body for hash_, one in maps.items()}
            await journal.append([*maps.values(), anchor(0, T0)], state=state)
        yield journal, Projection(directory / "views.db", journal)
    finally:
        await journal.close()


async def follow(projection: Projection) -> None:
    """Up to what is durable now."""
    await projection._catch_up()
    assert projection.behind() == 0


Shown = dict[tuple[str, str], list[PlotMinute]]


async def shown(projection: Projection) -> Shown:
    """Every point as the views have it, without what is not followed yet."""
    found: Shown = {}
    for device, point in POINTS:
        plot = await projection.plot(device, point, *ALWAYS, None)
        assert plot
        found[device, point] = plot.minutes
    return found


async def records(journal: Journal, stream: Stream) -> list[Record]:
    """Of all stores, the sealed ones first."""
    found: list[Record] = []
    for view in (*journal.sealed, journal.current):
        seq = view.low(stream)
        while seq <= view.last(stream):
            part = await view.read(stream, seq, 1000, 1 << 20)
            found += part.records
            seq += len(part.records)
    return found


async def naive(journal: Journal) -> Shown:
    """By the plainest means: every record, one after the other."""
    anchors: dict[str, list[dict[str, Any]]] = {}
    for record in await records(journal, Stream.AUDIT):
        if record.kind == "time.anchor/1":
            body = json.loads(record.body)
            anchors.setdefault(body["boot"], []).append(body)
    maps = {one.hash: one for one in MAPS}
    minutes: dict[tuple[Any, ...], list[tuple[int, float | None, str]]] = {}
    for record in await records(journal, Stream.READING):
        body = json.loads(record.body)
        of = maps[body["p"]]
        for i, point in enumerate(of.points):
            quality = body["q"][i] if "q" in body else "good"
            value = None if quality != "good" else round(body["v"][i] * point.scale, 6)
            key = (body["d"], point.name, of.hash, record.at.boot, record.at.mono // MINUTE)
            minutes.setdefault(key, []).append((record.at.mono, value, quality))
    found: Shown = {point: [] for point in POINTS}
    for (device, name, _, boot, _), polls in minutes.items():
        best = min(anchors[boot], key=_worth)
        good = [value for _, value, _ in polls if value is not None]
        bad = [quality for *_, quality in polls if quality != "good"]
        first = min(mono for mono, *_ in polls)
        found[device, name].append(
            PlotMinute(
                best["utc"] + first - best["mono"],
                best["source"],
                min(good, default=None),
                max(good, default=None),
                good[-1] if good else None,
                len(good),
                {quality: bad.count(quality) for quality in set(bad)},
            )
        )
    return {point: sorted(of, key=lambda m: (m.t, str(m))) for point, of in found.items()}


def _worth(body: dict[str, Any]) -> tuple[int, int, int]:
    rank = ["ntp", "rtc", "estimated", "unknown"].index(body["source"])
    return rank, body.get("err_ms", 10**9), -body["mono"]


def ordered(of: Shown) -> Shown:
    """Two minutes that begin at the same moment have no order between them."""
    return {point: sorted(minutes, key=lambda m: (m.t, str(m))) for point, minutes in of.items()}
