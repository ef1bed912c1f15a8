"""The command `doorpost`. Here only the tree of commands; each module brings its own and imports heavy things late."""

import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module

import click

from gateway.cli.leaf import lang_option
from model.texts import asked_language, library_language, text

_MODULES = {
    "central": "parts",
    "codes": "codes",
    "config": "config",
    "decode": "decode",
    "demo": "parts",
    "device": "device",
    "discover": "discover",
    "driver": "driver",
    "identify": "identify",
    "lift": "lift",
    "person": "person",
    "profile": "profile",
    "run": "run",
    "scan": "label",
    "sim": "parts",
    "sms": "sms",
    "store": "store",
    "tag": "tag",
    "verify": "evidence",
    "view": "view",
}
"""Which module brings a command."""


class Commands(MutableMapping[str, click.Command]):
    """Each is made when it is asked for: the daemon needs none but `run`."""

    def __init__(self, lang: str) -> None:
        self.root = click.Group("doorpost", self, help=text("cli.doorpost.help", lang), params=[lang_option(lang)])
        self._lang = lang
        self._made: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._made:
            import_module(f"gateway.cli.{_MODULES[name]}").add(self.root, self._lang)
        return self._made[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


def tree(lang: str) -> click.Group:
    """All commands, with their help in `lang`."""
    return Commands(lang).root


def main(args: Sequence[str] | None = None) -> None:
    """Run a command line and leave with its exit code (see `leaf.Exit`)."""
    given = list(sys.argv[1:] if args is None else args)
    lang = asked_language(given, os.environ)
    library_language(lang)
    tree(lang).main(given, prog_name="doorpost")
