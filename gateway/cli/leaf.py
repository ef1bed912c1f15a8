"""What all commands share: help from the catalogue, `--json`, `--lang`, `--data`, and exit codes for errors."""

import functools
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any

import click

from gateway.cli.show import Show
from gateway.client import DaemonAbsent
from model.errors import DoorpostError, EvidenceError, SettingsError
from model.texts import ASKED, text


class Exit(IntEnum):
    OK = 0
    PROBLEM = 1
    USAGE = 2
    UNREACHABLE = 3
    NO_DAEMON = 4
    UNREADABLE = 65
    SETTINGS = 78
    INTERRUPTED = 130


def lang_option(lang: str) -> click.Option:
    return click.Option(["--lang"], type=click.Choice(ASKED), expose_value=False, help=text("cli.option.lang", lang))


def data_option(lang: str) -> click.Option:
    return click.Option(
        ["--data"],
        type=click.Path(file_okay=False, path_type=Path),
        envvar="DOORPOST_DATA",
        default=Path("data"),
        show_default=True,
        show_envvar=True,
        help=text("cli.option.data", lang),
    )


def alone_option(lang: str) -> click.Option:
    """Settings with which a device is tried without a daemon."""
    file = click.Path(dir_okay=False, path_type=Path)
    return click.Option(["--config"], type=file, help=text("cli.option.alone", lang))


def leaf(
    group: click.Group, name: str, lang: str, *params: click.Parameter
) -> Callable[[Callable[..., int]], click.Command]:
    """Add a command: a function `(show, **options) -> exit code`. Its errors are shown and become exit codes."""
    key = f"cli.{group.name}_{name}.help" if group.name != "doorpost" else f"cli.{name}.help"

    def added(function: Callable[..., int]) -> click.Command:
        @functools.wraps(function)
        def invoke(*, as_json: bool, **options: Any) -> None:
            show = Show(lang, as_json=as_json)
            try:
                code = function(show, **options)
            except DoorpostError as err:
                show.error(err)
                code = _exit(err)
            click.get_current_context().exit(code)

        as_json = click.Option(["--json", "as_json"], is_flag=True, help=text("cli.option.json", lang))
        command = click.Command(
            name, callback=invoke, params=[*params, as_json, lang_option(lang)], help=text(key, lang)
        )
        group.add_command(command)
        return command

    return added


def branch(root: click.Group, name: str, lang: str) -> click.Group:
    """Add a group of commands."""
    group = click.Group(name, help=text(f"cli.{name}.help", lang))
    root.add_command(group)
    return group


def _exit(err: DoorpostError) -> Exit:
    match err:
        case SettingsError():
            return Exit.SETTINGS
        case DaemonAbsent():
            return Exit.NO_DAEMON
        case EvidenceError():
            return Exit.UNREADABLE
    return Exit.PROBLEM
