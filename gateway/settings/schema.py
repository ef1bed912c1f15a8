"""The parts of the settings file that belong to the gateway itself. Devices, buses and rules bring their own."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from drivers.common.config import BusConfig, DeviceConfig, Id
from gateway.rules.base import RuleConfig
from gateway.rules.site import Lift, Person
from gateway.settings.problem import Problem
from sync.contract.topics import valid_gateway

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_STORE_LEAST = 64 * 2**20

Signal = Literal["siren", "lamp_yellow", "lamp_green", "lamp_red", "lamp_fault", "dialler", "voice"]
"""What rules raise and outputs listen to. `lamp_fault`: the alarm's own test has failed, or its battery would not last;
`dialler`: a telephone shall call; `voice`: the announcement that the call was heard.
"""


def _gateway_name(value: str) -> str:
    if not valid_gateway(value):
        raise PydanticCustomError("setting_gateway_name", "not safe in a topic")
    return value


def _broker(value: str) -> str:
    url = urlsplit(value)
    try:
        good = url.scheme in ("mqtt", "mqtts") and url.hostname and url.port != 0 and not url.username and not url.path
    except ValueError:  # a port that is no number
        good = False
    if not good:
        raise PydanticCustomError("setting_broker", "not a broker's address")
    return value


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) < 65536):
        raise PydanticCustomError("setting_listen", "not host:port")
    return value


def _size(value: object) -> int:
    """Bytes, from a number with its unit."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?) ?([MGT]i?B)", value) if isinstance(value, str) else None
    if not found:
        raise PydanticCustomError("setting_size", "not a size")
    size = round(float(found[1]) * _UNITS[found[2]])
    if size < _STORE_LEAST:
        raise PydanticCustomError("setting_size_small", "too small", {"least": "64 MiB"})
    return size


def _beside(value: Path, info: ValidationInfo) -> Path:
    """Paths are relative to the settings file."""
    context: dict[str, Any] = info.context or {}
    return Path(context.get("folder", ".")) / value


FilePath = Annotated[Path, AfterValidator(_beside)]
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=str)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Gateway(Part):
    """`id` is at once the MQTT client id, the user name and the certificate's common name."""

    id: Annotated[str, AfterValidator(_gateway_name)]
    language: Literal["zh-CN", "en"] = "zh-CN"


class Sync(Part):
    """The way to the centre. `central_keys` are the Ed25519 keys whose commands are obeyed."""

    broker: Annotated[str, AfterValidator(_broker)]
    ca: FilePath | None = None
    cert: FilePath | None = None
    key: FilePath | None = None
    password_file: FilePath | None = None
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    central_keys: list[FilePath] = []


class Store(Part):
    """`limit` is what all records take on the disk at most, and `frames` what the pictures of cameras take beside them.

    `retention` names a profile: `config/retention/NAME.toml`.
    """

    limit: Size = 4 * 2**30
    frames: Size = 512 * 2**20
    retention: str = "default"


class Web(Part):
    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8321"


class Output(Part):
    """`flash` is refreshed while it is on, and the device itself switches off when the gateway dies; `hold` stays.

    `rules` are the ids of those it listens to, where it does not to all: each lift has lamps of its own.
    """

    id: Id
    device: Id
    output: str
    mode: Literal["flash", "hold"] = "flash"
    on: Annotated[list[Signal], Field(min_length=1)]
    rules: Annotated[list[Id], Field(min_length=1)] | None = None


class Unknown(BaseModel):
    """A device, bus or rule of a kind that is not there: it has an id, and nothing is known of what else it may have."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Id


class Envelope(Part):
    """The file's outline; each table is read by whoever it belongs to."""

    version: Annotated[Literal[1], Field(alias="schema")]
    gateway: dict[str, Any]
    sync: dict[str, Any] | None = None
    web: dict[str, Any] = {}
    store: dict[str, Any] = {}
    bus: list[dict[str, Any]] = []
    device: list[dict[str, Any]] = []
    rule: list[dict[str, Any]] = []
    output: list[dict[str, Any]] = []
    person: list[dict[str, Any]] = []
    lift: list[dict[str, Any]] = []


C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True)
class Configured(Generic[C]):
    """A class found by its name in the file, with its settings; `factory(config, context)` makes the object."""

    factory: type[Any]
    config: C


@dataclass(frozen=True)
class Settings:
    """A file that is right as a whole. `sha256` (hex) is that of the file's bytes."""

    path: Path
    sha256: str
    warnings: tuple[Problem, ...]
    gateway: Gateway
    sync: Sync | None
    web: Web
    store: Store
    buses: tuple[Configured[BusConfig], ...]
    devices: tuple[Configured[DeviceConfig], ...]
    rules: tuple[RuleConfig, ...]
    outputs: tuple[Output, ...]
    persons: tuple[Person, ...]
    lifts: tuple[Lift, ...]
