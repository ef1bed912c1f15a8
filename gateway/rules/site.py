"""What rules may know of the site besides their own settings: persons, lifts, the language, a secret of the gateway."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from drivers.common.config import Id
from model.bodies import TIERS

Role = Literal["technician", "safety_manager"]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{5,14}$")]
Pin = Annotated[str, StringConstraints(pattern=r"^scrypt(\$[0-9]{1,9}){3}(\$[A-Za-z0-9+/]+=*){2}$")]

_NATIONAL = re.compile("[0-9]{8,}")


def badge_number(uid: str) -> str:
    """What two ways to write one card's number have in common: readers print it in either case, and fill it up with zeros."""
    return uid.upper().lstrip("0")


class Person(BaseModel):
    """Who is told by short message, in the order of `tier`, and may answer by it; whose badge is known; who has a PIN here.

    `pin` is a hash made by `doorpost person pin`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=64)]
    phone: Phone | None = None
    tier: Annotated[int, Field(ge=1, le=TIERS)] = 1
    badge: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    pin: Pin | None = None
    role: list[Role] = []


class Lift(BaseModel):
    """A lift's file. `rescue` is the number on the sign in the car, `registration` the code of the equipment; `codes` names
    the table of what its terminal's codes mean: `config/lifts/NAME.toml`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    rescue: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    registration: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    name: Annotated[str, Field(max_length=64)] | None = None
    address: Annotated[str, Field(max_length=200)] | None = None
    maintainer: Annotated[str, Field(max_length=64)] | None = None
    inspection_due: date | None = None
    codes: str = "lift-gbt-1"


@dataclass(frozen=True)
class Site:
    """`secret` is known to this gateway alone, and the same after each start."""

    persons: tuple[Person, ...] = ()
    lifts: Mapping[str, Lift] = field(default_factory=dict)
    language: str = "zh-CN"
    secret: bytes = b""

    def lift(self, id_: str) -> Lift:
        """Its file; of one without a table in the settings only the id is known."""
        return self.lifts.get(id_) or Lift(id=id_)

    def by_badge(self, uid: str) -> Person | None:
        number = badge_number(uid)
        return next((one for one in self.persons if one.badge and badge_number(one.badge) == number), None)

    def by_phone(self, number: str) -> Person | None:
        """Some networks leave away the country's prefix: a number without "+" is the one that ends so, if it is one alone."""
        if not number.startswith("+") and not _NATIONAL.fullmatch(number):
            return None
        found = [person for person in self.persons if person.phone and person.phone.endswith(number)]
        return found[0] if len(found) == 1 else None

    def code(self, alarm: str, person: str) -> str:
        """Six digits by which this person answers this alarm, once."""
        digest = hmac.digest(self.secret, f"{alarm}/{person}".encode(), hashlib.sha256)
        return f"{int.from_bytes(digest[:8]) % 1_000_000:06}"
