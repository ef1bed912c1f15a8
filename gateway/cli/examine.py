"""`doorpost device test`: where it ends between the port and the values of a device."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.cli.leaf import Exit, alone_option, data_option, leaf
from gateway.cli.show import Show, said
from gateway.client import ask

_MARKS = {True: "✓", False: "✗", None: "–"}
_REACHING = ("port", "open", "answer", "health")
"""Steps without which there is nobody to ask."""


def add(group: click.Group, lang: str) -> None:
    """To the group `device`."""
    leaf(group, "test", lang, click.Argument(["device"]), alone_option(lang), data_option(lang))(_test)


def _test(show: Show, *, device: str, config: Path | None, data: Path) -> int:
    found: list[Exit] = []

    def take(step: dict[str, Any]) -> None:
        found.append(_exit(step))
        if show.as_json:
            show.document(step)
        else:
            show.line(_words(show, step))

    if config:
        _alone(config, device, take)
    else:
        for step in ask(data, "test", device=device):
            take(step)
    return max(found, default=Exit.OK)


def _exit(step: dict[str, Any]) -> Exit:
    if step["ok"] is False:
        return Exit.UNREACHABLE if step["step"] in _REACHING else Exit.PROBLEM
    return Exit.PROBLEM if step.get("problem") else Exit.OK


def _words(show: Show, step: dict[str, Any]) -> str:
    mark = _MARKS[step["ok"]]
    if problem := step.get("problem"):
        return f"{mark} {show.advised(problem['code'], **problem['params'])}"
    params = dict(step.get("params", {}))
    if "health" in params:
        params["health"] = show.words(f"health.{params['health']}")
    if observation := step.get("observation"):
        return f"{mark} {said(show, observation)}"
    if shows := step.get("shows"):
        return f"{mark} {show.words('cli.device_test.' + step['step'] + '.' + shows, **params)}"
    certain = "yes" if step["ok"] else "unknown"
    return f"{mark} {show.words(f'cli.device_test.{certain}.' + step['step'], **params)}"


def _alone(config: Path, device: str, take: Callable[[dict[str, Any]], None]) -> None:
    import asyncio

    import msgspec

    from gateway.alone import alone
    from gateway.examine import examine
    from gateway.settings.load import load

    async def run() -> None:
        async with alone(load(config), device) as (supervised, watch):
            async for step in examine(supervised, watch):
                take(msgspec.to_builtins(step))

    asyncio.run(run())
