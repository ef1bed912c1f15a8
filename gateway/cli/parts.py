"""`doorpost demo | sim | central`: programs of their own, started with the rest of the command line as it stands."""

import os
import sys
from functools import partial

import click

from model.texts import text

_AS_IT_STANDS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def add(root: click.Group, lang: str) -> None:
    def part(name: str) -> click.Command:
        rest = click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)
        command = click.Command(
            name,
            params=[rest],
            context_settings=_AS_IT_STANDS,
            add_help_option=False,
            help=text(f"cli.{name}.help", lang),
        )
        root.add_command(command)
        return command

    programs = {"demo": "gateway.demo", "sim": "firmware_sim", "central": "central"}
    for name, module in programs.items():
        part(name).callback = partial(_program, module, lang)


def _program(module: str, lang: str, rest: tuple[str, ...]) -> None:
    """Not imported: simulators and centre are no part of the gateway. The process is replaced."""
    os.environ["DOORPOST_LANG"] = lang
    os.execv(sys.executable, [sys.executable, "-m", module, *rest])
