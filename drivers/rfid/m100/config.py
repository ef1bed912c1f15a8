"""Settings of a UHF module of the M100/R200 family."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, StringConstraints

from drivers.common.config import Seconds, SerialDeviceConfig
from drivers.rfid.session import Session

Region = Literal["china900", "us", "europe", "china800", "korea"]


class Select(BaseModel):
    """Only tags with these bits are read: `mask` (hex) from bit `bit` of the bank on; an EPC begins at bit 32 of its bank."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bank: Literal["epc", "tid", "user"] = "epc"
    bit: NonNegativeInt = 32
    mask: Annotated[str, StringConstraints(pattern=r"^([0-9A-Fa-f]{2}){1,31}$")]


class M100Config(SerialDeviceConfig):
    """`framing`: "bb" is BB..7E (most modules), "aa" is AA..DD (R200 firmware), "auto" asks in both.

    The first read of a visit is told at once, the others are gathered for `window_s` (with the journal's group they are
    durable within a second). An inventory that says nothing for `rearm_s`, not even that the
    field is empty, has ended and is started again; a module that says nothing for `watchdog_s` is asked who it is.

    `region`, `power_dbm`, `q`, `session`, `target` and `select` are written at each connection and after each silence, and
    confirmed by the module; what is not given stays as the module has it.
    """

    baudrate: PositiveInt = 115200
    framing: Literal["auto", "bb", "aa"] = "auto"
    region: Region | None = None
    power_dbm: Annotated[float, Field(ge=0, le=33)] | None = None
    q: Annotated[int, Field(ge=0, le=15)] | None = None
    session: Session | None = None
    target: Literal["A", "B"] | None = None
    select: Select | None = None
    window_s: Seconds = 0.5
    rearm_s: Seconds = 2.0
    watchdog_s: Seconds = 30.0
