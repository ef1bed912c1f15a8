"""Settings of a UHF reader of the 0xA0 family."""

from typing import Annotated

from pydantic import Field, PositiveInt

from drivers.common.config import Seconds, SerialDeviceConfig


class R2000Config(SerialDeviceConfig):
    """Every `every_s` the reader is asked for its tags, on each antenna in turn. `power_dbm` is written where it is
    another one, and read back: the reader keeps it in its flash.

    A turn over all antennas takes `every_s` and as long as the reader looks on each of them: with a `window_s` that is
    shorter, a tag that stays is a new visit in each turn.
    """

    baudrate: PositiveInt = 115200
    address: Annotated[int, Field(ge=0, le=254)] = 1
    antennas: Annotated[tuple[Annotated[int, Field(ge=1, le=4)], ...], Field(min_length=1)] = (1,)
    power_dbm: Annotated[int, Field(ge=0, le=33)] | None = None
    every_s: Seconds = 0.1
    window_s: Seconds = 0.5
    answer_s: Seconds = 2.0
