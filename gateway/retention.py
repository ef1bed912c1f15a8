"""How long a gateway keeps what the centre has, and when it calls its store full: profiles, as data in `config/retention/`."""

from typing import Annotated

from pydantic import Field, field_validator

from gateway.rules.base import Profile, Profiles
from gateway.rules.store import Levels
from model.record import Stream


class Retention(Profile):
    """`days` of each class after the centre's acknowledgement; `full` is what the store's alarm goes by."""

    days: dict[Stream, Annotated[float, Field(ge=0)]]
    full: Levels

    @field_validator("days")
    @classmethod
    def _every_class(cls, days: dict[Stream, float]) -> dict[Stream, float]:
        if missing := set(Stream) - set(days):
            raise ValueError(f"no days for {', '.join(sorted(missing))}")
        return days


RETENTIONS = Profiles(Retention, "retention", "retention_unknown")
