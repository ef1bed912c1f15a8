"""Which profiles fit a slave that was found. None is chosen: two devices may answer alike and mean different things."""

import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from drivers.modbus.asker import Answer
from drivers.modbus.decode import Decoder
from drivers.modbus.pdu import Request
from drivers.modbus.plan import Plan
from model.observation import Quality

Ask = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True)
class Candidate:
    """`why`: its registers say so (`identity`), or it answers all that the profile asks with values that can be
    (`answers`). `usual`: it was found where the profile's device is when it comes out of its box.
    """

    profile: str
    why: Literal["identity", "answers"]
    usual: bool
    points: int


async def candidates(ask: Ask, plans: Sequence[Plan], usual: Callable[[Plan], bool]) -> list[Candidate]:
    """The most likely first; where registers say what it is, none that merely answers alike."""
    fitting = []
    for how in plans:
        why = await _fits(ask, how)
        if why:
            fitting.append(Candidate(how.profile.name, why, usual(how), len(how.profile.point)))
    proven = [one for one in fitting if one.why == "identity"]
    return sorted(proven or fitting, key=lambda one: (not one.usual, -one.points, one.profile))


async def _fits(ask: Ask, how: Plan) -> Literal["identity", "answers"] | None:
    known = False
    for expected, request in how.expected:
        answer = await ask(request)
        if answer.kind != "reply":
            return None
        registers = struct.unpack(f">{expected.count}H", answer.data)
        if expected.wrong == "refuse":
            if any(register not in expected.values for register in registers):
                return None
            known = True
    replies = []
    for request in how.requests:
        answer = await ask(request)
        if answer.kind != "reply":
            return None
        replies.append(answer.data)
    _, quality = Decoder(how).values(replies)
    if quality and Quality.IMPLAUSIBLE in quality:
        return None
    return "identity" if known else "answers"
