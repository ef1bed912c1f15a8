"""Key and maintenance switch, as far as they are stored: on at once, off when it has lasted. One that chatters stays on there."""

from collections.abc import Iterator

import msgspec

from gateway.rules.lift.state import CALM_US, LiftState, Switch
from model.time import Stamp


def switched(state: LiftState, switch: Switch, now: Stamp, *, on: bool) -> LiftState:
    settling = {other: since for other, since in state.settling.items() if other != switch}
    if not on:
        settling[switch] = now.mono
    if switch == "key":
        return msgspec.structs.replace(state, key=on, settling=settling)
    return msgspec.structs.replace(state, maintenance=on, settling=settling)


def settled(state: LiftState, now: Stamp) -> LiftState:
    settling = {switch: since for switch, since in state.settling.items() if now.mono - since < CALM_US}
    return state if settling == state.settling else msgspec.structs.replace(state, settling=settling)


def wakes(state: LiftState) -> Iterator[int]:
    for since in state.settling.values():
        yield since + CALM_US
