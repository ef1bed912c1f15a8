"""The command `doorpost`. Here only the tree of commands; each module brings its own and imports heavy things late."""

import os
import sys
from collections.abc import Sequence

import click

from gateway.cli import config, device, parts, run, store
from gateway.cli.leaf import lang_option
from model.texts import language, text


def tree(lang: str) -> click.Group:
    """All commands, with their help in `lang`."""
    root = click.Group("doorpost", help=text("cli.doorpost.help", lang), params=[lang_option(lang)])
    for part in (run, config, device, store, parts):
        part.add(root, lang)
    return root


def main(args: Sequence[str] | None = None) -> None:
    """Run a command line and leave with its exit code (see `leaf.Exit`)."""
    given = list(sys.argv[1:] if args is None else args)
    tree(_language(given)).main(given, prog_name="doorpost")


def _language(args: Sequence[str]) -> str:
    """`--lang` is needed before the options are read: their help is already in that language."""
    for option, value in zip(args, [*args[1:], ""], strict=True):
        name, _, joined = option.partition("=")
        if name == "--lang":
            return language(joined or value)
    env = os.environ
    return language(env.get("DOORPOST_LANG") or env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG"))
