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
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import click

from gateway.cli.leaf import lang_option
from gateway.cli.show import Show
from gateway.demo.broker import BrokerFailed, mosquitto_installed
from gateway.demo.broker import Program as BrokerProgram
from gateway.demo.judge import judge
from gateway.demo.processes import ProgramFailed
from gateway.demo.report import report
from gateway.demo.result import tell
from gateway.demo.site import WIRED, Site
from gateway.demo.story import HEADLESS, WATCHED, Pace, Story
from gateway.demo.teller import Teller
from gateway.demo.witness import Stuck
from model.errors import DoorpostError
from model.texts import asked_language, text

PAGE_PORTS = range(8321, 8341)
OK, PROBLEM, INTERRUPTED = 0, 1, 130
NEEDED = {"cv2": "camera", "zxingcpp": "camera", "segno": "demo"}
"""Module -> extra of the package that brings it."""


def main(args: Sequence[str]) -> None:
    """Run `doorpost demo ARGS` and leave with its exit code."""
    lang = asked_language(args, os.environ)

    def run(**options: Any) -> None:
        click.get_current_context().exit(_demo(lang, **options))

    words = partial(text, lang=lang)
    click.Command(
        "demo",
        callback=run,
        params=[
            click.Option(["--headless"], is_flag=True, help=words("demo.option.headless")),
            click.Option(["--json", "as_json"], is_flag=True, help=words("demo.option.json")),
            click.Option(["--keep"], type=click.Path(path_type=Path), help=words("demo.option.keep")),
            click.Option(["--broker"], type=click.Choice(get_args(BrokerProgram)), help=words("demo.option.broker")),
            lang_option(lang),
        ],
        help=words("cli.demo.help"),
    ).main(list(args), prog_name="doorpost demo")


def _demo(lang: str, *, headless: bool, as_json: bool, keep: Path | None, broker: BrokerProgram | None) -> int:
    show = Show(lang, as_json=as_json)
    # the story is for people: where a program reads standard output, it is told beside it
    teller = Teller(lang, sys.stderr if as_json else sys.stdout)
    try:
        _check(broker)
        listen = f"127.0.0.1:{_free_port()}"
        directory = _place(keep)
    except DoorpostError as err:
        show.error(err)
        return PROBLEM
    site = Site(directory, language=lang, listen=listen, broker=broker)
    document = asyncio.run(_until_told(_run(site, teller, HEADLESS if headless else WATCHED)))
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


async def _run(site: Site, teller: Teller, pace: Pace) -> dict[str, Any]:
    """Story and verdict; whatever happens, nothing runs afterwards."""
    document: dict[str, Any] = {"broker": site.broker.program}
    try:
        snapshot = await Story(site, teller, pace).run()
        await site.stop_edge()
        durable, rows = await site.durable(), await site.rows()
        counts, audit, alarms = [await site.ask_central(question) for question in ("counts", "audit", "alarms")]
        verdict = judge(rows, site.wires(), WIRED)
        document |= report(snapshot, durable, rows, counts, audit, alarms["alarms"], verdict)
        tell(teller, document)
    except (Stuck, ProgramFailed, BrokerFailed) as err:
        detail = str(err) or teller.doing
        document |= {"ok": False, "problems": [{"what": "stuck", "device": "", "detail": detail}]}
        teller.wrong(teller.words("problem.stuck", device="", detail=detail))
    finally:
        await site.stop()
    return document


def _check(broker: BrokerProgram | None) -> None:
    """Raises DoorpostError where something is not installed."""
    needed = dict(NEEDED)
    if broker == "mosquitto" and not mosquitto_installed():
        raise DoorpostError("demo_no_broker")
    if broker == "amqtt" or not mosquitto_installed():
        needed["amqtt"] = "demo"
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
