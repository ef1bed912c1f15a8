"""Settings of a UHF reader of the "len adr cmd" family."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from drivers.common.config import Seconds, SerialDeviceConfig
from drivers.rfid.session import Session
from drivers.rfid.uhfreader.codec import BROADCAST

_ONLY_288 = {"antennas", "q", "session"}


class UhfReaderConfig(SerialDeviceConfig):
    """`address` 255 is whoever hangs there. Every `every_s` the reader is asked for its tags, on each antenna in turn.

    A turn over all antennas takes `every_s` and up to the reader's scan time for each of them: with a `window_s` that is
    shorter, a tag that stays is a new visit in each turn.

    With `answer_mode` it is set to answer when asked, where it is not; it keeps that in its flash. `power_dbm` is
    written where it is another one, and read back. `antennas`, `q` and `session` are for uhfreader288.
    """

    model: Literal["uhfreader18", "uhfreader288"]
    baudrate: PositiveInt = 57600
    address: Annotated[int, Field(ge=0, le=255)] = BROADCAST
    answer_mode: bool = True
    power_dbm: Annotated[int, Field(ge=0, le=33)] | None = None
    antennas: Annotated[tuple[Annotated[int, Field(ge=1, le=8)], ...], Field(min_length=1)] = (1,)
    q: Annotated[int, Field(ge=0, le=15)] = 4
    session: Session = "S0"
    every_s: Seconds = 0.2
    window_s: Seconds = 0.5
    answer_s: Seconds = 1.0

    @model_validator(mode="after")
    def _of_its_model(self) -> "UhfReaderConfig":
        if self.model == "uhfreader18" and (given := _ONLY_288 & self.model_fields_set):
            raise PydanticCustomError("rfid_only_288", "not of this model", {"key": ", ".join(sorted(given))})
        return self
