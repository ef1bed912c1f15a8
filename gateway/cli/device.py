"""`doorpost device`: what the running daemon's devices say."""

from pathlib import Path
from typing import Any

import click

from gateway.cli import examine, record
from gateway.cli.leaf import Exit, branch, data_option, leaf
from gateway.cli.show import Show, local_time, observed, point
from gateway.client import ask

_COLUMNS = ("page.column.device", "cli.column.driver", "cli.column.health", "cli.column.seen", "cli.column.values")
_UNREACHABLE = ("offline", "fault")


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "device", lang)

    @leaf(group, "list", lang, data_option(lang))
    def list_(show: Show, *, data: Path) -> int:
        (snapshot,) = ask(data, "snapshot")
        devices = snapshot["devices"]
        if show.as_json:
            show.document({"gateway": snapshot["gateway"], "now": snapshot["now"], "devices": devices})
        else:
            show.table(_COLUMNS, [_row(show, one) for one in devices])
            for one in devices:
                if one["problem"]:
                    told = show.advised(one["problem"]["code"], **one["problem"]["params"])
                    show.line(f"{one['id']}: {told}")
        return Exit.UNREACHABLE if any(one["health"] in _UNREACHABLE for one in devices) else Exit.OK

    @leaf(group, "watch", lang, click.Argument(["device"]), data_option(lang))
    def watch(show: Show, *, device: str, data: Path) -> int:
        try:
            for observation in ask(data, "watch", device=device):
                if show.as_json:
                    show.document(observation)
                else:
                    show.line(observed(show, observation))
        except KeyboardInterrupt:
            return Exit.OK
        return Exit.PROBLEM

    examine.add(group, lang)
    record.add(group, lang)


def _row(show: Show, one: dict[str, Any]) -> list[str]:
    seen = local_time(one["last_seen"]) if one["last_seen"] else "–"
    values = ", ".join(point(show, value) for value in one["points"])
    return [one["id"], one["driver"], show.words(f"health.{one['health']}"), seen, values]
