"""What the settings of every device and bus have in common. Each driver subclasses one of these as its `Config`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

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
