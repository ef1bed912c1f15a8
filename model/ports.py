"""The contracts between the rooms: what a driver is, and what the gateway gives it."""

from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

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
    problem: DriverError | None
    """What was told last to be wrong, by the driver or of it."""

    def emit(self, observation: Observation) -> None:
        """Hand over to a bounded queue and return; what does not fit is counted in a gap record, never in silence."""
        ...

    async def commit(self, observation: Observation) -> int:
        """Return the sequence number once the record is durable: for devices that wait for an answer, or delete it then.

        Raises StoreError.
        """
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


@runtime_checkable
class Triggering(Protocol):
    """Optional power of a driver that runs: its reader can be told to look for something to read."""

    reply: bytes
    """What it puts on its line to confirm that, where it does: no reading."""

    async def trigger(self, on: bool) -> None:
        """Begin, or stop looking; returns when the device has confirmed it, where it does. A reader stops by itself too.

        Raises TransientError, and PermanentError where this one is not set up to be triggered.
        """
        ...


@runtime_checkable
class Identifying(Protocol):
    """Optional power of a driver: it says who or what was there also where its device has points.

    Of a device without points that goes without saying.
    """

    identifies: Literal[True]


@runtime_checkable
class CodeReading(Protocol):
    """Optional power of a driver: it reads codes."""

    @property
    def carrier(self) -> Literal["lines", "packets", "keys", "pictures"]:
        """What brings a code: bytes that are its own, packets around it, keys that are typed, or pictures."""
        ...


@runtime_checkable
class Messaging(Protocol):
    """Optional power of a driver that runs: it sends short messages."""

    async def send(self, number: str, text: str) -> int:
        """The network's reference of the (last part of the) message, once the network took all of it. `number` is "+" and
        digits.

        Raises TransientError: no network, no answer, or the network refused it for now; PermanentError where it says that
        this number or this subscription never takes one.
        """
        ...


class Bank(StrEnum):
    """Of a Gen2 tag's memory, in the order of their numbers."""

    RESERVED = "reserved"
    EPC = "epc"
    TID = "tid"
    USER = "user"


class TagWords(msgspec.Struct, frozen=True):
    """Words of one tag's memory as they were read, and the EPC that this tag has now (upper-case hex)."""

    epc: str
    data: bytes


@runtime_checkable
class TagAccess(Protocol):
    """Optional power of a driver that runs: the memory of the one tag that is sure to be meant.

    That is the tag with `epc`, or the only one that is there. Words have two bytes; a password of zeros is none. Both
    raise TransientError: no tag or several, the tag's own refusal, a reader that does not answer.
    """

    async def read_bank(self, bank: Bank, pointer: int, count: int, password: bytes, epc: str | None) -> TagWords:
        """`count` words from word `pointer` on."""
        ...

    async def write_bank(self, bank: Bank, pointer: int, data: bytes, password: bytes, epc: str | None) -> TagWords:
        """Return what was read back, which is what was written."""
        ...
