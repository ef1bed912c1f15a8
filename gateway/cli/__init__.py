"""The command `doorpost`. Here only the tree of commands; each module brings its own and imports heavy things late."""

import os
import sys
from collections.abc import Sequence

import click

from gateway.cli import config, device, discover, evidence, parts, profile, run, store, view
from gateway.cli.leaf import lang_option
from model.texts import asked_language, text


def tree(lang: str) -> click.Group:
    """All commands, with their help in `lang`."""
    root = click.Group("doorpost", help=text("cli.doorpost.help", lang), params=[lang_option(lang)])
    for part in (run, config, device, discover, profile, view, store, evidence, parts):
        part.add(root, lang)
    return root


def main(args: Sequence[str] | None = None) -> None:
    """Run a command line and leave with its exit code (see `leaf.Exit`)."""
    given = list(sys.argv[1:] if args is None else args)
    tree(asked_language(given, os.environ)).main(given, prog_name="doorpost")
