"""`doorpost person`: persons of the settings file."""

from typing import Any

import click

from gateway.cli.leaf import Exit, branch, leaf
from gateway.cli.pin import given_pin, pin_option
from gateway.cli.show import Show


def add(root: click.Group, lang: str) -> None:
    leaf(branch(root, "person", lang), "pin", lang, pin_option(lang))(_pin)


def _pin(show: Show, *, pin_file: Any) -> int:
    """The line for `[[person]]`: a hash, from which nobody can read the PIN."""
    from model.pin import hashed

    stored = hashed(given_pin(show, pin_file, twice=True))
    if show.as_json:
        show.document({"pin": stored})
    else:
        show.line(f'pin = "{stored}"')
        show.note(show.words("cli.person_pin.where"))
    return Exit.OK
