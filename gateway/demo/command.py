"""The command `doorpost demo`: prepares a place, tells the story, judges it, cleans up."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast, get_args

import click

from gateway.cli.leaf import lang_option
from gateway.cli.show import Show
from gateway.demo.broker import BrokerFailed, mosquitto_installed
from gateway.demo.broker import Program as BrokerProgram
from gateway.demo.processes import ProgramFailed
from gateway.demo.report import gathered
from gateway.demo.site import Site
from gateway.demo.story import HEADLESS, WATCHED, Story
from gateway.demo.teller import Teller
from gateway.demo.witness import Stuck
from model.errors import DoorpostError
from model.texts import asked_language, library_language, text

PAGE_PORTS = range(8321, 8341)
OK, PROBLEM, INTERRUPTED = 0, 1, 130
SCENARIOS = {"cold-room": "gateway.demo.cold_room", "lift-trapped": "gateway.demo.lift"}
"""Name -> package; only the one that is told is imported."""


class Scenario(Protocol):
    """What each of these packages offers. `NEEDED`: module -> extra of ours that brings it."""

    NEEDED: dict[str, str]
    Place: type[Site]
    Tale: type[Story[Any]]


def main(args: Sequence[str]) -> None:
    """Run `doorpost demo ARGS` and leave with its exit code."""
    lang = asked_language(args, os.environ)
    library_language(lang)

    def run(**options: Any) -> None:
        click.get_current_context().exit(_demo(lang, **options))

    words = partial(text, lang=lang)
    click.Command(
        "demo",
        callback=run,
        params=[
            click.Option(
                ["--scenario"],
                type=click.Choice([*SCENARIOS]),
                default="cold-room",
                show_default=True,
                help=words("demo.option.scenario"),
            ),
            click.Option(["--headless"], is_flag=True, help=words("demo.option.headless")),
            click.Option(["--json", "as_json"], is_flag=True, help=words("demo.option.json")),
            click.Option(["--keep"], type=click.Path(path_type=Path), help=words("demo.option.keep")),
            click.Option(["--broker"], type=click.Choice(get_args(BrokerProgram)), help=words("demo.option.broker")),
            lang_option(lang),
        ],
        help=words("cli.demo.help"),
    ).main(list(args), prog_name="doorpost demo")


def _demo(
    lang: str, *, scenario: str, headless: bool, as_json: bool, keep: Path | None, broker: BrokerProgram | None
) -> int:
    show = Show(lang, as_json=as_json)
    # the story is for people: where a program reads standard output, it is told beside it
    teller = Teller(lang, sys.stderr if as_json else sys.stdout)
    told = cast(Scenario, import_module(SCENARIOS[scenario]))
    try:
        _check(told.NEEDED, broker)
        listen = f"127.0.0.1:{_free_port()}"
        directory = _place(keep)
    except DoorpostError as err:
        show.error(err)
        return PROBLEM
    site = told.Place(directory, language=lang, listen=listen, broker=broker)
    story = told.Tale(site, teller, HEADLESS if headless else WATCHED)
    document = asyncio.run(_until_told(_run(site, story, teller)))
    if keep is None and (document is None or document["ok"]):
        shutil.rmtree(directory)
    else:
        teller.say("kept", directory=directory)
    if document is None:
        teller.say("interrupted")
        return INTERRUPTED
    if as_json:
        show.document(document)
    return OK if document["ok"] else PROBLEM


async def _until_told(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any] | None:
    """None when SIGINT or SIGTERM ended it; then everything is stopped in order, and at once when it comes twice."""
    task = asyncio.ensure_future(work)
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def _run(site: Site, story: Story[Any], teller: Teller) -> dict[str, Any]:
    """Story and verdict; whatever happens, nothing runs afterwards."""
    document: dict[str, Any] = {"broker": site.broker.program}
    try:
        snapshot = await story.run()
        await site.stop_edge()
        document |= await story.verdict(await gathered(site, snapshot))
        story.show(document)
    except (Stuck, ProgramFailed, BrokerFailed) as err:
        detail = str(err) or teller.doing
        document |= {"ok": False, "problems": [{"what": "stuck", "device": "", "detail": detail}]}
        teller.wrong(teller.words("problem.stuck", device="", detail=detail))
    finally:
        await site.stop()
    return document


def _check(needed: dict[str, str], broker: BrokerProgram | None) -> None:
    """Raises DoorpostError where something is not installed."""
    if broker == "mosquitto" and not mosquitto_installed():
        raise DoorpostError("demo_no_broker")
    if broker == "amqtt" or not mosquitto_installed():
        needed = {**needed, "amqtt": "demo"}
    for module, extra in needed.items():
        if find_spec(module) is None:
            raise DoorpostError("demo_extra_missing", module=module, extra=extra)


def _place(keep: Path | None) -> Path:
    """A new or empty directory. Raises DoorpostError."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="doorpost-demo-"))
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise DoorpostError("demo_directory", directory=keep)
    return keep.absolute()


def _free_port() -> int:
    """For the page, below those that Linux gives away, so that it is still free after the gateway's restart.

    Raises DoorpostError.
    """
    for port in PAGE_PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise DoorpostError("demo_no_port", first=PAGE_PORTS[0], last=PAGE_PORTS[-1])
