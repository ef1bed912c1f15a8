"""The contracts between the rooms: what a driver is, and what the gateway gives it."""

from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import msgspec

from model.errors import DriverError
from model.observation import Observation
from model.time import Clock


class Health(StrEnum):
    STARTING = "starting"
    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    FAULT = "fault"


class Context(Protocol):
    """All that a driver or bus is given; nothing is global."""

    device: str
    clock: Clock

    def emit(self, observation: Observation) -> None:
        """Hand over to a bounded queue and return; what does not fit is counted in a gap record, never in silence."""
        ...

    async def commit(self, observation: Observation) -> int:
        """Return the sequence number once the record is durable: for devices that must be answered. Raises StoreError."""
        ...

    def health(self, health: Health, error: DriverError | None = None) -> None:
        """Say how the device is; only a change of health or of the error's code is told on."""
        ...

    def bus(self, name: str) -> Any:
        """The running bus of that name in the settings."""
        ...


class Driver(Protocol):
    """Owns one connection to one device. The constructor only assigns."""

    def __init__(self, config: Any, context: Context) -> None: ...

    async def run(self) -> None:
        """Connect, report ONLINE with the first good word of the device, emit until cancelled.

        Raises TransientError (the supervisor backs off and runs it again) or PermanentError (it stays stopped).
        Cancellation is the only stop, and leaves nothing open.
        """
        ...


@runtime_checkable
class Switching(Protocol):
    """Optional power of a driver: it has outputs, which its static `outputs(config)` names, each with whether it takes
    `flash`.
    """

    async def switch(self, output: str, on: bool) -> None:
        """Set an output and return when the device has confirmed it. Raises TransientError."""
        ...

    async def flash(self, output: str, seconds: float) -> None:
        """Switch on for at most that long: the device itself switches off when nobody refreshes it."""
        ...


class Probed(msgspec.Struct, frozen=True):
    """A device that answered, after `took_s`, and what it says; nothing of it counts where it is another one.

    `known`: whether there is anything to know it by. `doubt`: what speaks against its being the one that the settings
    mean, or set as it should be.
    """

    took_s: float
    observation: Observation | None
    known: bool
    doubt: DriverError | None


@runtime_checkable
class Probing(Protocol):
    """Optional power of a driver that runs: its device can be asked now."""

    async def probe(self) -> Probed:
        """Raises TransientError where it does not answer, or not so that it could be believed."""
        ...
