"""`doorpost config`: the settings file, and the site's table of codes beside it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.leaf import Exit, branch, leaf
from gateway.cli.show import Show

if TYPE_CHECKING:  # heavy: it is loaded with the command that needs it
    from gateway.settings.problem import Problem
    from gateway.settings.schema import Settings


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "config", lang)
    file = click.Argument(["file"], type=click.Path(path_type=Path))

    @leaf(group, "check", lang, file)
    def check(show: Show, *, file: Path) -> int:
        settings, codes = _read(file)
        if show.as_json:
            warnings = [warning.document(lang) for warning in settings.warnings]
            told = {"file": str(file), "sha256": settings.sha256, "codes": codes and str(codes), "warnings": warnings}
            show.document(told)
            return Exit.OK
        for warning in settings.warnings:
            show.note("\n".join(warning.told(lang)))
        show.line(
            show.words(
                "cli.config_check.right",
                file=file,
                devices=len(settings.devices),
                rules=len(settings.rules),
                warnings=len(settings.warnings),
            )
        )
        if codes:
            show.line(show.words("cli.config_check.codes", file=codes))
        return Exit.OK


def _read(file: Path) -> tuple["Settings", Path | None]:
    """With the table beside them, if there is one. Raises SettingsInvalid with the problems of both."""
    from gateway.codes import OWN, table
    from gateway.settings.load import load
    from gateway.settings.problem import SettingsInvalid

    settings = None
    problems: list[Problem] = []
    try:
        settings = load(file)
    except SettingsInvalid as err:
        problems += err.problems
    own = file.parent / OWN
    try:
        codes = own if own.exists() else None
    except OSError:  # a folder that must not be looked into: the settings in it were told
        codes = None
    try:
        if codes:
            table(codes)
    except SettingsInvalid as err:
        problems += err.problems
    if settings is None or problems:
        raise SettingsInvalid(problems[0].file, problems)
    return settings, codes
