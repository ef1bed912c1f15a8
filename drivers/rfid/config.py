"""Settings of a UHF module of the M100/R200 family."""

from typing import Literal

from pydantic import PositiveInt

from drivers.common.config import Seconds, SerialDeviceConfig


class M100Config(SerialDeviceConfig):
    """`framing`: "bb" is BB..7E (most modules), "aa" is AA..DD (R200 firmware), "auto" asks in both.

    The first read of a visit is told at once, the others are gathered for `window_s` (with the journal's group they are
    durable within a second). An inventory that says nothing for `rearm_s`, not even that the
    field is empty, has ended and is started again; a module that says nothing for `watchdog_s` is asked who it is.
    """

    baudrate: PositiveInt = 115200
    framing: Literal["auto", "bb", "aa"] = "auto"
    window_s: Seconds = 0.5
    rearm_s: Seconds = 2.0
    watchdog_s: Seconds = 30.0
