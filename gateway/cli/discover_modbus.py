"""`doorpost discover modbus`: who is on a Modbus line, with nothing but reads."""

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, leaf
from gateway.cli.port import PortType
from gateway.cli.show import Show
from model.texts import text

if TYPE_CHECKING:
    from drivers.modbus.discover import FoundSlave, Progress, Scan

_HIGHEST = 247
_HARMLESS = ("discover_echo", "discover_alike", "discover_slow")


class _Addresses(click.ParamType[list[int]]):
    """`1-10,17`"""

    name = "addresses"

    def __init__(self, lang: str) -> None:
        self._wrong = text("discover.wrong.addresses", lang, most=_HIGHEST)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        if isinstance(value, list):
            return value
        found: list[int] = []
        for part in value.split(","):
            first, dash, last = part.partition("-")
            if not first.isdecimal() or (dash and not last.isdecimal()):
                self.fail(self._wrong, param, ctx)
            found += range(int(first), int(last if dash else first) + 1)
        if not found or min(found) < 1 or max(found) > _HIGHEST:
            self.fail(self._wrong, param, ctx)
        return list(dict.fromkeys(found))


def add(group: click.Group, lang: str) -> None:
    """To the group `discover`."""

    def option(name: str, kind: Any, *, multiple: bool = False, default: Any = None) -> click.Option:
        words = text(f"cli.option.{name}", lang)
        return click.Option([f"--{name}"], type=kind, multiple=multiple, default=default, help=words)

    whole = list(range(1, _HIGHEST + 1))
    params = (
        click.Argument(["port"], type=PortType(lang)),
        option("baud", click.IntRange(1200, 921600), multiple=True),
        option("parity", click.Choice(["N", "E", "O"]), multiple=True),
        option("addresses", _Addresses(lang), default=whole),
        click.Option(["--tcp"], is_flag=True, default=None, help=text("cli.option.tcp", lang)),
    )
    leaf(group, "modbus", lang, *params)(_modbus)


def _modbus(
    show: Show, *, port: str, baud: tuple[int, ...], parity: tuple[str, ...], addresses: list[int], tcp: bool | None
) -> int:
    import asyncio

    from drivers.common.ports import sought
    from drivers.modbus.discover import Scan, likely, narrowed
    from drivers.modbus.library import known_profiles
    from drivers.modbus.plan import plan
    from model.errors import DriverError

    plans = [plan(name) for name in known_profiles()]
    scan = Scan(port, narrowed(likely(plans), baud, parity), addresses, plans, tcp)
    interrupted = False
    try:
        asyncio.run(_run(show, scan))
    except KeyboardInterrupt:
        interrupted = True
    except DriverError as err:
        raise sought(err, port) from err
    finally:
        _wipe()
    problems = [] if interrupted and not scan.found else scan.problems()
    if show.as_json:
        told = [show.problem_document(problem) for problem in problems]
        said = {"found": len(scan.found), "asked": scan.asked, "interrupted": interrupted, "problems": told}
        show.document({"driver": scan.driver if scan.found else None, **said})
    else:
        show.line(show.words("discover.modbus.found", n=len(scan.found), asked=scan.asked))
        if scan.found:
            show.line(show.words(f"discover.driver.{scan.driver}"))
        for problem in problems:
            show.line(show.advised(problem.code, **problem.params))
    if interrupted:
        return Exit.INTERRUPTED
    if any(problem.code not in _HARMLESS for problem in problems):
        return Exit.PROBLEM if scan.found else Exit.UNREACHABLE
    return Exit.OK


async def _run(show: Show, scan: "Scan") -> None:
    from drivers.modbus.discover import FoundSlave

    async with aclosing(scan.run()) as events:
        async for event in events:
            if not isinstance(event, FoundSlave):
                _tell_progress(show, event, len(scan.found))
            elif show.as_json:
                show.document(_document(event))
            else:
                _wipe()
                for line in _lines(show, event):
                    show.line(line)


def _tell_progress(show: Show, progress: "Progress", found: int) -> None:
    if not sys.stderr.isatty():
        return
    minutes, seconds = divmod(round(progress.left_s), 60)
    said = show.words(
        "discover.modbus.progress",
        line=progress.setting or "TCP",
        address=progress.address,
        found=found,
        left=f"{minutes}:{seconds:02}",
    )
    print(f"\r\x1b[K{said}", end="", file=sys.stderr, flush=True)


def _wipe() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _lines(show: Show, one: "FoundSlave") -> list[str]:
    answer = "refused" if one.exception else "answered"
    head = show.words(
        f"discover.modbus.{answer}",
        address=one.address,
        line=one.setting or "TCP",
        ms=round(one.took_s * 1000),
        exception=one.exception,
    )
    fits = [
        show.words(f"discover.fits.{candidate.why}", profile=candidate.profile, points=candidate.points)
        + (show.words("discover.fits.usual") if candidate.usual else "")
        for candidate in one.candidates
    ]
    return [head, *(f"    {fit}" for fit in fits or [show.words("discover.fits.none")])]


def _document(one: "FoundSlave") -> dict[str, Any]:
    setting = one.setting._asdict() if one.setting else None
    return {
        "slave": one.address,
        "line": setting,
        "ms": round(one.took_s * 1000),
        "exception": one.exception or None,
        "candidates": [vars(candidate) for candidate in one.candidates],
    }
