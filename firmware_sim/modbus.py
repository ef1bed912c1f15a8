"""Modbus slaves on one bus: RTU on a pty, RTU over TCP, or Modbus TCP. Written from the devices' documents."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from firmware_sim.modbus_io_board import IoBoard
from firmware_sim.modbus_lift import Lift
from firmware_sim.modbus_link import Link
from firmware_sim.modbus_slave import FAULTS, Fault, Slave
from firmware_sim.modbus_thermometers import RENKE, XY_MD02, Thermometer
from firmware_sim.wire import Commands, Wire, WireLog, open_wire, serve

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

AnySlave = TypeVar("AnySlave", bound=Slave)


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
    await serve(ready, _Desk(slaves, wire, log, tcp=args.tcp).commands(), link.serve())


class _Desk:
    """The commands on standard input. `slave` may be left out where there is only one."""

    def __init__(self, slaves: dict[int, Slave], wire: Wire, log: WireLog, *, tcp: bool) -> None:
        self._slaves = slaves
        self._wire = wire
        self._log = log
        self._tcp = tcp

    def commands(self) -> Commands:
        return {
            "set": lambda temperature, slave=None: self._find(Thermometer, slave).set(temperature),
            "ramp": lambda to, per_s, slave=None: self._find(Thermometer, slave).ramp(to, per_s),
            "contact": lambda di, on, slave=None: self._find(IoBoard, slave).contact(di, on),
            "reboot": lambda slave=None: self._find(IoBoard, slave).reboot(),
            "press": lambda slave=None: self._find(Lift, slave).press(),
            "release": lambda slave=None: self._find(Lift, slave).release(),
            "lift": lambda slave=None, **fields: self._find(Lift, slave).change(**fields),
            "fault": self._fault,
            "clear": self._clear,
            "unplug": self._unplug,
            "replug": self._replug,
        }

    def _find(self, family: type[AnySlave], unit: int | None) -> AnySlave:
        slave = self._slaves[next(iter(self._slaves)) if unit is None and len(self._slaves) == 1 else unit or 0]
        if not isinstance(slave, family):
            raise TypeError(f"slave {slave.unit} is a {slave.family}")
        return slave

    def _fault(self, kind: str, slave: int | None = None, count: int | None = None, seconds: float = 0.45) -> None:
        one = self._find(Slave, slave)
        if kind not in FAULTS:
            raise ValueError(f"faults: {', '.join(FAULTS)}")
        if self._tcp and kind in ("crc", "noise"):
            raise ValueError(f"Modbus TCP has no {kind}")
        if kind == "sentinel" and not one.has_sentinel:
            raise ValueError(f"{one.family} has no sentinel")
        one.fault = Fault(kind, count, seconds)

    def _clear(self, slave: int | None = None) -> None:
        for one in self._slaves.values() if slave is None else [self._slaves[slave]]:
            one.fault = None

    def _unplug(self) -> None:
        self._log("unplug")
        self._wire.unplug()

    def _replug(self) -> None:
        self._wire.replug()
        self._log("replug")
