"""What a rule is: `step(state, input, now) -> state, outputs`, pure. A rule reads no clock and does no I/O.

State is a frozen struct that is stored, versioned, whenever it changes, in one transaction with what the rule said.
"""

import tomllib
import uuid
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from drivers.common.config import Id
from model.bodies import AlarmBody, Cause
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

    def points(self) -> list[str]:
        """The points it watches, as "DEVICE.POINT"."""
        raise TypeError("a rule's settings say what it watches")


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
    """A named person at the centre has acknowledged the alarm, by the signed command `command`."""

    alarm: str
    by: str
    command: str


class Delivered(NamedTuple):
    """The centre has committed the newest record of this alarm."""

    alarm: str


class Restarted(NamedTuple):
    """The gateway has started with this state from an earlier run; `rebooted` when the machine was off in between."""

    rebooted: bool


Input = PointInput | Tick | Acked | Delivered | Restarted


class Say(NamedTuple):
    """A record that the rule wants: kind and body."""

    kind: str
    body: AlarmBody


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


class Rule(Protocol):
    """A rule of one kind with one set of settings."""

    id: str
    state_type: ClassVar[type[Any]]
    version: ClassVar[int]

    def initial(self) -> Any: ...

    def step(self, state: Any, event: Input, now: Stamp) -> Step: ...

    def signals(self, state: Any) -> frozenset[str]:
        """The signals (siren, lamp_red, ...) that this state wants on: outputs follow the state, also after a restart."""
        ...

    def alarms(self, state: Any) -> list[OpenAlarm]:
        """What is open now."""
        ...


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


def alarm_id(rule: str, what: str, at: Stamp) -> str:
    """The alarm's id follows from its cause, so that the same cause never makes two."""
    return str(uuid.uuid5(_ALARMS, f"{rule}/{what}/{at.boot}/{at.mono}"))
