"""`doorpost view`: what the running daemon's views say, and making them anew."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from gateway.cli.leaf import Exit, branch, data_option, leaf
from gateway.cli.show import Show
from gateway.client import ask
from model.texts import text

_COLUMNS = (
    "cli.column.hour",
    "page.plot_low",
    "page.plot_high",
    "cli.column.last",
    "cli.column.good",
    "cli.column.faults",
)


class _Place(click.ParamType[tuple[str, str]]):
    """DEVICE.POINT"""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        device, dot, point = value.partition(".")
        if not (device and dot and point):
            self.fail("DEVICE.POINT", param, ctx)
        return device, point


def add(root: click.Group, lang: str) -> None:
    group = branch(root, "view", lang)
    day = click.Option(["--day"], type=click.DateTime(["%Y-%m-%d"]), help=text("cli.option.day", lang))
    place = click.Argument(["place"], type=_Place(), metavar="DEVICE.POINT")

    @leaf(group, "plot", lang, place, day, data_option(lang))
    def plot(show: Show, *, place: tuple[str, str], day: datetime | None, data: Path) -> int:
        begin = day or datetime.combine(datetime.now().astimezone().date(), datetime.min.time())
        since, until = (_micros(at) for at in (begin, begin + timedelta(days=1)))
        (found,) = ask(data, "plot", device=place[0], point=place[1], since=since, until=until)
        if show.as_json:
            show.document({**found, "since": since, "until": until})
            return Exit.OK
        show.table(_COLUMNS, _hours(found["minutes"]))
        if found["behind"]:
            show.note(show.words("page.plot_behind", n=found["behind"]))
        if any(minute["source"] == "unknown" for minute in found["minutes"]):
            show.note(show.words("page.clock_unset"))
        return Exit.OK

    @leaf(group, "rebuild", lang, data_option(lang))
    def rebuild(show: Show, *, data: Path) -> int:
        for progress in ask(data, "rebuild"):
            if show.as_json:
                show.document(progress)
            else:
                show.line(show.words("cli.view_rebuild.progress", done=progress["done"], of=progress["of"]))
        return Exit.OK


def _micros(at: datetime) -> int:
    """Midnight on this machine's clock: a day on which clocks are changed has not 24 hours."""
    return round(at.astimezone().timestamp() * 1e6)


def _hours(minutes: list[dict[str, Any]]) -> list[list[str]]:
    hours: dict[str, list[dict[str, Any]]] = {}
    for minute in minutes:
        hour = datetime.fromtimestamp(minute["t"] / 1e6).astimezone().strftime("%H:00")
        hours.setdefault(hour, []).append(minute)
    return [[hour, *_told(of)] for hour, of in hours.items()]


def _told(minutes: list[dict[str, Any]]) -> list[str]:
    good = [minute for minute in minutes if minute["good"]]
    values = (
        (min(m["low"] for m in good), max(m["high"] for m in good), good[-1]["last"]) if good else (None, None, None)
    )
    faults = sum(sum(minute["bad"].values()) for minute in minutes)
    counts = (sum(minute["good"] for minute in minutes), faults or None)
    return ["–" if value is None else f"{value:g}" for value in (*values, *counts)]
