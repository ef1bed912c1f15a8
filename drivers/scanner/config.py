"""Settings of barcode scanners: on a serial line, and as a keyboard."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveInt, StringConstraints

from drivers.common.config import DeviceConfig, DevicePath, SerialDeviceConfig

Terminator = Literal["CR", "LF", "CRLF", "TAB"]
Aim = Literal["auto", "always", "never"]
Charset = Literal["utf-8", "gbk"]
Trigger = Literal["none", "honeywell", "gm65"]

SYMBOL_MAX_BYTES = 8000
"""A symbol's record stays below `model.record.RECORD_MAX_BYTES` also where each byte becomes six in JSON (\\u0000)."""

Ascii = Annotated[str, StringConstraints(pattern=r"^[\x00-\x7f]*$")]
Bytes = Annotated[str, StringConstraints(pattern=r"^[\x00-\xff]*$")]


class SymbolConfig(BaseModel):
    """A symbol comes as `[prefix][AIM identifier][data][suffix][terminator]`.

    `prefix` and `suffix` hold characters U+0000..U+00FF, one byte each. Without terminators the suffix ends a symbol,
    or else silence does; a scanner that was seen to send terminators is not believed without one.
    `aim`: "auto" splits an identifier off where there is one, "always" drops symbols without one, "never" leaves all as
    data. The largest QR symbol holds 4296 characters.
    `gs` is what the scanner sends in place of GS (U+001D), such as "|" or "{GS}": in the data GS stands there again, but
    not in symbols whose identifier says that they hold no GS1 element string. `gs1` says that symbols without an
    identifier hold one.
    """

    terminators: frozenset[Terminator] = frozenset({"CR", "LF", "CRLF", "TAB"})
    prefix: Bytes = ""
    suffix: Bytes = ""
    aim: Aim = "auto"
    max_bytes: Annotated[PositiveInt, Field(le=SYMBOL_MAX_BYTES)] = 4296
    gs: Ascii = ""
    gs1: bool = False
    charset: Charset = "utf-8"


class ScannerConfig(SymbolConfig, SerialDeviceConfig):
    """A scanner on a serial line. `idle_flush_ms` of silence ends a symbol that nothing else ends.

    `charset` is that of the bytes which are not ASCII; what a scanner makes of a Chinese QR code is its own setting.
    `trigger`: how it is told to scan. With `protocol = "ssi"` the packets say where a symbol ends, and have a trigger of
    their own; `aim` still says whether data may begin with an identifier.
    """

    protocol: Literal["lines", "ssi"] = "lines"
    trigger: Trigger = "none"
    idle_flush_ms: PositiveInt = 50


class WedgeConfig(SymbolConfig, DeviceConfig):
    """A scanner that types, as `/dev/input/by-id/...-event-kbd`, set to a US keyboard. `gap_ms` without a key ends a symbol
    that nothing else ends.
    """

    port: DevicePath
    gap_ms: PositiveInt = 100
