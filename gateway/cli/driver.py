"""`doorpost driver`: which drivers there are, and what can be set for each."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from gateway.cli.leaf import Exit, branch, leaf
from gateway.cli.show import Show
from gateway.settings.listing import listed
from model.errors import SettingsError

_GROUPS = {"doorpost.buses": "[[bus]]", "doorpost.drivers": "[[device]]"}
_LIST = ("cli.column.driver", "cli.column.table", "cli.column.label")


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "driver", lang)
    leaf(group, "list", lang)(_list)
    leaf(group, "show", lang, click.Argument(["name"]))(_show)


def _list(show: Show) -> int:
    about = [_about(show, entry) for entry in _offered().values()]
    if show.as_json:
        show.document(about)
    else:
        show.table(_LIST, [list(one.values()) for one in about])
    return Exit.OK


def _show(show: Show, *, name: str) -> int:
    entry = _offered().get(name)
    if entry is None:
        raise SettingsError("driver_unknown", driver=name, known=", ".join(_offered()))
    try:
        settings = listed(name, entry.load().Config)
    except ImportError as err:
        raise SettingsError("driver_unavailable", driver=name, why=err) from err
    about = _about(show, entry)
    if show.as_json:
        keys = ("key", "required", "default", "schema", "about")
        rows = [(one.key, one.required, one.default, one.bounds, one.about(show.lang)) for one in settings]
        show.document({**about, "settings": [dict(zip(keys, row, strict=True)) for row in rows]})
        return Exit.OK
    show.line(f'{about["table"]} driver = "{name}": {about["about"]}')
    for one in settings:
        show.line("")
        show.line(show.words("cli.driver_show.setting", key=one.key, value=one.value_text(show.lang)))
        show.line(f"    {one.about(show.lang)}")
    return Exit.OK


def _offered() -> dict[str, EntryPoint]:
    """By name; none is imported."""
    return {entry.name: entry for group in _GROUPS for entry in sorted(entry_points(group=group))}


def _about(show: Show, entry: EntryPoint) -> dict[str, Any]:
    return {"name": entry.name, "table": _GROUPS[entry.group], "about": show.words(f"part.{entry.name}")}
