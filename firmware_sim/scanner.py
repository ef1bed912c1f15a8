"""A serial barcode scanner: plain lines, or Zebra/Symbol SSI with its handshake.

By itself it scans a new GS1 Data Matrix every `--every` seconds. One symbol has one id, also where it is sent again.
"""

import argparse
from typing import Any

from firmware_sim.scanner_gun import Scanner
from firmware_sim.scanner_lines import CHARSETS, TERMINATORS, Form, LineScanner
from firmware_sim.scanner_ssi import SsiScanner
from firmware_sim.steering import commands, serve
from firmware_sim.wire import WireLog, open_wire

KINDS = {
    "scanner": "barcode scanner that sends plain lines",
    "scanner-ssi": "barcode scanner that speaks Zebra SSI and repeats each symbol until the host acknowledges it",
}
COMMANDED: dict[str, type[Scanner]] = {"scanner": LineScanner, "scanner-ssi": SsiScanner}

GS = {"raw": "\x1d", "drop": ""}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument("--every", type=float, default=2, metavar="S", help="scan by itself; 0: only on command")
    if kind == "scanner-ssi":
        parser.add_argument("--ack-timeout", type=float, default=2, metavar="S", help="repeat after that long")
        parser.add_argument("--trigger", choices=("none", "host"), default="none", help="scan only in a session")
        return
    parser.add_argument("--terminator", choices=TERMINATORS, default="CR")
    parser.add_argument("--aim", choices=("on", "off"), default="on", help="send AIM symbology identifiers")
    parser.add_argument("--prefix", default="", help="text before each symbol")
    parser.add_argument("--charset", choices=CHARSETS, default="utf-8", help="of what is not ASCII")
    parser.add_argument("--gs", default="raw", metavar="raw|drop|TEXT", help="send GS as it is, not at all, or as TEXT")
    parser.add_argument(
        "--trigger",
        choices=("none", "honeywell", "gm65"),
        default="none",
        help="scan only when told to, in this manner",
    )


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    ready: dict[str, Any] = {"sim": kind, "endpoint": wire.endpoint}
    scanner: LineScanner | SsiScanner
    if kind == "scanner-ssi":
        scanner = SsiScanner(wire, log, hosted=args.trigger == "host", ack_timeout=args.ack_timeout)
    else:
        form = Form(
            prefix=args.prefix.encode("latin-1"),
            aim=args.aim == "on",
            terminator=TERMINATORS[args.terminator],
            charset=CHARSETS[args.charset],
            gs=GS.get(args.gs, args.gs).encode("latin-1"),
        )
        scanner = LineScanner(wire, log, form, args.trigger)
    await serve(ready, commands(scanner), scanner.work(args.every))
