"""A reader on a line of its own, whatever it reads and speaks: its plug, and noise on its line."""

from firmware_sim.steering import command
from firmware_sim.wire import Pty, Tcp, WireLog


class Attached:
    """A wire, a log of what really went out, and whether the plug is in."""

    def __init__(self, wire: Pty | Tcp, log: WireLog) -> None:
        self._wire = wire
        self._log = log
        self._plugged = True

    @command
    def noise(self, hex: str) -> None:  # noqa: A002  the name of the command's argument
        """Send these bytes."""
        self._wire.write(bytes.fromhex(hex))
        self._log("fault", what="noise", hex=hex)

    @command
    def unplug(self) -> None:
        """Pull the plug: the port vanishes."""
        self._plugged = False
        self._wire.unplug()

    @command
    def replug(self) -> None:
        """Put the plug in again."""
        self._wire.replug()
        self._plugged = True
