"""`doorpost sim KIND [--port PATH | --listen HOST:PORT] [--log WIRE.jsonl] [options of the kind]`."""

import argparse
import asyncio
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from firmware_sim.steering import described
from firmware_sim.wire import Unusable, WireLog

PROGRAM = "doorpost sim"
"""As people start it; `python -m firmware_sim` is the same."""

MODULES = {
    "modbus": "modbus",
    "xy-md02": "modbus",
    "renke": "modbus",
    "mb8art": "modbus",
    "carel-ir33": "modbus",
    "carel-pj-easy": "modbus",
    "carel-uc2se": "modbus",
    "danfoss-ekc-202d": "modbus",
    "danfoss-erc-21x": "modbus",
    "eliwell-idplus": "modbus",
    "eliwell-id974lx": "modbus",
    "dixell-xr": "modbus",
    "waveshare-io-8ch": "modbus",
    "waveshare-relay-8ch": "modbus",
    "sdm120": "modbus",
    "pzem-016": "modbus",
    "lift-gbt-1": "modbus",
    "lift-ba-vanke": "modbus",
    "scanner": "scanner",
    "scanner-ssi": "scanner",
    "m100": "rfid",
    "uhfreader18": "rfid_uhfreader",
    "uhfreader288": "rfid_uhfreader",
    "r2000": "rfid_r2000",
    "rdm6300": "card",
    "id12la": "card",
    "card-lines": "card",
    "pn532": "card_pn532",
    "llrp": "llrp",
    "camera": "camera",
    "modem": "modem",
    "ds18b20": "w1",
    "mqtt-proxy": "mqtt_proxy",
    "replay": "replay",
}
"""Kind -> module of this package. Only the module asked for is imported: one of them brings a Modbus server along."""


class Simulator(Protocol):
    """What each module offers. `KINDS` has one line of help per kind, `COMMANDED` the class that obeys its commands.

    A module whose command `fault` takes kinds of fault has them as `FAULTS`, each with what happens then.
    """

    KINDS: dict[str, str]
    COMMANDED: dict[str, type]

    def arguments(self, parser: argparse.ArgumentParser, kind: str) -> None:
        """Add the options of this kind beside --port, --listen and --log."""
        ...

    async def run(self, kind: str, args: argparse.Namespace, log: WireLog) -> None:
        """Print the ready line, serve until SIGTERM. Raises Unusable."""
        ...


def simulator(kind: str) -> Simulator:
    return cast(Simulator, import_module(f"firmware_sim.{MODULES[kind]}"))


def main() -> None:
    chosen = argparse.ArgumentParser(prog=PROGRAM, add_help=False)
    chosen.add_argument("kind", nargs="?", choices=MODULES)
    kind = chosen.parse_known_args()[0].kind
    if kind is None:
        _overview().parse_args()
        return
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} {kind}",
        description=simulator(kind).KINDS[kind],
        epilog=_commands(kind),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", help=argparse.SUPPRESS)
    wire = parser.add_mutually_exclusive_group()
    wire.add_argument("--port", metavar="PATH", help="stand at this path (a link to a pseudo terminal); default: any")
    wire.add_argument("--listen", metavar="HOST:PORT", help="serve TCP instead; port 0 picks a free one")
    parser.add_argument("--log", type=Path, metavar="WIRE.jsonl", help="write down all that goes out on the wire")
    simulator(kind).arguments(parser, kind)
    args = parser.parse_args()
    try:
        asyncio.run(simulator(kind).run(kind, args, WireLog(args.log, kind)))
    except Unusable as err:
        parser.exit(2, f"{err}\n")


def _commands(kind: str) -> str:
    lines = ['commands, one line of JSON each on standard input, as {"do": COMMAND, ARGUMENT: VALUE, ...}:']
    for name, (arguments, what) in described(simulator(kind).COMMANDED[kind]).items():
        lines += [f"  {name} {arguments}".rstrip(), f"      {what}"]
    if faults := getattr(simulator(kind), "FAULTS", None):
        lines += ["", "kinds of fault:", *(f"  {name:16} {what}" for name, what in faults.items())]
    return "\n".join(lines)


def _overview() -> argparse.ArgumentParser:
    lines = (f"  {kind:20} {simulator(kind).KINDS[kind]}" for kind in MODULES)
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage="%(prog)s KIND [--port PATH | --listen HOST:PORT] [--log WIRE.jsonl] [options; KIND --help shows them]",
        description="kinds:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind")
    return parser


if __name__ == "__main__":
    main()
