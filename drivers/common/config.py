"""What the settings of every device and bus have in common. Each driver subclasses one of these as its `Config`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class DeviceConfig(BaseModel):
    """`driver` names the entry point in the group `doorpost.drivers`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    driver: str
    enabled: bool = True


class BusConfig(BaseModel):
    """`driver` names the entry point in the group `doorpost.buses`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    driver: str


class SerialDeviceConfig(DeviceConfig):
    """A device with a port of its own: `/dev/...`, or `tcp://host:port` (a serial server sets its line itself)."""

    port: str
    baudrate: PositiveInt = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
