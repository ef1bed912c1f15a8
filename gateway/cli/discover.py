"""`doorpost discover`: what is connected to this machine. Needs no daemon and no settings."""

from typing import TYPE_CHECKING, Any

import click

from gateway.cli import discover_camera, discover_modbus, discover_rfid
from gateway.cli.leaf import Exit, branch, leaf
from gateway.cli.show import Show

if TYPE_CHECKING:
    from drivers.common.ports import Found, FoundPort

_COLUMNS = (
    "discover.column.name",
    "discover.column.node",
    "discover.column.adapter",
    "discover.column.holder",
    "discover.column.permitted",
)


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "discover", lang)

    @leaf(group, "serial", lang)
    def serial(show: Show) -> int:
        from drivers.common.ports import Machine, find_ports

        return tell_ports(show, find_ports(Machine()))

    discover_modbus.add(group, lang)
    discover_rfid.add(group, lang)
    discover_camera.add(group, lang)


def tell_ports(show: Show, found: "Found") -> Exit:
    """All ports, and below them why each has that name and what is wrong."""
    from drivers.common.ports import HINDERING

    problems = [*(problem for port in found.ports for problem in port.problems), *found.problems]
    if show.as_json:
        ports = [_document(show, port) for port in found.ports]
        lost = [show.problem_document(problem) for problem in found.problems]
        show.document({"ports": ports, "problems": lost, "hidden_processes": found.hidden})
    elif found.ports:
        show.table(_COLUMNS, [_row(show, port) for port in found.ports])
        for port in found.ports:
            show.line(show.words(f"discover.why.{port.why}", port=port.node, name=port.name))
    else:
        show.line(show.words("discover.no_ports"))
    if not show.as_json:
        for problem in problems:
            show.line(show.advised(problem.code, **problem.params))
        if found.hidden and found.ports:
            show.line(show.words("discover.hidden", n=found.hidden))
    return Exit.PROBLEM if any(problem.code in HINDERING for problem in problems) else Exit.OK


def _row(show: Show, port: "FoundPort") -> list[str]:
    adapter = port.adapter
    kind = (
        show.words("discover.built_in") if adapter is None else f"{adapter.chip or adapter.product or ''} {adapter.id}"
    )
    holders = ", ".join(map(str, port.holders)) or "–"
    permitted = show.words(f"discover.permitted.{'yes' if port.permitted else 'no'}", group=port.group)
    return [port.name, port.node, kind.strip(), holders, permitted]


def _document(show: Show, port: "FoundPort") -> dict[str, Any]:
    adapter = port.adapter
    usb = None
    if adapter is not None:
        told = ("id", "serial_number", "manufacturer", "product", "chip")
        usb = {name: getattr(adapter, name) for name in told}
    return {
        "node": port.node,
        "name": port.name,
        "why": port.why,
        "by_id": port.by_id,
        "by_path": port.by_path,
        "adapter": usb,
        "holders": [{"pid": holder.pid, "name": holder.name} for holder in port.holders],
        "group": port.group,
        "permitted": port.permitted,
        "problems": [show.problem_document(problem) for problem in port.problems],
    }
