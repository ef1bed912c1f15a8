"""What a modem says, line by line (V.250, 3GPP TS 27.005 and 27.007). Pure."""

import re
from typing import NamedTuple

LINE_MAX_BYTES = 2048
"""A listed message has some 350 characters."""

_PROMPT = ">"
_WITH_PDU = re.compile(r"\+(CMGL|CMGR|CMT|CDS|CBM):")
_PDU = re.compile(r"[0-9A-Fa-f]{10,}")
_ERROR = re.compile(r"\+CM([ES]) ERROR: *(.*)")
_OPEN_MAX = 8


class Said(NamedTuple):
    """A line; `pdu` is the line behind it where it announces one."""

    line: str
    pdu: str | None = None


class Prompt(NamedTuple):
    """It waits for the message's text."""


class Final(NamedTuple):
    """The end of an answer. `error` is None where all is well, else `ERROR`, or the reason: `CMS 38`, `CME SIM busy`."""

    error: str | None = None


Word = Said | Prompt | Final


class Demux:
    """Any chunking of the same bytes gives the same words. What is between two line ends is a line; the prompt, alone in its
    line, may have none: nothing comes behind it, which `quiet` says.

    A line with a PDU behind it stays open for it while lines of another kind come in between; the last one opened gets the
    first PDU. `dropped` counts lines without an end.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._buffer = b""
        self._open: list[str] = []

    def feed(self, data: bytes) -> list[Word]:
        self._buffer += data
        *lines, rest = re.split(rb"[\r\n]", self._buffer)
        words = [word for line in lines if (word := self._word(line)) is not None]
        self._buffer = rest
        if len(self._buffer) > LINE_MAX_BYTES:
            self._buffer = b""
            self.dropped += 1
        return words

    @property
    def prompting(self) -> bool:
        """A line that has begun may be the prompt."""
        return self._buffer.strip() == _PROMPT.encode()

    def quiet(self) -> list[Word]:
        """Nothing has come for a while."""
        if not self.prompting:
            return []
        self._buffer = b""
        return [Prompt()]

    def _word(self, raw: bytes) -> Word | None:
        line = raw.decode("ascii", "replace").strip()
        if not line:
            return None
        if line == _PROMPT:
            return Prompt()
        if line == "OK":
            return self._ended(None)
        if line == "ERROR":
            return self._ended(line)
        if failed := _ERROR.fullmatch(line):
            return self._ended(f"CM{failed[1]} {failed[2]}")
        if self._open and _PDU.fullmatch(line):
            return Said(self._open.pop(), line)
        if _WITH_PDU.match(line):
            self._open = [*self._open, line][-_OPEN_MAX:]
            return None
        return Said(line)

    def _ended(self, error: str | None) -> Final:
        """Nothing comes any more behind a line that the answer has opened."""
        self._open = [line for line in self._open if not line.startswith(("+CMGL", "+CMGR"))]
        return Final(error)
