"""The serial ports of this machine: what each is, how the settings should call it, who holds it, what hinders. Opens none."""

import grp
import os
import pwd
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.errors import DriverError, TransientError

Why = Literal["serial_number", "no_serial_number", "serial_number_twice", "built_in", "no_stable_name"]

HINDERING = frozenset(
    (
        "port_not_permitted",
        "port_group_asleep",
        "port_root_only",
        "port_held",
        "port_console",
        "adapter_taken",
        "adapter_without_port",
    )
)
"""Problems with which a port is of no use as it is; the others may make trouble."""

_FTDI = "0403"
_BRLTTY = "1a86:7523"
"""The Braille driver takes every CH340 for a display of its own."""
_CHIPS = {
    "0403:6001": "FTDI FT232R",
    "0403:6010": "FTDI FT2232",
    "0403:6011": "FTDI FT4232",
    "0403:6014": "FTDI FT232H",
    "0403:6015": "FTDI FT-X",
    "067b:2303": "Prolific PL2303",
    "067b:23a3": "Prolific PL2303GC",
    "067b:23c3": "Prolific PL2303GT",
    "10c4:ea60": "Silicon Labs CP210x",
    "10c4:ea70": "Silicon Labs CP2105",
    "10c4:ea71": "Silicon Labs CP2108",
    "1a86:5523": "WCH CH341",
    "1a86:55d2": "WCH CH342",
    "1a86:55d3": "WCH CH343",
    "1a86:55d4": "WCH CH9102",
    "1a86:7523": "WCH CH340",
}
"""Serial chips by vendor and product, as the kernel's drivers know them."""


def _allowed(node: Path) -> bool:
    return os.access(node, os.R_OK | os.W_OK)


@dataclass(frozen=True)
class Machine:
    """Where to look, and what this user may open."""

    dev: Path = Path("/dev")
    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    may_open: Callable[[Path], bool] = _allowed


@dataclass(frozen=True)
class Adapter:
    """A USB device. `id` is `vendor:product` in hex; `chip` is known for serial chips."""

    path: Path
    id: str
    serial_number: str | None
    manufacturer: str | None
    product: str | None

    @property
    def chip(self) -> str | None:
        return _CHIPS.get(self.id)


@dataclass(frozen=True)
class Holder:
    """A process that has the port open."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})"


@dataclass(frozen=True)
class FoundPort:
    """`name` is what to write into the settings, and `why` that one; `node` is what the kernel calls it today."""

    node: str
    name: str
    why: Why
    by_id: tuple[str, ...]
    by_path: tuple[str, ...]
    adapter: Adapter | None
    holders: tuple[Holder, ...]
    group: str
    permitted: bool
    problems: tuple[DriverError, ...]


@dataclass(frozen=True)
class Found:
    """`problems` are those of adapters that have no port. `hidden`: so many processes did not let us see what they hold."""

    ports: tuple[FoundPort, ...]
    problems: tuple[DriverError, ...]
    hidden: int


def find_ports(machine: Machine) -> Found:
    """All serial ports that have hardware behind them, by name."""
    processes, hidden = _processes(machine)
    running = {holder.name for holder, _ in processes}
    nodes = {machine.dev / tty.name: adapter for tty, adapter in _ttys(machine)}
    shared = Counter((a.id, a.serial_number) for a in {a.path: a for a in nodes.values() if a}.values())
    ports = []
    for node, adapter in nodes.items():
        by_id, by_path = (links_to(machine.dev / "serial" / kind, node) for kind in ("by-id", "by-path"))
        alone = adapter is not None and shared[adapter.id, adapter.serial_number] == 1
        name, why = _stable(machine, node, adapter, alone, by_id, by_path)
        holders = tuple(holder for holder, held in processes if str(node) in held)
        permitted = machine.may_open(node)
        problems = [*permission(node, permitted), *_held(node, holders), *_trouble(machine, node, adapter, running)]
        ports.append(
            FoundPort(
                str(node), name, why, by_id, by_path, adapter, holders, group_of(node), permitted, tuple(problems)
            )
        )
    lost = _without_port(machine, {a.path for a in nodes.values() if a}, running)
    return Found(tuple(sorted(ports, key=lambda port: port.node)), tuple(lost), hidden)


def holders_of(port: str, machine: Machine) -> tuple[Holder, ...]:
    """Who has it open, of those processes that may be looked at."""
    node = str(Path(port).resolve())
    return tuple(holder for holder, held in _processes(machine)[0] if node in held)


def named(problem: DriverError, port: str) -> DriverError:
    """The same problem; a busy port with the names of those who hold it, where they may be known."""
    holders = holders_of(port, Machine()) if problem.code == "port_busy" else ()
    return TransientError("port_held", port=port, holder=", ".join(map(str, holders))) if holders else problem


def sought(problem: DriverError, port: str) -> DriverError:
    """As `named`, of a search, which does not wait for a port that is not there."""
    return TransientError("discover_absent", port=port) if problem.code == "port_absent" else named(problem, port)


def line_of(*path: str | Path) -> str | None:
    try:
        return Path(*path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _ttys(machine: Machine) -> Iterator[tuple[Path, Adapter | None]]:
    """Each with its USB adapter, or None for one that is built in."""
    folder = machine.sys / "class" / "tty"
    for tty in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not (tty / "device").exists() or not (machine.dev / tty.name).exists():
            continue
        adapter = next(
            (usb_device(up) for up in (tty / "device").resolve().parents if (up / "idVendor").exists()), None
        )
        # 0 is the kernel's place for a UART that is not there
        if adapter or line_of(tty, "type") not in (None, "0"):
            yield tty, adapter


def usb_device(path: Path) -> Adapter:
    id_ = f"{line_of(path, 'idVendor')}:{line_of(path, 'idProduct')}"
    return Adapter(path, id_, line_of(path, "serial") or None, line_of(path, "manufacturer"), line_of(path, "product"))


def links_to(folder: Path, node: Path) -> tuple[str, ...]:
    found = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(str(link) for link in found if link.resolve() == node.resolve()))


def _stable(
    machine: Machine, node: Path, adapter: Adapter | None, alone: bool, by_id: tuple[str, ...], by_path: tuple[str, ...]
) -> tuple[str, Why]:
    if adapter is None:
        aliases = [str(a) for a in sorted(machine.dev.glob("serial[0-9]")) if a.resolve() == node.resolve()]
        return (aliases or [str(node)])[0], "built_in"
    if adapter.serial_number and alone and by_id:
        return by_id[0], "serial_number"
    if by_path:
        return by_path[0], "serial_number_twice" if adapter.serial_number and not alone else "no_serial_number"
    return str(node), "no_stable_name"


def _processes(machine: Machine) -> tuple[list[tuple[Holder, frozenset[str]]], int]:
    """Each process with what it has open, and how many did not let us see."""
    seen, hidden = [], 0
    for process in machine.proc.glob("[0-9]*"):
        held = set()
        try:
            for fd in (process / "fd").iterdir():
                with suppress(FileNotFoundError):  # closed meanwhile
                    held.add(os.readlink(fd))  # noqa: PTH115  its text: the file itself may be anything
        except PermissionError:
            hidden += 1
        except OSError:
            continue  # it has ended
        seen.append((Holder(int(process.name), line_of(process, "comm") or "?"), frozenset(held)))
    return sorted(seen, key=lambda one: one[0].pid), hidden


def group_of(node: Path) -> str:
    gid = node.stat().st_gid
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _user() -> str:
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # in a container a user may have no name
        return str(uid)


def permission(node: Path, permitted: bool) -> Iterator[DriverError]:
    if permitted:
        return
    user, group = _user(), group_of(node)
    if node.stat().st_mode & 0o060 != 0o060 or group == "root":
        yield TransientError("port_root_only", port=node)
    elif group.isdigit() or user not in grp.getgrnam(group).gr_mem:
        yield TransientError("port_not_permitted", port=node, user=user, group=group)
    else:
        yield TransientError("port_group_asleep", port=node, user=user, group=group)


def _held(node: Path, holders: tuple[Holder, ...]) -> Iterator[DriverError]:
    others = [str(holder) for holder in holders if holder.name != "doorpost"]
    if others:
        yield TransientError("port_held", port=node, holder=", ".join(others))


def _trouble(machine: Machine, node: Path, adapter: Adapter | None, running: set[str]) -> Iterator[DriverError]:
    consoles = (line_of(machine.proc, "consoles") or "").splitlines()
    if any(console.split()[:1] == [node.name] for console in consoles):
        yield TransientError("port_console", port=node)
    if adapter is None:
        return
    if "ModemManager" in running:
        yield TransientError("port_modemmanager", port=node)
    if "brltty" in running and adapter.id == _BRLTTY:
        yield TransientError("port_brltty", port=node)
    latency = line_of(machine.sys, "class", "tty", node.name, "device", "latency_timer")
    if adapter.id.startswith(_FTDI) and latency not in (None, "1"):
        timer = machine.sys / "bus" / "usb-serial" / "devices" / node.name / "latency_timer"
        yield TransientError("port_latency", port=node, ms=latency, timer=timer)


def _without_port(machine: Machine, served: set[Path], running: set[str]) -> Iterator[DriverError]:
    folder = machine.sys / "bus" / "usb" / "devices"
    for device in sorted(folder.iterdir()) if folder.is_dir() else ():
        path = device.resolve()
        if path in served or not (path / "idVendor").exists():
            continue
        adapter = usb_device(path)
        if adapter.chip and adapter.id == _BRLTTY and "brltty" in running:
            yield TransientError("adapter_taken", adapter=f"{adapter.chip} ({adapter.id})", by="brltty")
        elif adapter.chip:
            yield TransientError("adapter_without_port", adapter=f"{adapter.chip} ({adapter.id})")
