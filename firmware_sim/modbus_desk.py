"""The commands of the Modbus simulators, by family. `slave` may be left out where there is only one."""

from typing import TypeVar

from firmware_sim.faults import Fault
from firmware_sim.modbus_board import Board
from firmware_sim.modbus_io_board import IoBoard
from firmware_sim.modbus_lift import Lift
from firmware_sim.modbus_slave import Slave
from firmware_sim.modbus_spoiling import NOT_ON_TCP
from firmware_sim.modbus_thermometers import Thermometer
from firmware_sim.steering import command
from firmware_sim.wire import Unusable, Wire, WireLog

AnySlave = TypeVar("AnySlave", bound=Slave)


class Desk:
    """What can be done to any slave and to the line."""

    def __init__(self, slaves: dict[int, Slave], wire: Wire, log: WireLog, *, tcp: bool) -> None:
        self._slaves = slaves
        self._wire = wire
        self._log = log
        self._tcp = tcp

    def _one(self, unit: int | None) -> Slave:
        if unit is None and len(self._slaves) == 1:
            return next(iter(self._slaves.values()))
        if unit not in self._slaves:
            wrong = "`slave` is wanted" if unit is None else f"there is no slave {unit}"
            raise ValueError(f"{wrong}; slaves: {', '.join(map(str, self._slaves))}")
        return self._slaves[unit]

    def _find(self, family: type[AnySlave], unit: int | None) -> AnySlave:
        slave = self._one(unit)
        if not isinstance(slave, family):
            raise Unusable(f"slave {slave.unit} is a {slave.family}")
        return slave

    @command
    def fault(
        self, kind: str, slave: int | None = None, count: int | None = None, seconds: float | None = None
    ) -> None:
        """Spoil `count` replies, or all; the kinds of fault are below."""
        one = self._find(Slave, slave)
        fault = Fault.of(kind, count, seconds)
        if self._tcp and kind in NOT_ON_TCP:
            raise ValueError(f"Modbus TCP has no {kind}")
        if kind == "sentinel" and not one.has_sentinel:
            raise ValueError(f"{one.family} has no sentinel")
        one.fault = fault

    @command
    def clear(self, slave: int | None = None) -> None:
        """End the fault of a slave, or of all."""
        for one in self._slaves.values() if slave is None else [self._one(slave)]:
            one.fault = None

    @command
    def unplug(self) -> None:
        """Pull the plug of the line: its port vanishes."""
        self._log("unplug")
        self._wire.unplug()

    @command
    def replug(self) -> None:
        """Put the plug in again."""
        self._wire.replug()
        self._log("replug")


class ThermometerDesk(Desk):
    @command
    def set(self, temperature: float, humidity: float | None = None, slave: int | None = None) -> None:
        """The readings jitter around this temperature (°C) from now on; with `humidity` (%RH) both stand still."""
        self._find(Thermometer, slave).set(temperature, humidity)

    @command
    def ramp(self, to: float, per_s: float, slave: int | None = None) -> None:
        """The temperature moves to `to` (°C), by `per_s` degrees a second."""
        self._find(Thermometer, slave).ramp(to, per_s)


class RelayBoardDesk(Desk):
    @command
    def reboot(self, slave: int | None = None) -> None:
        """The board loses its relays and timers, as when its power fails for a moment."""
        self._find(IoBoard, slave).reboot()


class IoBoardDesk(RelayBoardDesk):
    @command
    def contact(self, di: int, on: bool, slave: int | None = None) -> None:
        """Input `di`, 1 to 8, becomes true or false."""
        self._find(IoBoard, slave).contact(di, on)


class BoardDesk(Desk):
    @command
    def value(self, name: str, to: float, slave: int | None = None) -> None:
        """The named value stands at `to`, in its unit, from now on; a wrong name is answered with all of them."""
        self._find(Board, slave).value(name, to)

    @command
    def bit(self, name: str, on: bool, slave: int | None = None) -> None:
        """The named state or alarm becomes true or false; a wrong name is answered with all of them."""
        self._find(Board, slave).bit(name, on)

    @command
    def fail(self, name: str, how: str | None = None, slave: int | None = None) -> None:
        """The sensor of the named value breaks: the value and its alarm are what the device says then."""
        self._find(Board, slave).fail(name, how)

    @command
    def mend(self, name: str, slave: int | None = None) -> None:
        """The sensor of the named value is whole again."""
        self._find(Board, slave).mend(name)


class LiftDesk(Desk):
    @command
    def press(self, slave: int | None = None) -> None:
        """A passenger presses the alarm button."""
        self._find(Lift, slave).press()

    @command
    def release(self, slave: int | None = None) -> None:
        """The alarm button is let go."""
        self._find(Lift, slave).release()

    @command
    def lift(self, slave: int | None = None, **fields: int) -> None:
        """Any fields of the lift at once; a wrong name is answered with all of them."""
        self._find(Lift, slave).change(**fields)

    @command
    def restart(self, slave: int | None = None) -> None:
        """The terminal begins anew: heartbeat and event sequence count from 0, and no code is told."""
        self._find(Lift, slave).restart()

    @command
    def freeze(self, on: bool, slave: int | None = None) -> None:
        """The terminal hangs or goes on: it answers all the while, but its heartbeat stands still."""
        self._find(Lift, slave).freeze(on=on)


class BusDesk(ThermometerDesk, IoBoardDesk, BoardDesk, LiftDesk):
    """For a bus of any slaves."""
