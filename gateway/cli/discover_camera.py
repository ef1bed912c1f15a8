"""`doorpost discover camera`: the cameras at this machine, and how the settings should call them."""

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, leaf
from gateway.cli.show import Show

if TYPE_CHECKING:
    from drivers.camera.discover import FoundCamera

_COLUMNS = (
    "discover.column.name",
    "discover.column.node",
    "discover.column.camera",
    "discover.column.holder",
    "discover.column.permitted",
)


def add(group: click.Group, lang: str) -> None:
    """To the group `discover`."""

    @leaf(group, "camera", lang)
    def camera(show: Show) -> int:
        from drivers.camera.discover import discover_cameras
        from drivers.common.ports import Machine

        return tell_cameras(show, discover_cameras(Machine()))


def tell_cameras(show: Show, found: "tuple[FoundCamera, ...]") -> Exit:
    """All cameras, and below them why each has that name and what is wrong."""
    problems = [problem for one in found for problem in one.problems]
    if show.as_json:
        show.document({"cameras": [_document(show, one) for one in found]})
    elif found:
        show.table(_COLUMNS, [_row(show, one) for one in found])
        for one in found:
            show.line(show.words(f"discover.camera.{one.why}", camera=one.node))
        for problem in problems:
            show.line(show.advised(problem.code, **problem.params))
    else:
        show.line(show.words("discover.camera.none"))
    return Exit.PROBLEM if problems else Exit.OK


def _row(show: Show, one: "FoundCamera") -> list[str]:
    kind = show.words("discover.built_in") if one.adapter is None else one.adapter.id
    permitted = show.words(f"discover.permitted.{'yes' if one.permitted else 'no'}", group=one.group)
    holders = ", ".join(map(str, one.holders)) or "–"
    return [one.name, one.node, f"{one.card or ''} {kind}".strip(), holders, permitted]


def _document(show: Show, one: "FoundCamera") -> dict[str, Any]:
    told = ("id", "serial_number", "manufacturer", "product")
    return {
        "node": one.node,
        "name": one.name,
        "why": one.why,
        "card": one.card,
        "adapter": None if one.adapter is None else {name: getattr(one.adapter, name) for name in told},
        "holders": [{"pid": holder.pid, "name": holder.name} for holder in one.holders],
        "group": one.group,
        "permitted": one.permitted,
        "problems": [show.problem_document(problem) for problem in one.problems],
    }
