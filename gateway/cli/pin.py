"""A person's PIN: from a file, else asked for. It never stands on a command line, where others could read it."""

import sys
from typing import Any

import click

from gateway.cli.show import Show
from model.errors import DoorpostError
from model.texts import text


def pin_option(lang: str) -> click.Option:
    return click.Option(["--pin-file"], type=click.File("r"), help=text("cli.option.pin_file", lang))


def as_option(lang: str) -> click.Option:
    return click.Option(["--as", "person"], required=True, help=text("cli.option.as", lang))


def given_pin(show: Show, file: Any, *, twice: bool = False) -> str:
    """Raises DoorpostError where nobody is there to be asked."""
    if file is not None:
        return str(file.read()).strip()
    if not sys.stdin.isatty():
        raise DoorpostError("pin_not_given")
    return str(click.prompt(show.words("cli.pin"), hide_input=True, confirmation_prompt=twice, err=True))
