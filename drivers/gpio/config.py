"""Settings of the lines of one GPIO chip."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StringConstraints

from drivers.common.config import DeviceConfig, DevicePath, Name
from drivers.common.contact import ContactSpec, check_contacts
from model.errors import SettingsError

Labels = dict[Annotated[str, StringConstraints(pattern="^(zh|en)$")], str]


class LineSpec(BaseModel):
    """`line`: its offset on the chip, which `gpioinfo` shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    line: NonNegativeInt
    label: Labels = {}


class InputSpec(LineSpec, ContactSpec):
    """A contact between the line and ground (`bias = "pull_up"`) or the chip's supply ("pull_down").

    `active_low`: a closed contact pulls the line low; where it is not said, with a pull-up it does.
    """

    bias: Literal["pull_up", "pull_down", "disabled", "as_is"] = "pull_up"
    active_low: bool | None = None
    urgent: bool = False

    @property
    def low_is_closed(self) -> bool:
        return self.bias == "pull_up" if self.active_low is None else self.active_low


class OutputSpec(LineSpec):
    """`active_low`: on is the low level."""

    active_low: bool = False


class GpioConfig(DeviceConfig):
    """`chip`: /dev/gpiochip0. `every_s`: how often all levels are read beside the edges that the kernel reports.

    An input that is another's `pair` says 1 where its side of the contact is closed, and has no settings of a contact.
    """

    chip: DevicePath
    inputs: dict[Name, InputSpec] = Field({})
    outputs: dict[Name, OutputSpec] = Field({})
    every_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0

    @property
    def lines(self) -> list[tuple[str, LineSpec]]:
        """By the order of the points."""
        return [*self.inputs.items(), *self.outputs.items()]

    @property
    def contacts(self) -> dict[str, ContactSpec]:
        """The inputs that say a state and not only the level of a pair."""
        pairs = {spec.pair for spec in self.inputs.values()}
        own = set(ContactSpec.model_fields)
        return {name: spec for name, spec in self.inputs.items() if name not in pairs or own & spec.model_fields_set}


def check_lines(config: GpioConfig) -> None:
    """Raises SettingsError `gpio_no_lines`, `gpio_name_twice`, `gpio_line_twice` or what `check_contacts` raises."""
    if not config.lines:
        raise SettingsError("gpio_no_lines")
    owners: dict[int, str] = {}
    for name, spec in config.lines:
        if name in config.inputs and name in config.outputs:
            raise SettingsError("gpio_name_twice", name=name)
        if owners.setdefault(spec.line, name) != name:
            raise SettingsError("gpio_line_twice", line=spec.line, name=name, owner=owners[spec.line])
    check_contacts(config.contacts, list(config.inputs))
