"""`doorpost config`: the settings file."""

from pathlib import Path

import click

from gateway.cli.leaf import Exit, branch, leaf
from gateway.cli.show import Show


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "config", lang)
    file = click.Argument(["file"], type=click.Path(path_type=Path))

    @leaf(group, "check", lang, file)
    def check(show: Show, *, file: Path) -> int:
        from gateway.settings.load import load

        settings = load(file)
        if show.as_json:
            warnings = [warning.document(lang) for warning in settings.warnings]
            show.document({"file": str(file), "sha256": settings.sha256, "warnings": warnings})
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
        return Exit.OK
