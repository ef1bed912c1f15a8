"""What a rule is: `step(state, input, now) -> state, outputs`, pure. A rule reads no clock and does no I/O.

State is a frozen struct that is stored, versioned, whenever it changes, in one transaction with what the rule said.
"""

import tomllib
import uuid
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from drivers.common.config import Id
from gateway.rules.site import Site
from model.bodies import (
    AlarmBody,
    Cause,
    LiftFile,
    LiftTest,
    Rescue,
    RescueOrder,
    RescueState,
    Via,
    VisitEntry,
    VisitSignature,
)
from model.errors import SettingsError
from model.observation import Quality
from model.shipped import shipped
from model.time import Stamp

_ALARMS = uuid.UUID("6f1f3a0e-5c0c-5a53-9d3c-0f5a1f7f0001")


class RuleConfig(BaseModel):
    """Settings of one rule. `profile` names its numbers: `config/rules/NAME.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    rule: str
    profile: str

    @property
    def lift_id(self) -> str | None:
        """The lift that it is about."""
        return None

    def points(self) -> list[str]:
        """The points it watches, as "DEVICE.POINT"."""
        raise TypeError("a rule's settings say what it watches")

    def also(self) -> list[str]:
        """Points that it watches where their device has them."""
        return []

    def readers(self) -> list[str]:
        """Devices whose cards it is told."""
        return []


class PointInput(NamedTuple):
    """A watched point has a new value."""

    device: str
    point: str
    value: float | None
    unit: str
    quality: Quality
    at: Stamp

    def cause(self) -> Cause:
        return Cause(
            device=self.device,
            point=self.point,
            value=self.value,
            unit=self.unit,
            quality=self.quality,
            t=self.at.t,
            mono=self.at.mono,
        )


class Tick(NamedTuple):
    """A time that the rule asked for has come."""


class Acked(NamedTuple):
    """A named person has acknowledged the alarm: at the centre by the signed command `command`, or by short message."""

    alarm: str
    by: str
    command: str | None
    via: Via = "centre"


OrderName = Literal["dispatch", "arrive", "release", "close"]


class Order(NamedTuple):
    """What a named person says of a lift's alarm: at the centre by the signed command `command`, or here with a PIN."""

    what: OrderName
    details: RescueOrder
    by: str
    command: str | None
    via: Via = "centre"


class Badged(NamedTuple):
    """A card came to a reader that the rule watches."""

    device: str
    uid: str
    at: Stamp


class Texted(NamedTuple):
    """A short message came. All rules are told, with the `alarms` of all of them that were open then: it may be the answer to
    another one.
    """

    number: str
    text: str
    at: Stamp
    alarms: tuple[str, ...] = ()


class Sent(NamedTuple):
    """A message that a state wanted sent: the network took it (`ref`), or says that it never will (`why`)."""

    key: str
    device: str
    ref: int | None
    why: str | None = None


class Asked(NamedTuple):
    """Somebody at the gateway wants it done now: `test` of a lift's alarm."""

    what: Literal["test"]
    by: str


class Booked(NamedTuple):
    """A maintenance visit was entered or signed at the gateway, by a person with a PIN; or what the lift's file says now."""

    body: VisitEntry | VisitSignature | LiftFile


class Delivered(NamedTuple):
    """The centre has committed the newest record of this alarm."""

    alarm: str


class Unheard(NamedTuple):
    """The newest record of this alarm is in a store that was sealed: whether the centre has it will not be heard."""

    alarm: str


class Restarted(NamedTuple):
    """The gateway has started with this state from an earlier run; `rebooted` when the machine was off in between."""

    rebooted: bool


Input = PointInput | Tick | Acked | Order | Badged | Texted | Sent | Asked | Booked | Delivered | Unheard | Restarted


class Say(NamedTuple):
    """A record that the rule wants: kind, and a body as `model.bodies.BODIES` has it."""

    kind: str
    body: Any

    @property
    def subject(self) -> str | None:
        """What `Delivered` will name once the centre has this: an alarm, a test; None where nobody waits for that."""
        match self.body:
            case AlarmBody(alarm=alarm):
                return alarm
            case LiftTest(test=test):
                return test
        return None


class Alarm(Protocol):
    """What every rule's alarm knows of itself; `cause` is what raised it."""

    @property
    def id(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def raised(self) -> int: ...
    @property
    def cause(self) -> Cause: ...


def said(
    kind: str,
    rule: str,
    profile: "Profile",
    alarm: Alarm,
    *,
    cause: Cause | None = None,
    limit: float | None = None,
    by: str | None = None,
    command: str | None = None,
    n: int | None = None,
    rescue: Rescue | None = None,
) -> Say:
    """A transition of an alarm, with the observation that caused it: what raised the alarm, where `cause` is not given."""
    return Say(
        kind,
        AlarmBody(
            alarm=alarm.id,
            rule=rule,
            what=alarm.what,
            device=alarm.cause.device,
            point=alarm.cause.point,
            profile=profile.tag,
            cause=cause or alarm.cause,
            limit=limit,
            raised=alarm.raised,
            by=by,
            command=command,
            n=n,
            rescue=rescue,
        ),
    )


class Step(NamedTuple):
    """What came of a step. `wake` is when the rule wants a Tick, in CLOCK_BOOTTIME microseconds."""

    state: Any
    says: tuple[Say, ...] = ()
    wake: int | None = None


class OpenAlarm(NamedTuple):
    """An alarm that is not over, as people are shown it."""

    id: str
    what: str
    device: str
    point: str
    raised: int
    value: float | None
    unit: str
    acked_by: str | None
    state: RescueState | None = None
    """Of a rescue."""
    orders: frozenset[OrderName] = frozenset()
    """What it takes now from the centre."""
    here: frozenset[OrderName] = frozenset()
    """What it takes now from a person at the gateway, with a PIN."""


class Message(NamedTuple):
    """A short message that a state wants sent, until `Sent` names its key; a text may be sent twice, never not at all."""

    key: str
    number: str
    text: str


class Rule(Protocol):
    """A rule of one kind with one set of settings."""

    id: str
    state_type: ClassVar[type[Any]]
    version: ClassVar[int]
    about: str | None = None
    """The lift whose state it keeps, where it is one's: of another's it takes over nothing."""

    def initial(self) -> Any: ...

    def step(self, state: Any, event: Input, now: Stamp) -> Step: ...

    def signals(self, state: Any) -> frozenset[str]:
        """The signals (siren, lamp_red, ...) that this state wants on: outputs follow the state, also after a restart."""
        ...

    def alarms(self, state: Any) -> list[OpenAlarm]:
        """What is open now."""
        ...

    def awaits(self, state: Any) -> Sequence[str]:
        """Subjects of which it wants to hear that the centre has what was said last, also across a restart."""
        return [alarm.id for alarm in self.alarms(state)]

    def messages(self, state: Any) -> Sequence[Message]:
        """What shall be sent by short message: like the outputs it follows the state, also after a restart."""
        return ()

    def kept(self, state: Any) -> Any:
        """The part of the state that a crash must not take. What a car does all day is not worth a record each time."""
        return state


P = TypeVar("P", bound=BaseModel)


class Profile(BaseModel):
    """Numbers of a rule, as data. `evidence` says where they come from; a proposal is never shown as law."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int
    evidence: str

    @property
    def tag(self) -> str:
        """Name and version, as it stands in each decision."""
        return f"{self.name}@{self.version}"


class Profiles(Generic[P]):
    """Profiles of one type, read from a folder of `config/`; `unknown` is the error's code for a name that is not there."""

    def __init__(self, model: type[P], folder: str = "rules", unknown: str = "rule_profile_unknown") -> None:
        self._model = model
        self._folder = folder
        self._unknown = unknown

    def load(self, name: str) -> P:
        """Raises SettingsError, or pydantic's ValidationError."""
        known = {path.stem: path for path in sorted(shipped(self._folder).glob("*.toml"))}
        if name not in known:
            raise SettingsError(self._unknown, profile=name, known=", ".join(known))
        return self._model.model_validate(tomllib.loads(known[name].read_text(encoding="utf-8")))


class RuleKind(NamedTuple):
    """What a rule's module tells of itself, as `KIND`: its settings, its profiles, and how one is made for a site."""

    config: type[RuleConfig]
    profiles: Profiles[Any]
    make: Callable[[Any, Site], Rule]


def alarm_id(rule: str, what: str, at: Stamp) -> str:
    """The alarm's id follows from its cause, so that the same cause never makes two."""
    return str(uuid.uuid5(_ALARMS, f"{rule}/{what}/{at.boot}/{at.mono}"))
