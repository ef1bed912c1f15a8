"""Settings of a fixed reader that speaks LLRP."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from drivers.common.config import DeviceConfig, Name, Seconds, TcpPort
from drivers.common.contact import ContactSpec
from drivers.rfid.session import Session

Labels = dict[Annotated[str, StringConstraints(pattern="^(zh|en)$")], str]
Number = Annotated[int, Field(ge=1, le=0xFFFF)]


class InputSpec(ContactSpec):
    """A contact on one of the reader's inputs; `gpi` is its number there. High is closed."""

    gpi: Number
    urgent: bool = False
    label: Labels = Field(default={})


def _once(antennas: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(antennas)) < len(antennas):
        raise PydanticCustomError("llrp_antenna_twice", "an antenna stands there twice")
    return antennas


def _own(inputs: dict[str, InputSpec]) -> dict[str, InputSpec]:
    if len({spec.gpi for spec in inputs.values()}) < len(inputs):
        raise PydanticCustomError("llrp_gpi_twice", "a GPI stands there twice")
    return inputs


class LlrpConfig(DeviceConfig):
    """`port`: tcp://host:5084. `antennas`: their numbers; none means all that the reader has.

    `power_dbm` takes the nearest power of the reader's table that is not higher. `session`, `population` (how many tags are
    in view) and `mode` (the number of an RF mode) belong to Gen2; what is not set stays as the reader has it. `tid_words`:
    so many words are read of each tag's TID bank, which takes time on the air.

    The first read of a visit is told at once, the others are gathered for `window_s`. The reader says every `keepalive_s` that it
    lives; after two that did not come it is given up.
    """

    port: TcpPort
    antennas: Annotated[tuple[Number, ...], AfterValidator(_once)] = ()
    power_dbm: Annotated[float, Field(ge=-10, le=40)] | None = None
    session: Session | None = None
    population: Number | None = None
    mode: Annotated[int, Field(ge=0, le=0xFFFF)] | None = None
    tid_words: Annotated[int, Field(ge=0, le=32)] = 0
    inputs: Annotated[dict[Name, InputSpec], AfterValidator(_own)] = Field(default={})
    window_s: Seconds = 0.5
    keepalive_s: Annotated[float, Field(gt=0, le=15)] = 10.0

    @property
    def contacts(self) -> dict[str, ContactSpec]:
        """The inputs that say a state and not only the level of a pair."""
        pairs = {spec.pair for spec in self.inputs.values()}
        own = set(ContactSpec.model_fields)
        return {name: spec for name, spec in self.inputs.items() if name not in pairs or own & spec.model_fields_set}
