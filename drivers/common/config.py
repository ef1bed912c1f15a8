"""What the settings of every device and bus have in common. Each driver subclasses one of these as its `Config`."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, StringConstraints
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""Of a point, an output, a sensor."""
Seconds = Annotated[float, Field(gt=0)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


def _is_path(port: str) -> bool:
    return port.startswith("/")


def _is_address(port: str) -> bool:
    try:
        url = urlsplit(port)
        whole = port == f"tcp://{url.netloc}" and "@" not in port
        return whole and bool(url.hostname and url.port)
    except ValueError:  # a port that is no number or above 65535, a bracket without its other half
        return False


def _device_path(port: str) -> str:
    if not _is_path(port):
        raise PydanticCustomError("setting_device_path", "not an absolute path")
    return port


def _tcp_port(port: str) -> str:
    if not _is_address(port):
        raise PydanticCustomError("setting_tcp_port", "not tcp://host:port")
    return port


def _port(port: str) -> str:
    if not (_is_path(port) or _is_address(port)):
        raise PydanticCustomError("setting_port", "neither an absolute path nor tcp://host:port")
    return port


DevicePath = Annotated[str, AfterValidator(_device_path)]
TcpPort = Annotated[str, AfterValidator(_tcp_port)]
Port = Annotated[str, AfterValidator(_port)]
"""`/dev/...`, `tcp://host:port`, and either of them."""


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

    port: Port
    baudrate: PositiveInt = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
