"""`doorpost discover rfid`: which readers of cards and tags are on serial ports and in the network."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.leaf import Exit, leaf
from gateway.cli.port import PortType
from gateway.cli.show import Show
from model.texts import text

if TYPE_CHECKING:
    from drivers.common.ports import Found
    from gateway.reader_search import Event, FoundReader, Search

_LISTEN_S = 15.0
_LISTEN_MAX_S = 600


def add(group: click.Group, lang: str) -> None:
    """To the group `discover`."""

    def option(name: str, kind: Any, *, multiple: bool = False, default: Any = None) -> click.Option:
        words = text(f"cli.option.{name}", lang)
        return click.Option([f"--{name}"], type=kind, multiple=multiple, default=default, help=words)

    params = (
        click.Argument(["port"], type=PortType(lang), nargs=-1),
        option("host", str, multiple=True),
        option("listen", click.FloatRange(0, _LISTEN_MAX_S), default=_LISTEN_S),
    )
    leaf(group, "rfid", lang, *params)(_rfid)


def _rfid(show: Show, *, port: tuple[str, ...], host: tuple[str, ...], listen: float) -> int:
    import asyncio

    from drivers.common.ports import Machine, find_ports
    from gateway.clock import SystemClock
    from gateway.reader_search import Search

    ports = list(dict.fromkeys(port))
    if not (port or host):
        ports = free(find_ports(Machine()))
        if not ports:
            show.note(show.words("discover.rfid.no_free"))
            return Exit.UNREACHABLE
        if not _allowed(show, ports):
            return Exit.USAGE
    search = Search(ports, list(dict.fromkeys(host)), listen, SystemClock(), lambda event: _tell(show, event, search))
    interrupted = False
    try:
        asyncio.run(search.run())
    except KeyboardInterrupt:
        interrupted = True
    finally:
        _wipe()
    if show.as_json:
        told = [show.problem_document(problem) for problem in search.problems]
        asked = {"ports": ports, "hosts": search.hosts}
        show.document({"found": len(search.found), **asked, "interrupted": interrupted, "problems": told})
    else:
        key = "discover.rfid.sum"
        if not (search.found or search.problems):
            serial = any(one.startswith("/") for one in ports)
            key = "discover.rfid.none" if serial else "discover.rfid.none_network"
        show.line(show.words(key, n=len(search.found)))
        for problem in search.problems:
            show.line(show.advised(problem.code, **problem.params))
    if interrupted:
        return Exit.INTERRUPTED
    if search.problems:
        return Exit.PROBLEM if search.found else Exit.UNREACHABLE
    return Exit.OK if search.found else Exit.UNREACHABLE


def free(found: "Found") -> list[str]:
    """The ports that nobody holds, not even a gateway, by the names for the settings."""
    from drivers.common.ports import HINDERING

    return [
        port.name
        for port in found.ports
        if port.permitted and not port.holders and not any(problem.code in HINDERING for problem in port.problems)
    ]


def _allowed(show: Show, ports: list[str]) -> bool:
    """The word of the person: what hangs on a port hears questions that may not be meant for it."""
    listed = "\n".join(f"    {port}" for port in ports)
    if show.as_json or not sys.stdin.isatty():
        show.note(show.words("discover.rfid.name_them", ports=listed))
        return False
    show.note(show.words("discover.rfid.free", ports=listed))
    return click.confirm(show.words("discover.rfid.ask"), err=True)


def _tell(show: Show, event: "Event", search: "Search") -> None:
    from gateway.reader_search import Asking, Listening

    if isinstance(event, Asking):
        if sys.stderr.isatty():
            rate = event.baudrate or "TCP"
            said = show.words("discover.rfid.asking", port=event.port, protocol=event.protocol, rate=rate)
            print(f"\r\x1b[K{said}", end="", file=sys.stderr, flush=True)
        return
    _wipe()
    if isinstance(event, Listening):
        ports = ", ".join(event.ports)
        show.note(show.words("discover.rfid.listening", seconds=f"{event.seconds:g}", ports=ports))
    elif show.as_json:
        show.document(_document(event))
    else:
        rate = f"{event.baudrate} 8N1" if event.baudrate else "TCP"
        show.line(f"{event.port}, {rate}: {show.words(f'discover.rfid.{event.protocol}', says=event.answer.says)}")
        for line in _lines(show, event, len(search.found)):
            show.line(f"    {line}")


def _wipe() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _lines(show: Show, one: "FoundReader", number: int) -> list[str]:
    """Of the settings, to be copied."""
    lines = ["[[device]]", f'id = "reader{number}"', f'driver = "{one.driver}"', f"port = {json.dumps(one.port)}"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in _settings(one).items()]
    for key, values in one.answer.choose.items():
        others = ", ".join(f'"{value}"' for value in values[1:])
        lines.append(f'{key} = "{values[0]}"  # {show.words("discover.rfid.choose", others=others)}')
    return lines


def _settings(one: "FoundReader") -> dict[str, Any]:
    return ({"baudrate": one.baudrate} if one.baudrate else {}) | one.answer.settings


def _document(one: "FoundReader") -> dict[str, Any]:
    return {
        "port": one.port,
        "baudrate": one.baudrate,
        "protocol": one.protocol,
        "driver": one.driver,
        "says": one.answer.says,
        "settings": _settings(one),
        "choose": one.answer.choose,
    }
