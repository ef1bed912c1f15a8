"""What the settings say of a lift's alarm, and its numbers: data, other ones in each region."""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from drivers.common.config import Id
from gateway.lift_codes import all_bits
from gateway.rules.base import Profile, Profiles, RuleConfig
from model.bodies import TIERS

_Wait = Annotated[float, Field(ge=0)]
_Pause = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Filter(_Part):
    """A press is no call while the car stands at a landing with its door open for `open_s`; a second one within `bypass_s`
    is, and one that lasts for `hold_s`.
    """

    open_s: _Wait
    bypass_s: _Wait
    hold_s: _Wait


class Suspect(_Part):
    """How long the car must say that somebody is shut in, and how long (`clear_s`) that there is a way out. That time goes on
    where it is denied for less than `gap_s`, or not said for less than `unknown_s`.
    """

    level_s: _Wait
    non_level_s: _Wait
    terminal_s: _Wait
    clear_s: _Wait
    gap_s: _Wait
    unknown_s: _Wait


class Escalation(_Part):
    """So long after the alarm, while nobody has answered: the tiers that are told by short message, and the dialler."""

    after_s: _Wait
    tell: list[Annotated[int, Field(ge=1, le=TIERS)]] = []
    dialler: bool = False


class Overdue(_Part):
    """What takes longer is on record: a team sent (after the answer), somebody there (after the alarm), the passengers out
    (after somebody came).
    """

    dispatch_s: _Pause | None = None
    arrive_s: _Pause | None = None
    release_s: _Pause | None = None


class LiftProfile(Profile):
    """`press_s`: a press must last that long. `same_press_s`: through another source it is the same. `reemit_s`: told again
    at this pace while nobody has answered. `voice_s`: the car is told so long that help comes. `again_s`: after the last
    step its short messages are sent again, after twice the pause each time, up to `again_max_s`; a suspicion that comes and
    goes is told again after the same pauses. `utc_offset_h`: the time in short messages.
    """

    rule: Literal["lift"]
    press_s: _Wait
    same_press_s: _Wait
    reemit_s: _Pause
    voice_s: _Wait
    again_s: _Pause
    again_max_s: _Pause
    utc_offset_h: Annotated[float, Field(ge=-12, le=14)]
    escalation: list[Escalation]
    overdue: Overdue
    filter: Filter | None = None
    suspect: Suspect | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(one.after_s >= other.after_s for one, other in pairwise(self.escalation)):
            raise PydanticCustomError("profile_order", "steps of the escalation follow each other")
        return self


PROFILES = Profiles(LiftProfile)

_MODE_POINTS = ("service_mode", "inspection")
_CAR_POINTS = (
    "car_status",
    "door_zone",
    "door_closed",
    "passenger",
    "display_floor",
    "floor",
    "fault_code",
    "alarm_code",
)
_BITS = ("trapped", "alarm_button", "car_button_alarm")


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class LiftConfig(RuleConfig):
    """`alarm`: the button, whatever tells of it. `active = 0` for a normally-closed contact. `terminal` knows the car.

    Without `end`, the key contact on site, and without `badges` an alarm would never end, and the next call would be a
    mere repeat.
    """

    rule: Literal["lift"]
    lift: Id | None = None
    alarm: Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=list[str]), Field(min_length=1)]
    active: Literal[0, 1] = 1
    terminal: Id | None = None
    end: str | None = None
    end_active: Literal[0, 1] = 1
    badges: tuple[Id, ...] = ()
    maintenance: str | None = None
    maintenance_active: Literal[0, 1] = 1

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.end is None and not self.badges:
            raise PydanticCustomError("lift_without_end", "neither end nor badges", {"key": "end"})
        return self

    @property
    def lift_id(self) -> str:
        return self.lift or self.id

    def points(self) -> list[str]:
        alarm = self.alarm or ()  # None where it is wrong
        return [*alarm, *(point for point in (self.end, self.maintenance) if point)]

    def also(self) -> list[str]:
        given = self.points()
        return [point for point in self.car_points() if point not in given]

    def car_points(self) -> list[str]:
        """What a terminal may know of its car; the mode first: what follows is judged by it."""
        names = dict.fromkeys((*_MODE_POINTS, *_CAR_POINTS, *_BITS, *all_bits()))
        return [f"{self.terminal}.{name}" for name in names] if self.terminal else []

    def readers(self) -> list[str]:
        return list(self.badges or ())
