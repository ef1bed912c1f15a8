"""Where a point stands in the point maps that its device has had. Pure."""

from collections.abc import Iterable

import msgspec

from model.bodies import PointMapBody
from model.observation import Point, PointMap

Places = dict[str, tuple[int, Point]]
"""The hash of a map -> the point's position in it, and how it was then."""


def places(bodies: Iterable[bytes], device: str, point: str, now: PointMap | None) -> tuple[Point, Places] | None:
    """The point as it is `now`, else as any map had it, and where it stands in each that had it in the same unit.

    `bodies` are `point.map/1`. None where no map of the device has it.
    """
    known = [msgspec.json.decode(body, type=PointMapBody) for body in bodies]
    maps = {of.hash: of.points for of in known if of.device == device} | ({now.hash: list(now.points)} if now else {})
    found = {hash_: (i, p) for hash_, points in maps.items() for i, p in enumerate(points) if p.name == point}
    if not found:
        return None
    _, shown = found[now.hash] if now and now.hash in found else next(iter(found.values()))
    return shown, {hash_: (i, p) for hash_, (i, p) in found.items() if p.unit == shown.unit}
