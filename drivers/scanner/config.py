"""Settings of a serial barcode scanner."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, StringConstraints

from drivers.common.config import SerialDeviceConfig

Terminator = Literal["CR", "LF", "CRLF", "TAB"]
Aim = Literal["auto", "always", "never"]

SYMBOL_MAX_BYTES = 8000
"""A symbol's record stays below `model.record.RECORD_MAX_BYTES` also where each byte becomes six in JSON (\\u0000)."""

Bytes = Annotated[str, StringConstraints(pattern=r"^[\x00-\xff]*$")]


class ScannerConfig(SerialDeviceConfig):
    """A symbol goes over the line as `[prefix][AIM identifier][data][suffix][terminator]`.

    `prefix` and `suffix` hold characters U+0000..U+00FF, one byte each. Without terminators the suffix ends a symbol,
    or else `idle_flush_ms` of silence does; a scanner that was seen to send terminators is not believed without one.
    `aim`: "auto" splits an identifier off where there is one, "always" drops symbols without one, "never" leaves all as
    data. The largest QR symbol holds 4296 characters.
    With `protocol = "ssi"` the packets say all that; `aim` still says whether data may begin with an identifier.
    """

    protocol: Literal["lines", "ssi"] = "lines"
    terminators: frozenset[Terminator] = frozenset({"CR", "LF", "CRLF", "TAB"})
    prefix: Bytes = ""
    suffix: Bytes = ""
    aim: Aim = "auto"
    idle_flush_ms: PositiveInt = 50
    max_bytes: Annotated[PositiveInt, Field(le=SYMBOL_MAX_BYTES)] = 4296
