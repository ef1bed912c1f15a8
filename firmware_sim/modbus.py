"""Modbus slaves on one bus: RTU on a pty, RTU over TCP, or Modbus TCP. Written from the devices' documents."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from firmware_sim import faults
from firmware_sim.modbus_board import Board
from firmware_sim.modbus_desk import BoardDesk, BusDesk, Desk, IoBoardDesk, LiftDesk, RelayBoardDesk, ThermometerDesk
from firmware_sim.modbus_io_board import IO_8CH, RELAY_8CH, IoBoard
from firmware_sim.modbus_lift import Lift
from firmware_sim.modbus_lift_ba import LIFT_BA
from firmware_sim.modbus_link import Link, Timing
from firmware_sim.modbus_meters import MB8ART, PZEM_016, SDM120, Mb8art
from firmware_sim.modbus_refrigeration import MODELS as REFRIGERATION
from firmware_sim.modbus_slave import Slave
from firmware_sim.modbus_thermometers import RENKE, XY_MD02, Thermometer
from firmware_sim.steering import commands, serve
from firmware_sim.wire import WireLog, open_wire


class Family(NamedTuple):
    title: str
    build: Callable[[int, WireLog], Slave]
    desk: type[Desk]
    unit: int = 1


FAMILIES = {
    XY_MD02.family: Family("temperature and humidity sensor XY-MD02", partial(Thermometer, XY_MD02), ThermometerDesk),
    RENKE.family: Family(
        "temperature and humidity sensor Renke RS-WS-N01", partial(Thermometer, RENKE), ThermometerDesk
    ),
    IO_8CH: Family("Waveshare board with 8 inputs and 8 relays", partial(IoBoard, IO_8CH), IoBoardDesk),
    RELAY_8CH: Family("Waveshare board with 8 relays", partial(IoBoard, RELAY_8CH), RelayBoardDesk),
    Lift.family: Family("lift monitoring terminal LIFT-GBT-1", Lift, LiftDesk),
    MB8ART.family: Family(MB8ART.title, partial(Mb8art, MB8ART), BoardDesk),
} | {
    model.family: Family(model.title, partial(Board, model), BoardDesk, model.unit)
    for model in (*REFRIGERATION, SDM120, PZEM_016, LIFT_BA)
}

KINDS = {"modbus": "a Modbus bus with any slaves: --slave 1=xy-md02 --slave 2=waveshare-io-8ch"} | {
    name: family.title for name, family in FAMILIES.items()
}

FAULTS = faults.FAULTS

COMMANDED: dict[str, type[Desk]] = {"modbus": BusDesk} | {name: family.desk for name, family in FAMILIES.items()}


def _slave(text: str) -> tuple[int, str]:
    number, _, family = text.partition("=")
    if not number.isdecimal() or not 1 <= int(number) <= 247:
        raise argparse.ArgumentTypeError(f"{text}: an address is a number from 1 to 247")
    if family not in FAMILIES:
        raise argparse.ArgumentTypeError(f"{text}: families: {', '.join(FAMILIES)}")
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
        unit = FAMILIES[kind].unit
        parser.add_argument("--id", type=int, default=unit, help=f"address of the slave ({unit})")
    parser.add_argument("--tcp", action="store_true", help="speak Modbus TCP on --listen; without it RTU")
    parser.add_argument("--baud", type=int, default=9600, help="how fast the bytes go by; 0 takes no time (9600)")
    parser.add_argument("--turnaround", type=float, default=0, metavar="MS", help="how long a slave thinks (0)")
    parser.add_argument("--echo", action="store_true", help="an adapter that lets the master hear its own bytes")
    parser.add_argument(
        "--own-speed", action="store_true", help="deaf to a port that is set to another speed than --baud"
    )
    parser.add_argument("--strict", action="store_true", help="ignore requests without 3.5 characters of silence")


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    members = dict(args.slave) if kind == "modbus" else {args.id: kind}
    slaves = {unit: FAMILIES[family].build(unit, log) for unit, family in members.items()}
    wire = await open_wire(args.port, args.listen)
    timing = Timing(args.baud, args.turnaround / 1000)
    manners = {"tcp": args.tcp, "echo": args.echo, "strict": args.strict, "own_speed": args.own_speed}
    link = Link(wire, slaves.values(), log, timing, **manners)
    ready = {"endpoint": wire.endpoint, "kind": kind, "slaves": members}
    await serve(ready, commands(COMMANDED[kind](slaves, wire, log, tcp=args.tcp)), link.serve())
