"""`doorpost run`: the daemon."""

from contextlib import suppress
from pathlib import Path

import click

from gateway.cli.leaf import data_option, leaf
from gateway.cli.show import Show
from model.texts import text

_M_ARENA_MAX = -8


def add(root: click.Group, lang: str) -> None:
    config = click.Option(
        ["--config"],
        required=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help=text("cli.option.config", lang),
    )

    @leaf(root, "run", lang, config, data_option(lang))
    def run(show: Show, *, config: Path, data: Path) -> int:
        from gateway.settings.load import load

        _share_one_heap()
        settings = load(config)
        for warning in settings.warnings:
            show.note("\n".join(warning.told(lang)))
        from gateway.app import run as run_daemon

        return run_daemon(settings, data)


def _share_one_heap() -> None:
    """glibc would give each thread a heap of its own, and none of them gives back what it once had: a MiB under load."""
    import ctypes

    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
