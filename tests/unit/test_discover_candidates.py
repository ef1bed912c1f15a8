"""Which profiles fit a slave: by what it says it is, else by whether it answers everything with values that can be."""

import struct

from drivers.modbus.asker import Answer
from drivers.modbus.candidates import candidates
from drivers.modbus.pdu import Request
from drivers.modbus.plan import plan

KNOWN, IDENTITY = "mb8art", plan("mb8art").expected[0]
PLANS = [plan(name) for name in (KNOWN, "xy-md02", "waveshare-io-8ch")]


def slave(identity: int | None, temperature: int = 0) -> list[tuple[str, str]]:
    """What is said of a slave that answers everything with zeros, but these registers. None: it refuses that one."""
    (_, asked), (climate,) = IDENTITY, plan("xy-md02").requests

    async def ask(request: Request) -> Answer:
        if request == asked:
            if identity is None:
                return Answer("exception", exception=2)
            return Answer("reply", data=struct.pack(">H", identity) * (request.reply_length // 2 - 1))
        if request == climate:
            return Answer("reply", data=struct.pack(">hH", temperature, 0))
        return Answer("reply", data=bytes(request.reply_length - 2))

    finding = candidates(ask, PLANS, lambda how: how.profile.name != KNOWN)
    try:
        finding.send(None)
    except StopIteration as end:
        return [(one.profile, one.why) for one in end.value]
    raise AssertionError("it waits for nothing")


def test_what_it_says_it_is_stands_alone() -> None:
    """Without those that only fit."""
    assert slave(IDENTITY[0].values[0]) == [(KNOWN, "identity")]


def test_another_or_no_identity_is_another_device() -> None:
    """The rest may still fit."""
    others = [("waveshare-io-8ch", "answers"), ("xy-md02", "answers")]
    assert slave(IDENTITY[0].values[0] + 1) == others
    assert slave(None) == others


def test_values_that_cannot_be_do_not_fit_but_a_broken_probe_does() -> None:
    """-80 degrees is no reading of this sensor; its sentinel is one."""
    assert ("xy-md02", "answers") not in slave(None, temperature=-800)
    assert ("xy-md02", "answers") in slave(None, temperature=0x7FFF)
