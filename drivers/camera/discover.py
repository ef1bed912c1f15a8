"""The cameras at this machine: what each is, how the settings should call it, who holds it, what hinders. Opens none."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.common.ports import (
    Adapter,
    Holder,
    Machine,
    Why,
    group_of,
    holders_of,
    line_of,
    links_to,
    permission,
    usb_device,
)
from model.errors import DriverError, TransientError


@dataclass(frozen=True)
class FoundCamera:
    """`name` is what to write into the settings, and `why` that one; `node` is what the kernel calls it today.

    `card` is the driver's name for it, `adapter` the USB device, None for one that is built in. Which formats it has only
    opening it would tell.
    """

    node: str
    name: str
    why: Why
    card: str | None
    adapter: Adapter | None
    holders: tuple[Holder, ...]
    group: str
    permitted: bool
    problems: tuple[DriverError, ...]


def discover_cameras(machine: Machine) -> tuple[FoundCamera, ...]:
    """By node. A camera's further nodes, which say how its pictures were taken, are none."""
    nodes = dict(_nodes(machine))
    alike = Counter((usb.id, usb.serial_number) for usb in nodes.values() if usb)
    return tuple(_found(machine, node, usb, alike) for node, usb in nodes.items())


def _nodes(machine: Machine) -> Iterator[tuple[Path, Adapter | None]]:
    folder = machine.sys / "class" / "video4linux"
    for video in sorted(folder.glob("video*"), key=lambda path: (len(path.name), path.name)):
        node = machine.dev / video.name
        if node.exists() and line_of(video, "index") in (None, "0"):
            above = (video / "device").resolve()
            yield node, next((usb_device(up) for up in (above, *above.parents) if (up / "idVendor").exists()), None)


def _found(machine: Machine, node: Path, usb: Adapter | None, alike: Counter[tuple[str, str | None]]) -> FoundCamera:
    by_id, by_path = (links_to(machine.dev / "v4l" / kind, node) for kind in ("by-id", "by-path"))
    name, why = _stable(node, usb, usb is not None and alike[usb.id, usb.serial_number] == 1, by_id, by_path)
    holders = holders_of(str(node), machine)
    permitted = machine.may_open(node)
    problems = tuple(_problems(node, permitted, holders))
    card = line_of(machine.sys, "class", "video4linux", node.name, "name")
    return FoundCamera(str(node), name, why, card, usb, holders, group_of(node), permitted, problems)


def _stable(
    node: Path, usb: Adapter | None, alone: bool, by_id: tuple[str, ...], by_path: tuple[str, ...]
) -> tuple[str, Why]:
    if usb and usb.serial_number and alone and by_id:
        return by_id[0], "serial_number"
    if not by_path:
        return str(node), "no_stable_name"
    if usb is None:
        return by_path[0], "built_in"
    return by_path[0], "serial_number_twice" if usb.serial_number and not alone else "no_serial_number"


def _problems(node: Path, permitted: bool, holders: tuple[Holder, ...]) -> Iterator[DriverError]:
    for problem in permission(node, permitted):
        yield TransientError("camera_root_only", camera=node) if problem.code == "port_root_only" else problem
    if others := [str(holder) for holder in holders if holder.name != "doorpost"]:
        yield TransientError("camera_held", camera=node, holder=", ".join(others))
