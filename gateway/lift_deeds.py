"""What a person says of a lift at the gateway, as it is asked over the control socket."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from model.bodies import VisitCycle, VisitResult


class _Deed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Arrive(_Deed, frozen=True, tag="arrive"):
    pass


class Release(_Deed, frozen=True, tag="release"):
    persons: Annotated[int, Meta(ge=0, le=99)] | None = None
    injured: Annotated[int, Meta(ge=0, le=99)] | None = None


class End(_Deed, frozen=True, tag="end"):
    fault: Annotated[str, Meta(max_length=64)] | None = None
    reason: Annotated[str, Meta(max_length=200)] | None = None


class Test(_Deed, frozen=True, tag="test"):
    """Needs no PIN."""


class State(_Deed, frozen=True, tag="state"):
    state: Literal["active", "stopped", "scrapped"]
    reason: Annotated[str, Meta(max_length=200)]


class Enter(_Deed, frozen=True, tag="enter"):
    """What was done in the person's last visit. `photos` are sha256 (hex)."""

    cycle: VisitCycle
    items: dict[str, VisitResult]
    notes: dict[str, Annotated[str, Meta(max_length=200)]] = {}
    photos: Annotated[list[Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]], Meta(max_length=50)] = []


class Sign(_Deed, frozen=True, tag="sign"):
    """`visit`: its id, or a beginning of it."""

    visit: str


Deed = Arrive | Release | End | Test | State | Enter | Sign
