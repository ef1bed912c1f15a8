"""Modbus slaves on one bus: RTU on a pty, RTU over TCP, or Modbus TCP. Written from the devices' documents."""

import argparse
from collections.abc import Callable
from functools import partial

from firmware_sim.modbus_desk import BusDesk, Desk, IoBoardDesk, LiftDesk, ThermometerDesk
from firmware_sim.modbus_io_board import IoBoard
from firmware_sim.modbus_lift import Lift
from firmware_sim.modbus_link import Link
from firmware_sim.modbus_slave import Slave
from firmware_sim.modbus_thermometers import RENKE, XY_MD02, Thermometer
from firmware_sim.steering import commands, serve
from firmware_sim.wire import WireLog, open_wire

FAMILIES: dict[str, Callable[[int, WireLog], Slave]] = {
    XY_MD02.family: partial(Thermometer, XY_MD02),
    RENKE.family: partial(Thermometer, RENKE),
    IoBoard.family: IoBoard,
    Lift.family: Lift,
}

KINDS = {
    "modbus": "a Modbus bus with any slaves: --slave 1=xy-md02 --slave 2=waveshare-io-8ch",
    "xy-md02": "temperature and humidity sensor XY-MD02",
    "renke": "temperature and humidity sensor Renke RS-WS-N01",
    "waveshare-io-8ch": "Waveshare board with 8 inputs and 8 relays",
    "lift-gbt-1": "lift monitoring terminal LIFT-GBT-1",
}

COMMANDED: dict[str, type[Desk]] = {
    "modbus": BusDesk,
    "xy-md02": ThermometerDesk,
    "renke": ThermometerDesk,
    "waveshare-io-8ch": IoBoardDesk,
    "lift-gbt-1": LiftDesk,
}


def _slave(text: str) -> tuple[int, str]:
    number, _, family = text.partition("=")
    if not 1 <= int(number) <= 247 or family not in FAMILIES:
        raise ValueError(text)
    return int(number), family


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    if kind == "modbus":
        parser.add_argument(
            "--slave",
            metavar="ID=FAMILY",
            type=_slave,
            action="append",
            required=True,
            help=f"repeatable; families: {', '.join(FAMILIES)}",
        )
    else:
        parser.add_argument("--id", type=int, default=1, help="address of the slave (1)")
    parser.add_argument("--tcp", action="store_true", help="speak Modbus TCP on --listen; without it RTU")
    parser.add_argument("--baud", type=int, default=9600, help="how fast the bytes go by; 0 takes no time (9600)")
    parser.add_argument("--echo", action="store_true", help="an adapter that lets the master hear its own bytes")
    parser.add_argument("--strict", action="store_true", help="ignore requests without 3.5 characters of silence")


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    members = dict(args.slave) if kind == "modbus" else {args.id: kind}
    slaves = {unit: FAMILIES[family](unit, log) for unit, family in members.items()}
    wire = await open_wire(args.port, args.listen)
    link = Link(wire, slaves, log, tcp=args.tcp, baud=args.baud, echo=args.echo, strict=args.strict)
    ready = {"endpoint": wire.endpoint, "kind": kind, "slaves": members}
    await serve(ready, commands(COMMANDED[kind](slaves, wire, log, tcp=args.tcp)), link.serve())
