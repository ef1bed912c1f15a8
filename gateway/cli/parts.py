"""`doorpost demo | sim | central`: programs of their own, started with the rest of the command line as it stands."""

import os
import sys

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

    part("demo").callback = lambda rest: _demo(rest, lang)
    part("sim").callback = lambda rest: _program("firmware_sim", rest)
    part("central").callback = lambda rest: _program("central", rest)


def _demo(rest: tuple[str, ...], lang: str) -> None:
    from gateway.demo.command import main

    main(rest, lang)


def _program(module: str, rest: tuple[str, ...]) -> None:
    """Not imported: simulators and centre are no part of the gateway. The process is replaced."""
    os.execv(sys.executable, [sys.executable, "-m", module, *rest])
