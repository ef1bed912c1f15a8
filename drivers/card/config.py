"""Settings of card readers."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt
from pydantic_core import PydanticCustomError

from drivers.common.config import Seconds, SerialDeviceConfig

Terminator = Literal["CR", "LF", "TAB", "ETX"]
Technology = Literal["em4100", "iso14443a", "iso15693", "unknown"]

LINE_MAX_BYTES = 256


def _pattern(pattern: str) -> str:
    try:
        groups = re.compile(pattern, re.ASCII).groupindex
    except re.error as err:
        raise PydanticCustomError("card_pattern_wrong", "no regular expression", {"why": str(err)}) from err
    if "uid" not in groups:
        raise PydanticCustomError("card_pattern_uid", "no group uid")
    return pattern


Pattern = Annotated[str, AfterValidator(_pattern)]


class ListenedConfig(SerialDeviceConfig):
    """A reader that speaks by itself and takes no commands.

    With `repeats` it says a card over and over while it is there, and the card is gone when nothing of it was heard for
    `gone_s`. One that says a card once cannot tell when it leaves: a repeat within `again_s` is the same presentation
    then. What has begun and does not go on for `idle_flush_ms` is torn.
    """

    repeats: bool = True
    gone_s: Seconds = 0.5
    again_s: Seconds = 1.0
    idle_flush_ms: PositiveInt = 50


class Em4100Config(ListenedConfig):
    """A 125 kHz module: RDM6300, ID-12LA, ID-20LA. It repeats a card about every 65 ms; some clones say it once."""


class LinesConfig(ListenedConfig):
    """`pattern` is a regular expression that fits a whole line, without its terminator; its group `uid` is the card.

    `No\\.(?P<uid>[0-9]{10})` takes "No.0011619647". Without terminators `idle_flush_ms` of silence ends a line.
    """

    pattern: Pattern
    repeats: bool = False
    terminators: frozenset[Terminator] = frozenset({"CR", "LF"})
    technology: Literal["iso14443a", "iso15693", "unknown"] = "unknown"
    max_bytes: Annotated[PositiveInt, Field(le=LINE_MAX_BYTES)] = 64


class Pn532Config(SerialDeviceConfig):
    """A PN532 on its serial interface (HSU), asked for a card every `poll_s`; a card is gone when none of the answers
    within `gone_s` had it.
    """

    baudrate: PositiveInt = 115200
    poll_s: Seconds = 0.1
    gone_s: Seconds = 0.5
